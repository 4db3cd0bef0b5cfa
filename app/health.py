"""Public addresses for machines: is it alive, is it ready, what does it measure."""

from typing import Any

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from app import db
from app.accounts.access import public
from app.resources import Resources

router = APIRouter(include_in_schema=False)


@router.get("/healthz")
@public
async def healthz() -> dict[str, str]:
    """The process answers."""
    return {"status": "ok"}


@router.get("/readyz")
@public
async def readyz(request: Request, response: Response) -> dict[str, Any]:
    """Each part that must work before traffic may come; 503 while one does not."""
    resources: Resources = request.app.state.resources
    is_database_up = await db.is_reachable(resources.database.engine)
    checks = {
        "database": is_database_up,
        "schema": is_database_up and await db.schema_is_current(resources.database.engine),
        "redis": await resources.database.queue.is_reachable(),
        "model": bool(resources.judge.version),
    }
    response.status_code = 200 if all(checks.values()) else 503
    return {"status": "ready" if all(checks.values()) else "not ready", "checks": checks}


@router.get("/metrics")
@public
async def metrics() -> Response:
    """Prometheus text format."""
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)
