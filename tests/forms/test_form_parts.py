"""The parts of the form that need no application: photos, tokens, limits."""

import io
from datetime import UTC, datetime

import pytest
from PIL import Image

from app.forms import limits, tokens
from app.forms.limits import SlidingWindow, network_of
from app.forms.photos import LONGEST_SIDE, PhotoRefused, redrawn
from app.forms.tokens import FormToken, Receipt
from app.intake.senders import parse_address
from app.vault import Vault
from tests.forms.conftest import GPS, photo

NOW = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)
ORIENTATION = 0x0112


def image_of(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_photo_is_drawn_anew_without_what_it_tells_of_its_maker(kind: str) -> None:
    original = photo(kind=kind)
    assert GPS in image_of(original).getexif()
    drawn = image_of(redrawn(original))
    assert (drawn.format, drawn.size, dict(drawn.getexif())) == ("JPEG", (64, 32), {})
    assert not {"exif", "icc_profile", "comment", "xmp"} & drawn.info.keys()


def test_a_photo_taken_sideways_is_turned_upright() -> None:
    sideways, exif = io.BytesIO(), Image.Exif()
    exif[ORIENTATION] = 6
    Image.new("RGB", (80, 40), "red").save(sideways, "JPEG", exif=exif)
    assert image_of(redrawn(sideways.getvalue())).size == (40, 80)


def test_what_is_transparent_becomes_white() -> None:
    pixel = image_of(redrawn(photo(kind="PNG", mode="RGBA"))).getpixel((5, 5))
    assert isinstance(pixel, tuple)
    assert min(pixel) > 100


def test_a_large_photo_is_made_smaller_while_it_is_read() -> None:
    drawn = image_of(redrawn(photo(7000)))
    assert max(drawn.size) <= LONGEST_SIDE
    with pytest.raises(PhotoRefused, match="точек"):
        redrawn(photo(7000, kind="PNG"))


def test_a_token_is_opened_by_its_own_kind_and_key_only() -> None:
    vault, form = Vault(b"k" * 32), tokens.new_form(7, NOW)
    text = tokens.sealed(vault, form)
    assert tokens.opened(vault, text, FormToken) == form
    assert tokens.opened(vault, text, Receipt) is None
    assert tokens.opened(Vault(b"x" * 32), text, FormToken) is None
    assert form.nonce not in text


def test_a_number_is_short_readable_and_follows_page_form_and_words() -> None:
    form = FormToken(1, "nonce", 0)
    numbers = {
        form.number_of(b"words"), form.number_of(b"words"), form.number_of(b"other"),
        FormToken(2, "nonce", 0).number_of(b"words"), FormToken(1, "other", 0).number_of(b"words"),
    }  # fmt: skip
    assert len(numbers) == 4
    for number in numbers:
        assert [len(group) for group in number.split("-")] == [4, 4, 4]
        assert not set(number) & set("ILOUilou")


def test_the_window_slides_and_keeps_keys_apart() -> None:
    window = SlidingWindow(most=2, seconds=10)
    assert [window.wait_seconds("a", at) for at in (0.0, 4.0, 5.0, 9.5)] == [0, 0, 5, 1]
    assert window.wait_seconds("b", 5.0) == 0
    assert window.wait_seconds("a", 10.0) == 0
    assert window.wait_seconds("a", 11.0) == 3


def test_the_window_forgets_who_came_long_ago(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MOST_ADDRESSES", 2)
    window = SlidingWindow(most=1)
    for key in ("a", "b", "c"):
        assert window.wait_seconds(key, 0.0) == 0
    assert window.wait_seconds("c", 1.0) > 0
    assert window.wait_seconds("a", 1.0) == 0


@pytest.mark.parametrize(
    ("address", "network"),
    [("192.0.2.7", "192.0.2.7"), ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"), ("testclient", "None")],
)
def test_one_sender_is_an_address_or_its_network(address: str, network: str) -> None:
    assert network_of(parse_address(address)) == network
