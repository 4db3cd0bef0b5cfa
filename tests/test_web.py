"""The frame of every page: templates, static files, messages, headers, error pages."""

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import structlog
from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import RedirectResponse
from starlette.responses import Response

from app.errors import Conflict, Unavailable
from app.resources import Resources
from app.web import (
    SecurityHeaders,
    flash,
    install_error_handlers,
    is_htmx,
    mount_static,
    render,
    static_url,
    templates,
    toast,
)  # fmt: skip
from app.web.static import STATIC

ROOT = STATIC.parent.parent
PAGES = STATIC.parent / "templates"
TEMPLATES = sorted(path.relative_to(PAGES) for path in PAGES.rglob("*.html"))
HTMX = {"HX-Request": "true"}


@pytest.fixture
def site(resources: Resources) -> FastAPI:
    """A site with every way to go wrong."""
    app = FastAPI()
    app.state.resources = resources
    mount_static(app)
    app.add_middleware(SecurityHeaders)
    install_error_handlers(app)

    @app.get("/conflict")
    @app.get("/api/v1/conflict")
    async def conflict() -> None:
        raise Conflict("Обращение уже закрыто <b>")

    @app.get("/away")
    async def away() -> None:
        raise Unavailable("База отвечает медленно")

    @app.get("/boom")
    @app.get("/api/v1/boom")
    async def boom() -> None:
        raise RuntimeError("secret detail")

    @app.get("/teapot")
    async def teapot() -> None:
        raise HTTPException(418)

    @app.get("/numbers/{number}")
    @app.get("/api/v1/numbers/{number}")
    @app.post("/webhooks/vk/{number}")
    async def numbers(number: int) -> int:
        return number

    @app.get("/save")
    async def save(request: Request) -> Response:
        response = RedirectResponse("/page", 303)
        flash(request, response, "Страница <добавлена>")
        return response

    @app.get("/page")
    async def page(request: Request) -> Response:
        return render(request, "error.html", title="Страница", text="Текст", status=0)

    @app.get("/toast")
    async def popped(request: Request) -> Response:
        response = Response("да" if is_htmx(request) else "нет")
        toast(response, "Тема принята")
        return response

    return app


@pytest.fixture
async def browser(site: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(site, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


async def test_a_refusal_is_a_page_with_its_sentence(browser: httpx.AsyncClient) -> None:
    response = await browser.get("/conflict")
    assert response.status_code == 409
    assert "Обращение уже закрыто &lt;b&gt;" in response.text
    assert response.headers["cache-control"] == "no-store"


async def test_a_refusal_is_a_bare_sentence_for_htmx(browser: httpx.AsyncClient) -> None:
    response = await browser.get("/conflict", headers=HTMX)
    assert response.status_code == 409
    assert response.headers["content-type"].startswith("text/plain")
    assert response.text == "Обращение уже закрыто <b>"


async def test_a_refusal_is_json_for_the_api(browser: httpx.AsyncClient) -> None:
    response = await browser.get("/api/v1/conflict")
    assert response.status_code == 409
    assert response.json() == {"error": {"code": "conflict", "message": "Обращение уже закрыто <b>"}}


async def test_what_is_away_says_when_to_come_back(browser: httpx.AsyncClient) -> None:
    response = await browser.get("/away")
    assert (response.status_code, response.headers["retry-after"]) == (503, "15")


@pytest.mark.parametrize("path", ["/boom", "/api/v1/boom"])
async def test_a_failure_tells_no_details_and_keeps_the_headers(browser: httpx.AsyncClient, path: str) -> None:
    with structlog.testing.capture_logs() as logged:
        response = await browser.get(path)
    assert [(entry["event"], entry["path"]) for entry in logged] == [("request_failed", path)]
    assert response.status_code == 500
    assert "Ошибка записана в журнал" in response.text
    assert "secret detail" not in response.text
    assert "content-security-policy" in response.headers


async def test_what_is_not_there_is_said_in_russian(browser: httpx.AsyncClient) -> None:
    page = await browser.get("/nowhere")
    assert page.status_code == 404
    assert "Ничего не найдено" in page.text
    assert (await browser.get("/api/nowhere")).json()["error"]["code"] == "not_found"
    assert (await browser.post("/conflict")).status_code == 405
    assert (await browser.get("/teapot")).status_code == 418


async def test_nonsense_is_named(browser: httpx.AsyncClient) -> None:
    page = await browser.get("/numbers/many")
    assert page.status_code == 422
    assert "Не заполнено или заполнено неверно: number." in page.text
    error = (await browser.get("/api/v1/numbers/many")).json()["error"]
    assert error["code"] == "invalid"
    assert error["details"][0]["field"] == "path.number"


async def test_pages_are_guarded_by_headers_and_webhooks_go_without(browser: httpx.AsyncClient) -> None:
    page = await browser.get("/numbers/1")
    policy = page.headers["content-security-policy"]
    assert "script-src 'self';" in policy
    assert "style-src 'self';" in policy
    assert "unsafe" not in policy
    assert page.headers["x-content-type-options"] == "nosniff"
    assert "strict-transport-security" not in page.headers
    assert "content-security-policy" not in (await browser.post("/webhooks/vk/1")).headers


async def test_https_is_insisted_on_where_it_is_used(site: FastAPI) -> None:
    transport = httpx.ASGITransport(SecurityHeaders(site, is_https=True))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        assert "max-age" in (await client.get("/numbers/1")).headers["strict-transport-security"]


async def test_a_message_is_shown_once_and_escaped(browser: httpx.AsyncClient) -> None:
    await browser.get("/save")
    fragment = await browser.get("/page", headers=HTMX)
    first = await browser.get("/page")
    second = await browser.get("/page")
    assert "Страница &lt;добавлена&gt;" not in fragment.text
    assert "Страница &lt;добавлена&gt;" in first.text
    assert "добавлена" not in second.text


@pytest.mark.parametrize("cookie", ["", "not base64!", "bm90IHNlYWxlZCBieSB1cywgbm90IHNlYWxlZCBieSB1cw=="])
async def test_a_message_that_we_did_not_seal_is_not_shown(browser: httpx.AsyncClient, cookie: str) -> None:
    response = await browser.get("/page", headers={"Cookie": f"appeals_flash={cookie}"})
    assert response.status_code == 200
    assert 'class="banner' not in response.text


async def test_a_message_has_one_of_our_tones(site: FastAPI) -> None:
    with pytest.raises(ValueError, match="tone"):
        flash(Request({"type": "http", "app": site}), Response(), "x", "purple")


async def test_a_toast_travels_in_a_header(browser: httpx.AsyncClient) -> None:
    response = await browser.get("/toast", headers=HTMX)
    assert json.loads(response.headers["hx-trigger"]) == {"toast": "Тема принята"}
    assert response.text == "да"
    assert (await browser.get("/toast")).text == "нет"


async def test_a_static_file_asked_for_by_its_hash_is_kept_for_a_year(browser: httpx.AsyncClient) -> None:
    kept = await browser.get(static_url("css/tokens.css"))
    assert "immutable" in kept.headers["cache-control"]
    asked_again = await browser.get("/static/css/tokens.css")
    assert asked_again.headers["cache-control"] == "no-cache"
    missing = await browser.get("/static/css/nothing.css?v=1")
    assert missing.status_code == 404
    assert "immutable" not in missing.headers["cache-control"]


def test_the_address_of_a_static_file_follows_its_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.web.static.STATIC", tmp_path)
    assert static_url("x.css") == "/static/x.css"
    (tmp_path / "x.css").write_text("a")
    first = static_url("x.css")
    (tmp_path / "x.css").write_text("b")
    assert re.fullmatch(r"/static/x\.css\?v=[0-9a-f]{12}", first)
    assert static_url("x.css") != first


@pytest.mark.parametrize("template", TEMPLATES, ids=str)
def test_a_template_compiles_and_keeps_to_the_content_policy(template: Path) -> None:
    templates.get_template(template.as_posix())
    source = (PAGES / template).read_text()
    markup = re.sub(r"{#.*?#}", "", source, flags=re.S)
    assert not re.findall(r"<style|\sstyle=|\son[a-z]+=|<script(?![^>]*\ssrc=)|javascript:|\shx-on", markup)
    assert not re.findall(r"""(?:src|href)=["'](?:https?:)?//""", markup)


@pytest.mark.parametrize("template", TEMPLATES, ids=str)
def test_every_icon_that_a_template_names_is_drawn(template: Path) -> None:
    drawn = set(re.findall(r'id="i-([a-z-]+)"', (STATIC / "icons.svg").read_text()))
    named = set(re.findall(r"\bicon\('([a-z-]+)'[,)]", (PAGES / template).read_text()))
    assert named <= drawn


def test_the_fonts_address_names_the_locked_version() -> None:
    version = json.loads((ROOT / "package.json").read_text())["dependencies"]["@fontsource-variable/golos-text"]
    addresses = re.findall(r"woff2\?v=([\d.]+)", (STATIC / "css" / "fonts.css").read_text())
    assert addresses == [version, version]


def test_browser_packages_are_pinned_exactly_and_the_lock_names_no_host() -> None:
    manifest = json.loads((ROOT / "package.json").read_text())
    lock = (ROOT / "package-lock.json").read_text()
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in manifest["dependencies"].values())
    assert '"resolved"' not in lock
    packages = {name: found for name, found in json.loads(lock)["packages"].items() if name}
    assert all(found["integrity"].startswith("sha512-") for found in packages.values())


@pytest.mark.parametrize(
    ("address", "kind"),
    [("/login", "application/x-www-form-urlencoded"), ("/api/v1/appeals/1/answers", "application/json")],
)
async def test_a_stranger_cannot_fill_the_memory(client: httpx.AsyncClient, address: str, kind: str) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b"&a=" + b"1" * 65_536

    response = await client.post(address, content=endless(), headers={"Content-Type": kind})
    assert response.status_code == 413
    assert "больше, чем принимает" in response.text
