"""The life of a version of the rules: drafted, changed, checked, approved, published, rolled back."""

import asyncio

import pytest
from sqlalchemy import update

from app.accounts.actor import Actor
from app.appeals.models import Appeal, HistoryEntry
from app.audit.models import AuditEntry
from app.departments.models import Department
from app.errors import Conflict, NotAllowed
from app.intake.service import drain_batch
from app.resources import Resources
from app.rulebook import REFUSED, Rulebook
from app.rules import service
from app.rules.models import RuleSetState, RuleSetVersion
from app.rules.service import RulesRefused
from app.terminal import COMMAND_LINE
from routing_rules import load
from tests.conftest import NOW, VK
from tests.office import ROAD, do, rows
from tests.rules.conftest import SHIPPED, change


async def in_force(resources: Resources) -> str:
    async with resources.database.transaction() as session:
        return (await resources.rulebook.current(session)).version


async def publish(resources: Resources, draft: RuleSetVersion, actor: Actor, *, needs_approval: bool = False) -> None:
    await do(resources, service.publish, draft.id, actor, now=NOW, needs_approval=needs_approval)


async def test_the_shipped_tables_become_the_first_version_once(resources: Resources) -> None:
    assert await in_force(resources) == "omsk-1"  # nothing published: the shipped tables decide
    assert await do(resources, service.import_first_version, SHIPPED, NOW)
    assert not await do(resources, service.import_first_version, SHIPPED, NOW)
    (first,) = await rows(resources, RuleSetVersion)
    assert (first.version, first.state) == ("omsk-1", "published")
    async with resources.database.transaction() as session:
        assert (await resources.rulebook.current(session)).digest == load().digest


async def test_a_draft_is_published_and_taken_at_once_by_every_process(
    published: Resources, draft: RuleSetVersion, vera: Actor
) -> None:
    other_process = Rulebook(load())
    async with published.database.transaction() as session:
        assert (await other_process.current(session)).version == "omsk-1"
    await change(published, draft, "rules.toml", "topic = 0.50", "topic = 0.55", vera)
    await publish(published, draft, vera)
    async with published.database.transaction() as session:
        rules = await other_process.current(session)
    assert (rules.version, rules.tables.thresholds.topic) == ("omsk-2", 0.55)
    assert [(row.version, row.state) for row in await rows(published, RuleSetVersion)] == [
        ("omsk-1", "retired"),
        ("omsk-2", "published"),
    ]
    assert [entry.action for entry in await rows(published, AuditEntry)] == [
        "rules_published", "rules_drafted", "rules_changed", "rules_published",
    ]  # fmt: skip


async def test_a_transaction_keeps_the_rules_that_it_began_with(
    published: Resources, draft: RuleSetVersion, vera: Actor
) -> None:
    async with published.database.transaction() as session:
        first = await published.rulebook.current(session)
        await publish(published, draft, vera)
        assert await published.rulebook.current(session) is first
    assert await in_force(published) == "omsk-2"


async def test_a_rollback_is_a_new_version_with_the_old_rules(
    published: Resources, draft: RuleSetVersion, vera: Actor
) -> None:
    await change(published, draft, "rules.toml", "topic = 0.50", "topic = 0.55", vera)
    await publish(published, draft, vera)
    again = await do(published, service.roll_back, 1, vera, now=NOW)
    assert (again.version, again.state, again.note) == ("omsk-3", RuleSetState.PUBLISHED, "Возврат к omsk-1")
    async with published.database.transaction() as session:
        rules = await published.rulebook.current(session)
    assert (rules.version, rules.tables.thresholds.topic) == ("omsk-3", 0.5)
    with pytest.raises(Conflict):
        await do(published, service.roll_back, again.id, vera, now=NOW)


async def test_text_that_makes_no_rules_is_refused_with_its_line_and_not_stored(
    published: Resources, draft: RuleSetVersion, vera: Actor
) -> None:
    broken = SHIPPED["rules.toml"].replace('mode = "active"', 'mode = "sometimes"', 1)
    with pytest.raises(RulesRefused) as refused:
        await do(published, service.change_file, draft.id, "rules.toml", broken, vera, now=NOW, edition=1)
    line = broken.splitlines().index('mode = "sometimes"') + 1
    assert [(one.file, one.line) for one in refused.value.problems] == [("rules.toml", line)]
    assert (await rows(published, RuleSetVersion))[-1].edition == 1


async def test_two_people_do_not_overwrite_each_other(
    published: Resources, draft: RuleSetVersion, vera: Actor, oleg: Actor
) -> None:
    text = SHIPPED["rules.toml"].replace("topic = 0.50", "topic = 0.55")
    await do(published, service.change_file, draft.id, "rules.toml", text, vera, now=NOW, edition=1)
    with pytest.raises(Conflict):
        await do(published, service.change_file, draft.id, "rules.toml", text, oleg, now=NOW, edition=1)


async def test_a_tie_and_a_closed_department_keep_a_draft_from_being_published(
    published: Resources, draft: RuleSetVersion, vera: Actor
) -> None:
    tied = 'ГО-901,,"Автостанции, автовокзалы",52701000,,,omsk-city,\nГО-001,'
    await change(published, draft, "matrix.csv", "ГО-001,", tied, vera)
    async with published.database.transaction() as session:
        await session.execute(update(Department).where(Department.code == "minobr").values(is_active=False))
    try:
        with pytest.raises(RulesRefused) as refused:
            await publish(published, draft, vera)
    finally:
        async with published.database.transaction() as session:
            await session.execute(update(Department).values(is_active=True))
    messages = " ".join(problem.message for problem in refused.value.problems)
    assert "Ничья: ГО-901, ГО-004" in messages
    assert "(minobr) больше не работает" in messages
    assert await in_force(published) == "omsk-1"


async def test_a_department_that_the_office_does_not_have_is_refused(
    published: Resources, draft: RuleSetVersion, vera: Actor
) -> None:
    await change(published, draft, "departments.csv", "cur-desk,", "nobody,Никто,Никто,ministry\ncur-desk,", vera)
    await change(published, draft, "matrix.csv", "ГО-003,,\"Автозимник, ледовая дорога/переправа\",52701000,,,mintrans",
                 "ГО-003,,\"Автозимник, ледовая дорога/переправа\",52701000,,,nobody", vera)  # fmt: skip
    with pytest.raises(RulesRefused) as refused:
        await publish(published, draft, vera)
    assert [(one.file, one.message) for one in refused.value.problems] == [
        ("matrix.csv", "Ведомства «Никто» (nobody) нет в справочнике")
    ]


async def test_a_department_described_for_nothing_is_refused_too_since_processes_start_with_all_of_them(
    published: Resources, draft: RuleSetVersion, vera: Actor
) -> None:
    await change(published, draft, "departments.csv", "cur-desk,", "nobody,Никто,Никто,ministry\ncur-desk,", vera)
    with pytest.raises(RulesRefused, match=r"departments\.csv: Ведомства «Никто» \(nobody\) нет в справочнике"):
        await publish(published, draft, vera)


async def test_a_second_person_agrees_and_any_change_takes_the_agreement_back(
    published: Resources, draft: RuleSetVersion, vera: Actor, oleg: Actor
) -> None:
    with pytest.raises(NotAllowed):
        await publish(published, draft, vera, needs_approval=True)
    for alone in (vera, COMMAND_LINE):
        with pytest.raises(NotAllowed):
            await do(published, service.approve, draft.id, alone, now=NOW)
    await do(published, service.approve, draft.id, oleg, now=NOW)
    await change(published, draft, "rules.toml", "topic = 0.50", "topic = 0.55", vera)
    with pytest.raises(NotAllowed):
        await publish(published, draft, vera, needs_approval=True)
    await do(published, service.approve, draft.id, oleg, now=NOW)
    await publish(published, draft, vera, needs_approval=True)
    assert await in_force(published) == "omsk-2"


async def test_a_draft_that_has_fallen_behind_is_not_published_unread(
    published: Resources, draft: RuleSetVersion, vera: Actor, oleg: Actor
) -> None:
    other = await do(published, service.start_draft, oleg, "Срочно", now=NOW)
    await publish(published, other, oleg)
    with pytest.raises(Conflict, match="omsk-3"):
        await publish(published, draft, vera)
    await do(published, service.catch_up, draft.id, vera, now=NOW)
    await publish(published, draft, vera)
    assert await in_force(published) == "omsk-2"


async def test_of_two_who_publish_at_once_one_is_told_to_look_again(
    published: Resources, draft: RuleSetVersion, vera: Actor, oleg: Actor
) -> None:
    other = await do(published, service.start_draft, oleg, "Срочно", now=NOW)
    ends = await asyncio.gather(
        publish(published, draft, vera), publish(published, other, oleg), return_exceptions=True
    )  # fmt: skip
    assert sorted(type(end).__name__ for end in ends) == ["Conflict", "NoneType"]


async def test_a_version_that_this_process_cannot_read_alarms_and_the_last_good_one_decides(
    published: Resources, vera: Actor
) -> None:
    assert await in_force(published) == "omsk-1"
    before = REFUSED._value.get()
    async with published.database.transaction() as session:
        files = {**SHIPPED, "rules.toml": SHIPPED["rules.toml"].replace("omsk-1", "omsk-9") + "\nfuture = 1\n"}
        first = await session.get_one(RuleSetVersion, 1)
        first.state = RuleSetState.RETIRED
        await session.flush()
        session.add(
            RuleSetVersion(version="omsk-9", state="published", files=files, author="x", created_at=NOW, changed_at=NOW)
        )
    assert await in_force(published) == "omsk-1"
    assert await in_force(published) == "omsk-1"
    assert REFUSED._value.get() == before + 1


async def test_publishing_and_rolling_back_while_the_inbox_drains_loses_and_mixes_nothing(
    published: Resources, vk: VK, draft: RuleSetVersion, vera: Actor
) -> None:
    small = published.settings.model_copy(update={"drain_batch_size": 5})
    workers = [
        Resources(
            **{
                **{name: getattr(published, name) for name in Resources.__slots__},
                "settings": small,
                "rulebook": Rulebook(load()),
            }
        )
        for _ in range(2)
    ]
    for number in range(60):
        await vk.comment(ROAD, 900 + number, author=300 + number)

    async def drain(worker: Resources) -> None:
        for _ in range(100):
            if not await drain_batch(worker, NOW):
                break

    async def turn() -> None:
        await publish(published, draft, vera)
        for version_id in (1, 2, 1, 2):
            await do(published, service.roll_back, version_id, vera, now=NOW)

    await asyncio.gather(*(drain(worker) for worker in workers), turn())
    appeals, versions = await rows(published, Appeal), await rows(published, RuleSetVersion)
    assert [row.state for row in versions] == ["retired"] * 5 + ["published"]
    assert len(appeals) == 60
    told = {
        entry.appeal_id: entry.details["rule_set_version"]
        for entry in await rows(published, HistoryEntry) if entry.action == "routed"
    }  # fmt: skip
    assert {appeal.id: appeal.routing["rule_set_version"] for appeal in appeals} == told
    assert set(told.values()) <= {row.version for row in versions}
    assert len(set(told.values())) > 1  # they were taken on the way
