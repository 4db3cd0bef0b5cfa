"""What platforms tell besides messages: posts, contacts, notices; and comments that find their post by its thread."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.appeals.page_models import Contact, PagePost
from app.db import NO_KEY_UPDATE
from app.intake.batch import Arrival
from app.intake.models import EventState, InboxEvent
from app.intake.reading import Happening, Reading
from app.jobs import Job, enqueue
from app.platforms import incoming
from app.platforms.incoming import Kind
from app.public_pages.models import PublicPage

LONGEST_POST = 20_000
GROUP_TALK = "Разговор в группе: запись, под которой он идёт, неизвестна. Станет известна, разберём сами."


async def take_note(session: AsyncSession, readings: Sequence[Reading], now: datetime) -> None:
    """Remember everything that is no message, in the order it came."""
    told = [
        (reading.event.page_id, reading.event.received_at, one) for reading in readings for one in reading.happenings
    ]
    await _keep_posts(session, [(page, one) for page, _, one in told if isinstance(one, incoming.PagePost)], now)
    await _keep_contacts(session, _contacts(told))
    await _hear_from(session, [arrival for reading in readings for arrival in reading.arrivals])
    await _keep_notices(session, [(page, one) for page, _, one in told])


async def _keep_posts(session: AsyncSession, told: Sequence[tuple[int, incoming.PagePost]], now: datetime) -> None:
    """The newest telling of a post counts; one without a thread does not make us forget the thread."""
    posts: dict[tuple[int, str], incoming.PagePost] = {}
    for page_id, post in told:
        known = posts.get((page_id, post.external_id))
        posts[page_id, post.external_id] = _joined(known, post) if known else post
    if not posts:
        return
    rows = [
        {
            "page_id": page_id, "external_id": post.external_id, "thread_external_id": post.thread_external_id,
            "text": post.text[:LONGEST_POST], "source_url": post.source_url, "published_at": post.published_at,
        }
        for (page_id, _), post in sorted(posts.items(), key=lambda item: item[0])
    ]  # fmt: skip
    statement = insert(PagePost).values(rows)
    new = statement.excluded
    kept = {
        name: func.coalesce(new[name], getattr(PagePost, name))
        for name in ("thread_external_id", "source_url", "published_at")
    }
    await session.execute(
        statement.on_conflict_do_update(
            index_elements=["page_id", "external_id"],
            set_={**kept, "text": func.coalesce(func.nullif(new.text, ""), col(PagePost.text))},
        )
    )
    threads = [(page_id, post.thread_external_id) for (page_id, _), post in posts.items() if post.thread_external_id]
    await _wake(session, threads, now)


def _joined(known: incoming.PagePost, newer: incoming.PagePost) -> incoming.PagePost:
    return replace(
        newer,
        text=newer.text or known.text,
        published_at=newer.published_at or known.published_at,
        source_url=newer.source_url or known.source_url,
        thread_external_id=newer.thread_external_id or known.thread_external_id,
    )


async def _wake(session: AsyncSession, threads: Sequence[tuple[int, str | None]], now: datetime) -> None:
    """What waited for these posts is handled again."""
    if not threads:
        return
    waiting = update(InboxEvent).where(
        tuple_(col(InboxEvent.page_id), col(InboxEvent.waits_for)).in_(threads), col(InboxEvent.payload).is_not(None)
    )
    woken = await session.execute(
        waiting.values(state=EventState.RECEIVED, next_attempt_at=now, attempts=0).returning(col(InboxEvent.id))
    )
    if woken.first() is not None:
        enqueue(session, Job.DRAIN_INBOX)


def _contacts(told: Iterable[tuple[int, datetime, Happening]]) -> dict[tuple[int, str], dict[str, Any]]:
    """What each citizen said last."""
    changes = [
        (one.at or at, page, one.author_external_id, one.can_be_written)
        for page, at, one in told
        if isinstance(one, incoming.ContactChange)
    ]
    return {
        (page, author): {"page_id": page, "external_id": author, "can_be_written": can_be_written, "changed_at": at}
        for at, page, author, can_be_written in sorted(changes)
    }


async def _keep_contacts(session: AsyncSession, contacts: dict[tuple[int, str], dict[str, Any]]) -> None:
    if not contacts:
        return
    statement = insert(Contact).values([contacts[key] for key in sorted(contacts)])
    new = statement.excluded
    await session.execute(
        statement.on_conflict_do_update(
            index_elements=["page_id", "external_id"],
            set_={"can_be_written": new.can_be_written, "changed_at": new.changed_at},
            where=col(Contact.changed_at) <= new.changed_at,  # told out of order
        )
    )


async def _hear_from(session: AsyncSession, arrivals: Iterable[Arrival]) -> None:
    """Whoever writes in private can be written to again, whatever he said before."""
    wrote: dict[tuple[int, str], datetime] = {}
    for arrival in arrivals:
        message = arrival.incoming
        if message.kind is Kind.MESSAGE and not message.is_own and message.author_external_id and message.sent_at:
            wrote[arrival.page_id, message.author_external_id] = message.sent_at
    if not wrote:
        return
    is_one = tuple_(col(Contact.page_id), col(Contact.external_id)).in_(list(wrote))
    blocked = select(Contact).where(is_one, col(Contact.can_be_written).is_(False)).with_for_update()
    for contact in await session.scalars(blocked):
        sent_at = wrote[contact.page_id, contact.external_id]
        if sent_at > contact.changed_at:
            contact.can_be_written, contact.changed_at = True, sent_at


async def _keep_notices(session: AsyncSession, told: Sequence[tuple[int, Happening]]) -> None:
    notices = [
        (page_id, one) for page_id, one in told if isinstance(one, incoming.PageNotice | incoming.DiscussionMoved)
    ]
    ids = {page_id for page_id, _ in notices}
    if not ids:
        return
    query = select(PublicPage).where(col(PublicPage.id).in_(ids)).order_by(col(PublicPage.id))
    pages = {page.id: page for page in await session.scalars(query.with_for_update(**NO_KEY_UPDATE))}
    for page_id, one in told:
        if isinstance(one, incoming.PageNotice):
            pages[page_id].connection_problem = one.problem
        elif isinstance(one, incoming.DiscussionMoved):
            pages[page_id].discussion_id = one.discussion_id


async def find_posts(session: AsyncSession, readings: Sequence[Reading]) -> list[Arrival]:
    """The arrivals of all readings, comments under their posts.

    A comment in a thread of which no post is known is talk in a group as far as we can see: its delivery is kept as
    ignored, and handled again when the post becomes known.
    """
    threads = {
        (arrival.page_id, arrival.incoming.thread_external_id)
        for reading in readings
        for arrival in reading.arrivals
        if _is_without_post(arrival)
    }
    posts = await _posts_of(session, threads) if threads else {}
    placed: list[Arrival] = []
    for reading in readings:
        for arrival in reading.arrivals:
            thread = (arrival.page_id, arrival.incoming.thread_external_id or "")
            if not _is_without_post(arrival):
                placed.append(arrival)
            elif thread in posts:
                placed.append(replace(arrival, incoming=replace(arrival.incoming, post_external_id=posts[thread])))
            else:
                event = reading.event
                event.state, event.error, event.waits_for = EventState.IGNORED, GROUP_TALK, thread[1]
    return placed


def _is_without_post(arrival: Arrival) -> bool:
    return arrival.incoming.post_external_id is None and arrival.incoming.thread_external_id is not None


async def _posts_of(session: AsyncSession, threads: Iterable[tuple[int, str | None]]) -> dict[tuple[int, str], str]:
    rows = await session.execute(
        select(col(PagePost.page_id), col(PagePost.thread_external_id), col(PagePost.external_id)).where(
            tuple_(col(PagePost.page_id), col(PagePost.thread_external_id)).in_(list(threads))
        )
    )
    return {(page_id, thread or ""): post for page_id, thread, post in rows}
