"""A citizen asks to be forgotten: what is over goes at once, what is still owed an answer stays and is named."""

from datetime import datetime

from sqlalchemy import and_, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.accounts.actor import Actor
from app.appeals.gone import Why
from app.appeals.page_models import Contact
from app.audit.service import audit
from app.platforms import platform_by_code
from app.public_pages.models import PublicPage
from app.retention.queries import Citizen, is_only_talk, is_over, is_owed_nothing, read_citizen
from app.retention.service import forget_contacts, forget_loose, remove_words
from app.vault import Vault


async def forget_citizen(
    session: AsyncSession, vault: Vault, platform: str, author: str, actor: Actor, *, now: datetime
) -> Citizen:
    """Empty everything of this author that is over; what was there. Raises UnknownPlatform.

    The audit names the platform, the numbers of rows, and a keyed hash by which a later question "was it done?" can be
    answered, and nobody found.
    """
    code = platform_by_code(platform).code
    citizen = await read_citizen(session, code, author, now)
    may_be = or_(and_(is_over(now), is_owed_nothing()), is_only_talk(now))
    removed = await remove_words(session, vault, citizen.ended, may_be, Why.REQUEST, actor, now)
    await forget_loose(session, vault, citizen.loose, now)
    pages = select(col(PublicPage.id)).where(col(PublicPage.platform) == code)
    await forget_contacts(session, and_(col(Contact.page_id).in_(pages), col(Contact.external_id) == author))
    audit(
        session, actor.label, "citizen_forgotten", now, platform=code, author=mark_of(vault, code, author),
        appeals=removed.appeals, messages=removed.messages + len(citizen.loose), files=removed.files,
        left=len(citizen.left),
    )  # fmt: skip
    return citizen


def mark_of(vault: Vault, platform: str, author: str) -> str:
    """What the audit calls a citizen."""
    return vault.fingerprints(f"author:{platform}:{author}".encode())[0]
