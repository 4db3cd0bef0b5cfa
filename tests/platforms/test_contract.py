"""What every platform of the registry must do. A new platform joins with the fixtures in its folder:

`page.json` holds the page's credentials and how a delivery proves itself (see `Page`); `<name>.json` is a delivery as
the platform sends it, `<name>.expected.json` what must be understood, fields with their default left out;
`<name>.handshake` is the answer to a `<name>.json` that only checks the address.
"""

import dataclasses
import hashlib
import hmac
import json
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.platforms import PLATFORMS, UnknownPlatform, platform_by_code
from app.platforms.base import Credentials, Delivery, WebhookRejected
from app.platforms.incoming import PayloadNotUnderstood

FIXTURES = Path(__file__).parent
EXPECTED = sorted(FIXTURES.glob("*/*.expected.json"))
EVENTS = [path.with_name(path.name.replace(".expected.json", ".json")) for path in EXPECTED]
HANDSHAKES = sorted(FIXTURES.glob("*/*.handshake"))


@dataclass(frozen=True)
class Page:
    """A page of one platform and how its deliveries prove themselves.

    `headers` go with every delivery. `signature` names the header that carries the hex HMAC-SHA256 of the body, and the
    credential that is its key. `proof` is the credential that makes a delivery genuine, empty where nothing but the
    unguessable address does. A page that is not `is_pushed` takes no webhooks at all: what is sent to it is taken in by
    pages of our own, and its fixtures are what they store.
    """

    credentials: dict[str, str]
    proof: str
    headers: dict[str, str] = field(default_factory=dict)
    signature: dict[str, str] = field(default_factory=dict)
    is_pushed: bool = True

    def signed(self, body: bytes) -> dict[str, str]:
        """The headers of this delivery."""
        if not self.signature:
            return self.headers
        key = self.credentials[self.signature["key"]].encode()
        return {**self.headers, self.signature["header"]: hmac.new(key, body, hashlib.sha256).hexdigest()}


PAGES = {path.parent.name: Page(**json.loads(path.read_text())) for path in sorted(FIXTURES.glob("*/page.json"))}
CREDENTIALS = {code: Credentials(**page.credentials) for code, page in PAGES.items()}
PUSHED = [path for path in EVENTS if PAGES[path.parent.name].is_pushed]
TAKEN_IN = [path for path in EVENTS if not PAGES[path.parent.name].is_pushed]
PROVEN = [path for path in PUSHED if PAGES[path.parent.name].proof]


def authenticate(path: Path, credentials: Credentials | None = None, **more: str) -> Delivery:
    """The delivery as it comes in."""
    code, body = path.parent.name, path.read_bytes()
    headers = {**PAGES[code].signed(body), **more}
    return PLATFORMS[code].authenticate(credentials or CREDENTIALS[code], headers, body)


def identifier(path: Path) -> str:
    return f"{path.parent.name}-{path.name.split('.')[0]}"


def plain(value: Any) -> Any:
    """The value as JSON, defaults left out."""
    if isinstance(value, tuple):
        return [plain(item) for item in value]
    if dataclasses.is_dataclass(value):
        shown = ((field, getattr(value, field.name)) for field in dataclasses.fields(value))
        return {field.name: plain(item) for field, item in shown if item != field.default}
    return value.isoformat() if isinstance(value, datetime) else value


@pytest.mark.parametrize("code", PLATFORMS)
def test_every_platform_has_credentials_fixtures_and_its_own_code(code: str) -> None:
    assert PLATFORMS[code].code == code
    assert code in CREDENTIALS
    assert any(path.parent.name == code for path in EXPECTED)
    assert platform_by_code(code) is PLATFORMS[code]
    assert PLATFORMS[code].is_pushed == PAGES[code].is_pushed


def test_an_unknown_platform_is_named_in_the_error() -> None:
    with pytest.raises(UnknownPlatform, match="icq"):
        platform_by_code("icq")


@pytest.mark.parametrize(("event", "expected"), zip(EVENTS, EXPECTED, strict=True), ids=map(identifier, EVENTS))
def test_a_delivery_is_understood_as_expected(event: Path, expected: Path) -> None:
    code = event.parent.name
    understood = PLATFORMS[code].parse(CREDENTIALS[code].identity, event.read_bytes())
    assert plain(understood) == json.loads(expected.read_text())


@pytest.mark.parametrize("event", PUSHED, ids=identifier)
def test_a_genuine_delivery_is_let_in_and_its_repeat_has_the_same_key(event: Path) -> None:
    first = authenticate(event)
    again = authenticate(event, **{"x-retry-counter": "1"})
    assert first == again
    assert 0 < len(first.key) <= 200
    assert 0 < len(first.event_type) <= 80
    assert first.handshake is None


@pytest.mark.parametrize("event", PROVEN, ids=identifier)
@pytest.mark.parametrize("wrong", ["another", ""], ids=["another-secret", "no-secret"])
def test_a_wrong_secret_is_refused_and_a_page_without_one_takes_nothing(event: Path, wrong: str) -> None:
    code = event.parent.name
    with pytest.raises(WebhookRejected) as refusal:
        authenticate(event, dataclasses.replace(CREDENTIALS[code], **{PAGES[code].proof: wrong}))
    assert refusal.value.status == 403


@pytest.mark.parametrize("event", TAKEN_IN, ids=identifier)
def test_what_our_own_pages_take_in_is_refused_as_a_webhook(event: Path) -> None:
    with pytest.raises(WebhookRejected) as refusal:
        authenticate(event)
    assert refusal.value.status == 403


@pytest.mark.parametrize("answer", HANDSHAKES, ids=identifier)
def test_a_check_of_the_address_is_answered_and_not_stored(answer: Path) -> None:
    delivery = authenticate(answer.with_suffix(".json"))
    assert delivery.handshake is not None
    assert delivery.handshake.body == answer.read_bytes().strip()


def test_deliveries_of_different_events_have_different_keys() -> None:
    for code in PLATFORMS:
        events = [path for path in PUSHED if path.parent.name == code]
        assert len({authenticate(path).key for path in events}) == len(events)


def test_secrets_do_not_show_in_a_repr() -> None:
    for credentials in CREDENTIALS.values():
        hidden = (credentials.secret, credentials.access_token, credentials.user_token, credentials.app_secret)
        assert not [secret for secret in hidden if secret and secret in repr(credentials)]


@pytest.mark.parametrize("code", PLATFORMS)
@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_damaged_bytes_are_rejected_or_understood_and_never_break_anything(code: str, data: st.DataObject) -> None:
    body = bytearray(data.draw(st.sampled_from([p for p in EVENTS if p.parent.name == code])).read_bytes())
    for _ in range(data.draw(st.integers(1, 6))):
        start = data.draw(st.integers(0, len(body)))
        body[start : start + data.draw(st.integers(0, 20))] = data.draw(st.binary(max_size=20))
    with suppress(PayloadNotUnderstood):
        PLATFORMS[code].parse(CREDENTIALS[code].identity, bytes(body))
    status = 0
    try:
        delivery = PLATFORMS[code].authenticate(CREDENTIALS[code], PAGES[code].signed(bytes(body)), bytes(body))
    except WebhookRejected as refusal:
        status = refusal.status
    assert status in (400, 403) or isinstance(delivery, Delivery)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(10**18, 10**25)
    | st.floats()
    | st.text(st.characters(codec=None, exclude_categories=[]), max_size=8)
    | st.sampled_from(["", "0", "-1", "7", "\x00", "\ud800", "1e999", 0, -1, 253402300800, 1e308]),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=4), children, max_size=3),
    max_leaves=6,
)


def replace_somewhere(value: Any, data: st.DataObject) -> Any:
    """The JSON value with one part, at a random depth, replaced or taken away."""
    if isinstance(value, dict) and value and data.draw(st.integers(0, 9)):
        name = data.draw(st.sampled_from(sorted(value)))
        if data.draw(st.integers(0, 5)) == 0:
            return {key: item for key, item in value.items() if key != name}
        return {**value, name: replace_somewhere(value[name], data)}
    if isinstance(value, list) and value and data.draw(st.integers(0, 5)):
        place = data.draw(st.integers(0, len(value) - 1))
        return [*value[:place], replace_somewhere(value[place], data), *value[place + 1 :]]
    return data.draw(JSON)


def is_storable(value: Any) -> bool:
    """Whether PostgreSQL takes every text in the value."""
    if isinstance(value, str):
        value.encode()
        return "\x00" not in value
    if isinstance(value, dict):
        return all(is_storable(item) for item in value.values())
    return all(is_storable(item) for item in value) if isinstance(value, list) else True


@pytest.mark.parametrize("code", PLATFORMS)
@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_whatever_a_field_holds_parsing_gives_storable_messages_or_one_error(code: str, data: st.DataObject) -> None:
    event = json.loads(data.draw(st.sampled_from([p for p in EVENTS if p.parent.name == code])).read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        event = replace_somewhere(event, data)
    body = json.dumps(event).encode()
    try:
        understood = plain(PLATFORMS[code].parse(CREDENTIALS[code].identity, body))
    except PayloadNotUnderstood as refusal:
        understood = [{"text": str(refusal)}]
    for message in understood:
        assert is_storable(message)
        assert len(message.get("key", "")) <= 200
        assert len(message.get("external_id", "")) <= 200
