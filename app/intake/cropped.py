"""Texts that a platform cut in the webhook: fetched whole, and the judge thinks again."""

from datetime import datetime, timedelta

import structlog
from sqlalchemy import select
from sqlmodel import col

from app.appeals.models import Appeal, Message
from app.db import NO_KEY_UPDATE
from app.intake.effects import is_undecided, reword
from app.live import announce
from app.platforms import PLATFORMS
from app.platforms.base import Limit, SendFailed
from app.public_pages.models import PublicPage
from app.public_pages.service import open_credentials
from app.resources import Resources
from app.triage import service as triage
from app.triage.watch import watch_words
from app.vault import CannotDecrypt

log = structlog.get_logger()
AT_ONCE = 50
TRIED_FOR = timedelta(days=1)


async def fetch_texts(resources: Resources, now: datetime) -> int:
    """Ask for the whole text of recent cropped messages; how many were completed."""
    completed = 0
    for message, page in await _cropped(resources, now):
        try:
            text = await _ask(resources, message, page)
        except (SendFailed, CannotDecrypt) as failure:  # asked again by the next run, for a day
            log.warning("full_text_failed", message_id=message.id, error=type(failure).__name__)
            continue
        await _store(resources, message.id or 0, text, now)
        completed += 1
    return completed


async def _cropped(resources: Resources, now: datetime) -> list[tuple[Message, PublicPage]]:
    async with resources.database.transaction() as session:
        rows = await session.execute(
            select(Message, PublicPage)
            .join(PublicPage, col(PublicPage.id) == col(Message.page_id))
            .where(col(Message.is_cropped), col(Message.received_at) > now - TRIED_FOR)
            .order_by(col(Message.id))
            .limit(AT_ONCE)
        )
        return list(rows.tuples())


async def _ask(resources: Resources, message: Message, page: PublicPage) -> str | None:
    platform = PLATFORMS[page.platform]
    credentials = open_credentials(resources.vault, page)
    await resources.limiter.wait(Limit(f"{page.platform}:{page.id}:", platform.rate_limit_per_second))
    return await platform.full_text(resources.http, resources.settings.api_url(page.platform), credentials, message.key)


async def _store(resources: Resources, message_id: int, text: str | None, now: datetime) -> None:
    """The whole text in place of the cut one, on the message and its appeal."""
    async with resources.database.transaction() as session:
        message = await session.get_one(Message, message_id, with_for_update=True)
        if not message.is_cropped:  # told whole, or emptied, while we asked
            return
        before, message.text, message.is_cropped = message.text, text or message.text, False
        appeal_id = message.appeal_id
        appeal = await session.get(Appeal, appeal_id, with_for_update=NO_KEY_UPDATE) if appeal_id else None
        if appeal is None or before == message.text:
            return
        reword(appeal, message, before)
        await watch_words(session, appeal, message.text, now)
        if is_undecided(appeal):
            await triage.judge_again(resources, session, [appeal], now)
        appeal.version += 1
        await announce(session, [appeal.id or 0])
