"""A web address names a page: by number where the number stands in it, else by name."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.public_pages.links import NotALink, read_link


@pytest.mark.parametrize(
    ("text", "platform", "external_id"),
    [
        ("https://vk.com/club123", "vk", "123"),
        ("vk.ru/public200000001", "vk", "200000001"),
        ("https://m.vk.com/Primersk_Official", "vk", "@primersk_official"),
        ("https://vk.com/primersk?w=wall-1_2", "vk", "@primersk"),
        ("https://ok.ru/group/70000001234567", "ok", "70000001234567"),
        ("http://www.ok.ru/primersk.ru/", "ok", "@primersk.ru"),
        ("https://max.ru/-70001234567", "max", "-70001234567"),
        ("https://web.max.ru/-70001234567", "max", "-70001234567"),
        ("https://max.ru/primersk", "max", "@primersk"),
        ("https://max.ru/join/AbCdEf", "max", "@AbCdEf"),
        ("https://t.me/Primersk", "telegram", "@primersk"),
        ("t.me/s/primersk", "telegram", "@primersk"),
        ("https://t.me/primersk/45", "telegram", "@primersk"),
        ("https://t.me/+AbCdEf", "telegram", "@+AbCdEf"),
        ("https://t.me/c/1500000001", "telegram", "-1001500000001"),
        ("viber://pa?chatURI=Primersk", "viber", "@Primersk"),
        ("https://chats.viber.com/Primersk", "viber", "@Primersk"),
        (" https://vk.com/ club123 ", "vk", "123"),
    ],
)
def test_an_address_names_platform_and_page(text: str, platform: str, external_id: str) -> None:
    link = read_link(text)
    assert (link.platform, link.external_id) == (platform, external_id)
    assert link.address.startswith("https://")


@pytest.mark.parametrize(
    "text",
    ["", "школа", "https://example.org/club1", "https://vk.com/", "https://vk.com/wall-1_2", "ftp://vk.com/club1",
     "https://[::1", "javascript://vk.com/club1", "https://vk.com/" + "a" * 300],
)  # fmt: skip
def test_what_is_no_page_is_refused_in_words(text: str) -> None:
    with pytest.raises(NotALink, match="ссылк"):
        read_link(text)


@given(st.text(max_size=60), st.sampled_from(["", "https://vk.com/", "t.me/", "viber://pa?chatURI="]))
def test_whatever_is_written_only_the_declared_error_comes_out(text: str, start: str) -> None:
    with suppress(NotALink):
        assert len(read_link(start + text).external_id) <= 64
