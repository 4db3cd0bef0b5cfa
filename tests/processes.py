"""The service as real processes on a machine of its own: a folder, a port, a stand-in of VKontakte.

Whatever is started here is ended here, by its number. Folders are not pytest's: that one is closed to others, and
PostgreSQL, started by root, runs as another user.
"""

import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

import httpx
import psutil
import pytest
import uvicorn

from app.sandbox.stand_ins import STAND_INS

PATIENCE_SECONDS = 90.0  # a busy machine starts a process in ten seconds
POLL_SECONDS = 0.05
T = TypeVar("T")


def eventually(check: Callable[[], T | None], what: str, seconds: float = PATIENCE_SECONDS) -> T:
    """The first answer of `check` that is true; fails the test when there is none in time."""
    deadline = time.monotonic() + seconds
    while not (answer := check()):
        if time.monotonic() > deadline:
            pytest.fail(f"not within {seconds:.0f} s: {what}; last seen {answer!r}", pytrace=True)
        time.sleep(POLL_SECONDS)
    return answer


def free_port() -> int:
    """A port that is free together with the next one, below those that the system gives to clients."""
    while True:
        port = random.randrange(19_000, 29_000, 2)
        if all(_is_free(one) for one in (port, port + 1)):
            return port


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def clean_environment(**settings: str) -> dict[str, str]:
    """The environment of somebody who has set only these APPEALS_* variables."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("APPEALS_", "COV_", "COVERAGE_"))}
    return {**kept, "PYTHONUNBUFFERED": "1", "OMP_NUM_THREADS": "1", **settings}


def responds(url: str) -> bool:
    """Whether a web process is there and ready."""
    try:
        return httpx.get(f"{url}/readyz", trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


class Process:
    """One started process with everything it has said."""

    def __init__(self, arguments: list[str], folder: Path, environment: dict[str, str], log: Path) -> None:
        self._log = log
        with log.open("ab") as output:
            self.popen = subprocess.Popen(
                arguments, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )

    @property
    def said(self) -> str:
        """Standard output and error so far."""
        return self._log.read_text(errors="replace")

    @property
    def is_running(self) -> bool:
        """Whether it has not ended."""
        return self.popen.poll() is None

    def children(self) -> dict[str, psutil.Process]:
        """Its living children by the last word of their command line: serve, worker, app.sandbox.process."""
        found = {}
        for child in psutil.Process(self.popen.pid).children():
            with suppress(psutil.NoSuchProcess):  # dead, and not yet buried by the supervisor
                found[(child.cmdline() or [""])[-1]] = child
        return {name: child for name, child in found.items() if name}

    def kill(self) -> None:
        """SIGKILL."""
        self.popen.kill()
        self.popen.wait()

    def stop(self, seconds: float = 40.0) -> int:
        """SIGTERM; its exit code. SIGKILL for it and its children when it does not obey."""
        if not self.is_running:
            return self.popen.wait()
        family = psutil.Process(self.popen.pid).children()
        self.popen.terminate()
        try:
            return self.popen.wait(seconds)
        except subprocess.TimeoutExpired:
            for one in family:
                one.kill()
            self.kill()
            raise


class Installation:
    """What a new user has: a folder of data, a port, the `appeals` command."""

    def __init__(self, **settings: str) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="appeals-journey-"))
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.http = httpx.Client(base_url=self.url, trust_env=False, timeout=30)
        self.environment = clean_environment(
            APPEALS_PORT=str(self.port), APPEALS_DATA_DIR=str(self.folder / "data"), **settings
        )
        self.executable = str(Path(sys.executable).with_name("appeals"))
        self.process: Process | None = None
        self._starts = 0

    @property
    def database_url(self) -> str:
        """The embedded PostgreSQL."""
        return f"postgresql://postgres:@/appeals?host={self.folder / 'data' / 'postgres'}"

    def command(self, *arguments: str, said: str = "") -> str:
        """Run `appeals …` to its end; its standard output. Fails the test when it fails."""
        finished = subprocess.run(
            [self.executable, *arguments], cwd=self.folder, env=self.environment, input=said, capture_output=True,
            text=True, timeout=PATIENCE_SECONDS, check=False,
        )  # fmt: skip
        assert finished.returncode == 0, finished.stdout + finished.stderr
        return finished.stdout

    def start(self, *arguments: str) -> Process:
        """`appeals up`, ready to serve."""
        self._starts += 1
        log = self.folder / f"up-{self._starts}.log"
        process = self.process = Process([self.executable, "up", *arguments], self.folder, self.environment, log)
        eventually(lambda: not process.is_running or "Остановить" in process.said, "appeals up is ready")
        assert process.is_running, process.said
        return process

    def running(self, *arguments: str) -> Process:
        """`appeals up`, started unless it runs."""
        if self.process is None or not self.process.is_running:
            return self.start(*arguments)
        return self.process

    def is_ready(self) -> bool:
        """Whether /readyz says so."""
        return responds(self.url)

    def server_pids(self) -> dict[str, int]:
        """The embedded servers that live: postgres and valkey with their process numbers."""
        data = self.folder / "data"
        files = {"postgres": data / "postgres" / "postmaster.pid", "valkey": data / "valkey" / "valkey.pid"}
        pids = {name: int(file.read_text().split("\n", 1)[0]) for name, file in files.items() if file.exists()}
        return {name: pid for name, pid in pids.items() if psutil.pid_exists(pid)}

    def remove(self) -> None:
        """End everything that runs here and delete the folder."""
        self.http.close()
        try:
            if self.process is not None:
                self.process.stop()
        finally:
            for pid in self.server_pids().values():
                os.kill(pid, signal.SIGINT)  # for PostgreSQL a fast shutdown
            eventually(lambda: not self.server_pids(), "the embedded servers end", 20)
            shutil.rmtree(self.folder)


class StandIn:
    """A network that listens on a port of its own, beside the test; VKontakte unless another is named."""

    def __init__(self, code: str = "vk") -> None:
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.http = httpx.Client(base_url=f"{self.url}/stand-in", trust_env=False, timeout=30)
        made: Any = STAND_INS[code]
        stand_in = made(retry_delays_seconds=(1.0,) * 60)
        config = uvicorn.Config(stand_in.app, host="127.0.0.1", port=port, log_level="warning", access_log=False)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, name=f"{code}-stand-in", daemon=True)

    def start(self) -> None:
        """Listen."""
        self._thread.start()
        eventually(lambda: self._server.started, "the stand-in listens")

    def stop(self) -> None:
        """Stop listening."""
        self.http.close()
        self._server.should_exit = True
        self._thread.join(20)

    def order(self, what: str, **content: Any) -> Any:
        """POST /stand-in/{what}."""
        answer = self.http.post(what, json=content)
        assert answer.is_success, answer.text
        return answer.json()

    def behave(self) -> None:
        """No more ordered faults."""
        self.http.delete("misbehave").raise_for_status()

    def calls(self, method: str) -> list[dict[str, Any]]:
        """What was carried out of this method."""
        calls: list[dict[str, Any]] = self.http.get("calls", params={"method": method}).json()
        return calls

    def replies(self, group_id: int) -> dict[int, list[str]]:
        """What a visitor of the page sees below each citizen's comment: its number and the texts of the replies."""
        posts = self.http.get("feed", params={"group_id": group_id}).json()["posts"]
        return {
            comment["id"]: [reply["text"] for reply in comment["replies"]]
            for post in posts
            for comment in post["comments"]
        }


@contextmanager
def running_stand_in(code: str = "vk") -> Iterator[StandIn]:
    """A stand-in for as long as it is needed."""
    stand_in = StandIn(code)
    stand_in.start()
    try:
        yield stand_in
    finally:
        stand_in.stop()


@contextmanager
def installed(**settings: str) -> Iterator[Installation]:
    """An installation, gone afterwards."""
    installation = Installation(**settings)
    try:
        yield installation
    finally:
        installation.remove()
