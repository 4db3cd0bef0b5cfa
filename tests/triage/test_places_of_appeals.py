"""Where an appeal is about: found in its words, used by the rules, asked and corrected on the card."""

import pytest
from sqlalchemy import update

import routing_rules
from app.accounts.actor import Actor
from app.appeals import service as appeals
from app.appeals.models import Appeal
from app.errors import Conflict, Invalid
from app.handling.registry import save_territory
from app.public_pages.models import PublicPage
from app.resources import Resources
from app.triage.destinations import destinations
from app.triage.marks import Piece, with_places
from app.triage.place_choice import choose_place
from app.triage.places import _built, gazetteer_of, place_panel
from tests.appeals.conftest import SignIn, sign_in
from tests.conftest import NOW, VK
from tests.office import actions, clerk, details, do, only, opened, other_department, rows

__all__ = ["sign_in"]  # a fixture
REGION, TARA, TARA_DISTRICT, OMSK = "52000000", "52654101", "52654000", "52701000"
IN_TARA = "В Таре на ул. Садовой, 12 третий месяц не горят фонари, ходим в темноте, когда почините освещение?"
BETWEEN = "Из Тары в Исилькуль автобус не ходит вторую неделю, люди не могут доехать до больницы"


@pytest.fixture
async def regional(vk: VK, resources: Resources) -> VK:
    """The page belongs to the whole region."""
    async with resources.database.transaction() as session:
        await session.execute(update(PublicPage).values(territory_code=REGION))
    return vk


@pytest.fixture
async def anna(resources: Resources) -> Actor:
    return await clerk(resources)


async def choose(resources: Resources, appeal: Appeal, code: str, actor: Actor, **options: int) -> Appeal:
    async with resources.database.transaction() as session:
        return await choose_place(resources, session, appeal.id or 0, code, actor, now=NOW, **options)


def because(appeal: Appeal) -> str:
    return str(appeal.routing["steps"][0]["because"])


async def test_a_place_in_the_words_makes_the_territory_of_a_regional_page_more_exact(regional: VK) -> None:
    appeal = await opened(regional, IN_TARA)
    assert (appeal.territory_code, appeal.territory_from) == (TARA, "text")
    assert [(one["kind"], one["text"]) for one in appeal.places] == [
        ("settlement", "Таре"),
        ("street", "ул. Садовой, 12"),
    ]
    assert because(appeal) == "Территория из текста, «Таре»: г. Тара"


async def test_the_rules_see_the_place_that_was_found(regional: VK, resources: Resources) -> None:
    appeal = await opened(regional, IN_TARA)
    topics = resources.judge.manifest.labels["topic"]
    async with resources.database.transaction() as session:
        there = await destinations(resources, session, await session.get_one(Appeal, appeal.id), topics)
        unplaced = await session.get_one(Appeal, appeal.id)
        unplaced.territory_code = None
        anywhere = await destinations(resources, session, unplaced, topics)
        session.expunge_all()
    assert {topic for topic in topics if there[topic].id != anywhere[topic].id}


async def test_a_place_outside_the_pages_territory_leaves_it_as_it_is(vk: VK) -> None:
    appeal = await opened(vk, IN_TARA)
    assert (appeal.territory_code, appeal.territory_from) == (None, None)
    assert because(appeal) == "Территория страницы: Омск"


async def test_two_places_are_asked_about_and_used_by_nobody(regional: VK, resources: Resources) -> None:
    appeal = await opened(regional, BETWEEN)
    assert appeal.territory_code is None
    assert because(appeal).startswith("Место в тексте неоднозначно (г. Тара, г. Исилькуль)")
    async with resources.database.transaction() as session:
        panel = place_panel(appeal, REGION, await gazetteer_of(session, resources.rulebook.shipped))
    assert panel is not None
    assert panel.is_asked
    assert [choice.name for choice in panel.choices][:2] == [
        "г. Тара, Тарский район",
        "г. Исилькуль, Исилькульский район",
    ]


async def test_a_person_who_chooses_is_written_down_and_the_appeal_is_routed_by_the_choice(
    regional: VK, resources: Resources, anna: Actor
) -> None:
    appeal = await opened(regional, BETWEEN)
    chosen = await choose(resources, appeal, TARA, anna)
    assert (chosen.territory_code, chosen.territory_from, chosen.version) == (TARA, "person", appeal.version + 1)
    assert because(chosen) == "Территорию назвал человек: г. Тара"
    assert chosen.next_due_at == appeal.next_due_at
    assert (await actions(resources))[-2:] == ["routed", "place_chosen"]
    assert await details(resources, "place_chosen") == {"code": TARA, "from": "", "to": "г. Тара, Тарский район"}


async def test_words_that_come_later_do_not_change_what_a_person_chose(
    regional: VK, resources: Resources, anna: Actor
) -> None:
    await regional.message("Здравствуйте, у нас не горят фонари на всей улице третью неделю", 1)
    await regional.drain()
    appeal = await only(resources, Appeal)
    await choose(resources, appeal, OMSK, anna)
    await regional.message("Забыли написать: это в Таре", 2)
    await regional.drain()
    appeal = await only(resources, Appeal)
    assert (appeal.territory_code, appeal.territory_from) == (OMSK, "person")
    assert [one["text"] for one in appeal.places] == ["Таре"]


async def test_later_words_place_an_appeal_that_nobody_has_placed(regional: VK, resources: Resources) -> None:
    await regional.message("Здравствуйте, у нас не горят фонари на всей улице третью неделю", 1)
    await regional.message("Забыли написать: это в Таре", 2)
    await regional.drain()
    assert (await only(resources, Appeal)).territory_code == TARA


async def test_the_page_itself_can_be_chosen(regional: VK, resources: Resources, anna: Actor) -> None:
    appeal = await opened(regional, IN_TARA)
    chosen = await choose(resources, appeal, "", anna)
    assert (chosen.territory_code, chosen.territory_from) == (None, "person")
    assert because(chosen) == "Территорию назвал человек: Омская область"


async def test_what_was_routed_by_hand_stays_where_it_is(regional: VK, resources: Resources, anna: Actor) -> None:
    appeal = await opened(regional, IN_TARA)
    elsewhere = await other_department(resources, appeal)
    await do(resources, appeals.reroute, appeal.id, elsewhere.id, anna, reason="не наше", now=NOW)
    chosen = await choose(resources, appeal, TARA_DISTRICT, anna)
    assert (chosen.department_id, chosen.routing["layer"]) == (elsewhere.id, "hand")


async def test_an_unknown_territory_and_a_stale_card_are_refused(
    regional: VK, resources: Resources, anna: Actor
) -> None:
    appeal = await opened(regional, IN_TARA)
    with pytest.raises(Invalid, match="Такой территории нет"):
        await choose(resources, appeal, "99999999", anna)
    with pytest.raises(Conflict):
        await choose(resources, appeal, TARA, anna, expected_version=appeal.version + 1)


async def test_the_card_marks_the_place_and_takes_the_choice(
    regional: VK, resources: Resources, sign_in: SignIn
) -> None:
    appeal = await opened(regional, BETWEEN)
    browser = await sign_in()
    card = (await browser.get(f"/appeals/{appeal.id}")).text
    assert '<span class="place" title="Место">' in card
    assert "О каком речь?" in card
    answered = await browser.post(f"/appeals/{appeal.id}/place", code=TARA, version=appeal.version)
    assert answered.status_code == 200
    assert "выбрал человек" in answered.text
    assert (await rows(resources, Appeal))[-1].territory_code == TARA
    listed = (await browser.get(f"/queue?territory={TARA_DISTRICT}")).text
    assert f'id="row-{appeal.id}"' in listed


def test_places_are_cut_out_of_marked_text_without_losing_a_letter() -> None:
    pieces = [Piece("В "), Piece("Таре", "strong"), Piece(" на ул. Садовой темно")]
    cut = with_places(pieces, [(2, 6), (10, 21)])
    assert "".join(piece.text for piece in cut) == "В Таре на ул. Садовой темно"
    assert [(piece.text, piece.strength) for piece in cut if piece.is_place] == [
        ("Таре", "strong"),
        ("ул. Садовой", ""),
    ]
    assert with_places(pieces, []) == pieces


async def test_the_gazetteer_is_built_once_and_anew_when_the_registry_changes(
    resources: Resources, rule_set: routing_rules.RuleSet, anna: Actor
) -> None:
    async with resources.database.transaction() as session:
        before = await gazetteer_of(session, rule_set)
        assert await gazetteer_of(session, rule_set) is before
        await save_territory(session, "52654405", "с. Новоёлочное", anna, now=NOW)
        after = await gazetteer_of(session, rule_set)
        assert after.entries["52654405"].path == ("52000000", "52654000", "52654405")
        await save_territory(session, "52654405", "с. Старососновое", anna, now=NOW)
        assert (await gazetteer_of(session, rule_set)).entries["52654405"].name == "с. Старососновое"


async def test_a_territory_that_people_added_to_the_registry_is_found_in_messages(
    regional: VK, resources: Resources, anna: Actor
) -> None:
    async with resources.database.transaction() as session:
        await save_territory(session, "52654405", "с. Новоёлочное", anna, now=NOW)
    appeal = await opened(regional, "В селе Новоёлочное третий день нет воды, люди ходят к колодцу")
    assert (appeal.territory_code, because(appeal)) == (
        "52654405", "Территория из текста, «Новоёлочное»: с. Новоёлочное",
    )  # fmt: skip


def test_territories_that_only_the_rules_name_count_too(rule_set: routing_rules.RuleSet) -> None:
    assert set(_built(rule_set, ()).entries) == {one.code for one in rule_set.tables.territories}
