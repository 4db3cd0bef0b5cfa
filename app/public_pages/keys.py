"""The secrets of a page as an administrator handles them: replaced, never shown."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.actor import Actor
from app.audit.service import audit
from app.errors import Invalid
from app.platforms.base import Credentials
from app.public_pages.models import PublicPage
from app.public_pages.rows import SECRETS
from app.public_pages.service import change_credentials, open_credentials
from app.public_pages.wording import COLUMN_NAMES
from app.vault import CannotDecrypt, Vault

LONGEST_KEY = 1000
LONGEST_NUMBER = 64
GIVEN = (*SECRETS, "discussion_id")


@dataclass(frozen=True, slots=True)
class KeyState:
    """One of the page's secrets: whether it is there, never what it is. `is_set` is None where nothing is readable."""

    code: str
    name: str
    is_set: bool | None


class KeysNotAcceptable(Invalid):
    """Nothing is stored; `problems` are sentences by field and repeat nothing of what was given."""

    def __init__(self, message: str, problems: dict[str, str]) -> None:
        super().__init__(message)
        self.problems = problems


def keys_of(vault: Vault, page: PublicPage) -> list[KeyState]:
    """Which secrets the page has."""
    try:
        stored: Credentials | None = open_credentials(vault, page)
    except CannotDecrypt:
        stored = None
    return [
        KeyState(code, COLUMN_NAMES[code], bool(getattr(stored, code)) if stored is not None else None)
        for code in SECRETS
    ]


def read_given(form: Mapping[str, object], external_id: str) -> Credentials:
    """What was filled in. Raises KeysNotAcceptable."""
    given = {name: text.strip() for name in GIVEN if isinstance(text := form.get(name), str) and text.strip()}
    problems = {name: problem for name, text in given.items() if (problem := _problem(name, text))}
    if problems:
        raise KeysNotAcceptable("Проверьте, что заполнено", problems)
    if not given:
        raise KeysNotAcceptable("Впишите хотя бы один ключ: пустые поля ничего не меняют", {})
    return Credentials(external_id, **given)


def _problem(name: str, text: str) -> str:
    most = LONGEST_NUMBER if name == "discussion_id" else LONGEST_KEY
    if len(text) > most:
        return f"Длиннее {most} знаков"
    return "" if text.isprintable() and " " not in text else "В ключе не бывает пробелов и переносов строк"


async def change_keys(
    session: AsyncSession, vault: Vault, page: PublicPage, given: Credentials, actor: Actor, now: datetime
) -> None:
    """Replace what is given, keep the rest; which keys were changed is written down. Raises KeysNotAcceptable."""
    try:
        await change_credentials(session, vault, page.platform, given, now)
    except CannotDecrypt as error:
        reason = "Прежние ключи страницы не читаются. Верните прежний ключ шифрования в APPEALS_OLD_SECRET_KEYS"
        raise KeysNotAcceptable(reason, {}) from error
    names = [one.name for one in fields(given) if one.name in GIVEN and getattr(given, one.name)]
    audit(session, actor.label, "page_keys_changed", now, page_id=page.id, keys=names)
