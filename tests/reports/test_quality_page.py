"""The page of quality: figures of people's words, honest where there are none, and the appeals behind them."""

import json
import re
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from html import unescape
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from app.accounts.models import Role
from app.appeals.models import Appeal
from app.public_pages.models import PublicPage
from app.reports.quality import Kind, read_examples, read_quality
from app.reports.question import Period
from app.resources import Resources
from app.triage.models import LabelChoice
from tests.conftest import NOW

Say = Callable[..., Awaitable[int]]
SignIn = Callable[..., Awaitable[httpx.AsyncClient]]
PERIOD = Period(NOW - timedelta(days=30), NOW + timedelta(days=1), "Asia/Omsk")


@pytest.fixture(autouse=True)
def today(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.reports.quality_pages.utc_now", lambda: NOW)


@pytest.fixture
def sign_in(browser: SignIn) -> SignIn:
    return browser


@pytest.fixture
def say(resources: Resources, page: PublicPage) -> Say:
    """An appeal that was judged, and what a person chose; nothing chosen where `chosen` is empty."""
    count = 0

    async def write(
        judged: str, chosen: str = "", probability: float = 0.7, at: datetime = NOW - timedelta(days=1), **more: Any
    ) -> int:
        nonlocal count
        count += 1
        labels = {kind: [{"label": judged, "probability": probability}] for kind in ("topic", "topic_group", "agency")}
        plain: dict[str, Any] = {
            "page_id": page.id, "platform": "vk", "kind": "comment", "place": "wall", "thread_key": f"t-{count}",
            "author_external_id": "1", "external_id": str(count), "text": f"Обращение {count}",
            "search_text": "слова", "state": "routed", "department_id": 1, "received_at": at,
            "topic": chosen or judged, "topic_group": chosen or judged, "confidence": probability,
            "judgement": {"labels": labels},
        }  # fmt: skip
        async with resources.database.transaction() as session:
            appeal = Appeal(**{**plain, **more})
            session.add(appeal)
            await session.flush()
            if chosen:
                session.add(_choice(appeal.id or 0, "topic", judged, chosen, at))
            return appeal.id or 0

    return write


def _choice(appeal_id: int, kind: str, judged: str, chosen: str, at: datetime) -> LabelChoice:
    return LabelChoice(
        appeal_id=appeal_id, label_kind=kind, judged=judged, probability=0.5, chosen=chosen,
        is_accepted=judged == chosen, model_version="m", at=at,
    )  # fmt: skip


async def quality_of(resources: Resources, kind: Kind = Kind.TOPIC) -> Any:
    async with resources.database.transaction() as session:
        return await read_quality(session, kind, PERIOD, NOW)


async def test_without_a_word_of_people_the_page_says_so_and_never_hundred_percent(sign_in: SignIn) -> None:
    manager = await sign_in(Role.MANAGER)
    for label in Kind:
        html = (await manager.get(f"/quality?label={label}")).text
        assert "нет данных" in html
        assert "100 %" not in _tiles(html)
        assert "Нет данных" in html


def _tiles(html: str) -> str:
    return " ".join(re.findall(r'<p class="tile__value">.*?</p>', html, re.DOTALL))


async def test_the_last_word_on_an_appeal_counts_once_against_what_was_judged_first(
    resources: Resources, say: Say
) -> None:
    number = await say("Снег", "Ямы")
    async with resources.database.transaction() as session:
        session.add(_choice(number, "topic", "Снег", "Снег", NOW))
        session.add(_choice(number, "alarm", "пожар", "нет", NOW))
    quality = await quality_of(resources)
    assert [(pair.judged, pair.chosen, pair.count) for pair in quality.pairs] == [("Снег", "Снег", 1)]
    assert (quality.alarms.raised, quality.alarms.dismissed) == (1, 1)


async def test_coverage_is_of_all_appeals_and_precision_of_those_people_spoke_of(
    resources: Resources, say: Say, sign_in: SignIn
) -> None:
    for _ in range(9):
        await say("Снег", "Снег", 0.9)
    await say("Снег", "Ямы", 0.9)
    for _ in range(10):
        await say("Ямы", probability=0.2)
    await say("Разговор", probability=0.9, is_talk=True)
    html = (await (await sign_in(Role.MANAGER)).get("/quality")).text
    assert "90,0" in _tiles(html)
    assert "50,0" in _tiles(html)
    assert "при обучении" in html
    points = json.loads(unescape(re.search(r'data-points="([^"]+)"', html)[1]))  # type: ignore[index]
    assert points[90]["text"].replace("\u00a0", " ") == (
        "Порог 90 %: решает модель 50 % обращений, из них верно 90 % (n = 10)"
    )
    assert points[95]["x"] is None
    assert len(points) == 101


async def test_a_confused_pair_leads_to_its_appeals(resources: Resources, say: Say, sign_in: SignIn) -> None:
    wrong = await say("Снег", "Ямы и люки")
    await say("Снег", "Снег")
    await say("Лёд", "Ямы и люки")
    manager = await sign_in(Role.MANAGER)
    html = (await manager.get("/quality")).text
    (href,) = {
        unescape(one) for one in re.findall(r'href="(/quality/choices\?[^"]*judged=%D0%A1[^"]*chosen[^"]*)"', html)
    }
    listed = (await manager.get(href)).text
    assert f'href="/appeals/{wrong}"' in listed
    assert listed.count('href="/appeals/') == 1
    async with resources.database.transaction() as session:
        assert len(await read_examples(session, Kind.TOPIC, PERIOD, judged=None, chosen="Ямы и люки")) == 2


async def test_a_chosen_topic_speaks_for_its_group_and_of_agencies_nobody_speaks(
    resources: Resources, say: Say
) -> None:
    await say("ЖКХ", "Дороги")
    groups = await quality_of(resources, Kind.TOPIC_GROUP)
    assert [(pair.judged, pair.chosen) for pair in groups.pairs] == [("ЖКХ", "Дороги")]
    assert [one.hundredth for one in groups.everything] == [70]
    assert (await quality_of(resources, Kind.AGENCY)).pairs == ()


async def test_what_is_outside_of_the_period_does_not_count(resources: Resources, say: Say) -> None:
    await say("Снег", "Ямы", at=NOW - timedelta(days=40))
    quality = await quality_of(resources)
    assert (quality.pairs, quality.everything, quality.steps) == ((), (), ())


async def test_the_drift_compares_the_last_week_with_the_weeks_before(
    resources: Resources, say: Say, sign_in: SignIn
) -> None:
    await say("Снег", at=NOW - timedelta(days=2), probability=0.4)
    await say("Ямы", at=NOW - timedelta(days=20), probability=0.6)
    quality = await quality_of(resources)
    assert (dict(quality.now.counts), quality.now.confidence) == ({"Снег": 1}, pytest.approx(0.4))
    assert (dict(quality.before.counts), quality.before.confidence) == ({"Ямы": 1}, pytest.approx(0.6))
    html = (await (await sign_in(Role.MANAGER)).get("/quality")).text
    assert "мало данных" in html
    assert "Поток сдвинулся" not in html


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.DEPARTMENT])
async def test_only_managers_see_it(sign_in: SignIn, role: Role) -> None:
    reader = await sign_in(role, "minzdrav" if role == Role.DEPARTMENT else "")
    assert (await reader.get("/quality")).status_code == 403
    assert (await reader.get("/quality/choices")).status_code == 403


@pytest.mark.parametrize("query", ["label=colour", "from=yesterday", "from=2026-11-10&to=2026-11-01"])
async def test_a_broken_question_is_refused_with_a_reason(sign_in: SignIn, query: str) -> None:
    response: httpx.Response = await (await sign_in(Role.MANAGER)).get(f"/quality?{query}")
    assert 400 <= response.status_code < 500


async def test_the_choices_of_a_period_are_found_by_their_index(resources: Resources, say: Say) -> None:
    number = await say("Снег", "Ямы")
    async with resources.database.transaction() as session:
        await session.execute(text(_MANY), {"appeal": number, "now": NOW})
        await session.execute(text("ANALYZE label_choice"))
        plan = "\n".join(await session.scalars(text(_WEEK), {"now": NOW}))
        await session.execute(text("DELETE FROM label_choice"))
    assert "ix_label_choice_kind_at" in plan, plan


_MANY = """
INSERT INTO label_choice (appeal_id, label_kind, judged, chosen, is_accepted, model_version, at)
SELECT :appeal, 'topic', 'a', 'b', false, 'm', CAST(:now AS timestamptz) - n * interval '1 hour'
FROM generate_series(1, 20000) n
"""
_WEEK = """
EXPLAIN SELECT DISTINCT ON (appeal_id) appeal_id, judged, chosen FROM label_choice
WHERE label_kind = 'topic' AND at >= CAST(:now AS timestamptz) - interval '7 days' AND at < :now
ORDER BY appeal_id, at DESC, id DESC
"""
