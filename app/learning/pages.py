"""/models: which model judges, who waits for a decision, how much labels have taught."""

from typing import Annotated

from fastapi import APIRouter, Form, Path, Request
from fastapi.responses import RedirectResponse, Response

from app.accounts.access import ManagerDep
from app.db import SessionDep
from app.learning import decisions, overview, registry
from app.learning.chart import draw_curve
from app.learning.comparison import Comparison
from app.resources import Resources
from app.time import utc_now
from app.web import flash, render

router = APIRouter(include_in_schema=False)
Version = Annotated[str, Path(max_length=80, pattern=r"^[0-9a-z.\-]+$")]
Reason = Annotated[str, Form(max_length=500)]
KIND_NAMES = {"topic": "Тема", "topic_group": "Группа тем", "agency": "Ведомство"}


@router.get("/models")
async def show_models(request: Request, actor: ManagerDep) -> Response:
    """Модели: версии, сравнения, кривая обучения."""
    resources: Resources = request.app.state.resources
    told = await overview.read_overview(resources)
    return render(
        request,
        "learning/models.html",
        told=told,
        compared={row.version: Comparison.from_stored(row.comparison) for row in told.rows},
        states=overview.STATE_NAMES,
        kinds=KIND_NAMES,
        judging=resources.judge.version,
        wanted_labels=resources.settings.model_retrain_labels,
        is_auto=resources.settings.model_auto_promote,
        night=overview.NIGHT_LABEL,
        chart=draw_curve(told.curve),
    )


@router.post("/models/{version}/promotion")
async def promote(request: Request, version: Version, actor: ManagerDep, reason: Reason = "") -> Response:
    """Принять модель."""
    await decisions.promote_model(request.app.state.resources, version, actor, utc_now(), reason=reason.strip())
    return _back(request, f"Модель {version} принята. Все процессы возьмут её в течение минуты.")


@router.post("/models/{version}/refusal")
async def refuse(request: Request, version: Version, session: SessionDep, actor: ManagerDep) -> Response:
    """Отклонить претендента."""
    await registry.refuse(session, version, actor, now=utc_now())
    return _back(request, f"Модель {version} отклонена")


@router.post("/models/rollback")
async def roll_back(request: Request, session: SessionDep, actor: ManagerDep) -> Response:
    """Вернуть прежнюю модель."""
    restored = await registry.rollback(session, actor, now=utc_now())
    return _back(request, f"Работает прежняя модель: {restored}")


def _back(request: Request, text: str) -> Response:
    response = RedirectResponse("/models", 303)
    flash(request, response, text)
    return response
