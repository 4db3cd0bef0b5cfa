"""Static files: a hash of the content in the address, so that browsers may keep them for a year."""

import functools
import hashlib
from pathlib import Path
from urllib.parse import parse_qs

from fastapi import FastAPI
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

STATIC = Path(__file__).resolve().parent.parent / "static"
HASH_LENGTH = 12
YEAR_SECONDS = 365 * 24 * 3600


@functools.cache
def _content_hash(path: Path, _modified_ns: int) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:HASH_LENGTH]


def static_url(name: str) -> str:
    """Address of a file in app/static with a hash of its content, so that browsers may keep it for a year.

    A file that does not exist (assets not built) keeps a plain address.
    """
    path = STATIC / name
    try:
        version = _content_hash(path, path.stat().st_mtime_ns)
    except FileNotFoundError:
        return f"/static/{name}"
    return f"/static/{name}?v={version}"


class StaticFilesWithHash(StaticFiles):
    """Keeps what is asked for with ?v=hash for a year; asks again for anything else."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        has_version = "v" in parse_qs(scope["query_string"].decode("latin-1"))
        is_found = response.status_code in {200, 304}
        response.headers["Cache-Control"] = (
            f"public, max-age={YEAR_SECONDS}, immutable" if has_version and is_found else "no-cache"
        )
        return response


def mount_static(app: FastAPI) -> None:
    """Serve app/static under /static."""
    app.mount("/static", StaticFilesWithHash(directory=STATIC), name="static")
