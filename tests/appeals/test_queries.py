"""The list and its counts: who sees what, in which order, page by page, found by words."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event, select, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.actor import Actor
from app.accounts.models import Role
from app.appeals import queries
from app.appeals.models import Appeal, State, Wait
from app.appeals.queries import count_found, count_tabs, ids_on_tab, list_queue, rows_by_id
from app.appeals.queue import Order, Queue, Tab
from app.departments.models import Department
from app.public_pages.models import PublicPage
from app.resources import Resources
from classifier.message_kinds import MessageKind
from tests.conftest import NOW

HOUR = timedelta(hours=1)


class Archive:
    """Makes appeals by hand: only what the list looks at."""

    def __init__(self, session: AsyncSession, page: PublicPage, departments: dict[str, int]) -> None:
        self.session, self.page, self.departments = session, page, departments
        self.count = 0

    async def add(self, words: str = "Обращение", *, due_hours: float | None = 5, **values: Any) -> int:
        """One appeal; its number."""
        self.count += 1
        plain: dict[str, Any] = {
            "page_id": self.page.id,
            "platform": "vk",
            "kind": "comment",
            "place": "wall",
            "thread_key": f"thread-{self.count}",
            "author_external_id": "1",
            "external_id": str(self.count),
            "text": words,
            "search_text": words,
            "state": State.ROUTED,
            "department_id": self.departments["omsk-city"],
            "received_at": NOW,
            "next_due_at": NOW + due_hours * HOUR if due_hours is not None else None,
        }
        appeal = Appeal(**{**plain, **values})
        self.session.add(appeal)
        await self.session.flush()
        return appeal.id or 0


@pytest.fixture
async def archive(resources: Resources, page: PublicPage) -> Any:
    """An archive inside one transaction that is never committed."""
    sessions = resources.database._sessions
    async with sessions() as session:
        departments = {row.code: row.id or 0 for row in await session.scalars(select(Department))}
        yield Archive(session, page, departments)
        await session.rollback()


def staff(**values: Any) -> Actor:
    return replace(Actor(label="Анна Л.", role=Role.OPERATOR), **values)


async def ids(archive: Archive, queue: Queue | None = None, actor: Actor | None = None, **options: Any) -> list[int]:
    listing = await list_queue(archive.session, queue or Queue(), actor or staff(), NOW, **options)
    return [row.id for row in listing.rows]


async def test_the_list_runs_by_due_time_and_what_has_none_is_last(archive: Archive) -> None:
    late = await archive.add(due_hours=9)
    never = await archive.add(due_hours=None)
    soon = await archive.add(due_hours=-1)
    assert await ids(archive) == [soon, late, never]
    assert await ids(archive, Queue(order=Order.NEWEST)) == [soon, never, late]


async def test_every_appeal_is_on_its_tabs_and_counted_there(archive: Archive, operator: Actor) -> None:
    made = {
        Tab.NEW: await archive.add(),
        Tab.URGENT: await archive.add(danger="пожар"),
        Tab.REVIEW: await archive.add(state=State.REVIEW),
        Tab.OVERDUE: await archive.add(due_hours=-1),
        Tab.MINE: await archive.add(state=State.IN_WORK, assignee_id=operator.user_id),
        Tab.CHECK: await archive.add(state=State.IN_WORK, waits_for=Wait.CHECK),
        Tab.ASKED: await archive.add(state=State.IN_WORK, waits_for=Wait.CITIZEN, due_hours=None),
        Tab.INTERIM: await archive.add(state=State.INTERIM),
        Tab.TALK: await archive.add(is_talk=True, state=State.REVIEW),
        Tab.DONE: await archive.add(state=State.ANSWERED, due_hours=None),
    }
    for tab, made_id in made.items():
        assert made_id in await ids(archive, Queue(tab=tab), operator), tab
    assert await count_tabs(archive.session, operator, NOW) == {
        Tab.OPEN: 8, Tab.URGENT: 1, Tab.NEW: 3, Tab.REVIEW: 1, Tab.OVERDUE: 1, Tab.MINE: 1, Tab.WORK: 3, Tab.CHECK: 1,
        Tab.ASKED: 1,
        Tab.INTERIM: 1, Tab.TALK: 1,
    }  # fmt: skip
    assert made[Tab.TALK] not in await ids(archive)
    assert made[Tab.DONE] not in await ids(archive)


async def test_a_department_sees_its_own_appeals_and_nothing_else(archive: Archive) -> None:
    own = await archive.add(department_id=archive.departments["minzdrav"])
    other = await archive.add("чужое обращение")
    doctor = staff(role=Role.DEPARTMENT, department_id=archive.departments["minzdrav"])
    assert await ids(archive, actor=doctor) == [own]
    assert (await count_tabs(archive.session, doctor, NOW))[Tab.OPEN] == 1
    assert await ids(archive, Queue(q="чужое"), doctor) == []
    assert await ids(archive, Queue(q=str(other)), doctor) == []
    assert [row.id for row in await rows_by_id(archive.session, [own, other], doctor)] == [own]
    assert await ids_on_tab(archive.session, Queue(), [own, other], doctor, NOW) == [own]
    assert await count_found(archive.session, Queue(q="чужое"), doctor, NOW) == {Tab.OPEN: 0, Tab.DONE: 0}


async def test_somebody_of_no_department_sees_nothing(archive: Archive) -> None:
    await archive.add()
    assert await ids(archive, actor=staff(role=Role.DEPARTMENT, department_id=None)) == []


@pytest.mark.parametrize("order", [Order.DUE, Order.NEWEST])
async def test_pages_follow_each_other_without_gap_or_repetition(
    archive: Archive, order: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queries, "PAGE_SIZE", 3)
    made = [await archive.add(due_hours=number // 3) for number in range(8)]
    made.append(await archive.add(due_hours=None))
    seen: list[int] = []
    after = None
    for _ in range(4):
        listing = await list_queue(archive.session, Queue(order=order), staff(), NOW, after=after)
        seen += [row.id for row in listing.rows]
        after = listing.next
        if after is None:
            break
    assert seen == (made if order is Order.DUE else made[::-1])


async def test_what_teaches_most_comes_first_page_by_page_and_equals_from_the_newest(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queries, "PAGE_SIZE", 3)
    values = [0.5, 0.1, 0.9, 0.5, 0.5, 0.0, 0.7]
    made = [await archive.add(state=State.REVIEW, label_value=value) for value in values]
    await archive.add(label_value=1.0)  # nobody waits for its topic
    queue = Queue(tab=Tab.REVIEW, order=Order.USEFUL)
    first = await list_queue(archive.session, queue, staff(), NOW)
    second = await list_queue(archive.session, queue, staff(), NOW, after=first.next)
    third = await list_queue(archive.session, queue, staff(), NOW, after=second.next)
    seen = [row.id for listing in (first, second, third) for row in listing.rows]
    assert [made.index(number) for number in seen] == [2, 6, 4, 3, 0, 1, 5]
    assert third.next is None


async def test_each_condition_narrows_the_list(archive: Archive) -> None:
    found = await archive.add(
        topic="Снег", message_kind="question", department_id=archive.departments["minzdrav"], state=State.REVIEW
    )
    other = await archive.add()
    for queue in (
        Queue(topic="Снег"),
        Queue(kind=MessageKind.QUESTION),
        Queue(department=archive.departments["minzdrav"]),
        Queue(state=State.REVIEW),
    ):
        assert await ids(archive, queue) == [found], queue
    assert await ids(archive, Queue(page=10**6)) == []
    assert await ids(archive, Queue(platform="vk", page=archive.page.id)) == [found, other]
    assert await ids(archive, Queue(platform="ok")) == []


async def test_a_territory_holds_its_parts_and_the_pages_own_place_counts(archive: Archive) -> None:
    by_page = await archive.add()  # the page is the city's, 52701000
    by_text = await archive.add(territory_code="52615101")
    assert await ids(archive, Queue(territory="52701000")) == [by_page]
    assert await ids(archive, Queue(territory="52615000")) == [by_text]
    assert await ids(archive, Queue(territory="52000000")) == [by_page, by_text]


async def test_words_are_found_in_all_their_forms(archive: Archive) -> None:
    found = await archive.add("Контейнеры с мусором не вывозили с пятницы")
    await archive.add("Автобус опять не пришёл")
    assert await ids(archive, Queue(q="мусора контейнер")) == [found]
    assert await ids(archive, Queue(q='"автобус пришёл" -мусор')) == []
    assert await ids(archive, Queue(q="телепорт")) == []


@pytest.mark.parametrize("words", ["'", '"', "((", "a & !", ":*", "\\", "%", "или OR - -"])
async def test_any_search_text_is_safe(archive: Archive, words: str) -> None:
    await archive.add()
    assert await ids(archive, Queue(q=words)) == []


async def test_a_number_finds_its_appeal_on_any_tab(archive: Archive) -> None:
    done = await archive.add(state=State.CLOSED, due_hours=None)
    assert await ids(archive, Queue(q=f"№ {done}")) == [done]


async def test_a_frequent_word_is_walked_and_a_rare_one_is_found_first(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queries, "MOST_HITS", 2)
    made = [await archive.add("двор", due_hours=number) for number in range(4)]
    listing = await list_queue(archive.session, Queue(q="двор"), staff(), NOW)
    assert ([row.id for row in listing.rows], listing.found) == (made, 3)
    rare = await archive.add("двор и дирижабль")
    listing = await list_queue(archive.session, Queue(q="дирижабли"), staff(), NOW)
    assert ([row.id for row in listing.rows], listing.found) == ([rare], 1)


async def test_what_is_not_here_is_counted_elsewhere(archive: Archive) -> None:
    await archive.add("каша", state=State.CLOSED, due_hours=None)
    assert await count_found(archive.session, Queue(q="каша"), staff(), NOW) == {Tab.OPEN: 0, Tab.TALK: 0, Tab.DONE: 1}


async def test_counting_stops_at_its_cap(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queries, "MOST_COUNTED", 2)
    for _ in range(5):
        await archive.add()
    assert (await count_tabs(archive.session, staff(), NOW))[Tab.OPEN] == 3


async def test_a_page_of_the_list_costs_the_same_number_of_queries_for_any_number_of_rows(archive: Archive) -> None:
    await archive.add()
    one = await _statements(archive)
    for _ in range(20):
        await archive.add()
    assert await _statements(archive) == one == 2


async def _statements(archive: Archive) -> int:
    seen: list[str] = []
    connection = (await archive.session.connection()).sync_connection
    assert connection is not None

    def remember(_: Any, __: Any, statement: str, *rest: Any) -> None:
        seen.append(statement)

    event.listen(connection, "before_cursor_execute", remember)
    await count_tabs(archive.session, staff(), NOW)
    await list_queue(archive.session, Queue(), staff(), NOW)
    event.remove(connection, "before_cursor_execute", remember)
    return len(seen)


@pytest.mark.parametrize(
    ("queue", "index"),
    [
        (Queue(), "ix_appeal_queue"),
        (Queue(tab=Tab.OVERDUE), "ix_appeal_queue"),
        (Queue(tab=Tab.NEW), "ix_appeal_state_queue"),
        (Queue(tab=Tab.REVIEW), "ix_appeal_state_queue"),
        (Queue(tab=Tab.REVIEW, order=Order.USEFUL), "ix_appeal_useful"),
        (Queue(tab=Tab.TALK), "ix_appeal_talk"),
        (Queue(tab=Tab.URGENT), "ix_appeal_danger"),
        (Queue(tab=Tab.DONE, kind=MessageKind.SPAM), "ix_appeal_message_kind"),
        (Queue(department=5), "ix_appeal_department_queue"),
        (Queue(tab=Tab.MINE), "ix_appeal_assignee_queue"),
    ],
)
async def test_the_list_walks_the_partial_index_made_for_it(archive: Archive, queue: Queue, index: str) -> None:
    await archive.session.execute(text(_PEOPLE_SQL))
    await archive.session.execute(text(_MANY_SQL), {"page": archive.page.id, "now": NOW})
    await archive.session.execute(text("ANALYZE appeal"))
    picked = queries.picked_rows(queue, staff(user_id=7), NOW)
    compiled = picked.compile(dialect=postgresql.dialect(), compile_kwargs={"literal_binds": True})
    plan = "\n".join(await archive.session.scalars(text(f"EXPLAIN {compiled}".replace(":", "\\:"))))
    assert f" {index} " in plan, plan
    assert "Seq Scan" not in plan, plan


_PEOPLE_SQL = """
INSERT INTO app_user (id, login, name, role, password_hash, failed_attempts, is_active, created_at)
SELECT n, 'user-' || n, 'user', 'operator', '-', 0, true, now() FROM generate_series(5, 25) n
"""
_MANY_SQL = """
INSERT INTO appeal (page_id, platform, kind, place, thread_key, author_external_id, external_id, text, search_text,
  has_attachments, is_edited, is_talk, state, cycle, version, is_confirmed, severity, judgement, routing, department_id,
  assignee_id, transfer_count, return_count, next_due_at, received_at)
SELECT :page, 'vk', 'comment', 'wall', 'many-' || n, '1', n::text, 'двор', 'двор', false, false, n % 97 = 0,
  CASE WHEN n % 10 <> 0 THEN 'answered' WHEN n % 7 = 0 THEN 'review' WHEN n % 3 = 0 THEN 'in_work' ELSE 'routed' END,
  1, 1, false, 2, '{}', '{}', 1 + n / 10 % 30, CASE WHEN n % 3 = 0 THEN 5 + n / 10 % 20 END, 0, 0,
  CAST(:now AS timestamptz) + n * interval '1 second' - interval '1 hour', CAST(:now AS timestamptz)
FROM generate_series(1, 15000) n
"""
