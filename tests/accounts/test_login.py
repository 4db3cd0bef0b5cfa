"""Signing in and out, in a browser's eyes."""

import hashlib
from datetime import timedelta

import httpx
import pytest
from account_people import PASSWORD, People
from sqlalchemy import text

from app.accounts import passwords, service
from app.accounts.pages import safe_path
from app.db import Database
from app.resources import Resources
from app.time import utc_now

LOGIN = "anna@city.example"


async def sign_in(
    browser: httpx.AsyncClient, login: str = LOGIN, password: str = PASSWORD, **extra: str
) -> httpx.Response:
    return await browser.post("/login", data={"login": login, "password": password, **extra})


async def test_the_right_password_opens_the_page_that_was_asked_for(browser: httpx.AsyncClient, people: People) -> None:
    await people()
    asked = await browser.get("/whoami?x=1")
    assert asked.headers["location"] == "/login?next=%2Fwhoami%3Fx%3D1"
    form = await browser.get(asked.headers["location"])
    assert 'name="next" value="/whoami?x=1"' in form.text
    entered = await sign_in(browser, next="/whoami?x=1")
    assert (entered.status_code, entered.headers["location"]) == (303, "/whoami?x=1")
    assert (await browser.get("/whoami")).json()["label"] == "Анна Л."


async def test_the_login_is_read_without_case_and_spaces(browser: httpx.AsyncClient, people: People) -> None:
    await people()
    assert (await sign_in(browser, " Anna@City.Example ")).status_code == 303


async def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(
    browser: httpx.AsyncClient, people: People
) -> None:
    await people()
    cookie = (await sign_in(browser)).headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert "max-age" not in cookie
    assert "secure" not in cookie


async def test_the_cookie_is_secure_behind_tls(
    browser: httpx.AsyncClient, people: People, resources: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    await people()
    monkeypatch.setattr(resources.settings, "is_cookie_secure", True)
    assert "; secure" in (await sign_in(browser)).headers["set-cookie"].lower()


async def test_only_a_hash_of_the_cookie_is_stored(
    browser: httpx.AsyncClient, people: People, database: Database
) -> None:
    await people()
    await sign_in(browser)
    token = browser.cookies["appeals_session"]
    async with database.transaction() as session:
        stored = (await session.execute(text("SELECT token_hash FROM login_session"))).scalars().all()
    assert stored == [hashlib.sha256(token.encode()).hexdigest()]


async def test_a_remembered_browser_keeps_its_cookie_for_thirty_days(
    browser: httpx.AsyncClient, people: People
) -> None:
    await people()
    cookie = (await sign_in(browser, is_remembered="true")).headers["set-cookie"]
    assert f"Max-Age={30 * 24 * 3600}" in cookie


async def test_failures_count_down_and_then_lock_even_the_right_password_out(
    browser: httpx.AsyncClient, people: People
) -> None:
    await people()
    said = [(await sign_in(browser, password="wrong")) for _ in range(4)]
    assert [answer.status_code for answer in said] == [422] * 4
    assert "Осталось 4 попытки, затем пауза 15 минут." in said[0].text
    assert "Осталась 1 попытка, затем пауза 15 минут." in said[3].text
    fifth = await sign_in(browser, password="wrong")
    assert fifth.status_code == 429
    assert fifth.headers["retry-after"] == "900"
    assert "Войти можно через 15 минут." in fifth.text
    assert (await sign_in(browser)).status_code == 429


async def test_a_login_with_a_nul_in_it_is_nobodys(browser: httpx.AsyncClient, people: People) -> None:
    await people()
    assert (await sign_in(browser, "no\x00body", "wrong")).status_code == 422


async def test_a_login_that_does_not_exist_answers_word_for_word_the_same(
    browser: httpx.AsyncClient, people: People
) -> None:
    await people("known@city.example")
    for _ in range(6):
        known = await sign_in(browser, "known@city.example", "wrong")
        unknown = await sign_in(browser, "unknown-1@city.example", "wrong")
        assert unknown.status_code == known.status_code
        assert unknown.text.replace("unknown-1@", "known@") == known.text


@pytest.mark.parametrize("login", [LOGIN, "nobody@city.example"])
async def test_a_login_that_does_not_exist_costs_one_check_of_a_password_too(
    browser: httpx.AsyncClient, people: People, monkeypatch: pytest.MonkeyPatch, login: str
) -> None:
    await people()
    checked: list[str] = []
    verify = passwords._argon2.verify

    def counted(password: str, password_hash: str) -> bool:
        checked.append(password_hash)
        return verify(password, password_hash)

    monkeypatch.setattr(passwords._argon2, "verify", counted)
    await sign_in(browser, login, "wrong")
    assert len(checked) == 1
    assert checked[0].startswith("$argon2id$")


async def test_the_pause_ends_and_a_success_forgets_the_failures(database: Database, people: People) -> None:
    await people()
    start = utc_now()

    async def attempt(password: str, minutes: float) -> service.LoginOutcome:
        async with database.transaction() as session:
            return await service.verify_login(session, LOGIN, password, now=start + timedelta(minutes=minutes))

    for _ in range(5):
        await attempt("wrong", 0)
    assert (await attempt(PASSWORD, 14.9)).user is None
    assert (await attempt(PASSWORD, 15)).user is not None
    assert "Осталось 4" in (await attempt("wrong", 16)).problem


async def test_somebody_switched_off_cannot_come_in_and_is_out_at_once(
    signed_in: httpx.AsyncClient, database: Database
) -> None:
    async with database.transaction() as session:
        await session.execute(text("UPDATE app_user SET is_active = false"))
    assert (await signed_in.get("/whoami")).status_code == 303
    assert (await sign_in(signed_in)).status_code == 422


async def test_signing_in_again_ends_the_session_before(signed_in: httpx.AsyncClient, database: Database) -> None:
    before = signed_in.cookies["appeals_session"]
    await sign_in(signed_in)
    assert signed_in.cookies["appeals_session"] != before
    async with database.transaction() as session:
        assert await session.scalar(text("SELECT count(*) FROM login_session")) == 1


async def test_the_login_page_sends_somebody_signed_in_on(signed_in: httpx.AsyncClient) -> None:
    response = await signed_in.get("/login?next=/whoami")
    assert (response.status_code, response.headers["location"]) == (303, "/whoami")


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
    ],
)
async def test_another_site_cannot_sign_a_browser_in(
    browser: httpx.AsyncClient, people: People, headers: dict[str, str]
) -> None:
    await people()
    response = await browser.post("/login", data={"login": LOGIN, "password": PASSWORD}, headers=headers)
    assert response.status_code == 403
    assert "appeals_session" not in browser.cookies


@pytest.mark.parametrize("headers", [{"Sec-Fetch-Site": "same-origin"}, {"Origin": "http://test"}])
async def test_the_own_page_can(browser: httpx.AsyncClient, people: People, headers: dict[str, str]) -> None:
    await people()
    response = await browser.post("/login", data={"login": LOGIN, "password": PASSWORD}, headers=headers)
    assert response.status_code == 303


@pytest.mark.parametrize(
    "path",
    ["https://evil.example", "//evil.example", "//[", "http://[", "/\\evil.example", "\\\\evil.example",
     "javascript:alert(1)", "queue", "", "/\t/evil.example", "/ok\r\nSet-Cookie: a=b", "/login", "/logout?x=1"],
)  # fmt: skip
def test_login_never_leads_elsewhere(path: str) -> None:
    assert safe_path(path) == "/"


def test_login_leads_to_a_page_of_this_site() -> None:
    assert safe_path("/queue?tab=mine&text=лёд") == "/queue?tab=mine&text=лёд"


async def test_signing_out_ends_the_session_on_the_server(signed_in: httpx.AsyncClient) -> None:
    csrf_token = (await signed_in.get("/token")).json()
    cookie = signed_in.cookies["appeals_session"]
    response = await signed_in.post("/logout", data={"csrf_token": csrf_token})
    assert (response.status_code, response.headers["location"]) == (303, "/login")
    again = await signed_in.get("/whoami", headers={"Cookie": f"appeals_session={cookie}"})
    assert again.status_code == 303


async def test_another_site_cannot_sign_a_browser_out(signed_in: httpx.AsyncClient) -> None:
    assert (await signed_in.post("/logout")).status_code == 403
    assert (await signed_in.get("/whoami")).status_code == 200
