"""`appeals forget …`: a citizen asks that his words and name be removed."""

from collections.abc import Sequence
from typing import Annotated

import typer
from sqlalchemy.ext.asyncio import AsyncSession

from app.platforms import platform_by_code
from app.resources import Resources
from app.retention.citizens import forget_citizen
from app.retention.queries import Citizen, read_citizen
from app.terminal import COMMAND_LINE, change, console
from app.time import utc_now


def forget(
    platform: Annotated[str, typer.Option(help="Площадка: vk, ok, max, telegram, viber, web, open311")],
    author: Annotated[str, typer.Option(help="Номер автора на площадке; у формы: контакт, строчными и без пробелов")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Только показать, чего это коснётся")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Удалить: вернуть будет нельзя")] = False,
) -> None:
    """Удалить слова и имя жителя из его законченных обращений (152-ФЗ). Незаконченные останутся и будут названы."""
    is_done = yes and not dry_run

    async def work(session: AsyncSession, resources: Resources) -> Citizen:
        if is_done:
            return await forget_citizen(session, resources.vault, platform, author, COMMAND_LINE, now=utc_now())
        return await read_citizen(session, platform_by_code(platform).code, author, utc_now())

    citizen = change(work)
    typer.echo(f"Законченных обращений: {_numbered(citizen.ended)}")
    typer.echo(f"Сообщений в них: {citizen.messages}, вне обращений: {len(citizen.loose)}, файлов: {citizen.files}")
    typer.echo(f"Не закончены, остаются как есть: {_numbered(citizen.left)}")
    if citizen.elsewhere:
        typer.echo(f"Слова этого автора есть в чужих обращениях, они не тронуты: {_numbered(citizen.elsewhere)}")
    console.print("Слова и имя удалены" if is_done else "Ничего не изменено. Чтобы удалить, повторите с --yes")


def _numbered(ids: Sequence[int]) -> str:
    return f"{len(ids)} ({', '.join(f'№ {number}' for number in ids)})" if ids else "0"
