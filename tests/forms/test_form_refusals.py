"""What the form does not take, and that nothing typed is lost; who may frame it; what a stranger can learn."""

import re
from datetime import timedelta

import pytest
import structlog
from sqlalchemy import func, select

from app.errors import Unavailable
from app.forms import photos, tokens
from app.forms.limits import MOST_TRIES
from app.intake.inbox import Inbox
from app.intake.models import InboxEvent
from app.platforms.base import Credentials
from app.public_pages.models import PublicPage
from app.public_pages.service import add_page
from app.resources import Resources
from tests.conftest import NOW
from tests.forms.conftest import Citizen, photo, token_in

SCRIPT = '"><script>alert(1)</script>'
TYPED = {
    "text": "Яма <b>у дома</b>", "address": "ул. Примерная", "name": "Тест", "contact": "test@example.test",
    "latitude": "54.9", "longitude": "73.3",
}  # fmt: skip


async def stored(resources: Resources) -> int:
    async with resources.database.transaction() as session:
        return await session.scalar(select(func.count()).select_from(InboxEvent)) or 0


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"text": " \r\n "}, "Напишите, что случилось"),
        ({"text": "\x00\x00"}, "Напишите, что случилось"),
        ({"text": "я" * 4001}, "Сократите текст до 4000 знаков, сейчас их 4001"),
        ({"address": "я" * 201}, "Адрес длиннее 200 знаков"),
        ({"name": "я" * 201}, "Имя длиннее 200 знаков"),
        ({"contact": "я" * 201}, "Контакт длиннее 200 знаков"),
        ({"consent": ""}, "Без согласия"),
        ({"consent": "on"}, "Без согласия"),
    ],
)
async def test_what_is_missing_is_named_beside_its_field_and_the_rest_is_kept(
    citizen: Citizen, resources: Resources, changes: dict[str, str], sentence: str
) -> None:
    answer = await citizen.post(await citizen.open(), **(TYPED | changes))
    assert answer.status_code == 422
    assert answer.text.count(sentence) == 2  # in the list above, and beside the field
    (name,) = changes
    assert f'href="#{name}"' in answer.text
    assert re.search(rf'id="{name}"[^>]*aria-invalid="true"', answer.text)
    for field in TYPED.keys() - changes.keys() - {"text"}:
        assert f'value="{TYPED[field]}"' in answer.text
    assert await stored(resources) == 0
    repaired = await citizen.post(token_in(answer))
    assert repaired.status_code == 303


async def test_fields_of_the_wrong_kind_are_as_good_as_empty(citizen: Citizen, resources: Resources) -> None:
    token = await citizen.open()
    files = [("text", ("x.txt", b"words", "text/plain")), ("token", ("t", b"x", "text/plain"))]
    answer = await citizen.client.post(
        "/forms/form-key", data={"token": token, "photos": "no file", "consent": "yes"}, files=files
    )
    assert answer.status_code == 422
    assert (await citizen.client.post("/forms/form-key", json={"text": "x"})).status_code == 422
    broken = await citizen.client.post(
        "/forms/form-key", content=b"--x\r\nbroken", headers={"Content-Type": "multipart/form-data; boundary=x"}
    )
    assert broken.status_code in (400, 422)
    assert await stored(resources) == 0


async def test_nul_and_half_characters_are_left_out_of_what_is_stored(citizen: Citizen) -> None:
    receipt = await citizen.send(text="Яма\x00 тут", address="дом\x00 5", latitude="nan", longitude="1e999")
    await citizen.drain()
    assert "Яма тут" in await citizen.read(receipt)


async def test_a_program_that_fills_in_everything_is_refused_and_told(citizen: Citizen, resources: Resources) -> None:
    answer = await citizen.post(await citizen.open(), website="http://spam.test")
    assert answer.status_code == 422
    assert "Похоже, форму заполнила программа" in answer.text
    assert "spam.test" not in answer.text
    assert await stored(resources) == 0


async def test_a_form_sent_at_once_is_refused_and_may_be_sent_a_moment_later(citizen: Citizen) -> None:
    token = token_in(await citizen.client.get("/forms/form-key"))
    citizen.now += timedelta(seconds=2)
    hasty = await citizen.post(token)
    assert (hasty.status_code, "быстрее" in hasty.text) == (422, True)
    citizen.now += timedelta(seconds=1)
    assert (await citizen.post(token_in(hasty))).status_code == 303


async def test_an_old_form_a_forged_one_and_that_of_another_page_get_a_fresh_token(
    citizen: Citizen, resources: Resources
) -> None:
    old = await citizen.open()
    citizen.now += timedelta(hours=25)
    other = tokens.sealed(resources.vault, tokens.new_form((citizen.page.id or 0) + 1, citizen.now))
    receipt = tokens.sealed(resources.vault, tokens.Receipt(citizen.page.id or 0, "0000-0000-0000"))
    for token in (old, other, receipt, "", "abc", "я" * 400, old[:-2]):
        answer = await citizen.post(token)
        assert (answer.status_code, "слишком давно" in answer.text) == (422, True), token
    citizen.now += timedelta(seconds=10)
    assert (await citizen.post(token_in(answer))).status_code == 303


async def test_too_many_from_one_address_must_wait_and_lose_no_word(citizen: Citizen, resources: Resources) -> None:
    for number in range(MOST_TRIES):
        await citizen.send(text=f"Яма номер {number}")
    answer = await citizen.post(await citizen.open(), text="Одиннадцатая")
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) > 0
    assert "Одиннадцатая" in answer.text
    assert await stored(resources) == MOST_TRIES


async def test_behind_our_own_proxy_each_citizen_is_counted_apart(citizen: Citizen, resources: Resources) -> None:
    resources.settings.trusted_proxies = "127.0.0.0/8"
    for number in range(MOST_TRIES + 5):
        citizen.client.headers["X-Forwarded-For"] = f"192.0.2.{number}"
        await citizen.send(text=f"Яма номер {number}")
    for number in range(MOST_TRIES):  # a stranger's own invention before the proxy's word changes nothing
        citizen.client.headers["X-Forwarded-For"] = f"198.51.100.{number}, 192.0.2.200"
        await citizen.send(text="Ещё одна")
    answer = await citizen.post(await citizen.open())
    assert answer.status_code == 429


async def test_a_page_takes_so_many_an_hour_from_whatever_addresses(citizen: Citizen, resources: Resources) -> None:
    resources.settings.form_hourly_limit = 2
    for number in range(2):
        await citizen.send(text=f"Яма номер {number}")
    await citizen.drain()
    answer = await citizen.post(await citizen.open())
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "3600")
    citizen.now += timedelta(hours=1)
    await citizen.send()


async def test_while_the_database_is_away_the_words_stay_on_the_page(
    citizen: Citizen, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*_: object) -> None:
        raise Unavailable("x")

    token = await citizen.open()
    with monkeypatch.context() as patch:
        patch.setattr(Inbox, "store", refuse)
        answer = await citizen.post(token, text="Яма у школы")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "15")
    assert "Яма у школы" in answer.text
    assert (await citizen.post(token_in(answer), text="Яма у школы")).status_code == 303


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("script.jpg", b"<script>alert(1)</script>"),
        ("drawing.svg", b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>"),
        ("gif.gif", b"GIF89a" + b"\x00" * 50),
        ("half.jpg", photo(400)[:300]),
        ("empty.jpg", b""),
    ],
)
async def test_what_is_no_photo_is_refused_by_its_content(
    citizen: Citizen, resources: Resources, name: str, data: bytes
) -> None:
    answer = await citizen.post(
        await citizen.open(), [("ok.png", photo(kind="PNG"), "image/png"), (name, data, "image/jpeg")]
    )
    assert answer.status_code == 422
    assert "Файл 2 не похож на фото" in answer.text
    assert "выберите их снова" in answer.text
    assert await stored(resources) == 0


async def test_too_many_and_too_large_photos_are_refused(citizen: Citizen, monkeypatch: pytest.MonkeyPatch) -> None:
    token = await citizen.open()
    many = await citizen.post(token, [("x.jpg", photo(), "image/jpeg")] * 6)
    assert "не больше 5 фото, сейчас их 6" in many.text
    large = await citizen.post(token, [("x.jpg", b"\xff" * (10 * 1024 * 1024 + 1), "image/jpeg")])
    assert "больше 10 МБ" in large.text
    monkeypatch.setattr(photos, "MOST_PIXELS", 1000)
    detailed = await citizen.post(token, [("x.png", photo(kind="PNG"), "image/png")])
    assert "слишком много точек" in detailed.text
    assert {many.status_code, large.status_code, detailed.status_code} == {422}


async def test_a_form_may_be_larger_than_other_requests_and_still_ends_somewhere(citizen: Citizen) -> None:
    token = await citizen.open()
    heavy = [("x.jpg", photo() + b"\x00" * 4 * 1024 * 1024, "image/jpeg")]  # browsers and Pillow read the beginning
    assert (await citizen.post(token, heavy)).status_code == 303
    huge = [("x.jpg", b"\xff" * (7 * 1024 * 1024), "image/jpeg")] * 3
    assert (await citizen.post(token, huge)).status_code == 413
    assert (await citizen.client.post("/login", data={"login": "x", "password": "x" * 1024 * 1024})).status_code == 413
    nested = await citizen.client.post("/forms/receipts/x/y", data={"x": "x" * 1024 * 1024})
    assert nested.status_code in (404, 413)


async def test_nothing_typed_becomes_markup(citizen: Citizen, form_page: PublicPage, resources: Resources) -> None:
    async with resources.database.transaction() as session:
        (await session.get_one(PublicPage, form_page.id)).name = SCRIPT
    shown = await citizen.post(await citizen.open(), **dict.fromkeys(TYPED, SCRIPT), consent="")
    receipt = await citizen.send(**dict.fromkeys(TYPED, SCRIPT))
    await citizen.drain()
    for page in (shown.text, (await citizen.client.get(receipt)).text):
        assert "<script>alert" not in page
        assert "&lt;script&gt;alert" in page


async def test_unknown_switched_off_and_other_pages_have_no_form(
    citizen: Citizen, resources: Resources, form_page: PublicPage
) -> None:
    async with resources.database.transaction() as session:
        await add_page(
            session, resources.vault, platform="vk", credentials=Credentials("5", "s"), name="ВК", territory_code=None,
            now=NOW, key="vk-key",
        )  # fmt: skip
    for key in ("nobody", "vk-key", "a%00b", "я"):
        for suffix in ("", "/widget.js"):
            assert (await citizen.client.get(f"/forms/{key}{suffix}")).status_code == 404
        assert (await citizen.client.post(f"/forms/{key}", data={})).status_code == 404
    async with resources.database.transaction() as session:
        (await session.get_one(PublicPage, form_page.id)).is_active = False
    assert (await citizen.client.get("/forms/form-key")).status_code == 404


async def test_a_receipt_cannot_be_made_up(citizen: Citizen, resources: Resources) -> None:
    good = await citizen.send()
    sealed = good.rsplit("/", 1)[1]
    form_token = await citizen.open()
    stranger = tokens.sealed(resources.vault, tokens.Receipt(citizen.page.id or 0, "0000-0000-0000"))
    for receipt in ("x", sealed[:-4] + "AAAA", form_token, stranger, "a%00b", "%ff"):
        assert (await citizen.client.get(f"/forms/receipts/{receipt}")).status_code == 404


async def test_only_the_form_and_its_receipt_may_be_framed(citizen: Citizen, resources: Resources) -> None:
    receipt = await citizen.send()
    resources.settings.form_frame_ancestors = "https://primersk.example"
    for path in ("/forms/form-key", receipt):
        headers = (await citizen.client.get(path)).headers
        assert headers["content-security-policy"].endswith("frame-ancestors https://primersk.example")
        assert "script-src 'self';" in headers["content-security-policy"]
        assert "x-frame-options" not in headers
        assert headers["permissions-policy"].endswith("geolocation=(self)")
        assert headers["cache-control"] == "no-store"
    for path in ("/login", "/forms/nobody", "/forms/receipts/x", "/forms/form-key/widget.js", "/queue"):
        headers = (await citizen.client.get(path)).headers
        assert headers["x-frame-options"] == "DENY"
        assert headers["content-security-policy"].endswith("frame-ancestors 'none'")


async def test_other_sites_may_load_the_widget_and_browsers_keep_it(citizen: Citizen) -> None:
    answer = await citizen.client.get("/forms/form-key/widget.js")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/javascript")
    assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
    assert answer.headers["cache-control"] == "public, max-age=3600"
    assert "eval" not in answer.text
    assert "innerHTML" not in answer.text


async def test_a_failure_logs_no_receipt(citizen: Citizen, monkeypatch: pytest.MonkeyPatch) -> None:
    receipt = await citizen.send()

    async def fail(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr("app.forms.pages.read_status", fail)
    with structlog.testing.capture_logs() as logged:
        answer = await citizen.client.get(receipt)
    assert answer.status_code == 500
    assert [entry["path"] for entry in logged] == ["/forms/receipts/{receipt}"]
