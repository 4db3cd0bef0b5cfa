"""Asking for comments: none skipped, none taken twice, whatever the pages look like and whenever the round ends."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import httpx
import pytest

from app.platforms import ok_comments
from app.platforms.base import FailureKind, Polled, SendFailed
from app.platforms.incoming import Action, IncomingMessage, PageIdentity, PagePost
from app.platforms.ok import Odnoklassniki
from app.platforms.untrusted import decode_json
from tests.conftest import NOW
from tests.ok_city import CITIZEN, CREDENTIALS, GROUP, NEIGHBOUR, OK_URL, City, ok_city

ok = Odnoklassniki()
PAGE = PageIdentity(GROUP)


@pytest.fixture
async def city() -> AsyncIterator[City]:
    async with ok_city() as city:
        yield city


class Reader:
    """The service's end: keeps the cursor, and of deliveries with the same key the first."""

    def __init__(self, city: City) -> None:
        self.city = city
        self.cursor = ""
        self.deliveries: dict[str, bytes] = {}
        self.rounds: list[Polled] = []

    async def poll(self) -> list[IncomingMessage]:
        """One round; the comments that are new by their key."""
        polled = await ok.poll(self.city.client, OK_URL, CREDENTIALS, self.cursor, self.city.now)
        self.rounds.append(polled)
        self.cursor = polled.cursor
        new = {one.key: one.body for one in polled.deliveries if one.key not in self.deliveries}
        assert len({one.key for one in polled.deliveries}) == len(polled.deliveries)
        self.deliveries |= new
        understood = [item for body in new.values() for item in ok.parse(PAGE, body)]
        return [item for item in understood if isinstance(item, IncomingMessage)]

    async def texts(self) -> list[str]:
        """The words of a round's new comments."""
        return [comment.text for comment in await self.poll()]

    async def until(self, action: Action, rounds: int = 12) -> IncomingMessage:
        """The first comment with this action within so many rounds."""
        for _ in range(rounds):
            for comment in await self.poll():
                if comment.action is action:
                    return comment
        raise AssertionError(f"no {action} in {rounds} rounds")

    def posts(self) -> list[PagePost]:
        """What the page was found to have published."""
        items = [item for body in self.deliveries.values() for item in ok.parse(PAGE, body)]
        return [item for item in items if isinstance(item, PagePost)]


@pytest.fixture
def reader(city: City) -> Reader:
    return Reader(city)


def methods(city: City) -> list[str]:
    return [call["method"].removeprefix("discussions.") for call in city.stand_in.calls()]


async def test_comments_come_once_each_and_the_next_round_goes_on_where_the_last_one_ended(
    city: City, reader: Reader
) -> None:
    city.comment("Первый")
    assert await reader.texts() == ["Первый"]
    assert await reader.texts() == []
    city.comment("Второй")
    city.comment("Третий", NEIGHBOUR)
    assert await reader.texts() == ["Второй", "Третий"]
    assert [post.text for post in reader.posts()] == ["Ремонт дорог"]


async def test_a_comment_tells_all_that_an_appeal_needs(city: City, reader: Reader) -> None:
    comment = city.comment("Когда починят лифт?")
    (told,) = await reader.poll()
    assert (told.key, told.external_id) == (f"post:{comment.id}", comment.id)
    assert (told.author_external_id, told.post_external_id) == (CITIZEN, city.post)
    assert told.thread_key == f"post:{city.post}:{comment.id}:{CITIZEN}"
    assert told.sent_at == city.now
    assert told.source_url == f"https://ok.ru/group/{GROUP}/topic/{city.post}"
    assert not told.is_own


async def test_a_long_topic_is_read_page_by_page(city: City, reader: Reader) -> None:
    for number in range(250):
        city.comment(f"Комментарий {number}")
    assert await reader.texts() == [f"Комментарий {number}" for number in range(250)]
    assert methods(city) == ["getList", "getComments", "getComments", "getComments"]


async def test_pages_in_any_order_bring_every_comment(city: City, reader: Reader) -> None:
    city.stand_in.api.is_mixed_up = True
    for number in range(250):
        city.comment(f"Комментарий {number}")
    texts = await reader.texts()
    assert texts[:2] == ["Комментарий 99", "Комментарий 98"]
    assert sorted(texts) == sorted(f"Комментарий {number}" for number in range(250))
    city.comment("Последний")
    assert await reader.texts() == ["Последний"]


async def test_a_conversation_is_one_thread_however_deep_and_however_late(city: City, reader: Reader) -> None:
    root = city.comment("Яма у дома 5")
    (first,) = await reader.poll()
    answer = city.comment("Заделаем завтра", GROUP, reply_to=root.id)
    (own,) = await reader.poll()
    city.comment("Спасибо, ждём", CITIZEN, reply_to=answer.id)
    (thanks,) = await reader.poll()
    aside = city.comment("И у дома 7", NEIGHBOUR, reply_to=answer.id)
    city.comment("Там тоже?", CITIZEN, reply_to=aside.id)
    neighbour, question = await reader.poll()
    assert own.is_own
    assert {first.thread_key, own.thread_key, thanks.thread_key, question.thread_key} == {first.thread_key}
    assert neighbour.thread_key == f"post:{city.post}:{root.id}:{NEIGHBOUR}"


async def test_a_platform_that_tells_no_parents_splits_a_conversation_and_stops_nothing(
    city: City, reader: Reader
) -> None:
    root = city.comment("Яма у дома 5")
    answer = city.comment("Заделаем завтра", GROUP, reply_to=root.id)
    await reader.poll()
    city.stand_in.misbehave(method="discussions.getComment", error_code=3, times=5)
    city.comment("Спасибо, ждём", CITIZEN, reply_to=answer.id)
    (thanks,) = await reader.poll()
    assert thanks.thread_key == f"post:{city.post}:{answer.id}:{CITIZEN}"


async def test_an_edit_and_a_removal_are_noticed_within_five_minutes(city: City, reader: Reader) -> None:
    comment, other = city.comment("Лифт стоит"), city.comment("И свет")
    await reader.poll()
    city.stand_in.edit_comment(GROUP, comment.id, "Лифт стоит третий день")
    edit = await reader.until(Action.EDIT)
    assert (edit.key, edit.text) == (f"post:{comment.id}", "Лифт стоит третий день")
    city.stand_in.delete_comment(GROUP, other.id)
    assert (await reader.until(Action.DELETE)).key == f"post:{other.id}"
    assert [await reader.texts() for _ in range(11)] == [[]] * 11


async def test_looking_back_does_not_take_a_new_comment_for_an_edited_one(city: City, reader: Reader) -> None:
    """Between reading on and looking back somebody writes."""
    city.comment("Первый")
    await reader.poll()
    written = 0

    async def write(request: httpx.Request) -> None:
        nonlocal written
        if "direction=FORWARD" in request.content.decode():
            city.wait(seconds=1)
            written += 1
            city.comment(f"Вдогонку {written}")

    city.wire.after = write
    told = [comment for _ in range(12) for comment in await reader.poll()]
    assert {comment.action for comment in told} == {Action.NEW}
    assert [comment.text for comment in told] == [f"Вдогонку {number}" for number in range(1, 12)]


async def test_a_round_without_calls_left_is_continued_at_once(
    city: City, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ok_comments, "CALLS_PER_ROUND", 4)
    posts = [city.post, *(city.stand_in.add_post(GROUP, f"Запись {number}").id for number in range(5))]
    for post in posts:
        for number in range(150):
            city.stand_in.comment(GROUP, post, CITIZEN, f"{post} {number}")
    texts = await reader.texts()
    while reader.rounds[-1].has_more:
        texts += await reader.texts()
    assert len(texts) == len(set(texts)) == 900
    assert len(reader.rounds) == 4
    assert methods(city).count("getList") == 1


async def test_what_was_read_before_a_failure_is_kept_and_the_rest_comes_later(city: City, reader: Reader) -> None:
    second = city.stand_in.add_post(GROUP, "Вторая запись").id
    city.comment("Под первой")
    city.wait(seconds=1)
    city.stand_in.comment(GROUP, second, CITIZEN, "Под второй")
    calls = 0

    async def break_down(request: httpx.Request) -> None:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise httpx.ReadTimeout("no")

    city.wire.before = break_down
    assert await reader.texts() == ["Под второй"]
    assert reader.rounds[-1].has_more
    assert await reader.texts() == ["Под первой"]
    assert not reader.rounds[-1].has_more


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ({"error_code": 8}, FailureKind.RETRY),
        ({"error_code": 102}, FailureKind.HANDS_NEEDED),
        ({"http_status": 502}, FailureKind.RETRY),
        ({"method": "discussions.getComments", "error_code": 2}, FailureKind.RETRY),
        ({"method": "discussions.getComments", "error_code": 3}, FailureKind.PERMANENT),
    ],
)
async def test_a_round_that_reads_nothing_fails_and_moves_no_anchor(
    city: City, reader: Reader, fault: dict[str, Any], kind: FailureKind
) -> None:
    city.comment("Первый")
    city.stand_in.misbehave(**fault)
    with pytest.raises(SendFailed) as refusal:
        await reader.poll()
    assert refusal.value.kind is kind
    assert await reader.texts() == ["Первый"]


async def test_a_topic_that_is_gone_does_not_hold_up_the_others(city: City, reader: Reader) -> None:
    other = city.stand_in.add_post(GROUP, "Другая запись").id
    await reader.poll()
    city.comment("Первый")
    city.wait(seconds=1)
    city.stand_in.comment(GROUP, other, CITIZEN, "Второй")
    city.stand_in.misbehave(method="discussions.getComments", error_code=300)  # the most active is asked first
    assert await reader.texts() == ["Первый"]
    assert await reader.texts() == ["Второй"]


async def test_a_lost_cursor_costs_no_comment_and_doubles_none(city: City, reader: Reader) -> None:
    city.comment("Первый")
    await reader.poll()
    for lost in ("", "{broken", '{"topics": 5}', "null"):
        reader.cursor = lost
        city.comment(f"После {lost}")
        assert await reader.texts() == [f"После {lost}"]


async def test_topics_of_other_groups_of_the_administrator_are_not_ours(city: City, reader: Reader) -> None:
    other = "70000000000002"
    city.stand_in.add_page(
        other, "Школа № 1", access_token="other", user_token="administrator-token", app_key="APPKEY",
        app_secret="app-secret",
    )  # fmt: skip
    city.comment("Первый")
    city.wait(seconds=1)
    for number in range(60):
        post = city.stand_in.add_post(other, f"Линейка {number}").id
        city.stand_in.comment(other, post, CITIZEN, "Не сюда")
    assert await reader.texts() == ["Первый"]
    assert [post.text for post in reader.posts()] == ["Ремонт дорог"]
    theirs = replace(CREDENTIALS, external_id=other)
    polled = await ok.poll(city.client, OK_URL, theirs, "", city.now)
    assert len([one for one in polled.deliveries if one.event_type == "COMMENT"]) == 60


async def test_silent_topics_are_forgotten_and_read_again_when_they_wake(
    city: City, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ok_comments, "TOPICS_KEPT", 3)
    city.comment("Первый")
    await reader.poll()
    for number in range(5):
        city.wait(seconds=1)
        city.stand_in.add_post(GROUP, f"Запись {number}")
    await reader.poll()
    kept = decode_json(reader.cursor.encode())["topics"]
    assert len(kept) == 3
    assert city.post not in kept
    city.wait(seconds=1)
    city.comment("Второй")
    assert await reader.texts() == ["Второй"]


async def test_a_new_page_reads_more_than_the_first_fifty_topics(city: City, reader: Reader) -> None:
    city.comment("Под самой старой")
    for number in range(120):
        city.wait(seconds=1)
        city.stand_in.add_post(GROUP, f"Запись {number}")
    texts = await reader.texts()
    while reader.rounds[-1].has_more:
        texts += await reader.texts()
    assert texts == ["Под самой старой"]
    assert len(reader.posts()) == 121
    before = methods(city).count("getList")
    await reader.poll()
    assert methods(city).count("getList") == before + 1


async def test_an_edited_topic_is_told_again(city: City, reader: Reader) -> None:
    await reader.poll()
    city.stand_in.world.group(GROUP).topic(city.post).text = "Ремонт дорог и тротуаров"
    await reader.poll()
    assert [post.text for post in reader.posts()] == ["Ремонт дорог", "Ремонт дорог и тротуаров"]


async def answered(answers: dict[str, Any], cursor: str = "") -> Polled:
    """A round in which each method answers just this."""

    def handle(request: httpx.Request) -> httpx.Response:
        method = httpx.QueryParams(request.content.decode())["method"]
        return httpx.Response(200, json=answers[method])

    async with httpx.AsyncClient(transport=httpx.MockTransport(handle)) as client:
        return await ok.poll(client, OK_URL, CREDENTIALS, cursor, NOW)


LISTED = {"discussions": [{"object_id": "1", "object_type": "GROUP_TOPIC"}]}


async def test_the_documented_answer_is_read() -> None:
    comment = {"id": "Yw==", "type": "ACTIVE_MESSAGE", "text": "Лифт", "author_id": "58", "date": "2026-11-22 09:00:00"}
    page = {"comments": [comment], "anchor": "EXAMPLE_ANCHOR", "has_more": False}
    polled = await answered({"discussions.getList": LISTED, "discussions.getComments": page})
    (delivery,) = polled.deliveries
    (told,) = ok.parse(PAGE, delivery.body)
    assert isinstance(told, IncomingMessage)
    assert (told.text, told.post_external_id) == ("Лифт", "1")
    assert json.loads(polled.cursor)["topics"]["1"]["anchor"] == "EXAMPLE_ANCHOR"


@pytest.mark.parametrize("nothing", [{}, {"comments": [], "anchor": None}, {"comments": [], "anchor": ""}])
async def test_a_page_that_tells_no_anchor_leaves_the_old_one(nothing: Any) -> None:
    page = {"comments": [{"id": "c1", "author_id": "1"}], "anchor": "HERE"}
    first = await answered({"discussions.getList": LISTED, "discussions.getComments": page})
    second = await answered({"discussions.getList": LISTED, "discussions.getComments": nothing}, first.cursor)
    assert json.loads(second.cursor)["topics"]["1"]["anchor"] == "HERE"


@pytest.mark.parametrize(
    "page",
    [
        {},
        {"comments": None, "anchor": None},
        {"comments": [5, None, "x"], "anchor": ["x"], "has_more": True},
        {"comments": [{"id": "c1", "author_id": "1"}], "has_more": True},
        {"comments": [], "anchor": "same", "has_more": True},
        {"comments": [{"text": "без номера"}], "anchor": 7, "has_more": "true"},
    ],
)
async def test_strange_pages_end_the_reading_of_a_topic_and_break_nothing(page: Any) -> None:
    polled = await answered({"discussions.getList": LISTED, "discussions.getComments": page})
    assert not polled.has_more
    assert all(0 < len(one.key) <= 200 for one in polled.deliveries)


@pytest.mark.parametrize("listed", [{}, {"discussions": [{}, {"object_id": "1", "object_type": "USER_PHOTO"}, 7]}])
async def test_a_list_without_topics_is_an_empty_round(listed: Any) -> None:
    assert (await answered({"discussions.getList": listed})).deliveries == ()


async def test_a_list_that_is_none_is_a_failure() -> None:
    with pytest.raises(SendFailed):
        await answered({"discussions.getList": []})


async def test_without_an_administrators_session_a_person_is_asked_for_it(city: City) -> None:
    with pytest.raises(SendFailed, match="ключом администратора") as refusal:
        await ok.poll(city.client, OK_URL, replace(CREDENTIALS, user_token=""), "", city.now)
    assert refusal.value.kind is FailureKind.HANDS_NEEDED


async def test_what_was_written_long_before_the_first_round_is_told_as_past(city: City, reader: Reader) -> None:
    city.comment("Давняя жалоба")
    city.wait(days=31)
    city.comment("Свежая жалоба")
    assert [(one.text, one.is_past) for one in await reader.poll()] == [
        ("Давняя жалоба", True),
        ("Свежая жалоба", False),
    ]
    city.wait(days=31)
    city.comment("Новая жалоба")
    assert [one.is_past for one in await reader.poll()] == [False]
