"""What is known besides the text is told to the judge: at work, on the card, in what labels teach and compare."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import event

from app.appeals.models import Appeal
from app.departments.models import Department, Territory
from app.learning.comparison import compare
from app.learning.examples import known_to, read_examples
from app.public_pages.models import PublicPage
from app.resources import Resources
from app.triage.facts import CIRCUMSTANCES, known_of, read_context
from app.triage.models import LabelChoice
from app.triage.panel import topic_panel
from app.triage.service import judge_and_route
from classifier import Judge
from classifier.circumstances import MONTHS
from classifier.dataset import Corpus, corpus_of, read_corpus
from classifier.training import train
from tests.conftest import NOW, VK, ZONE
from tests.office import opened, rows

OWN = Path(__file__).parent.parent / "classifier" / "own_corpus.csv"
HERE, ELSEWHERE = "Примерск", "Дальнее"
SNOW = "Уборка снега"


@pytest.fixture(scope="module")
def towns() -> dict[str, str]:
    """Territories, each with its agency."""
    return {HERE: "Управа здесь", ELSEWHERE: "Управа там", "Образцовое": "Управа ещё дальше"}


def taught(towns: dict[str, str], *kinds: str) -> Judge:
    """Taught that the territory alone tells the agency, and that snow is an affair of one town."""
    own = read_corpus(OWN)
    topics = [own.names["topic"][number] for number in own.numbers["topic"]]
    told = [
        (text, topic, town)
        for text, topic in zip(own.texts, topics, strict=True)
        for town in towns
        if town == ELSEWHERE or topic != SNOW
    ]
    labels = {"topic": [topic for _, topic, _ in told], "agency": [towns[town] for *_, town in told]}
    given = {"territory": [town for *_, town in told]}
    return trained(corpus_of([text for text, *_ in told], {kind: labels[kind] for kind in kinds}, given))


def taught_by_months() -> Judge:
    """Taught that each of six topics has two months: snow November and December."""
    own = read_corpus(OWN)
    after_snow = own.numbers["topic"] - own.names["topic"].index(SNOW)
    numbers = MONTHS.index("ноябрь") + 2 * after_snow + np.arange(len(own.texts)) % 2
    months = [MONTHS[number] for number in (numbers % len(MONTHS)).tolist()]
    return trained(replace(own, names={"topic": own.names["topic"]}, numbers={"topic": own.numbers["topic"]},
                           given={"month": months}))  # fmt: skip


def trained(corpus: Corpus) -> Judge:
    model = train(corpus, None, [], "2026-11-26T00:00:00Z")
    return Judge(model.manifest, model.arrays)


@pytest.fixture(scope="module")
def local_judge(towns: dict[str, str]) -> Judge:
    return taught(towns, "topic", "agency")


@pytest.fixture
def local(resources: Resources, local_judge: Judge) -> Resources:
    return replace(resources, judge=local_judge)


async def settle(resources: Resources, page: PublicPage, name: str) -> None:
    """The page belongs to a territory with this name from now on."""
    async with resources.database.transaction() as session:
        stored = await session.get_one(PublicPage, page.id)
        (await session.get_one(Territory, stored.territory_code)).name = name


@contextmanager
def counted(resources: Resources) -> Iterator[list[str]]:
    """The statements that the database is asked meanwhile."""
    asked: list[str] = []

    def note(*arguments: object) -> None:
        asked.append(str(arguments[2]))

    engine = resources.database.engine.sync_engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield asked
    finally:
        event.remove(engine, "before_cursor_execute", note)


async def judged(resources: Resources, *appeals: Appeal) -> list[Appeal]:
    async with resources.database.transaction() as session:
        stored = [await session.get_one(Appeal, appeal.id) for appeal in appeals]
        await judge_and_route(resources, session, stored, NOW)
    return stored


def test_what_the_service_knows_is_documented_for_whoever_trains() -> None:
    told = (Path(__file__).parents[2] / "docs" / "classifier.md").read_text(encoding="utf-8")
    assert [name for name in CIRCUMSTANCES if f"| `{name}` |" not in told] == []


async def test_the_agency_follows_the_territory_of_the_page(local: Resources, vk: VK, towns: dict[str, str]) -> None:
    appeal = await opened(vk)
    for town, agency in towns.items():
        await settle(local, vk.page, town)
        assert [one.agency for one in await judged(local, appeal)] == [agency]


async def test_a_batch_asks_for_its_pages_once(local: Resources, vk: VK) -> None:
    appeals = [await opened(vk, comment_id=number, author=number) for number in range(800, 805)]
    with counted(local) as few:
        await judged(local, appeals[0])
    with counted(local) as many:
        await judged(local, *appeals)
    pages = [sum("FROM public_page" in statement for statement in asked) for asked in (few, many)]
    assert pages == [1, 1]


async def test_a_page_of_a_settlement_is_known_with_its_municipality(resources: Resources, vk: VK) -> None:
    async with resources.database.transaction() as session:
        for code, name, above in (
            ("52999000", "Примерский район", "52000000"), ("52999401", "Дальняя", "52999000"),
        ):  # fmt: skip
            session.add(Territory(code=code, name=name, parent_code=above, path=f"52000000/{code}"))
            await session.flush()
        page = await session.get_one(PublicPage, vk.page.id)
        page.territory_code = "52999401"
    async with resources.database.transaction() as session:
        known = (await read_context(session, [page.id or 0]))[page.id or 0].known
        assert known == {"territory": "Дальняя", "municipality": "Примерский район"}
        (await session.get_one(PublicPage, page.id)).territory_code = None
    async with resources.database.transaction() as session:
        assert (await read_context(session, [page.id or 0]))[page.id or 0].known == {}


async def test_the_month_is_the_centers_own(resources: Resources, vk: VK) -> None:
    async with resources.database.transaction() as session:
        page = (await read_context(session, [vk.page.id or 0]))[vk.page.id or 0]
    new_year = datetime(2026, 12, 31, 18, 30, tzinfo=UTC)  # half past midnight in Omsk
    assert known_of(page, new_year, ZONE)["month"] == "январь"
    assert known_of(page, new_year, "Europe/Moscow")["month"] == "декабрь"


async def test_the_card_says_that_the_month_spoke_for_the_topic(resources: Resources, vk: VK) -> None:
    local = replace(resources, judge=taught_by_months())
    appeal = await opened(vk, "Когда уберут снег, сугробы по колено")
    (appeal,) = await judged(local, appeal)
    assert appeal.topic == SNOW
    async with local.database.transaction() as session:
        assert (await topic_panel(local, session, appeal, [], {})).heard == "Учтён месяц: ноябрь."


async def test_the_card_says_that_the_territory_spoke_for_the_topic(
    resources: Resources, vk: VK, towns: dict[str, str]
) -> None:
    local = replace(resources, judge=taught(towns, "topic"))
    appeal = await opened(vk, "Когда уберут снег, сугробы по колено")
    await settle(local, vk.page, ELSEWHERE)
    (appeal,) = await judged(local, appeal)
    assert appeal.topic == SNOW
    async with local.database.transaction() as session:
        assert (await topic_panel(local, session, appeal, [], {})).heard == f"Учтена территория страницы: {ELSEWHERE}."
        of_texts = replace(local, judge=resources.judge)
        assert (await topic_panel(of_texts, session, appeal, [], {})).heard == ""
        of_months = replace(local, judge=taught_by_months())  # would say so, and has not judged this appeal
        assert (await topic_panel(of_months, session, appeal, [], {})).heard == ""
    await settle(local, vk.page, "Нигдешнее")
    async with local.database.transaction() as session:
        assert (await topic_panel(local, session, appeal, [], {})).heard == ""


async def test_what_people_label_is_told_with_its_page_and_models_are_compared_so(
    local: Resources, vk: VK, towns: dict[str, str]
) -> None:
    texts = [f"Обращение {number}: на улице Садовой яма на дороге" for number in range(3)]
    appeals = [await opened(vk, text, comment_id=700 + at, author=at + 1) for at, text in enumerate(texts)]
    department = (await rows(local, Department))[0]
    async with local.database.transaction() as session:
        page = await session.get_one(PublicPage, vk.page.id)
        page.address, page.department_id, page.sphere = "https://vk.com/primersk", department.id, "health"
        for appeal in appeals:
            session.add(LabelChoice(
                appeal_id=appeal.id or 0, label_kind="agency", judged=None, probability=None, chosen=towns[ELSEWHERE],
                is_accepted=False, model_version="-", at=NOW,
            ))  # fmt: skip
    await settle(local, vk.page, ELSEWHERE)
    async with local.database.transaction() as session:
        corpus = known_to((await read_examples(session, {}, ZONE)).corpus, local.judge.manifest.labels)
    names = (ELSEWHERE, ELSEWHERE, "https://vk.com/primersk", department.name, "Здравоохранение", "ноябрь")
    told = dict(zip(CIRCUMSTANCES, names, strict=True))
    assert corpus.known == [told] * 3
    found = compare(local.judge, local.judge, corpus, champion_version=None)
    assert found.kinds["agency"].champion == found.kinds["agency"].challenger == 1
    misled = replace(corpus, given={"territory": [HERE] * 3})
    assert compare(local.judge, local.judge, misled, champion_version=None).kinds["agency"].champion == 0
