"""What a worker does, one round of each: a batch of what is due, or a look whether anything is."""

from datetime import timedelta

from app.accounts.service import purge_expired_sessions
from app.appeals.authors import fetch_authors
from app.appeals.breaches import mark_breaches
from app.appeals.delivery import deliver_batch
from app.appeals.files import fetch_files
from app.appeals.requests import follow_requests
from app.files.keeping import remove_unused
from app.handling.silence import close_silent
from app.intake.cropped import fetch_texts
from app.intake.polling import poll_pages
from app.intake.service import drain_batch, forget_payloads
from app.learning.nightly import learn_at_night
from app.outgoing.retention import forget_deliveries
from app.outgoing.sending import tell_batch
from app.public_pages.watch import watch_connections
from app.resources import Resources
from app.retention.service import expire
from app.rules.checking import count_hits
from app.rules.simulation import run_waiting
from app.time import utc_now


async def drain(resources: Resources) -> int:
    """Handle one batch of the inbox."""
    return await drain_batch(resources, utc_now())


async def deliver(resources: Resources) -> int:
    """Send one batch of the outbox."""
    return await deliver_batch(resources, utc_now())


async def name_authors(resources: Resources) -> int:
    """One round of asking for names; not repeated at once for those that no platform tells."""
    await fetch_authors(resources)
    return 0


async def complete_texts(resources: Resources) -> int:
    """One round of asking for texts that arrived cut."""
    await fetch_texts(resources, utc_now())
    return 0


async def ask_pages(resources: Resources) -> int:
    """Ask one batch of pages for what their platforms do not push."""
    return await poll_pages(resources, utc_now())


async def watch(resources: Resources) -> int:
    """Check the connections that are due."""
    return await watch_connections(resources, utc_now())


async def bring_files(resources: Resources) -> int:
    """Fetch one batch of attachments."""
    return await fetch_files(resources, utc_now())


async def tell(resources: Resources) -> int:
    """Tell departments' systems one batch of events."""
    return await tell_batch(resources, utc_now())


async def follow(resources: Resources) -> int:
    """Ask departments' systems about the requests that appeals became there."""
    return await follow_requests(resources, utc_now())


async def replay_rules(resources: Resources) -> int:
    """Replay one draft of the rules over past appeals."""
    return await run_waiting(resources, utc_now())


async def count_rules(resources: Resources) -> int:
    """Count how often each rule decides."""
    async with resources.database.transaction() as session:
        await count_hits(session, utc_now())
    return 0


async def sweep(resources: Resources) -> int:
    """Mark the clocks that have run out."""
    return await mark_breaches(resources, utc_now())


async def close_questions(resources: Resources) -> int:
    """Close what waits for a citizen who does not reply."""
    return await close_silent(resources, utc_now())


async def learn(resources: Resources) -> int:
    """Once a night: a challenger is trained when there is enough to learn from."""
    await learn_at_night(resources, utc_now())
    return 0


async def forget(resources: Resources) -> int:
    """Take the words and names out of one batch of what was kept long enough."""
    return await expire(resources, utc_now())


async def tidy(resources: Resources) -> int:
    """Retention: raw deliveries, lapsed sessions, files that no message carries."""
    now = utc_now()
    async with resources.database.transaction() as session:
        long_ago = now - timedelta(days=resources.settings.payload_retention_days)
        await forget_payloads(session, long_ago)
        await forget_deliveries(session, long_ago)
        await purge_expired_sessions(session, now)
    await remove_unused(resources, now)
    return 0
