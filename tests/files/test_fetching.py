"""What citizens attach is fetched once, checked, kept by its content, and given up with a reason."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import text

from app.file_store import FileStoreFailed, FileStoreNotUsable, open_file_store
from app.files.fetching import MOST_ATTEMPTS, pause_seconds
from app.files.keeping import UNUSED_FOR, place_of, place_of_thumbnail, remove_unused
from app.files.models import FileState, MessageFile, StoredFile
from app.jobs import Job
from app.resources import Resources
from app.settings import Settings
from tests.conftest import NOW
from tests.files.conftest import Desk, Pieces, photo, picture


async def files(resources: Resources) -> list[MessageFile]:
    async with resources.database.transaction() as session:
        found = await session.execute(text("SELECT * FROM message_file ORDER BY message_id, position"))
        return [MessageFile(**row._mapping) for row in found]


async def the_file(resources: Resources) -> MessageFile:
    (row,) = await files(resources)
    return row


async def stored(resources: Resources) -> list[StoredFile]:
    async with resources.database.transaction() as session:
        found = await session.execute(text("SELECT * FROM stored_file"))
        return [StoredFile(**row._mapping) for row in found]


async def content(resources: Resources, name: str) -> bytes:
    return b"".join([piece async for piece in await resources.files.read(name)])


async def test_a_photo_is_fetched_and_kept_with_its_thumbnail(desk: Desk) -> None:
    original = picture()
    await desk.photo(desk.server.put("/1.jpg", original, **{"Content-Type": "text/html"}))
    assert Job.FETCH_FILES in desk.resources.database.queue.nudges  # type: ignore[attr-defined]
    assert (await the_file(desk.resources)).state == FileState.PENDING
    assert await desk.fetch() == 1
    assert await desk.fetch() == 0
    row, (kept,) = await the_file(desk.resources), await stored(desk.resources)
    assert (row.state, row.sha256, row.reason) == (FileState.STORED, kept.sha256, None)
    assert (kept.media_type, kept.size_bytes, kept.width, kept.height) == ("image/jpeg", len(original), 640, 480)
    assert await content(desk.resources, place_of(kept.sha256)) == original
    assert (await content(desk.resources, place_of_thumbnail(kept.sha256)))[8:12] == b"WEBP"


async def test_the_same_content_of_two_messages_is_kept_once(desk: Desk) -> None:
    for number in (1, 2):
        await desk.photo(desk.server.put(f"/{number}.jpg", picture()), 730 + number)
    assert await desk.fetch() == 2
    assert len(await stored(desk.resources)) == 1
    assert {row.state for row in await files(desk.resources)} == {FileState.STORED}


async def test_messages_without_files_and_words_of_the_page_are_not_asked_for(desk: Desk) -> None:
    link = {"type": "link", "link": {"url": "https://files.example/page"}}
    video = {"type": "video", "video": {"id": 1, "owner_id": 2}}
    await desk.vk.comment("Смотрите", 731, attachments=[link, video, {"type": "photo", "photo": {"id": 5}}])
    await desk.vk.comment("Ответ страницы", 732, author=-200000001, attachments=[photo("https://files.example/1.jpg")])
    await desk.vk.drain()
    assert await files(desk.resources) == []


async def test_an_edit_keeps_what_was_fetched_and_asks_for_what_is_new(desk: Desk) -> None:
    first, second = desk.server.put("/1.jpg", picture()), desk.server.put("/2.jpg", picture(size=(10, 10)))
    await desk.photo(first)
    await desk.fetch()
    edited = {"id": 731, "from_id": 100000002, "date": int(NOW.timestamp()), "text": "Две ямы", "post_id": 700,
              "owner_id": -200000001, "attachments": [photo(second), photo(first)]}  # fmt: skip
    await desk.vk.deliver(desk.vk.event("wall_reply_edit", edited))
    await desk.vk.drain(NOW + timedelta(minutes=1))
    assert [row.state for row in await files(desk.resources)] == [FileState.PENDING, FileState.STORED]
    assert await desk.fetch(NOW + timedelta(minutes=1)) == 1
    assert [row.state for row in await files(desk.resources)] == [FileState.STORED] * 2
    assert desk.server.asked == ["/1.jpg", "/2.jpg"]


async def test_an_edit_of_words_alone_leaves_the_files_alone(desk: Desk) -> None:
    url = desk.server.put("/1.jpg", picture())
    await desk.photo(url)
    await desk.fetch()
    edited = {"id": 731, "from_id": 100000002, "date": int(NOW.timestamp()), "text": "Большая яма", "post_id": 700,
              "owner_id": -200000001, "attachments": [photo(url)]}  # fmt: skip
    await desk.vk.deliver(desk.vk.event("wall_reply_edit", edited))
    await desk.vk.drain(NOW + timedelta(minutes=1))
    assert await desk.fetch(NOW + timedelta(minutes=1)) == 0


@pytest.mark.parametrize(
    ("body", "sentence"),
    [(b"<html>not a photo", "не принимаются"), (b"", "пуст"), (b"\xff\xd8\xff damaged", "повреждена")],
)
async def test_what_is_no_file_of_ours_is_refused_for_good(desk: Desk, body: bytes, sentence: str) -> None:
    await desk.photo(desk.server.put("/1.jpg", body, **{"Content-Type": "image/jpeg"}))
    await desk.fetch()
    row = await the_file(desk.resources)
    assert row.state == FileState.REFUSED
    assert sentence in (row.reason or "")
    assert await stored(desk.resources) == []


async def test_a_file_that_is_too_large_is_refused_whether_the_server_says_so_or_not(desk: Desk) -> None:
    desk.resources = replace(desk.resources, settings=desk.resources.settings.model_copy(update={"file_limit_mb": 1}))

    endless = Pieces(*[b"\xff\xd8\xff" * 10_000] * 10_000)
    await desk.photo(desk.server.put("/1.jpg", picture(), **{"Content-Length": str(2**21)}), 731)
    await desk.photo(desk.server.put("/2.jpg", endless), 732)
    await desk.fetch()
    assert [row.reason for row in await files(desk.resources)] == ["Файл больше 1 МБ"] * 2
    assert endless.sent < 100


async def test_what_comes_packed_is_not_unpacked(desk: Desk) -> None:
    await desk.photo(desk.server.put("/1.jpg", b"\x1f\x8b\0\0", **{"Content-Encoding": "gzip"}))
    await desk.fetch()
    assert (await the_file(desk.resources)).reason == "Сервер отдаёт файл только сжатым"


async def test_an_address_inside_is_not_asked_even_after_a_redirect(desk: Desk) -> None:
    desk.server.names["metadata.example"] = ["169.254.169.254"]
    desk.server.put("/1.jpg", b"", 302, Location="http://metadata.example/latest")
    await desk.photo("https://files.example/1.jpg", 731)
    await desk.photo("http://metadata.example/latest", 732)
    await desk.fetch()
    assert [row.state for row in await files(desk.resources)] == [FileState.REFUSED] * 2
    assert "внутреннюю сеть" in ((await files(desk.resources))[0].reason or "")
    assert desk.server.asked == ["/1.jpg"]


async def test_a_server_that_fails_is_asked_again_later_and_given_up_in_the_end(desk: Desk) -> None:
    url = desk.server.put("/1.jpg", b"", 503)
    await desk.photo(url)
    now = NOW
    for attempt in range(1, MOST_ATTEMPTS + 1):
        assert await desk.fetch(now) == 1
        assert await desk.fetch(now) == 0
        now += timedelta(seconds=pause_seconds(attempt))
    row = await the_file(desk.resources)
    assert (row.state, row.attempts, row.reason) == (
        FileState.FAILED,
        MOST_ATTEMPTS,
        "Площадка не отдаёт файл (ответ 503)",
    )


async def test_a_file_comes_when_the_server_is_well_again(desk: Desk) -> None:
    await desk.photo(desk.server.put("/1.jpg", b"", 500))
    await desk.fetch()
    desk.server.put("/1.jpg", picture())
    assert await desk.fetch(NOW + timedelta(minutes=1)) == 1
    assert (await the_file(desk.resources)).state == FileState.STORED


async def test_a_file_that_is_gone_is_not_asked_for_again(desk: Desk) -> None:
    await desk.photo("https://files.example/gone.jpg")
    await desk.fetch()
    assert (await the_file(desk.resources)).state == FileState.FAILED


async def test_a_fetcher_that_died_leaves_its_errand_to_the_next(desk: Desk) -> None:
    await desk.photo(desk.server.put("/1.jpg", picture()))
    async with desk.resources.database.transaction() as session:  # claimed, and then nothing
        await session.execute(
            text("UPDATE message_file SET attempts = 1, next_attempt_at = :at"), {"at": NOW + timedelta(minutes=5)}
        )
    assert await desk.fetch(NOW + timedelta(minutes=4)) == 0
    assert await desk.fetch(NOW + timedelta(minutes=5)) == 1


async def test_two_workers_fetch_a_file_once(desk: Desk) -> None:
    await desk.photo(desk.server.put("/1.jpg", picture()))
    assert sum(await asyncio.gather(desk.fetch(), desk.fetch(), desk.fetch())) == 1
    assert desk.server.asked == ["/1.jpg"]


async def test_a_file_that_no_message_carries_is_removed_after_a_day_and_may_come_again(desk: Desk) -> None:
    url = desk.server.put("/1.jpg", picture())
    await desk.photo(url)
    await desk.fetch()
    (kept,) = await stored(desk.resources)
    assert await remove_unused(desk.resources, NOW + 2 * UNUSED_FOR) == 0  # it is carried
    async with desk.resources.database.transaction() as session:
        await session.execute(text("DELETE FROM message_file"))
    assert await remove_unused(desk.resources, NOW + UNUSED_FOR) == 0  # not for long enough
    assert await remove_unused(desk.resources, NOW + 2 * UNUSED_FOR) == 1
    assert await stored(desk.resources) == []
    for name in (place_of(kept.sha256), place_of_thumbnail(kept.sha256)):
        with pytest.raises(FileNotFoundError):
            await desk.resources.files.read(name)
    await desk.photo(url, 732)
    assert await desk.fetch() == 1
    assert await content(desk.resources, place_of(kept.sha256)) == picture()


async def test_a_file_that_is_being_removed_is_taken_into_use_only_afterwards(desk: Desk) -> None:
    url = desk.server.put("/1.jpg", picture())
    await desk.photo(url)
    await desk.fetch()
    async with desk.resources.database.transaction() as session:
        await session.execute(text("DELETE FROM message_file"))
        await session.execute(text("UPDATE stored_file SET removed_at = :at"), {"at": NOW})
    await desk.photo(url, 732)
    await desk.fetch()
    assert (await the_file(desk.resources)).state == FileState.PENDING
    assert await remove_unused(desk.resources, NOW + 2 * UNUSED_FOR) == 1  # a removal that was killed goes on
    await desk.fetch(NOW + 2 * UNUSED_FOR)
    assert (await the_file(desk.resources)).state == FileState.STORED


async def test_a_store_that_is_away_loses_no_file(desk: Desk) -> None:
    away = desk.resources.settings.model_copy(
        update={"files_url": "s3://bucket/files", "files_s3_endpoint": "http://127.0.0.1:9"}
    )
    await desk.photo(desk.server.put("/1.jpg", picture()))
    whole, desk.resources = desk.resources, replace(desk.resources, files=open_file_store(away))
    await desk.fetch()
    assert (await the_file(desk.resources)).state == FileState.PENDING
    with pytest.raises(FileStoreFailed):
        await desk.resources.files.read("ab/abc")
    desk.resources = whole
    await desk.fetch(NOW + timedelta(minutes=1))
    assert (await the_file(desk.resources)).state == FileState.STORED


@pytest.mark.parametrize("url", ["ftp://bucket/", "s3:///path", "https://bucket", "s3://bucket/a?b=c"])
def test_an_address_of_no_store_is_refused(settings: Settings, url: str) -> None:
    with pytest.raises(FileStoreNotUsable, match="APPEALS_FILES_URL"):
        open_file_store(settings.model_copy(update={"files_url": url}))
