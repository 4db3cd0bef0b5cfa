"""Who stops the embedded servers: the last one who uses them, however the others have ended."""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from app import embedded

pytestmark = [pytest.mark.journey, pytest.mark.xdist_group("journey")]

USER = """
import sys
from pathlib import Path
from app import embedded
embedded.start(Path(sys.argv[1]), needs_database=False, needs_redis=True)
print("started", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    """A data folder, and no server left in it."""
    with tempfile.TemporaryDirectory(prefix="appeals-test-") as name:
        yield Path(name)
        use(Path(name)).stop()


def use(folder: Path) -> embedded.Embedded:
    """Valkey stands for both servers here: it starts in a tenth of a second."""
    return embedded.start(folder, needs_database=False, needs_redis=True)


def is_running(folder: Path) -> bool:
    return embedded._answers(folder / "valkey" / "valkey.sock")


def test_the_last_user_stops_the_servers_whoever_started_them(folder: Path) -> None:
    first, second = use(folder), use(folder)
    first.stop()
    assert is_running(folder)
    second.stop()
    assert not is_running(folder)


def test_servers_outlive_a_killed_user_who_counts_no_longer(folder: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", USER, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as user:
        assert user.stdout is not None
        assert user.stdout.readline() == b"started\n"
        user.kill()
    assert is_running(folder)
    use(folder).stop()
    assert not is_running(folder)
