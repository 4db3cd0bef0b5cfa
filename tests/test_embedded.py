"""PostgreSQL and Valkey from their wheels: shared by processes, kept over kills, stopped by their last user."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from redis import Redis

from app import embedded
from app.embedded import Embedded, EmbeddedServerFailed

pytestmark = pytest.mark.xdist_group("embedded")  # one folder, one after the other

HOLD = """
import sys, time
from pathlib import Path
from app import embedded
servers = embedded.start(Path(sys.argv[1]), needs_database=True, needs_redis=True)
print("started", flush=True)
time.sleep(600)
"""


@pytest.fixture
def folder(unused: Path) -> Path:
    """Where servers keep their data."""
    return unused / "data"


@pytest.fixture
def unused() -> Iterator[Path]:
    """Not pytest's: PostgreSQL, started by root, runs as another user."""
    with tempfile.TemporaryDirectory(prefix="appeals-test-", ignore_cleanup_errors=True) as name:
        yield Path(name)


def start(folder: Path) -> Embedded:
    return embedded.start(folder, needs_database=True, needs_redis=True)


def remember(servers: Embedded, words: str) -> None:
    with psycopg.connect(servers.database_url) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS kept (words text)")
        connection.execute("INSERT INTO kept VALUES (%s)", (words,))
    with Redis.from_url(servers.redis_url) as redis:
        redis.set("kept", words)


def remembered(servers: Embedded) -> list[str]:
    with psycopg.connect(servers.database_url) as connection:
        return [row[0] for row in connection.execute("SELECT words FROM kept ORDER BY words")]


def are_running(folder: Path, servers: Embedded) -> tuple[bool, bool]:
    return embedded._is_running(folder / "postgres"), embedded._answers(Path(servers.redis_url.removeprefix("unix://")))


def test_servers_are_shared_and_stopped_by_their_last_user_and_data_is_kept(folder: Path) -> None:
    first = start(folder)
    remember(first, "один")
    second = start(folder)
    assert (second.database_url, second.redis_url) == (first.database_url, first.redis_url)
    first.stop()
    assert are_running(folder, second) == (True, True)
    remember(second, "два")
    second.stop()
    assert are_running(folder, second) == (False, False)
    third = start(folder)
    assert remembered(third) == ["два", "один"]
    third.stop()


def hold(folder: Path) -> subprocess.Popen[str]:
    """Another process that uses the servers."""
    holder = subprocess.Popen([sys.executable, "-c", HOLD, str(folder)], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "started\n"
    return holder


def kill(holder: subprocess.Popen[str]) -> None:
    holder.send_signal(signal.SIGKILL)
    holder.communicate()


def test_servers_outlive_a_killed_process_and_are_found_again(folder: Path) -> None:
    holder = hold(folder)
    first = start(folder)
    remember(first, "один")
    first.stop()
    number = (folder / "postgres" / "postmaster.pid").read_text().split()[0]
    kill(holder)
    found = start(folder)
    assert (folder / "postgres" / "postmaster.pid").read_text().split()[0] == number
    assert remembered(found) == ["один"]
    other = hold(folder)
    found.stop()
    assert are_running(folder, found) == (True, True)  # the other one uses them
    kill(other)
    last = start(folder)
    last.stop()
    assert are_running(folder, found) == (False, False)


def test_after_a_power_cut_the_number_of_the_server_may_be_another_processs(folder: Path) -> None:
    servers = start(folder)
    remember(servers, "один")
    servers.stop()
    (folder / "postgres" / "postmaster.pid").write_text(f"{os.getpid()}\n{folder / 'postgres'}\n")
    servers = start(folder)
    assert remembered(servers) == ["один"]
    servers.stop()


def test_only_what_is_needed_is_started(unused: Path) -> None:
    servers = embedded.start(unused / "data", needs_database=False, needs_redis=False)
    servers.stop()
    assert (servers.database_url, servers.redis_url) == ("", "")
    assert sorted(path.name for path in (unused / "data").iterdir()) == ["in-use.lock", "starting.lock"]


def test_a_zombie_and_a_stranger_are_no_running_server(unused: Path) -> None:
    gone = subprocess.Popen(["true"])
    os.waitid(os.P_PID, gone.pid, os.WEXITED | os.WNOWAIT)  # ended and not yet buried
    (unused / "postmaster.pid").write_text(f"{gone.pid}\n")
    assert embedded._named_process(unused) == ("true", False)
    gone.wait()
    assert embedded._named_process(unused) is None
    (unused / "postmaster.pid").write_text("не номер")
    assert not embedded._is_running(unused)


def test_a_server_that_does_not_start_names_its_log(unused: Path) -> None:
    (unused / "postgres").mkdir()
    (unused / "postgres" / "PG_VERSION").write_text("1\n")
    with pytest.raises(EmbeddedServerFailed, match="postgres/log"):
        embedded.start(unused, needs_database=True, needs_redis=False)
    (unused / "valkey" / "valkey.log").mkdir(parents=True)
    with pytest.raises(EmbeddedServerFailed, match=r"valkey/valkey\.log"):
        embedded.start(unused, needs_database=False, needs_redis=True)


def test_a_failed_start_gives_its_locks_back(unused: Path) -> None:
    (unused / "valkey" / "valkey.log").mkdir(parents=True)
    with pytest.raises(EmbeddedServerFailed):
        embedded.start(unused, needs_database=False, needs_redis=True)
    (unused / "valkey" / "valkey.log").rmdir()
    servers = embedded.start(unused, needs_database=False, needs_redis=True)
    servers.stop()
    assert not embedded._answers(Path(servers.redis_url.removeprefix("unix://")))


def test_a_deep_folder_gets_its_socket_where_paths_are_short(unused: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(unused))
    assert embedded._socket_path(Path("/data")) == Path("/data/valkey/valkey.sock")
    deep, other = (Path("/data") / name / ("я" * 100) for name in ("a", "b"))
    path = embedded._socket_path(deep)
    assert path.is_relative_to(unused)
    assert len(str(path)) < embedded.SOCKET_PATH_LIMIT
    assert path != embedded._socket_path(other)


def test_a_socket_without_a_server_does_not_answer(unused: Path) -> None:
    (unused / "left.sock").touch()
    assert not embedded._answers(unused / "left.sock")
    assert not embedded._answers(unused / "none.sock")


def test_waiting_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "START_SECONDS", 0.1)
    assert not embedded._wait(lambda: False)
    assert embedded._wait(lambda: True)
