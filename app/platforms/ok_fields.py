"""How Odnoklassniki writes ids and times, and the two shapes that carry comments: topics and comments."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from app.platforms.untrusted import instant, integer, storable

ID_LIMIT = 128  # a comment's id takes 68 characters; with more, a key made of it would not fit
TOPIC = "GROUP_TOPIC"
MOSCOW = timezone(timedelta(hours=3))  # not documented; a client library of 2026 reads dates of comments so
DATE_FORMAT = "%Y-%m-%d %H:%M:%S"
REMOVED = ("REMOVED", "DELETED")  # not documented: ACTIVE_MESSAGE is the only type of a comment seen in public sources


def identifier(value: object) -> str | None:
    """An id as text, None if it is none. All ids may be strings, says apiok.ru."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(integer(value) or "")
    text = storable(value).strip() if isinstance(value, str) else ""
    return text if 0 < len(text) <= ID_LIMIT else None


def first_identifier(values: Mapping[str, Any], *names: str) -> str | None:
    """The first of the fields that holds an id."""
    return next((found for name in names if (found := identifier(values.get(name)))), None)


def bare(external_id: str) -> str:
    """An id without the name of its kind: "user:58" and "58" are one person."""
    return external_id.rpartition(":")[2]


def moment(milliseconds: object, date: object = None) -> datetime | None:
    """A time in Unix milliseconds or, where there is none, written as a date of Moscow; None if it is no time."""
    number = integer(milliseconds)
    if number is not None and (whole := instant(number // 1000)):
        return whole + timedelta(milliseconds=number % 1000)
    if not isinstance(date, str):
        return None
    try:
        return datetime.strptime(date, DATE_FORMAT).replace(tzinfo=MOSCOW).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def topic_id(discussion: Mapping[str, Any]) -> str | None:
    """The id of a discussed topic, whatever the method calls it."""
    return first_identifier(discussion, "object_id", "id", "discussionId", "entityId")


def topic_text(discussion: Mapping[str, Any]) -> str:
    """What the page has published, as far as the list of discussions tells; its `message` only names the group."""
    text = discussion.get("title") or discussion.get("text")
    return storable(text).strip() if isinstance(text, str) else ""


def comment_id(comment: Mapping[str, Any]) -> str | None:
    """The id of a comment."""
    return first_identifier(comment, "id", "comment_id")


def parent_id(comment: Mapping[str, Any]) -> str | None:
    """The comment that this one answers."""
    return identifier(comment.get("reply_to_comment_id"))


def is_removed(comment: Mapping[str, Any]) -> bool:
    """Whether only a trace of the comment is left (asked for with includeRemoved)."""
    kind = comment.get("type")
    return isinstance(kind, str) and any(word in kind.upper() for word in REMOVED)


def is_of_group(comment: Mapping[str, Any], group_id: str) -> bool:
    """Whether the group itself has written it; another group's comment is a stranger's."""
    author, reference = identifier(comment.get("author_id")), identifier(comment.get("author_ref"))
    is_group = comment.get("author_type") == "GROUP" or (reference or "").startswith("group:")
    return is_group and bare(author or reference or group_id) == bare(group_id)


def written_at(comment: Mapping[str, Any]) -> datetime | None:
    """When the comment was written."""
    return moment(comment.get("created_ms"), comment.get("date"))
