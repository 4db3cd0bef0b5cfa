"""What every command does the same way: open everything, say what went wrong in one sentence, leave with 1."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import NoReturn, TypeVar

import httpx
import typer
from alembic.util import CommandError
from pydantic import ValidationError
from rich.console import Console
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from app import embedded
from app.accounts.actor import Actor
from app.accounts.models import Role
from app.db import NotPostgres, SchemaIsStale
from app.errors import AppError
from app.installation import with_resources
from app.logs import configure_logging
from app.platforms import UnknownPlatform
from app.resources import NotConfigured, Resources
from app.settings import get_settings
from app.sla.service import UnknownCode
from app.vault import CannotDecrypt, SecretKeyMissing
from classifier import ArtifactRejected
from classifier.tables import DataIsWrong
from routing_rules import RuleSetInvalid

console = Console(stderr=True)
COMMAND_LINE = Actor(label="Командная строка", role=Role.ADMIN)
T = TypeVar("T")
EXPECTED_ERRORS = (
    AppError, NotConfigured, NotPostgres, SchemaIsStale, SecretKeyMissing, CannotDecrypt, ArtifactRejected,
    RuleSetInvalid, UnknownCode, embedded.EmbeddedServerFailed, CommandError, ValidationError, SQLAlchemyError,
    httpx.HTTPError, OSError, UnknownPlatform, DataIsWrong,
)  # fmt: skip


def fail(message: str) -> NoReturn:
    """Say why on standard error and leave with 1."""
    console.print(message, style="red", markup=False, highlight=False)
    raise typer.Exit(1)


@contextmanager
def plain_errors() -> Iterator[None]:
    """Whatever may be expected to go wrong becomes one sentence."""
    try:
        yield
    except EXPECTED_ERRORS as error:
        fail(_sentence(error))


def _sentence(error: Exception) -> str:
    if isinstance(error, ValidationError):
        wrong = [f"APPEALS_{str(one['loc'][0]).upper()}: {one['msg']}" for one in error.errors()]
        return f"Настройки не подходят. {'; '.join(wrong)}"
    if isinstance(error, SQLAlchemyError):
        cause = getattr(error, "orig", None) or error
        return f"База данных не отвечает или отказала: {str(cause).splitlines()[0]}"
    if isinstance(error, httpx.HTTPError):
        return f"Сервис не отвечает, запущен ли он? ({error})"
    return str(error)


def run(work: Callable[[Resources], Awaitable[T]]) -> T:
    """Run one command with everything open."""

    async def session() -> T:
        async with with_resources(get_settings()) as resources:
            return await work(resources)

    configure_logging()
    with plain_errors():
        return asyncio.run(session())


def change(work: Callable[[AsyncSession, Resources], Awaitable[T]]) -> T:
    """Run one command in one transaction."""

    async def transaction(resources: Resources) -> T:
        async with resources.database.transaction() as session:
            return await work(session, resources)

    return run(transaction)
