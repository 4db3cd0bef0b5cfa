"""Files are shown to those who may see the appeal, so that a browser runs nothing of them."""

import io
import zipfile

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text

from app.accounts.models import Role
from app.appeals.models import Appeal
from tests.conftest import NOW
from tests.files.conftest import Desk, picture
from tests.office import only, other_department
from tests.signed_in import signed_in


@pytest.fixture
async def sha256(desk: Desk) -> str:
    """A photo that came with an appeal."""
    await desk.photo(desk.server.put("/1.jpg", picture()))
    await desk.fetch()
    async with desk.resources.database.transaction() as session:
        return str(await session.scalar(text("SELECT sha256 FROM stored_file")))


async def test_a_picture_is_shown_with_all_precautions(app: FastAPI, desk: Desk, sha256: str) -> None:
    async with await signed_in(app, desk.resources) as browser:
        shown = await browser.get(f"/files/{sha256}")
        small = await browser.get(f"/files/{sha256}/thumbnail")
    assert (shown.status_code, shown.content) == (200, picture())
    assert shown.headers["content-type"] == "image/jpeg"
    assert shown.headers["content-disposition"].startswith("inline;")
    assert (small.status_code, small.headers["content-type"], small.content[8:12]) == (200, "image/webp", b"WEBP")
    for response in (shown, small):
        assert response.headers["x-content-type-options"] == "nosniff"
        assert response.headers["content-security-policy"] == "sandbox; default-src 'none'"
        assert response.headers["cache-control"] == "private, max-age=31536000, immutable"


async def test_a_document_is_only_for_saving(app: FastAPI, desk: Desk) -> None:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as opened:
        opened.writestr("[Content_Types].xml", "")
        opened.writestr("word/document.xml", "")
    desk.server.put("/act", written.getvalue())
    act = {"type": "doc", "doc": {"id": 1, "url": "https://files.example/act", "title": "Акт"}}
    await desk.vk.comment("Вот акт о протечке, примите меры", 731, attachments=[act])
    await desk.vk.drain()
    await desk.fetch()
    async with desk.resources.database.transaction() as session:
        number = await session.scalar(text("SELECT sha256 FROM stored_file"))
    async with await signed_in(app, desk.resources) as browser:
        saved = await browser.get(f"/files/{number}")
        assert (await browser.get(f"/files/{number}/thumbnail")).status_code == 404
    assert saved.headers["content-disposition"] == f'attachment; filename="{str(number)[:12]}.docx"'
    assert saved.content == written.getvalue()


async def test_a_department_sees_files_of_its_own_appeals_only(app: FastAPI, desk: Desk, sha256: str) -> None:
    appeal = await only(desk.resources, Appeal)
    other = await other_department(desk.resources, appeal)
    for department_id, status in ((appeal.department_id, 200), (other.id, 404), (None, 404)):
        async with await signed_in(app, desk.resources, Role.DEPARTMENT, department_id) as browser:
            assert (await browser.get(f"/files/{sha256}")).status_code == status
            assert (await browser.get(f"/files/{sha256}/thumbnail")).status_code == status


async def test_strangers_and_unknown_names_get_nothing(
    app: FastAPI, desk: Desk, client: httpx.AsyncClient, sha256: str
) -> None:
    assert (await client.get(f"/files/{sha256}")).status_code == 303
    assert (await client.get(f"/api/v1/files/{sha256}")).status_code == 401
    async with await signed_in(app, desk.resources) as browser:
        assert (await browser.get(f"/files/{'0' * 64}")).status_code == 404
        for name in ("..%2F..%2Fsecret.key", "secret.key", sha256.upper()):
            assert (await browser.get(f"/files/{name}")).status_code in (404, 422)


async def test_the_card_shows_our_own_copy_and_never_the_platforms(app: FastAPI, desk: Desk) -> None:
    await desk.photo(desk.server.put("/1.jpg", picture()))
    appeal = await only(desk.resources, Appeal)
    async with await signed_in(app, desk.resources) as browser:
        before = (await browser.get(f"/appeals/{appeal.id}")).text
        await desk.fetch(NOW)
        after = (await browser.get(f"/appeals/{appeal.id}")).text
    assert "Фото 1, загружается…" in before
    assert '<img src="https://' not in before
    assert "/thumbnail" in after
    assert "files.example" not in after


async def test_the_api_names_our_copy_and_gives_it_to_a_token(desk: Desk, client: httpx.AsyncClient) -> None:
    from app.accounts.service import create_token
    from tests.office import do

    await desk.photo(desk.server.put("/1.jpg", picture()))
    token = await do(desk.resources, create_token, "система", Role.OPERATOR, now=NOW)
    headers = {"Authorization": f"Bearer {token}"}

    async def attachment() -> dict[str, object]:
        found = (await client.get("/api/v1/messages", headers=headers)).json()["items"][0]["attachments"][0]
        return dict(found)

    assert (await attachment())["file"] is None
    await desk.fetch(NOW)
    file = (await attachment())["file"]
    assert isinstance(file, dict)
    assert (file["media_type"], file["size_bytes"]) == ("image/jpeg", len(picture()))
    fetched = await client.get(file["url"], headers=headers)
    assert (fetched.status_code, fetched.content) == (200, picture())
    card = (await client.get("/api/v1/appeals/1", headers=headers)).json()
    assert card["messages"][0]["attachments"][0]["file"] == file
