"""Promotion needs proof or a reason, and there is always a way back."""

from dataclasses import replace

import pytest

from app.accounts.actor import Actor
from app.audit.models import AuditEntry
from app.errors import Conflict, Invalid, NotFound
from app.learning import decisions, registry
from app.learning.comparison import Comparison, Difference
from app.learning.files import folder_of
from app.learning.models import ModelState, ModelVersion
from app.resources import Resources
from tests.conftest import NOW
from tests.learning.conftest import Register
from tests.office import do, only, rows

BETTER = Difference(100, 0.5, 0.6, 0.04, 0.16, 0.7, 0.8, 0.05, 0.05)
WORSE = replace(BETTER, challenger=0.4, low=-0.16, high=-0.04)


def compared(row: ModelVersion, champion: str | None = None, **kinds: Difference) -> Comparison:
    return Comparison(champion, row.version, kinds or {"topic": BETTER})


async def states(resources: Resources) -> dict[str, str]:
    return {row.version: row.state for row in await rows(resources, ModelVersion)}


async def test_a_better_model_becomes_champion_and_the_audit_says_who_did_it(
    resources: Resources, register: Register, boss: Actor
) -> None:
    row = await register()
    await do(resources, registry.promote, row.version, compared(row), boss, now=NOW)
    promoted = await only(resources, ModelVersion)
    assert (promoted.state, promoted.promoted_by, promoted.replaced) == (ModelState.CHAMPION, boss.label, None)
    entry = (await rows(resources, AuditEntry))[-1]
    assert (entry.actor, entry.action, entry.details["version"]) == (boss.label, "model_promoted", row.version)
    with pytest.raises(Conflict, match="уже работает"):
        await do(resources, registry.promote, row.version, None, boss, now=NOW, reason="ещё раз")


@pytest.mark.parametrize(
    ("kinds", "said"),
    [
        ({"topic": replace(BETTER, low=-0.01)}, "Не лучше"),
        ({"topic": replace(BETTER, rows=20)}, "Свежих меток 20"),
        ({"topic": BETTER, "agency": WORSE}, "Значимо хуже: agency"),
        ({"agency": BETTER}, "Свежих меток 0"),
    ],
)
async def test_a_model_without_proof_is_not_promoted_unless_a_reason_is_given(
    resources: Resources, register: Register, boss: Actor, kinds: dict[str, Difference], said: str
) -> None:
    row = await register()
    with pytest.raises(Invalid, match=said):
        await do(resources, registry.promote, row.version, compared(row, **kinds), boss, now=NOW)
    await do(resources, registry.promote, row.version, compared(row, **kinds), boss, now=NOW, reason="так решили")
    assert (await only(resources, ModelVersion)).note == "так решили"


async def test_a_comparison_with_another_champion_proves_nothing(
    resources: Resources, register: Register, boss: Actor
) -> None:
    row = await register()
    with pytest.raises(Conflict, match="сменилась работающая"):
        await do(resources, registry.promote, row.version, compared(row, "2026-01-01.00000000"), boss, now=NOW)
    with pytest.raises(Invalid, match="не с чем сравнить"):
        await do(resources, registry.promote, row.version, None, boss, now=NOW)
    with pytest.raises(NotFound):
        await do(resources, registry.promote, "2020-01-01.00000000", None, boss, now=NOW)


async def test_each_rollback_goes_one_champion_back_past_those_taken_back_before(
    resources: Resources, register: Register, boss: Actor
) -> None:
    one, two, three = [await register(f"2026-11-1{day}T00:00:00Z") for day in (7, 8, 9)]
    await do(resources, registry.promote, one.version, None, boss, now=NOW, reason="а")
    await do(resources, registry.promote, two.version, None, boss, now=NOW, reason="б")
    assert await do(resources, registry.rollback, boss, now=NOW) == one.version
    await do(resources, registry.promote, three.version, None, boss, now=NOW, reason="в")
    assert await do(resources, registry.rollback, boss, now=NOW) == one.version
    assert await do(resources, registry.rollback, boss, now=NOW) == registry.SHIPPED
    assert set((await states(resources)).values()) == {ModelState.RETIRED}
    with pytest.raises(Conflict, match="возвращать нечего"):
        await do(resources, registry.rollback, boss, now=NOW)


async def test_a_champion_who_reigns_again_leaves_the_shipped_model_within_reach(
    resources: Resources, register: Register, boss: Actor
) -> None:
    one, two = [await register(f"2026-11-1{day}T00:00:00Z") for day in (7, 8)]
    for row in (one, two, one):
        await do(resources, registry.promote, row.version, None, boss, now=NOW, reason="а")
    assert await do(resources, registry.rollback, boss, now=NOW) == two.version
    await do(resources, registry.refuse, one.version, boss, now=NOW)
    assert await do(resources, registry.rollback, boss, now=NOW) == registry.SHIPPED


async def test_a_new_champion_makes_earlier_verdicts_void(
    resources: Resources, register: Register, boss: Actor
) -> None:
    one, two = await register("2026-11-18T00:00:00Z"), await register("2026-11-19T00:00:00Z")
    async with resources.database.transaction() as session:
        (await registry.find(session, one.version)).is_better = True
    await do(resources, registry.promote, two.version, compared(two), boss, now=NOW)
    assert not any(row.is_better for row in await rows(resources, ModelVersion))


async def test_a_challenger_whose_file_is_no_model_is_refused_and_that_is_remembered(
    resources: Resources, register: Register, boss: Actor
) -> None:
    row = await register()
    (folder_of(resources.settings, row.version) / "model.npz").write_bytes(b"PK\x03\x04 what is this")
    with pytest.raises(Invalid, match="не читается как модель"):
        await decisions.promote_model(resources, row.version, boss, NOW, reason="очень нужно")
    refused = await only(resources, ModelVersion)
    assert refused.state == ModelState.REFUSED
    assert "не читается" in (refused.problem or "")


async def test_a_person_can_decide_against_a_challenger_but_not_against_the_champion(
    resources: Resources, register: Register, boss: Actor
) -> None:
    row = await register()
    await do(resources, registry.refuse, row.version, boss, now=NOW)
    assert (await only(resources, ModelVersion)).state == ModelState.REFUSED
    await do(resources, registry.promote, row.version, None, boss, now=NOW, reason="передумали")
    with pytest.raises(Conflict, match="работает"):
        await do(resources, registry.refuse, row.version, boss, now=NOW)


async def test_one_version_is_registered_once(resources: Resources, register: Register, boss: Actor) -> None:
    row = await register()
    with pytest.raises(Conflict, match="уже есть"):
        await do(resources, registry.register, ModelVersion(**row.model_dump()), boss, NOW)
