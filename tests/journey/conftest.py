"""One installation for all journeys: starting one takes many seconds."""

from collections.abc import Iterator

import httpx
import pytest

from tests.journey.official import create_token
from tests.processes import Installation, StandIn, installed, running_stand_in


@pytest.fixture(scope="session")
def stand_in() -> Iterator[StandIn]:
    """VKontakte."""
    with running_stand_in() as stand_in:
        yield stand_in


@pytest.fixture(scope="session")
def installation(stand_in: StandIn) -> Iterator[Installation]:
    """A fresh machine on which `appeals up` runs."""
    with installed(APPEALS_VK_API_URL=stand_in.url) as installation:
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
