"""After the term nothing of what a citizen said, and nothing that names him, is left; what reports count is."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event, func, select, text, update
from sqlmodel import col

from app.accounts.actor import Actor
from app.accounts.models import Role
from app.appeals import drafts, outbox
from app.appeals import service as appeals
from app.appeals.models import Answer, AnswerState, Appeal, HistoryEntry, Message, Part, State
from app.appeals.page_models import Contact, PagePost
from app.audit.models import AuditEntry
from app.files.keeping import keep, place_of, remove_unused
from app.files.models import FileState, MessageFile, StoredFile
from app.handling import parts
from app.intake.models import InboxEvent
from app.intake.service import forget_payloads
from app.learning.examples import read_examples
from app.outgoing.models import ChannelAppeal, DeliveryState, DepartmentChannel, DepartmentDelivery
from app.reports.quality import Kind, read_quality
from app.reports.question import Question, last_days
from app.reports.sla import sla_report
from app.resources import Resources
from app.retention.service import expire
from app.sla.models import Clock
from app.triage.models import LabelChoice
from app.triage.service import choose_label
from tests.conftest import NOW, VK, ZONE, comment
from tests.files.conftest import picture
from tests.office import ROAD, THANKS, clerk, departments, do, only, opened, other_department, rows
from tests.retention.conftest import AFTER, TERM, answered, deliver, where_is, whole_database, years_pass

AUTHOR = 700000123
NAMES = ("словопервое", "словоправка", "словоещё", "словоответ", "словочерновик", "словозаметка", "словопередача",
         "словочасть", "словопросьба", "словоотмена", "словофайл", "словоимя", "словопост", "словосистема",
         "словоместо", "словотревога", "словоадрес")  # fmt: skip
MARKS = {name: f"zq{place:02}x" for place, name in enumerate(NAMES)}
"""Words of no language: no stemmer shortens them."""


def said(name: str) -> str:
    return MARKS[name]


async def told_everywhere(vk: VK, anna: Actor) -> int:
    """An answered appeal with a mark in every place that holds words; its number."""
    resources = vk.resources
    await vk.deliver(vk.event("wall_post_new", {"id": 700, "owner_id": -200000001, "from_id": -200000001,
                                                "date": int(NOW.timestamp()), "text": said("словопост")}))  # fmt: skip
    appeal = await opened(vk, f"{ROAD} {said('словопервое')}", author=AUTHOR)
    number = appeal.id or 0
    await vk.deliver(vk.event("wall_reply_edit", comment(f"{ROAD} {said('словоправка')}", 731, AUTHOR)))
    await vk.comment(f"И ещё: {said('словоещё')}", 732, AUTHOR, reply_to_comment=731, parents_stack=[731])
    await vk.drain()
    asked = await other_department(resources, appeal)
    await do(resources, appeals.note, number, said("словозаметка"), anna, now=NOW)
    await do(resources, parts.ask_part, number, asked.id, anna, question=said("словопросьба"), now=NOW)
    helper = await clerk(resources, "helper", Role.DEPARTMENT, asked.id)
    await do(resources, parts.give_part, number, helper, text=said("словочасть"), now=NOW)
    bogdan = await clerk(resources, "bogdan")
    await do(resources, drafts.save_draft, number, bogdan, said("словочерновик"), now=NOW)
    wrong = await do(resources, appeals.answer, number, said("словоотмена"), anna, now=NOW)
    await do(resources, outbox.cancel_answer, wrong.id or 0, anna, now=NOW)
    third = (await departments(resources))["mintrans"]
    if third.id == appeal.department_id:
        third = (await departments(resources))["omsk-city"]
    await do(resources, appeals.reroute, number, third.id or 0, anna, reason=said("словопередача"), now=NOW)
    written = await do(resources, appeals.answer, number, said("словоответ"), anna, now=NOW)
    await deliver(resources, written)
    await put_marks(resources, number, written.id or 0)
    return number


async def put_marks(resources: Resources, number: int, answer_id: int) -> None:
    """The marks that would take a model, a platform or a department's system to come by."""
    stored = await keep(resources, picture(), NOW)
    async with resources.database.transaction() as session:
        appeal = await session.get_one(Appeal, number)
        appeal.author_name = said("словоимя")
        appeal.source_url = f"https://vk.test/{said('словоадрес')}"
        appeal.places = [{"kind": "street", "text": said("словоместо"), "codes": ["52701000"]}]
        words = [{"theme": "пожар", "text": said("словотревога")}]
        alarm = {"themes": ["пожар"], "words": words, "grave_probability": 0.5, "at": NOW.isoformat(),
                 "dismissed": None, "held_by": None}  # fmt: skip
        appeal.judgement = appeal.judgement | {"alarm": alarm, "new": {"words": said("словотревога")}}
        session.add(HistoryEntry(appeal_id=number, at=NOW, actor="Система", action="alarm_raised",
                                 details={"themes": ["пожар"], "words": words}))  # fmt: skip
        answer = await session.get_one(Answer, answer_id)
        answer.error_reason = said("словоответ")
        for message in await session.scalars(select(Message)):
            message.author_name = said("словоимя")
            message.source_url = f"https://vk.test/{said('словоадрес')}"
            message.attachments = [{"kind": "doc", "title": said("словофайл"), "url": "https://vk.test/doc"}]
        await session.flush()
        first = (await session.scalars(select(Message).where(Message.appeal_id == number).order_by(Message.id))).first()
        assert first is not None
        source = {"kind": "doc", "url": f"https://vk.test/{said('словофайл')}"}
        session.add(MessageFile(message_id=first.id or 0, position=0, page_id=first.page_id, source=source,
                                state=FileState.STORED, sha256=stored.sha256, next_attempt_at=NOW))  # fmt: skip
        session.add(Contact(page_id=appeal.page_id, external_id=str(AUTHOR), can_be_written=False, changed_at=NOW))
        channel = DepartmentChannel(department_id=appeal.department_id, kind="webhook", url="https://hook.example",
                                    secret=b"-", is_active=False, created_at=NOW)  # fmt: skip
        session.add(channel)
        await session.flush()
        payload = {"appeal": {"text": said("словосистема")}}
        session.add(DepartmentDelivery(number="one", channel_id=channel.id or 0, appeal_id=number,
                                       event="appeal.routed", payload=payload, state=DeliveryState.DELIVERED,
                                       next_attempt_at=NOW, give_up_at=NOW, created_at=NOW))  # fmt: skip
        session.add(ChannelAppeal(channel_id=channel.id or 0, appeal_id=number, is_held=True, handed_at=NOW,
                                  service_request_id="17", remote_notes=said("словосистема"),
                                  next_poll_at=NOW))  # fmt: skip


async def test_of_words_name_and_numbers_of_a_citizen_nothing_is_left_anywhere(
    resources: Resources, vk: VK, anna: Actor
) -> None:
    number = await told_everywhere(vk, anna)
    before = await where_is(resources, *MARKS.values(), str(AUTHOR))
    assert before.keys() == {*MARKS.values(), str(AUTHOR)}, "a mark was put nowhere: the test would prove nothing"
    assert await years_pass(resources) > 0
    await do(resources, forget_payloads, AFTER)
    assert await where_is(resources, *MARKS.values(), str(AUTHOR), "wall:731", "wall:732") == {}
    assert all(one.payload is None for one in await rows(resources, InboxEvent))
    appeal = next(one for one in await rows(resources, Appeal) if one.id == number)
    assert (appeal.text, appeal.search_text, appeal.depersonalised_at) == ("[удалено по сроку хранения]", "", AFTER)


async def test_what_reports_count_stays(resources: Resources, vk: VK, anna: Actor) -> None:
    await told_everywhere(vk, anna)
    kept = ("page_id", "platform", "kind", "place", "state", "cycle", "topic", "topic_group", "agency", "confidence",
            "severity", "danger", "message_kind", "department_id", "territory_code", "transfer_count", "return_count",
            "received_at", "first_answered_at", "closed_at", "close_reason", "is_talk", "assignee_id")  # fmt: skip
    before = await only(resources, Appeal)
    actions = [(one.action, one.at, one.actor) for one in await rows(resources, HistoryEntry)]
    await years_pass(resources)
    after = await only(resources, Appeal)
    assert {name: getattr(after, name) for name in kept} == {name: getattr(before, name) for name in kept}
    assert after.judgement["labels"] == before.judgement["labels"]
    assert after.judgement["alarm"]["themes"] == ["пожар"]
    for name in ("rule", "layer", "rule_set_version", "department"):
        assert after.routing[name] == before.routing[name]
    entries = await rows(resources, HistoryEntry)
    assert [(one.action, one.at, one.actor) for one in entries[:-1]] == actions
    assert (entries[-1].action, entries[-1].details) == ("depersonalised", {"why": "term"})
    assert [one.details for one in entries if one.action == "noted"] == [{"text": "[удалено по сроку хранения]"}]
    audited = next(one for one in await rows(resources, AuditEntry) if one.action == "personal_data_expired")
    assert {"appeals": 1, "messages": 2, "files": 1}.items() <= audited.details.items()
    assert (await only(resources, Part)).given_at == NOW


async def test_the_figures_of_the_report_are_the_same_before_and_after(
    resources: Resources, vk: VK, anna: Actor
) -> None:
    await answered(vk, anna)
    await answered(vk, anna, comment_id=741, author=100000003, at=NOW + timedelta(days=3))
    await opened(vk, comment_id=751, author=100000004)
    question = Question(last_days(7, "Asia/Omsk", NOW + timedelta(days=1)))
    async with resources.database.transaction() as session:
        before = await sla_report(session, question, AFTER)
        quality = await read_quality(session, Kind.TOPIC, question.period, AFTER)
    assert (before.totals.received, before.totals.answered, before.totals.met) == (3, 2, 1)
    assert await years_pass(resources, AFTER + timedelta(days=3)) >= 2
    async with resources.database.transaction() as session:
        assert await sla_report(session, question, AFTER) == before
        assert await read_quality(session, Kind.TOPIC, question.period, AFTER) == quality


async def test_what_is_not_due_or_still_open_is_left_alone(resources: Resources, vk: VK, anna: Actor) -> None:
    await answered(vk, anna, at=NOW + timedelta(days=2))
    await opened(vk, comment_id=741, author=100000003)
    everything = await whole_database(resources)
    assert await expire(resources, NOW + TERM) == 0
    assert await whole_database(resources) == everything


async def test_zero_days_mean_never(resources: Resources, vk: VK, anna: Actor) -> None:
    await answered(vk, anna)
    resources.settings.personal_data_days = 0
    assert await expire(resources, AFTER + TERM) == 0
    assert (await only(resources, Appeal)).text == ROAD


@pytest.mark.parametrize("state", [one for one in AnswerState if one not in ("delivered", "failed")])
async def test_while_an_answer_is_on_its_way_the_appeal_keeps_its_words(
    resources: Resources, vk: VK, anna: Actor, state: AnswerState
) -> None:
    appeal = await answered(vk, anna)
    async with resources.database.transaction() as session:
        await session.execute(update(Answer).values(state=state))
    await expire(resources, AFTER)
    assert (await only(resources, Appeal)).text == appeal.text
    async with resources.database.transaction() as session:
        await session.execute(update(Answer).values(state=AnswerState.FAILED))
    assert await expire(resources, AFTER) == 1


async def test_a_repeat_keeps_its_words_while_the_appeal_it_repeats_is_open(
    resources: Resources, vk: VK, anna: Actor
) -> None:
    repeat = await answered(vk, anna)
    main = await opened(vk, comment_id=741, author=100000003)
    async with resources.database.transaction() as session:
        stored = await session.get_one(Appeal, repeat.id)
        stored.state, stored.duplicate_of_id = State.CLOSED, main.id
    assert await expire(resources, AFTER) == 0


async def test_talk_that_nobody_closes_ends_with_its_last_words(resources: Resources, vk: VK) -> None:
    await vk.comment(f"{THANKS} zqtalk", 731, AUTHOR)
    await vk.comment(f"{THANKS} zqagain", 732, 100000003)
    await vk.drain()
    async with resources.database.transaction() as session:
        await session.execute(update(Message).where(col(Message.external_id) == "732").values(received_at=AFTER))
    assert await years_pass(resources) == 1
    assert await where_is(resources, "zqtalk", str(AUTHOR)) == {}
    first, second = await rows(resources, Appeal)
    assert (first.is_talk, first.state, first.close_reason) == (True, State.CLOSED, "no_answer_needed")
    assert second.is_open
    assert "zqagain" in second.text
    clock = (await rows(resources, Clock))[0]
    assert (clock.closed_at, clock.is_counted) == (AFTER, False)


async def test_a_second_round_changes_nothing(resources: Resources, vk: VK, anna: Actor) -> None:
    await told_everywhere(vk, anna)
    await years_pass(resources)
    everything = await whole_database(resources)
    assert await expire(resources, AFTER + TERM) == 0
    assert await whole_database(resources) == everything


async def test_batches_are_bounded_and_all_are_done_in_the_end(
    resources: Resources, vk: VK, anna: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.retention.service.APPEALS_AT_ONCE", 2)
    for place in range(5):
        await answered(vk, anna, comment_id=731 + place, author=100000010 + place)
    assert [await expire(resources, AFTER) for _ in range(4)] == [2, 2, 1, 0]
    assert all(one.depersonalised_at for one in await rows(resources, Appeal))


async def test_two_workers_empty_each_appeal_once(
    resources: Resources, vk: VK, anna: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.retention.service.APPEALS_AT_ONCE", 3)
    for place in range(8):
        await answered(vk, anna, comment_id=731 + place, author=100000010 + place)
    done = await asyncio.gather(*(years_pass(resources) for _ in range(3)))
    assert sum(done) == 8
    assert [one.action for one in await rows(resources, HistoryEntry)].count("depersonalised") == 8


async def test_the_round_waits_for_no_drain_that_waits_for_it(resources: Resources, vk: VK, anna: Actor) -> None:
    """An edit locks the message, then the appeal: so does the round, and neither is killed as a deadlock."""
    await answered(vk, anna)
    async with resources.database.transaction() as session:
        await session.execute(select(Message).with_for_update())
        emptying = asyncio.create_task(expire(resources, AFTER))
        await asyncio.sleep(0.3)
        async with asyncio.timeout(5):
            await session.execute(select(Appeal).with_for_update())
    assert await emptying == 1


async def test_the_bytes_of_its_files_go_when_nobody_else_has_sent_the_same(
    resources: Resources, vk: VK, anna: Actor
) -> None:
    await told_everywhere(vk, anna)
    stored = await only(resources, StoredFile)
    await years_pass(resources)
    kept = next(one for one in await rows(resources, MessageFile) if one.position == 0)
    assert (kept.state, kept.sha256, kept.source) == ("removed", None, {})
    assert await remove_unused(resources, AFTER) == 1
    assert await rows(resources, StoredFile) == []
    with pytest.raises(FileNotFoundError):
        await resources.files.read(place_of(stored.sha256))


async def test_labels_stay_and_teach_nobody_without_their_words(resources: Resources, vk: VK, anna: Actor) -> None:
    appeal = await opened(vk)
    await do(resources, lambda session: choose_label(
        resources, session, appeal.id or 0, "topic", appeal.topic or "", anna, now=NOW))  # fmt: skip
    written = await do(resources, appeals.answer, appeal.id or 0, "Отремонтируем", anna, now=NOW)
    await deliver(resources, written)
    groups = resources.judge.manifest.topic_to_group
    assert len((await do(resources, read_examples, groups, ZONE)).at) == 1
    await years_pass(resources)
    assert len(await rows(resources, LabelChoice)) == 1
    assert len((await do(resources, read_examples, groups, ZONE)).at) == 0


async def test_messages_posts_and_contacts_that_belong_to_no_appeal_end_with_their_own_age(
    resources: Resources, vk: VK
) -> None:
    page_id = vk.page.id or 0
    common = {"page_id": page_id, "platform": "vk", "kind": "comment", "place": "wall", "external_id": "1"}
    async with resources.database.transaction() as session:
        session.add(Message(**common, key="wall:1", text="старое", received_at=NOW))
        session.add(Message(**common, key="wall:2", text="новое", received_at=AFTER))
        session.add(PagePost(page_id=page_id, external_id="1", text="старый", published_at=NOW))
        session.add(PagePost(page_id=page_id, external_id="2", text="новый", published_at=AFTER))
        session.add(Contact(page_id=page_id, external_id="1", can_be_written=True, changed_at=NOW))
        session.add(Contact(page_id=page_id, external_id="2", can_be_written=True, changed_at=AFTER))
    assert await years_pass(resources) == 3
    assert [one.text for one in await rows(resources, Message)] == ["новое"]
    assert [one.text for one in await rows(resources, PagePost)] == ["", "новый"]
    assert [one.external_id for one in await rows(resources, Contact)] == ["2"]


async def test_the_round_reads_the_index_of_what_still_has_words(resources: Resources, vk: VK, anna: Actor) -> None:
    """The very statement of the round, explained where 5,000 appeals ended and one of them is due."""
    await answered(vk, anna)
    names = "page_id, platform, kind, place, thread_key, author_external_id, external_id, text, search_text, " \
        "has_attachments, is_edited, is_talk, state, cycle, version, is_confirmed, severity, judgement, routing, " \
        "department_id, transfer_count, return_count, received_at"  # fmt: skip
    async with resources.database.transaction() as session:
        await session.execute(
            text(
                f"INSERT INTO appeal ({names}, closed_at) SELECT {names}, closed_at + n * interval '1 hour'"
                " FROM appeal, generate_series(1, 5000) n"
            )
        )
        await session.execute(text("ANALYZE appeal"))
    seen: list[tuple[str, object]] = []

    def remember(connection: object, cursor: object, statement: str, parameters: object, *rest: object) -> None:
        if "ORDER BY appeal.closed_at" in statement:
            seen.append((statement, parameters))

    engine = resources.database.engine.sync_engine
    event.listen(engine, "before_cursor_execute", remember)
    try:
        assert await expire(resources, NOW + TERM + timedelta(minutes=1)) == 1
    finally:
        event.remove(engine, "before_cursor_execute", remember)
    ((statement, parameters),) = seen
    async with resources.database.engine.connect() as connection:
        result = await connection.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {statement}", parameters)  # type: ignore[arg-type]
        plan = result.scalar_one()[0]["Plan"]
    assert "ix_appeal_kept" in {node.get("Index Name") for node in nodes(plan)}
    assert not [node for node in nodes(plan) if node["Node Type"] == "Seq Scan" and node["Relation Name"] == "appeal"]


def nodes(plan: Any) -> Iterator[Any]:
    """Every step of a plan."""
    yield plan
    for below in plan.get("Plans", ()):
        yield from nodes(below)


async def test_two_people_are_not_taken_for_one_when_nobody_knows_them_any_more(
    resources: Resources, vk: VK, anna: Actor
) -> None:
    await answered(vk, anna)
    await answered(vk, anna, comment_id=741, author=100000003)
    await years_pass(resources)
    async with resources.database.transaction() as session:
        authors = await session.scalar(select(func.count(Appeal.author_external_id.distinct())))  # type: ignore[attr-defined]
    assert authors == 2
