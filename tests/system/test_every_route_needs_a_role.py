"""No route is open by accident: each names a role, a token's role, or is marked public on purpose."""

from collections.abc import Iterator

import pytest
from fastapi import APIRouter, Depends, FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import RouteContext, iter_route_contexts
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from app.accounts.access import Require, RequireToken, StaffDep, is_public, public, require, require_token
from app.accounts.models import Role
from app.main import create_app
from app.resources import Resources
from app.settings import Settings

DESCRIPTIONS = {"/openapi.json", "/docs", "/docs/oauth2-redirect", "/redoc"}  # FastAPI's own: shapes, no data


def all_dependencies(dependant: Dependant) -> Iterator[object]:
    for child in dependant.dependencies:
        yield child.call
        yield from all_dependencies(child)


def is_guarded(route: RouteContext) -> bool:
    if route.path in DESCRIPTIONS or is_public(route.endpoint):
        return True
    dependant = getattr(route, "dependant", None)
    return dependant is not None and any(
        isinstance(call, Require | RequireToken) for call in all_dependencies(dependant)
    )


def open_routes(app: FastAPI) -> list[str]:
    """Every route that anybody can use although nobody said so."""
    routes: list[BaseRoute] = list(app.routes)
    static = [route for route in routes if isinstance(route, Mount) and isinstance(route.app, StaticFiles)]
    contexts = iter_route_contexts([route for route in routes if route not in static])
    return [f"{sorted(route.methods or [])} {route.path}" for route in contexts if not is_guarded(route)]


@pytest.mark.parametrize("is_demo", [False, True])
def test_every_route_of_the_application_is_guarded(settings: Settings, resources: Resources, is_demo: bool) -> None:
    app = create_app(settings.model_copy(update={"is_demo": is_demo}), resources)
    assert len(list(iter_route_contexts(app.routes))) > 10
    assert open_routes(app) == []


async def endpoint() -> str:
    return "x"


@pytest.fixture
def bare() -> FastAPI:
    return FastAPI(openapi_url=None)


def test_a_forgotten_route_is_found(bare: FastAPI) -> None:
    bare.add_api_route("/open", endpoint)
    assert open_routes(bare) == ["['GET'] /open"]


def test_a_forgotten_route_of_an_included_router_is_found(bare: FastAPI) -> None:
    inner, outer = APIRouter(prefix="/inner"), APIRouter(prefix="/outer")
    inner.add_api_route("/open", endpoint, methods=["POST"])
    outer.include_router(inner)
    bare.include_router(outer)
    assert open_routes(bare) == ["['POST'] /outer/inner/open"]


def test_a_forgotten_starlette_route_and_mount_are_found(bare: FastAPI) -> None:
    bare.router.routes.append(Route("/plain", endpoint, methods=["POST"]))
    bare.mount("/other", FastAPI())
    assert open_routes(bare) == ["['POST'] /plain", "[] /other"]


def test_guards_are_recognised_wherever_they_are_named(bare: FastAPI) -> None:
    async def by_parameter(actor: StaffDep) -> str:
        return actor.label

    async def opened() -> str:
        return "x"

    guarded = APIRouter(dependencies=[Depends(require(Role.ADMIN))])
    guarded.add_api_route("/router", endpoint)
    bare.add_api_route("/parameter", by_parameter)
    bare.add_api_route("/token", endpoint, dependencies=[Depends(require_token())])
    bare.add_api_route("/public", public(opened))
    bare.include_router(guarded)
    bare.include_router(_unguarded(), dependencies=[Depends(require())])
    assert open_routes(bare) == []


def _unguarded() -> APIRouter:
    router = APIRouter()
    router.add_api_route("/included", endpoint)
    return router
