"""Comments as MAX lists them: to look an answer up, and to catch what no webhook told.

Source: dev.max.ru/docs-api/methods/GET/messages/-messageId-/comments.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import httpx
import msgspec

from app.platforms.base import Credentials, FailureKind, Polled, PolledDelivery, SendFailed
from app.platforms.max_api import call
from app.platforms.max_delivery import delivery_key
from app.platforms.max_messages import identifier
from app.platforms.untrusted import integer

PAGE_SIZE = 100
MOST_PAGES = 10
POSTS_WATCHED = 20
POLL_EVERY_SECONDS = 300.0
OVERLAP = timedelta(minutes=10)  # a comment may be listed later than it was written
MILLISECONDS = 1000
POLLED_TYPE = "comment_created"


async def comments_since(
    client: httpx.AsyncClient, api_url: str, credentials: Credentials, post: str, earliest: int
) -> list[dict[str, Any]]:
    """The comments under a post since that moment (Unix milliseconds), in pages that go back in time.

    Raises SendFailed: UNKNOWN when there are too many to see them all.
    """
    window: dict[str, str | int] = {"after": earliest, "count": PAGE_SIZE}
    comments: list[dict[str, Any]] = []
    for _ in range(MOST_PAGES):
        found = listed(await call(client, api_url, credentials, "GET", f"/messages/{post}/comments", params=window))
        comments += found
        if len(found) < PAGE_SIZE:
            return comments
        oldest = min((time for one in found if (time := integer(one.get("timestamp")))), default=None)
        if oldest is None or oldest == window.get("before"):
            break
        window["before"] = oldest
    raise cannot_tell("под записью слишком много новых комментариев")


def listed(answer: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The messages or comments of an answer. Raises SendFailed (UNKNOWN) when it is no list."""
    found = answer.get("messages")
    if not isinstance(found, list):
        raise cannot_tell("ответ непонятен")
    return [one for one in found if isinstance(one, dict)]


def cannot_tell(why: str) -> SendFailed:
    """MAX does not show whether the answer is there."""
    reason = f"Не удалось узнать, дошёл ли ответ ({why}): проверьте переписку, прежде чем отправлять его снова."
    return SendFailed(FailureKind.UNKNOWN, reason, code="not-found-out")


async def poll_comments(
    client: httpx.AsyncClient, api_url: str, credentials: Credentials, cursor: str, now: datetime
) -> Polled:
    """What was written under the channel's latest posts since the cursor, a time in Unix milliseconds.

    Some bots are told of no comments at all, so MAX is asked as well; the key of a delivery is that of its webhook.
    What is older than the first round is not asked for. Raises SendFailed.
    """
    present, since = str(_milliseconds(now)), integer(cursor)
    if not credentials.external_id.startswith("-") or since is None:
        return Polled((), present)  # a bot without a channel has no posts
    earliest = since - int(OVERLAP.total_seconds()) * MILLISECONDS
    params: dict[str, str | int] = {"chat_id": credentials.external_id, "count": POSTS_WATCHED}
    posts = listed(await call(client, api_url, credentials, "GET", "/messages", params=params))
    found = [
        _delivery(post, comment)
        for post in filter(None, map(mid_of, posts))
        for comment in await comments_since(client, api_url, credentials, post, earliest)
        if comment.get("sender")  # without one it is the channel's own, or MAX hides who wrote: the webhook tells
    ]
    return Polled(tuple(found), present)


def mid_of(said: Mapping[str, Any]) -> str | None:
    """The id of a message or comment."""
    body = said.get("body")
    return identifier(body.get("mid")) if isinstance(body, dict) else None


def _delivery(post: str, comment: dict[str, Any]) -> PolledDelivery:
    update = {
        "update_type": POLLED_TYPE,
        "timestamp": comment.get("timestamp"),
        "post_id": post,  # not every answer repeats it in the comment
        "message": comment,
    }
    return PolledDelivery(POLLED_TYPE, delivery_key(update), msgspec.json.encode(update))


def _milliseconds(at: datetime) -> int:
    return int(at.timestamp() * MILLISECONDS)
