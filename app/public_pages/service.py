"""Adding pages, opening their credentials, finding them fast by webhook key."""

import json
import secrets
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.db import NO_KEY_UPDATE, Database
from app.departments.models import Territory
from app.errors import Conflict, Invalid, NotFound
from app.jobs import Job, enqueue
from app.platforms import PLATFORMS
from app.platforms.base import Credentials
from app.public_pages.models import PublicPage
from app.vault import Vault

KEY_BYTES = 24
FRESH_SECONDS = 5.0
MOST_UNKNOWN_KEYS = 10_000
SEALED = tuple(one.name for one in fields(Credentials) if one.name not in {"external_id", "discussion_id"})
PROOFS = {"secret": "секретный ключ вебхука", "access_token": "ключ доступа"}


def seal_credentials(vault: Vault, credentials: Credentials) -> bytes:
    """Credentials as they are stored."""
    return vault.seal(json.dumps({name: getattr(credentials, name) for name in SEALED}).encode())


def open_credentials(vault: Vault, page: PublicPage) -> Credentials:
    """Credentials of a page, without a secret where it has none. Raises CannotDecrypt."""
    return replace(open_sealed(vault, page.external_id, page.credentials), discussion_id=page.discussion_id or "")


def open_sealed(vault: Vault, external_id: str, sealed: bytes | None) -> Credentials:
    """What `seal_credentials` has sealed. Raises CannotDecrypt."""
    return Credentials(external_id, **(json.loads(vault.open(sealed)) if sealed is not None else {}))


async def add_page(
    session: AsyncSession,
    vault: Vault,
    *,
    platform: str,
    credentials: Credentials,
    name: str,
    territory_code: str | None,
    now: datetime,
    sphere: str | None = None,
    department_id: int | None = None,
    audience: int | None = None,
    key: str | None = None,
) -> PublicPage:
    """Register a page. Raises Invalid (unknown platform, territory, no proof of deliveries), Conflict (known page)."""
    if platform not in PLATFORMS:
        raise Invalid(f"Неизвестная платформа «{platform}»: есть {', '.join(PLATFORMS)}")
    proof = PLATFORMS[platform].proof
    if proof and not getattr(credentials, proof):
        raise Invalid(f"Не указан {PROOFS[proof]}: без него страница не примет ни одной доставки")
    if territory_code and await session.get(Territory, territory_code) is None:
        raise Invalid(f"Территории с ОКТМО {territory_code} нет в справочнике")
    known = select(col(PublicPage.id)).where(
        col(PublicPage.platform) == platform, col(PublicPage.external_id) == credentials.external_id
    )
    if (await session.scalar(known)) is not None:
        raise Conflict(f"Страница {platform} {credentials.external_id} уже заведена")
    page = PublicPage(
        key=key or secrets.token_urlsafe(KEY_BYTES),
        platform=platform,
        external_id=credentials.external_id,
        discussion_id=credentials.discussion_id or None,
        name=name,
        territory_code=territory_code,
        sphere=sphere,
        department_id=department_id,
        audience=audience,
        credentials=seal_credentials(vault, credentials),
        credentials_changed_at=now,
        created_at=now,
    )
    session.add(page)
    await session.flush()
    return page


async def change_credentials(
    session: AsyncSession, vault: Vault, platform: str, changed: Credentials, now: datetime
) -> PublicPage:
    """Replace what is given, keep what is empty; answers that waited for a mended key may go.

    VK gives a new confirmation string with every server, and keys are revoked. Raises NotFound, Invalid (nothing
    given), CannotDecrypt.
    """
    given = {name: value for name, value in asdict(changed).items() if value and name != "external_id"}
    if not given:
        raise Invalid("Не сказано, что изменить")
    known = select(PublicPage).where(
        col(PublicPage.platform) == platform, col(PublicPage.external_id) == changed.external_id
    )
    page = await session.scalar(known.with_for_update(**NO_KEY_UPDATE))
    if page is None:
        raise NotFound(f"Страница {platform} {changed.external_id} не заведена")
    page.credentials = seal_credentials(vault, replace(open_credentials(vault, page), **given))
    page.credentials_changed_at = now
    page.discussion_id = changed.discussion_id or page.discussion_id
    page.sending_stopped_reason = None
    enqueue(session, Job.DELIVER_ANSWERS)
    return page


def webhook_path(page: PublicPage) -> str:
    """Where the platform delivers to, or people and applications send to."""
    return PLATFORMS[page.platform].entrance.format(platform=page.platform, key=page.key)


@dataclass(frozen=True, slots=True)
class KnownPage:
    """What intake needs of a page, with its credentials open."""

    id: int
    platform: str
    credentials: Credentials
    read_at: float


class PageDirectory:
    """Pages by webhook key, remembered for a few seconds: a webhook costs no query."""

    def __init__(self, database: Database, vault: Vault, clock: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._vault = vault
        self._clock = clock
        self._pages: dict[str, KnownPage] = {}
        self._unknown: dict[str, float] = {}

    async def find(self, platform: str, key: str, *, fresh_seconds: float = FRESH_SECONDS) -> KnownPage | None:
        """The active page with this key, or None. Raises what the database raises."""
        page = self._pages.get(key)
        if page is None:
            page = await self._read(key)
        elif self._clock() - page.read_at > fresh_seconds:
            # One request reads it again; the others of this moment take what is known, or all would ask at once.
            self._pages[key] = replace(page, read_at=self._clock())
            page = await self._read(key)
        return page if page is not None and page.platform == platform else None

    async def _read(self, key: str) -> KnownPage | None:
        now = self._clock()
        if "\x00" in key or now - self._unknown.get(key, -FRESH_SECONDS) < 1:
            return None
        async with self._database.transaction() as session:
            found = await session.scalar(
                select(PublicPage).where(
                    col(PublicPage.key) == key, col(PublicPage.is_active), col(PublicPage.credentials).is_not(None)
                )
            )
        if found is None or found.id is None:
            self._pages.pop(key, None)
            self._remember_unknown(key, now)
            return None
        page = KnownPage(found.id, found.platform, open_credentials(self._vault, found), now)
        self._pages[key] = page
        return page

    def _remember_unknown(self, key: str, now: float) -> None:
        if len(self._unknown) >= MOST_UNKNOWN_KEYS:
            self._unknown.clear()
        self._unknown[key] = now
