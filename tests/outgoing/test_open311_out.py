"""An appeal becomes a service request of the department's own Open311 system, once; its news become notes."""

from datetime import timedelta

import pytest
from sqlalchemy import text

from app.appeals import service as appeals
from app.appeals.models import Appeal, HistoryEntry, State
from app.appeals.requests import follow_requests
from app.errors import Conflict
from app.outgoing.models import ChannelAppeal, ChannelKind, DeliveryState
from app.outgoing.open311 import LONGEST_DESCRIPTION, request_fields
from app.outgoing.replaying import replay, try_out
from tests.conftest import NOW
from tests.office import do, only, other_department, rows
from tests.outgoing.conftest import SECRET, Desk
from tests.outgoing.receiver import Broken, refusal


@pytest.fixture
async def channel(desk: Desk) -> int:
    """The Open311 channel of the department that this test's appeals go to."""
    return await desk.channel(await desk.department_of_appeals(), ChannelKind.OPEN311)


async def the_hand(desk: Desk) -> ChannelAppeal:
    async with desk.resources.database.transaction() as session:
        found = await session.execute(text("SELECT * FROM channel_appeal"))
        return ChannelAppeal(**found.one()._mapping)


async def notes(desk: Desk) -> list[str]:
    return [one.details["text"] for one in await rows(desk.resources, HistoryEntry) if one.action == "noted"]


async def test_an_appeal_becomes_a_service_request_without_its_author(desk: Desk, channel: int) -> None:
    appeal = await desk.appeal()
    await desk.tell()
    assert desk.open311.forms == [
        {"api_key": SECRET, "service_code": "001", "description": appeal.text, "account_id": str(appeal.id),
         "address_string": "Омск"}
    ]  # fmt: skip
    assert (await desk.delivery()).state == DeliveryState.DELIVERED
    assert (await the_hand(desk)).service_request_id == "SR-1"


async def test_a_point_that_the_citizen_attached_goes_along(desk: Desk, channel: int) -> None:
    geo = {"coordinates": {"latitude": 54.98, "longitude": 73.37}}
    message = {"id": 1, "conversation_message_id": 1, "peer_id": 100000009, "from_id": 100000009, "out": 0,
               "date": int(NOW.timestamp()), "text": "Огромная яма на дороге, ремонта нет", "version": 1,
               "attachments": [], "geo": geo}  # fmt: skip
    await desk.vk.deliver(desk.vk.event("message_new", {"message": message}))
    await desk.vk.drain()
    await desk.tell()
    (form,) = desk.open311.forms
    assert (form["lat"], form["long"]) == ("54.98", "73.37")
    assert "address_string" not in form


def test_the_topic_chooses_the_service_and_a_long_text_is_cut_where_the_protocol_ends_it() -> None:
    payload = {"appeal": {"id": 5, "topic": "Дороги", "text": "я" * 9000}, "place": {"territory": None}}
    fields = request_fields(payload, {"Дороги": "roads", "": "001"}, "key")
    assert (fields["service_code"], len(fields["description"])) == ("roads", LONGEST_DESCRIPTION)
    assert fields["address_string"] == "Место не указано"
    assert request_fields(payload | {"appeal": {"id": 5, "topic": None, "text": ""}}, {"": "001"}, "key") == {
        "api_key": "key", "service_code": "001", "description": "Без текста", "account_id": "5",
        "address_string": "Место не указано",
    }  # fmt: skip


async def test_only_the_handing_over_is_told_and_a_return_makes_no_second_request(desk: Desk, channel: int) -> None:
    appeal = await desk.appeal()
    await desk.vk.comment("И фонарь не горит", 732, parents_stack=[731])
    await desk.vk.drain()
    await desk.tell()
    other = await other_department(desk.resources, appeal)
    for department_id in (other.id, appeal.department_id):
        await do(desk.resources, appeals.reroute, appeal.id, department_id, desk.operator, reason="", now=NOW)
    await desk.tell()
    assert len(desk.open311.forms) == 1


async def test_news_become_a_note_once_and_never_an_answer(desk: Desk, channel: int) -> None:
    appeal = await desk.appeal()
    await desk.tell()
    desk.open311.statuses["SR-1"] = ("open", "Назначен мастер")
    assert await follow_requests(desk.resources, NOW + timedelta(minutes=2)) == 1
    assert await follow_requests(desk.resources, NOW + timedelta(minutes=3)) == 0
    await follow_requests(desk.resources, NOW + timedelta(minutes=13))
    desk.open311.statuses["SR-1"] = ("closed", "Яма заделана")
    await follow_requests(desk.resources, NOW + timedelta(minutes=24))
    assert await follow_requests(desk.resources, NOW + timedelta(days=2)) == 0
    assert await notes(desk) == [
        "Заявка № SR-1 в системе отдела в работе: Назначен мастер",
        "Заявка № SR-1 в системе отдела закрыта: Яма заделана",
    ]
    kept = next(one for one in await rows(desk.resources, Appeal) if one.id == appeal.id)
    assert kept.state in (State.ROUTED, State.REVIEW)
    assert await rows_of_answers(desk) == 0


async def rows_of_answers(desk: Desk) -> int:
    async with desk.resources.database.transaction() as session:
        return await session.scalar(text("SELECT count(*) FROM answer")) or 0


async def test_a_token_is_exchanged_for_the_number_later(desk: Desk, channel: int) -> None:
    desk.open311.is_batch = True
    await desk.appeal()
    await desk.tell()
    assert ((await the_hand(desk)).token, (await the_hand(desk)).service_request_id) == ("T-SR-1", None)
    await follow_requests(desk.resources, NOW + timedelta(minutes=2))
    assert await notes(desk) == []
    desk.open311.numbers["T-SR-1"] = "SR-1"
    desk.open311.statuses["SR-1"] = ("closed", "")
    await follow_requests(desk.resources, NOW + timedelta(minutes=13))
    assert (await the_hand(desk)).service_request_id == "SR-1"
    assert await notes(desk) == ["Заявка № SR-1 в системе отдела закрыта"]


async def test_a_request_that_may_have_arrived_is_not_sent_again_by_itself(desk: Desk, channel: int) -> None:
    await desk.appeal()
    desk.open311.post_answers = [Broken()]
    await desk.tell()
    delivery = await desk.delivery()
    assert delivery.state == DeliveryState.FAILED
    assert "неизвестно" in (delivery.error or "")
    assert await desk.tell(timedelta(hours=2)) == 0
    await do(desk.resources, replay, delivery.id, desk.operator, now=desk.now)  # a person has looked
    await desk.tell(timedelta(minutes=1))
    assert (await the_hand(desk)).service_request_id == "SR-2"
    with pytest.raises(Conflict, match="вторую"):
        await do(desk.resources, replay, delivery.id, desk.operator, now=desk.now)


async def test_a_sender_that_died_half_way_leaves_it_to_a_person(desk: Desk, channel: int) -> None:
    from app.outgoing import sending

    await desk.appeal()
    assert len(await sending._claim(desk.resources, desk.now)) == 1
    assert await desk.tell(timedelta(minutes=3)) == 0
    assert (await desk.delivery()).state == DeliveryState.FAILED
    assert desk.open311.forms == []


async def test_a_server_that_is_away_or_overloaded_is_tried_again(desk: Desk, channel: int) -> None:
    await desk.appeal()
    desk.wire.is_cut = True
    await desk.tell()
    desk.wire.is_cut, desk.open311.post_answers = False, [refusal(503, Retry_After="60")]
    await desk.tell(timedelta(minutes=1))
    await desk.tell(timedelta(minutes=2))
    assert len(desk.open311.forms) == 1


async def test_a_form_that_is_refused_says_why_in_the_servers_words(desk: Desk, channel: int) -> None:
    from starlette.responses import JSONResponse

    await desk.appeal()
    desk.open311.post_answers = [JSONResponse([{"code": 400, "description": "service_code unknown"}], 400)]
    await desk.tell()
    delivery = await desk.delivery()
    assert (delivery.state, delivery.error) == ("failed", "Система ответила 400: service_code unknown")


@pytest.mark.parametrize("body", ["", "[]", "{}", "<html>", "[1]", '[{"service_request_id": true}]', "\x00"])
async def test_an_acceptance_without_a_number_is_an_acceptance(desk: Desk, channel: int, body: str) -> None:
    from starlette.responses import PlainTextResponse

    await desk.appeal()
    desk.open311.post_answers = [PlainTextResponse(body, 201)]
    await desk.tell()
    delivery = await desk.delivery()
    assert (delivery.state, delivery.error) == ("delivered", "Система приняла обращение, но не назвала номера заявки")


async def test_a_try_compares_the_services_with_the_servers_own(desk: Desk, channel: int) -> None:
    assert await try_out(desk.resources, channel, NOW) == "Система отвечает, услуг в ней: 2"
    async with desk.resources.database.transaction() as session:
        await session.execute(text("""UPDATE department_channel SET services = '{"": "lamps"}'"""))
    with pytest.raises(Conflict, match="lamps"):
        await try_out(desk.resources, channel, NOW)
    assert (await only_channel_url(desk)) == "https://open311.example/v2"


async def only_channel_url(desk: Desk) -> str:
    return (await desk.the_channel()).url


async def test_a_server_that_is_away_when_asked_for_news_is_asked_again(desk: Desk, channel: int) -> None:
    await desk.appeal()
    await desk.tell()
    desk.wire.is_cut = True
    assert await follow_requests(desk.resources, NOW + timedelta(minutes=2)) == 1
    desk.wire.is_cut = False
    desk.open311.statuses["SR-1"] = ("closed", "Готово")
    await follow_requests(desk.resources, NOW + timedelta(minutes=13))
    assert len(await notes(desk)) == 1
    assert (await only(desk.resources, type(await desk.the_channel()))).is_active
