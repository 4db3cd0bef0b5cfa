"""`appeals up`: embedded servers and the service's processes under one roof, restarted when they die."""

import asyncio
import ctypes
import errno
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from types import FrameType

import httpx
from rich.console import Console

from app import embedded
from app.installation import migrate_database, with_servers
from app.resources import open_resources
from app.sandbox.demo import seed_demo
from app.sandbox.process import HOST as STAND_IN_HOST
from app.sandbox.process import stand_in_port, stand_in_url
from app.sandbox.stand_ins import STAND_INS
from app.settings import Settings
from app.time import utc_now

console = Console()
PR_SET_PDEATHSIG = 1
READY_SECONDS = 120.0
STOP_SECONDS = 10.0
PORT_SECONDS = 6.0  # processes of a killed `appeals up` let go of the port in five
RESTART_PAUSE_SECONDS = 1.0
POLL_SECONDS = 0.2


class PortIsTaken(OSError):
    """Somebody else listens where the service should."""


@dataclass(slots=True)
class Child:
    """One process of the service."""

    arguments: list[str]
    environment: dict[str, str]
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0

    def start(self) -> None:
        """Start it; it ends with us even when we are killed."""
        self.process = subprocess.Popen(  # noqa: S603 (our own arguments)
            [sys.executable, "-m", *self.arguments], env=self.environment, preexec_fn=_die_with_parent
        )
        self.started_at = time.monotonic()

    def is_dead(self) -> bool:
        """Whether it ended by itself."""
        return self.process is None or self.process.poll() is not None


def _die_with_parent() -> None:
    """Ask Linux for SIGTERM when the parent is gone: no orphan may keep the port."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def run_everything(settings: Settings, *, is_demo: bool) -> None:
    """Start everything, say where it is, and keep it running until SIGINT or SIGTERM."""
    stopping = _catch_signals()
    if is_demo:
        settings = _demo_settings(settings)
    _wait_for_free_ports(settings)
    console.print("Запускаю PostgreSQL и Valkey…")
    with with_servers(settings) as settings:
        console.print("Обновляю схему базы…")
        migrate_database(settings)
        logins = _seed(settings) if is_demo else {}
        children = _children(settings)
        for child in children:
            child.start()
        try:
            if _wait_until_ready(settings, children, stopping):
                _greet(settings, logins)
                _watch(children, stopping)
        finally:
            _stop(children)


def _catch_signals() -> list[int]:
    caught: list[int] = []

    def remember(number: int, frame: FrameType | None) -> None:
        caught.append(number)

    signal.signal(signal.SIGINT, remember)
    signal.signal(signal.SIGTERM, remember)
    return caught


def _demo_settings(settings: Settings) -> Settings:
    """The demonstration talks to stand-ins of the platforms unless other addresses are given."""
    urls = {f"{code}_api_url": stand_in_url(settings, code) for code in STAND_INS}
    own = {name: url for name, url in urls.items() if name not in settings.model_fields_set}
    return settings.model_copy(update={"is_demo": True, **own})


def _has_stand_in(settings: Settings) -> bool:
    return settings.is_demo and any(settings.api_url(code) == stand_in_url(settings, code) for code in STAND_INS)


def _wait_for_free_ports(settings: Settings) -> None:
    """Another service's /readyz must not be taken for our own. Raises PortIsTaken."""
    places = [(settings.host, settings.port)]
    if _has_stand_in(settings):
        places.append((STAND_IN_HOST, stand_in_port(settings)))
    deadline = time.monotonic() + PORT_SECONDS
    for host, port in places:
        while not _is_free(host, port):
            if time.monotonic() > deadline:
                raise PortIsTaken(f"Порт {port} занят другой программой. Выберите другой: APPEALS_PORT=…")
            time.sleep(POLL_SECONDS)


def _is_free(host: str, port: int) -> bool:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return False
            raise
    return True


def _children(settings: Settings) -> list[Child]:
    environment = {
        **os.environ,
        "APPEALS_DATABASE_URL": settings.database_url,
        "APPEALS_REDIS_URL": settings.redis_url,
        "APPEALS_DATA_DIR": str(settings.data_dir.resolve()),
        "APPEALS_PORT": str(settings.port),
        "APPEALS_IS_DEMO": str(settings.is_demo).lower(),
        **{f"APPEALS_{code.upper()}_API_URL": settings.api_url(code) for code in STAND_INS},
    }
    children = [Child(["app.cli", "serve"], environment), Child(["app.cli", "worker"], environment)]
    if _has_stand_in(settings):
        children.append(Child(["app.sandbox.process"], environment))
    return children


def _wait_until_ready(settings: Settings, children: list[Child], stopping: list[int]) -> bool:
    """Poll /readyz; False when told to stop first. Raises EmbeddedServerFailed when a process dies or is not ready."""
    deadline = time.monotonic() + READY_SECONDS
    with console.status("Жду готовности…"):
        while not stopping:
            if any(child.is_dead() for child in children):
                raise embedded.EmbeddedServerFailed(f"Процесс сервиса не запустился. Занят ли порт {settings.port}?")
            if _is_ready(settings):
                return True
            if time.monotonic() > deadline:
                raise embedded.EmbeddedServerFailed(f"Сервис не готов за {READY_SECONDS:.0f} с: см. /readyz")
            time.sleep(POLL_SECONDS)
    return False


def _is_ready(settings: Settings) -> bool:
    try:
        return httpx.get(f"http://{settings.host}:{settings.port}/readyz", trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False


def _seed(settings: Settings) -> dict[str, str]:
    """The demo city, before any process could meet it half built; its logins."""
    console.print("Завожу демонстрационный город…")

    async def seed() -> dict[str, str]:
        async with open_resources(settings) as resources:
            return await seed_demo(resources, utc_now())

    return asyncio.run(seed())


def _greet(settings: Settings, logins: dict[str, str]) -> None:
    console.print(f"\n[bold]Готово:[/bold] {settings.base_url}")
    if logins:
        console.print("Входы демонстрации:")
        for login, password in logins.items():
            console.print(f"  {login}  {password}", highlight=False, markup=False)
        console.print(f"Песочница: {settings.base_url}/sandbox")
    console.print("Остановить: Ctrl+C\n")


def _watch(children: list[Child], stopping: list[int]) -> None:
    """Start a process again when it dies; nothing is lost meanwhile, the rows are in PostgreSQL."""
    while not stopping:
        for child in children:
            if child.is_dead():
                console.print(f"[yellow]{' '.join(child.arguments)} завершился, запускаю снова[/yellow]")
                time.sleep(max(0.0, RESTART_PAUSE_SECONDS - (time.monotonic() - child.started_at)))
                child.start()
        time.sleep(POLL_SECONDS)


def _stop(children: list[Child]) -> None:
    for child in children:
        if child.process is not None and not child.is_dead():
            child.process.terminate()
    for child in children:
        if child.process is None:
            continue
        try:
            child.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            child.process.kill()
            child.process.wait()
