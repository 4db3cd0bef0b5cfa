"""/rules: the version in force, its matrix and exceptions, all versions, a draft with what it would change."""

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.access import ManagerDep
from app.api import NO_NUL
from app.db import SessionDep
from app.rules.asking import Book, frame, open_book
from app.rules.checking import DAYS_OBSERVED, hits_by_rule
from app.rules.models import RuleSimulation, SimulationState
from app.rules.service import read_rules
from app.rules.simulation import LAST, latest_simulation
from app.rules.versions import load_version
from app.rules.views import (
    MOST_CELLS,
    Search,
    chosen_move,
    count_problems,
    examples_of,
    failed_text,
    find_cells,
    load_rows,
    move_rows,
    steps_of,
)
from app.web import render
from routing_rules import Decision, Facts, RuleSet, territory_path
from routing_rules.conditions import CONDITIONS
from routing_rules.differences import MODE_NAMES, differences, value_text
from routing_rules.territory import is_territory_code

router = APIRouter(include_in_schema=False)
VersionId = Annotated[int | None, Query(ge=1, le=2**31 - 1)]
Words = Annotated[str, Query(max_length=300, pattern=NO_NUL)]


@router.get("/rules")
async def show_matrix(
    request: Request,
    session: SessionDep,
    actor: ManagerDep,
    version: VersionId = None,
    q: Words = "",
    territory: Words = "",
    department: Words = "",
    cell: Words = "",
) -> Response:
    """Матрица компетенций: поиск, кто ответит и почему; у черновика и правка."""
    book = await open_book(request, session, version)
    search = Search(q.strip(), territory, department)
    found = find_cells(book.rules, search)
    edited = next((one for one in book.rules.tables.cells if one.id == cell), None) if book.is_draft else None
    return render(
        request,
        "rules/matrix.html",
        search=search,
        cells=found[:MOST_CELLS],
        count=len(found),
        hits=await hits_by_rule(session),
        days=DAYS_OBSERVED,
        edited=edited,
        is_adding=book.is_draft and cell == "new",
        decision=who_answers(book.rules, q.strip(), territory),
        topics=sorted({label.name for label in book.rules.tables.labels} | {one.topic for one in found if one.topic}),
        groups=sorted({label.group for label in book.rules.tables.labels}),
        **await frame(session, book, "matrix"),
    )


def who_answers(rules: RuleSet, topic: str, territory: str) -> Decision | None:
    """The decision for a topic that is certain, in a territory; None where the topic is not named in full."""
    label = rules.label(topic)
    is_known = label is not None or any(cell.topic == topic for cell in rules.tables.cells)
    if not topic or not is_known or not is_territory_code(territory):
        return None
    group = label.group if label else None
    return rules.decide(
        Facts("vk", "comment", "", None, territory_path(territory), topic, 1.0, group, float(group is not None), None,
              0.0, 2, "", None)
    )  # fmt: skip


@router.get("/rules/exceptions")
async def show_exceptions(
    request: Request, session: SessionDep, actor: ManagerDep, version: VersionId = None
) -> Response:
    """Исключения по порядку."""
    book = await open_book(request, session, version)
    return render(
        request,
        "rules/exceptions.html",
        hits=await hits_by_rule(session),
        days=DAYS_OBSERVED,
        modes=MODE_NAMES,
        value_text=value_text,
        conditions=CONDITIONS,
        **await frame(session, book, "exceptions"),
    )


@router.get("/rules/versions")
async def show_versions(request: Request, session: SessionDep, actor: ManagerDep) -> Response:
    """Все версии."""
    book = await open_book(request, session, None)
    return render(request, "rules/versions.html", **await frame(session, book, "versions"))


@router.get("/rules/versions/{version_id}")
async def show_version(
    request: Request, version_id: int, session: SessionDep, actor: ManagerDep, move: Words = ""
) -> Response:
    """Версия: чем отличается от действующей, проверка, прогон. У черновика — путь к публикации."""
    book = await open_book(request, session, _stored(version_id))
    other = await _compared_with(session, book)
    changes = await asyncio.to_thread(differences, other, book.rules) if other else ()
    simulation = await latest_simulation(session, version_id)
    settings = request.app.state.resources.settings
    errors, notes = count_problems(book.opened.problems)
    return render(
        request,
        "rules/version.html",
        changes=changes,
        against=other.version if other else "",
        errors=errors,
        notes=notes,
        needs_approval=settings.rules_need_approval,
        may_approve=actor.user_id not in book.opened.editor_ids,
        steps=steps_of(book.opened, simulation, needs_approval=settings.rules_need_approval),
        last=LAST,
        **await simulation_part(session, simulation, move),
        **await frame(session, book, "version"),
    )


def _stored(version_id: int) -> int:
    return version_id if 0 < version_id < 2**31 else 2**31 - 1


async def _compared_with(session: AsyncSession, book: Book) -> RuleSet | None:
    """A draft is compared with what is in force, any other version with the one before it."""
    other = book.in_force.id if book.is_draft else book.opened.parent_id
    if other is None:
        return None
    return await asyncio.to_thread(read_rules, (await load_version(session, other)).files)


async def simulation_part(session: AsyncSession, simulation: RuleSimulation | None, move: str) -> dict[str, Any]:
    """The simulation of a version, and if it is done, its matrix and the examples of one move."""
    part: dict[str, Any] = {"simulation": simulation, "result": None, "chosen": None}
    if simulation is None or simulation.state != SimulationState.DONE or simulation.result is None:
        return part
    takers, rows, gains = move_rows(simulation.result)
    chosen = chosen_move(simulation.result, move)
    examples = await examples_of(session, chosen) if chosen else []
    return {
        **part, "result": simulation.result, "takers": takers, "rows": rows, "gains": gains, "chosen": chosen,
        "examples": examples, "loads": load_rows(simulation.result),
        "failed": failed_text(simulation.result.get("failed", {})), "touched": simulation.result.get("touched", {}),
    }  # fmt: skip


@router.get("/rules/versions/{version_id}/progress")
async def show_progress(request: Request, version_id: int, session: SessionDep, actor: ManagerDep) -> Response:
    """How far the simulation is; when it ends, the page is read anew."""
    simulation = await latest_simulation(session, _stored(version_id))
    is_over = simulation is None or simulation.state in (SimulationState.DONE, SimulationState.FAILED)
    headers = {"HX-Refresh": "true"} if is_over else {}
    return render(request, "rules/_progress.html", headers=headers, simulation=simulation, version_id=version_id)
