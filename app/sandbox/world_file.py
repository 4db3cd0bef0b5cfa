"""Where the world of a stand-in survives restarts."""

from pathlib import Path
from typing import TypeVar

import msgspec

World = TypeVar("World", bound=msgspec.Struct)


def load_world(kind: type[World], path: Path | None) -> World:
    """The world as it was saved, or an empty one."""
    if path is None or not path.exists():
        return kind()
    return msgspec.json.decode(path.read_bytes(), type=kind)


def save_world(world: msgspec.Struct, path: Path | None) -> None:
    """Write the world so that a crash leaves the old file or the new one, never half of one."""
    if path is None:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".tmp")
    unfinished.write_bytes(msgspec.json.encode(world))
    unfinished.replace(path)
