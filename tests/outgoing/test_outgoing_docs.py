"""The example for those who receive our webhooks works as it is printed."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from app.db import ROOT
from app.outgoing.models import Event
from app.outgoing.webhook import headers_of
from tests.conftest import NOW

DOCUMENT = (ROOT / "docs" / "outgoing.md").read_text()
SECRET, BODY = "secret-of-the-channel", '{"text":"Яма"}'.encode()


@pytest.fixture
def is_genuine() -> Callable[..., bool]:
    (code,) = re.findall(r"```python\n(.*?)```", DOCUMENT, re.DOTALL)
    names: dict[str, Any] = {}
    exec(code, names)
    check: Callable[..., bool] = names["is_genuine"]
    return check


def test_the_printed_check_takes_what_we_send_and_nothing_else(is_genuine: Callable[..., bool]) -> None:
    headers = headers_of(SECRET, "appeal.routed", "number", BODY, NOW)
    timestamp, signature, now = headers["Appeals-Timestamp"], headers["Appeals-Signature"], NOW.timestamp()
    assert is_genuine(SECRET, timestamp, signature, BODY, now)
    assert is_genuine(SECRET, timestamp, signature, BODY, now + 299)
    assert not is_genuine(SECRET, timestamp, signature, BODY, now + 301)
    assert not is_genuine(SECRET, str(int(timestamp) + 1), signature, BODY, now)
    assert not is_genuine(SECRET, timestamp, signature, BODY + b" ", now)
    assert not is_genuine("another-secret-of-a-channel", timestamp, signature, BODY, now)
    assert not is_genuine(SECRET, "soon", signature, BODY, now)


def test_every_event_and_header_is_described() -> None:
    headers = [name for name in headers_of("", "", "", b"", NOW) if name.startswith("Appeals-")]
    assert [name for name in [*Event, *headers] if f"`{name}`" not in DOCUMENT] == []
