"""What must never stand in the log."""

import logging
from collections.abc import Iterator

import httpx
import pytest

from app.logs import configure_logging

SECRET = "600000002:AAexample"


@pytest.fixture
def talkative() -> Iterator[None]:
    """A process in which somebody has asked for everything, as debugging tools do."""
    root, libraries = logging.getLogger(), [logging.getLogger(name) for name in ("httpx", "httpcore")]
    before = [(logger, logger.level) for logger in (root, *libraries)]
    root.setLevel(logging.DEBUG)
    for library in libraries:  # whatever another test of this process has told them
        library.setLevel(logging.NOTSET)
        library.disabled = False
    yield
    for logger, level in before:
        logger.setLevel(level)


async def ask() -> None:
    transport = httpx.MockTransport(lambda _: httpx.Response(200))
    async with httpx.AsyncClient(transport=transport) as client:
        await client.post(f"https://api.telegram.test/bot{SECRET}/sendMessage")


async def test_addresses_of_requests_which_may_hold_a_token_are_not_logged(
    talkative: None, caplog: pytest.LogCaptureFixture
) -> None:
    await ask()
    assert SECRET in caplog.text  # httpx tells it, so there is something to silence
    caplog.clear()
    configure_logging()
    await ask()
    assert SECRET not in caplog.text
