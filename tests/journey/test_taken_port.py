"""`appeals up` beside another program on its port."""

import socket
import tempfile
from pathlib import Path

import pytest

from app import supervisor
from app.settings import Settings
from tests.processes import free_port


@pytest.mark.parametrize(("is_demo", "offset"), [(False, 0), (True, 1)], ids=["web", "stand-in"])
def test_a_taken_port_is_named_before_anything_is_started(
    monkeypatch: pytest.MonkeyPatch, is_demo: bool, offset: int
) -> None:
    monkeypatch.setattr(supervisor, "PORT_SECONDS", 0.0)
    monkeypatch.setattr(supervisor, "_catch_signals", list)
    port = free_port()
    with tempfile.TemporaryDirectory() as folder, socket.create_server(("127.0.0.1", port + offset)):
        settings = Settings(_env_file=None, data_dir=Path(folder) / "data", port=port)  # type: ignore[call-arg]
        with pytest.raises(supervisor.PortIsTaken, match=f"Порт {port + offset} занят"):
            supervisor.run_everything(settings, is_demo=is_demo)
        assert not settings.data_dir.exists()
