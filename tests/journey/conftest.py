"""One installation for all journeys: starting one takes many seconds."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack

import httpx
import pytest

from app.sandbox.stand_ins import STAND_INS
from tests.journey.official import create_token
from tests.processes import Installation, StandIn, installed, running_stand_in


@pytest.fixture(scope="session")
def networks() -> Iterator[Mapping[str, StandIn]]:
    """Every network, by its code."""
    with ExitStack() as stack:
        yield {code: stack.enter_context(running_stand_in(code)) for code in STAND_INS}


@pytest.fixture(scope="session")
def stand_in(networks: Mapping[str, StandIn]) -> StandIn:
    """VKontakte."""
    return networks["vk"]


@pytest.fixture(scope="session")
def installation(networks: Mapping[str, StandIn]) -> Iterator[Installation]:
    """A fresh machine on which `appeals up` runs."""
    with installed(**{f"APPEALS_{code.upper()}_API_URL": one.url for code, one in networks.items()}) as installation:
        installation.start()
        yield installation


@pytest.fixture(scope="session")
def token(installation: Installation) -> str:
    """A token for /api/v1, made while the service runs."""
    return create_token(installation, "journey")


@pytest.fixture
def api(installation: Installation, token: str) -> Iterator[httpx.Client]:
    """/api/v1 of the running service."""
    installation.running()
    headers = {"Authorization": f"Bearer {token}"}
    with httpx.Client(base_url=f"{installation.url}/api/v1", headers=headers, trust_env=False, timeout=30) as api:
        yield api
