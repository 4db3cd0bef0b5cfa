"""Whatever is asked of /api/v1, it answers as OpenAPI says and never with a 5xx."""

from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from sqlalchemy import NullPool
from sqlalchemy.ext.asyncio import create_async_engine

from app.accounts.models import Role
from app.db import Database, driver_url
from app.main import create_app
from app.resources import Resources
from tests.api.conftest import token_of
from tests.conftest import VK, RecordedQueue

CHECKS = (not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance)
KNOWN_APPEALS = 3
LEAST_OPERATIONS = 7


@pytest.fixture
async def api_schema(three_appeals: VK, resources: Resources) -> Any:
    """The described API on the test database. Each request runs in a loop of its own, so no connection is kept."""
    engine = create_async_engine(driver_url(resources.settings.database_url), poolclass=NullPool)
    values = {name: getattr(resources, name) for name in Resources.__slots__}
    app = create_app(resources.settings, Resources(**values | {"database": Database(engine, RecordedQueue())}))
    schema = schemathesis.openapi.from_asgi("/openapi.json", app).include(path_regex="^/api/v1/")
    schema.config.headers = {"Authorization": f"Bearer {await token_of(resources, Role.OPERATOR)}"}
    return schema


def test_every_request_is_answered_as_described(api_schema: Any) -> None:
    operations = [result.ok() for result in api_schema.get_all_operations()]
    assert len(operations) >= LEAST_OPERATIONS
    for operation in operations:
        for mode in GenerationMode:  # what the description allows, and what it forbids
            _try(operation, mode)


def _try(operation: Any, mode: GenerationMode) -> None:
    @given(case=operation.as_strategy(generation_mode=mode))
    @settings(
        max_examples=15,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def holds(case: schemathesis.Case) -> None:
        number = case.path_parameters.get("appeal_id")
        if isinstance(number, int):  # most ids are of appeals that do not exist
            case.path_parameters["appeal_id"] = number % (KNOWN_APPEALS + 1) + 1
        case.call_and_validate(checks=CHECKS)

    holds()


async def test_every_endpoint_is_described_with_its_refusals(client: httpx.AsyncClient) -> None:
    paths = (await client.get("/openapi.json")).json()["paths"]
    operations = {
        f"{method} {path}": operation
        for path, methods in paths.items() if path.startswith("/api/v1/")
        for method, operation in methods.items()
    }  # fmt: skip
    assert len(operations) >= LEAST_OPERATIONS
    for name, operation in operations.items():
        assert all(operation[part] for part in ("summary", "tags", "description", "security")), name
        for status in ("401", "403", "422"):
            schema = operation["responses"][status]["content"]["application/json"]["schema"]
            assert schema == {"$ref": "#/components/schemas/ErrorAnswer"}, (name, status)
