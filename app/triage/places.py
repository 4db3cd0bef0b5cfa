"""Where an appeal is about: the page's territory, made more exact by a place that its words name, or by a person."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.appeals.models import Appeal
from app.departments.models import Territory
from app.triage.facts import PageContext
from classifier.places import Entry, Gazetteer, Mention
from classifier.whereabouts import Whereabouts, whereabouts
from routing_rules import RuleSet, territory_path

FROM_TEXT, FROM_PERSON = "text", "person"
MOST_PLACES = 20

_REGISTRY = select(col(Territory.code), col(Territory.name), col(Territory.path))
_WORDS = func.concat_ws("|", col(Territory.code), col(Territory.name), col(Territory.path))
_MARK = select(func.concat(func.count(), ":", func.sum(func.hashtextextended(_WORDS, 0)))).select_from(Territory)
_gazetteers: WeakKeyDictionary[RuleSet, tuple[str | None, Gazetteer]] = WeakKeyDictionary()


@dataclass(frozen=True, slots=True)
class PlaceChoice:
    """A territory that a person may choose; an empty code is the page's own."""

    code: str
    name: str
    is_current: bool


@dataclass(frozen=True, slots=True)
class PlacePanel:
    """What the card says of the place. `is_asked` when the words name several and nobody has chosen yet."""

    territory: str
    source: str
    named: str
    choices: tuple[PlaceChoice, ...]
    is_asked: bool


async def gazetteer_of(session: AsyncSession, rule_set: RuleSet) -> Gazetteer:
    """The territories of the installation by the forms of their names: those of its registry, and any others that the
    rules name. Built anew when the rules or the registry have changed.
    """
    mark = await session.scalar(_MARK)
    known = _gazetteers.get(rule_set)
    if known is None or known[0] != mark:
        registry = [(code, name, path) for code, name, path in await session.execute(_REGISTRY)]
        known = _gazetteers[rule_set] = (mark, await asyncio.to_thread(_built, rule_set, registry))
    return known[1]


def _built(rule_set: RuleSet, registry: Sequence[tuple[str, str, str]]) -> Gazetteer:
    named = {one.code: Entry(one.code, one.name, territory_path(one.code)) for one in rule_set.tables.territories}
    registered = {code: Entry(code, name, tuple(path.split("/"))) for code, name, path in registry}
    return Gazetteer((named | registered).values())


def note_places(appeal: Appeal, page: PageContext, gazetteer: Gazetteer) -> Whereabouts:
    """Write down the places that the appeal names, and the territory they mean, unless a person has said it."""
    mentions = gazetteer.find(appeal.search_text)
    found = whereabouts(mentions, gazetteer, page.territory)
    appeal.places = [
        {"kind": one.kind, "text": _said(appeal.search_text, one), "codes": list(one.codes)}
        for one in mentions[:MOST_PLACES]
    ]
    if appeal.territory_from != FROM_PERSON:
        appeal.territory_code = found.code
        appeal.territory_from = FROM_TEXT if appeal.territory_code else None
    return found


def place_step(
    appeal: Appeal, page: PageContext, gazetteer: Gazetteer, found: Whereabouts | None = None
) -> dict[str, Any]:
    """The line of the routing's trace that says where the territory came from. `found`: what `note_places` has told."""
    because = _because(appeal, page, gazetteer, found or _found(appeal, page.territory, gazetteer))
    return {"layer": "place", "rule": "place", "outcome": "info", "department": None, "because": because}


def _because(appeal: Appeal, page: PageContext, gazetteer: Gazetteer, found: Whereabouts) -> str:
    pages = _name(gazetteer, page.territory[-1]) if page.territory else ""
    if appeal.territory_from == FROM_PERSON:
        return f"Территорию назвал человек: {_name(gazetteer, appeal.territory_code) or pages or 'не указана'}"
    if found.code and found.mention:
        return f"Территория из текста, «{_said(appeal.search_text, found.mention)}»: {_name(gazetteer, found.code)}"
    if found.candidates:
        names = ", ".join(_name(gazetteer, code) for code in found.candidates)
        return f"Место в тексте неоднозначно ({names}), решала территория страницы: {pages or 'не указана'}"
    return f"Территория страницы: {pages}" if pages else "Территория не указана ни у страницы, ни в тексте"


def place_panel(appeal: Appeal, page_code: str | None, gazetteer: Gazetteer) -> PlacePanel | None:
    """The panel of the card; None when nothing is named and nobody has chosen."""
    if not appeal.places and appeal.territory_from is None:
        return None
    page = territory_path(page_code) if page_code else ()
    found = _found(appeal, page, gazetteer)
    is_chosen = appeal.territory_from == FROM_PERSON
    sources = {FROM_TEXT: "из текста", FROM_PERSON: "выбрал человек", None: "территория страницы"}
    return PlacePanel(
        territory=_name(gazetteer, appeal.territory_code or page_code) or "не указана",
        source=sources.get(appeal.territory_from, ""),
        named=", ".join(dict.fromkeys(one["text"] for one in appeal.places)),
        choices=_choices(appeal, page_code, gazetteer),
        is_asked=bool(found.candidates) and not is_chosen,
    )


def _choices(appeal: Appeal, page_code: str | None, gazetteer: Gazetteer) -> tuple[PlaceChoice, ...]:
    """Everything that the words may mean, and the page's own territory."""
    codes = [code for one in appeal.places for code in one["codes"] if code in gazetteer.entries and code != page_code]
    named = [
        PlaceChoice(code, full_name(gazetteer, code), code == appeal.territory_code) for code in dict.fromkeys(codes)
    ]
    pages = PlaceChoice("", f"Вся территория страницы: {_name(gazetteer, page_code) or 'не указана'}",
                        appeal.territory_from == FROM_PERSON and appeal.territory_code is None)  # fmt: skip
    return (*named, pages) if named else ()


def full_name(gazetteer: Gazetteer, code: str) -> str:
    """The name with what tells it from another of the same name: «с. Ивановка, Калачинский район»."""
    above = [_name(gazetteer, step) for step in gazetteer.entries[code].path[1:-1]]
    return ", ".join(filter(None, [_name(gazetteer, code), *reversed(above)]))


def _found(appeal: Appeal, page: Sequence[str], gazetteer: Gazetteer) -> Whereabouts:
    return whereabouts(gazetteer.find(appeal.search_text), gazetteer, tuple(page))


def _said(text: str, mention: Mention) -> str:
    return " ".join(text[mention.start : mention.end].split())


def _name(gazetteer: Gazetteer, code: str | None) -> str:
    entry = gazetteer.entries.get(code or "")
    return entry.name if entry else ""
