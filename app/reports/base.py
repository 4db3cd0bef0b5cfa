"""What every report is: figures read once, shown as a page and as a table."""

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.reports.exports import Cell
from app.reports.question import Question
from app.settings import Settings


@dataclass(frozen=True, slots=True)
class Report:
    """One report at /reports/{code} and /reports/{code}.csv.

    `read` asks the database; `view` turns the figures into the template's context; `table` into rows without personal
    data, the head first.
    """

    code: str
    title: str
    template: str
    read: Callable[[AsyncSession, Question, datetime], Awaitable[Any]]
    view: Callable[[Any, Settings], Mapping[str, Any]]
    table: Callable[[Any], Iterator[Sequence[Cell]]]
