"""The judge's quality in the browser, for managers: the page, and the corrections behind its numbers."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.access import ManagerDep
from app.api import NO_NUL
from app.db import SessionDep
from app.reports.asking import FromQuery, ToQuery
from app.reports.quality import KIND_NAMES, MOST_LISTED, Kind, read_examples, read_quality
from app.reports.quality_view import choices_url, trust_text, view
from app.reports.question import PRESETS, last_days, period_of
from app.resources import Resources
from app.time import utc_now
from app.web import render

router = APIRouter(include_in_schema=False)

Label = Annotated[str | None, Query(max_length=300, pattern=NO_NUL)]


@router.get("/quality")
async def show_quality(
    request: Request,
    session: SessionDep,
    actor: ManagerDep,
    label: Kind = Kind.TOPIC,
    from_text: FromQuery = None,
    to_text: ToQuery = None,
) -> Response:
    """Качество модели за период."""
    resources: Resources = request.app.state.resources
    now, zone = utc_now(), resources.settings.time_zone
    period = period_of(from_text, to_text, zone, now)
    quality = await read_quality(session, label, period, now)
    manifest = resources.judge.manifest
    context = view(quality, label, period, await used_threshold(resources, session, label), manifest)
    return render(
        request, "reports/quality.html", period=period, label=label, kinds=KIND_NAMES, model=manifest,
        presets=[(name, last_days(days, zone, now)) for days, name in PRESETS.items()],
        trust_text=trust_text, choices_url=choices_url, **context,
    )  # fmt: skip


@router.get("/quality/choices")
async def show_choices(
    request: Request,
    session: SessionDep,
    actor: ManagerDep,
    label: Kind = Kind.TOPIC,
    from_text: FromQuery = None,
    to_text: ToQuery = None,
    judged: Label = None,
    chosen: Label = None,
) -> Response:
    """Исправления, из которых сложилось число."""
    settings = request.app.state.resources.settings
    period = period_of(from_text, to_text, settings.time_zone, utc_now())
    examples = await read_examples(session, label, period, judged=judged, chosen=chosen)
    return render(
        request, "reports/quality_choices.html", period=period, label=label, kind_name=KIND_NAMES[label],
        examples=examples, judged=judged, chosen=chosen, most=MOST_LISTED,
    )  # fmt: skip


async def used_threshold(resources: Resources, session: AsyncSession, label: Kind) -> float:
    """From which probability on a label is believed without a person: the rules' threshold, else the model's."""
    of_rules = (await resources.rulebook.current(session)).tables.thresholds
    if label is Kind.TOPIC:
        return float(of_rules.topic)
    if label is Kind.TOPIC_GROUP:
        return float(of_rules.group)
    return float(resources.judge.manifest.thresholds.get(label, 1.0))
