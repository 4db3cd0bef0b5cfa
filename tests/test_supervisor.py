"""The processes under one roof: restarted when they die, ended together, never orphaned."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from app import supervisor
from app.db import ROOT
from app.embedded import EmbeddedServerFailed
from app.sandbox.stand_ins import STAND_INS
from app.settings import Settings
from app.supervisor import Child

SOON_SECONDS = 20.0
CHILD = """
import os, signal, sys, time
from pathlib import Path
if "stubborn" in sys.argv:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
with Path(sys.argv[1]).open("a") as file:
    file.write(f"{os.getpid()}\\n")
if "short" not in sys.argv:
    time.sleep(600)
"""
PARENT = """
import os, sys, time
from app.supervisor import Child
child = Child(["child", sys.argv[1]], dict(os.environ))
child.start()
time.sleep(600)
"""


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(supervisor, "POLL_SECONDS", 0.02)
    monkeypatch.setattr(supervisor, "RESTART_PAUSE_SECONDS", 0.05)
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def family(tmp_path: Path) -> Iterator[Callable[..., Child]]:
    """Children that write their number into `numbers` and sleep."""
    (tmp_path / "child.py").write_text(CHILD)
    children: list[Child] = []

    def bear(*words: str) -> Child:
        environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
        child = Child(["child", str(tmp_path / "numbers"), *words], environment)
        children.append(child)
        return child

    yield bear
    for child in children:
        if child.process is not None and child.process.poll() is None:
            child.process.kill()
            child.process.wait()


def numbers(folder: Path, count: int) -> list[int]:
    """The numbers of the children born so far, at least `count` of them."""
    deadline = time.monotonic() + SOON_SECONDS
    while time.monotonic() < deadline:
        written = (folder / "numbers").read_text().split() if (folder / "numbers").exists() else []
        if len(written) >= count:
            return [int(one) for one in written]
        time.sleep(0.02)
    raise AssertionError(f"not {count} children in time")


def settings(**changes: object) -> Settings:
    return Settings(_env_file=None, **changes)  # type: ignore[arg-type]


def test_a_child_that_dies_is_started_again_until_told_to_stop(
    family: Callable[..., Child], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    child = family()
    stopping: list[int] = []
    assert child.is_dead()
    child.start()
    watcher = threading.Thread(target=supervisor._watch, args=([child], stopping))
    watcher.start()
    (first,) = numbers(tmp_path, 1)
    os.kill(first, signal.SIGKILL)
    assert len(set(numbers(tmp_path, 2))) == 2
    stopping.append(signal.SIGTERM)
    watcher.join(SOON_SECONDS)
    assert not watcher.is_alive()
    assert "запускаю снова" in capsys.readouterr().out
    supervisor._stop([child])
    assert child.process is not None
    assert child.process.returncode == -signal.SIGTERM


def test_a_child_that_does_not_obey_is_killed(
    family: Callable[..., Child], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "STOP_SECONDS", 0.2)
    stubborn, never_started, ended = family("stubborn"), family(), family("short")
    stubborn.start()
    ended.start()
    numbers(tmp_path, 2)
    assert ended.process is not None
    ended.process.wait()
    supervisor._stop([stubborn, never_started, ended])
    assert stubborn.process is not None
    assert stubborn.process.returncode == -signal.SIGKILL
    assert (ended.process.returncode, never_started.process) == (0, None)


@pytest.mark.skipif(sys.platform != "linux", reason="prctl is Linux's")
def test_children_end_with_a_killed_parent(family: Callable[..., Child], tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}:{ROOT}"}
    parent = subprocess.Popen([sys.executable, "-c", PARENT, str(tmp_path / "numbers")], env=environment)
    (child,) = numbers(tmp_path, 1)
    parent.kill()
    parent.wait()
    deadline = time.monotonic() + SOON_SECONDS
    while is_alive(child) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not is_alive(child)


def is_alive(number: int) -> bool:
    """Whether the process runs; one that waits to be buried by init does not."""
    try:
        return ") Z " not in Path(f"/proc/{number}/stat").read_text()
    except OSError:
        return False


def test_readiness_is_waited_for(family: Callable[..., Child], monkeypatch: pytest.MonkeyPatch) -> None:
    child = family()
    child.start()
    answers = iter([False, False, True])
    monkeypatch.setattr(supervisor, "_is_ready", lambda settings: next(answers))
    assert supervisor._wait_until_ready(settings(), [child], [])
    assert not supervisor._wait_until_ready(settings(), [child], [signal.SIGINT])


def test_a_child_that_dies_before_readiness_and_one_that_never_comes_are_said(
    family: Callable[..., Child], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(EmbeddedServerFailed, match="порт 8123"):
        supervisor._wait_until_ready(settings(port=8123), [family()], [])
    child = family()
    child.start()
    monkeypatch.setattr(supervisor, "READY_SECONDS", 0.1)
    monkeypatch.setattr(supervisor, "_is_ready", lambda settings: False)
    with pytest.raises(EmbeddedServerFailed, match="readyz"):
        supervisor._wait_until_ready(settings(), [child], [])


def test_ready_means_200(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not supervisor._is_ready(settings(port=1))
    for status, is_ready in ((200, True), (503, False)):
        monkeypatch.setattr(httpx, "get", lambda url, status=status, **options: httpx.Response(status))
        assert supervisor._is_ready(settings()) == is_ready


def test_the_processes_get_the_addresses_and_the_demo_a_stand_in_of_its_own() -> None:
    given = settings(port=8100, database_url="postgresql://db", redis_url="redis://r")
    assert [child.arguments[-1] for child in supervisor._children(given)] == ["serve", "worker"]
    demo = supervisor._demo_settings(given)
    children = supervisor._children(demo)
    assert [child.arguments[-1] for child in children] == ["serve", "worker", "app.sandbox.process"]
    environment = children[0].environment
    assert environment["APPEALS_VK_API_URL"] == demo.vk_api_url == "http://127.0.0.1:8101"
    assert (environment["APPEALS_IS_DEMO"], environment["APPEALS_PORT"]) == ("true", "8100")
    assert environment["APPEALS_DATABASE_URL"] == "postgresql://db"
    elsewhere = {f"{code}_api_url": "http://127.0.0.1:9" for code in STAND_INS}
    own = supervisor._demo_settings(settings(**elsewhere))
    assert {own.api_url(code) for code in STAND_INS} == {"http://127.0.0.1:9"}
    assert len(supervisor._children(own)) == 2
    some = supervisor._demo_settings(settings(vk_api_url="http://127.0.0.1:9"))
    assert (some.api_url("vk"), some.api_url("telegram")) == ("http://127.0.0.1:9", "http://127.0.0.1:8001/telegram")


def test_sigterm_ends_everything(
    family: Callable[..., Child], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The whole round with children that do nothing: the journey with real ones is a test of its own."""
    done: list[str] = []

    @contextmanager
    def servers(given: Settings) -> Iterator[Settings]:
        yield given
        done.append("servers stopped")

    children = [family(), family()]
    monkeypatch.setattr(supervisor, "with_servers", servers)
    monkeypatch.setattr(supervisor, "migrate_database", lambda settings: done.append("migrated"))
    monkeypatch.setattr(supervisor, "_seed", lambda settings: {"anna": "[пароль]"})
    monkeypatch.setattr(supervisor, "_children", lambda settings: children)
    monkeypatch.setattr(supervisor, "_is_ready", lambda settings: (tmp_path / "numbers").exists())

    def end() -> None:
        numbers(tmp_path, 2)
        os.kill(os.getpid(), signal.SIGTERM)

    timer = threading.Thread(target=end)
    timer.start()
    supervisor.run_everything(settings(port=8123), is_demo=True)
    timer.join()
    assert done == ["migrated", "servers stopped"]
    assert all(child.is_dead() for child in children)
    said = capsys.readouterr().out
    assert "http://127.0.0.1:8123" in said
    assert "anna  [пароль]" in said
