"""Comments of Odnoklassniki, asked for topic by topic from where the last round ended.

The cursor holds an anchor for each topic. A comment's delivery key is its id and a hash of its words, so a comment that
is read twice is one delivery, and one whose words have changed is another. Lost anchors cost time, never a comment: the
topic is read from its beginning, and what is known already is dropped by its key.

What was written long before the first round is told as past: it is kept, and opens no appeal.

An edit or a removal moves no anchor, so every topic is now and then looked back upon: its newest comments are read
again. An edit that sets back former words has their key and goes unnoticed.
"""

import hashlib
import json
import zlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec

from app.platforms.base import FailureKind, Polled, PolledDelivery, SendFailed
from app.platforms.ok_discussions import Discussions
from app.platforms.ok_events import COMMENT, TOPIC
from app.platforms.ok_fields import comment_id, is_removed, parent_id, topic_id, topic_text, written_at

CALLS_PER_ROUND = 100  # rates are not documented; what would take more waits for the next round, which begins at once
TOPICS_KEPT = 500
LIST_PAGES = 5
LOOK_BACK_EVERY = 10  # rounds, that is five minutes
PAST = timedelta(days=30)  # before the first round
REPLIES_UP = 10  # how far a chain of replies is followed to its root


class _Topic(msgspec.Struct, omit_defaults=True):
    """How far a topic is read: the anchor, the newest comment's time in Unix seconds; and a hash of its own words."""

    anchor: str = ""
    newest: float = 0
    words: str = ""


class _Cursor(msgspec.Struct, omit_defaults=True):
    """Topics, those silent for longest first; `unread` are those that this round has not come to yet.

    `begun` is the time of the first round, in Unix seconds.
    """

    begun: float = 0
    round: int = 0
    topics: dict[str, _Topic] = {}
    unread: list[str] = []


class _Spent(Exception):
    """This round has made as many calls as it may."""


async def poll_comments(discussions: Discussions, cursor: str, now: datetime) -> Polled:
    """What is new in the group's topics since `cursor`. Raises SendFailed if no topic could be read at all.

    What was read before a failure is kept, and the next round begins with the rest.
    """
    asking = _Round(discussions, _opened(cursor, now))
    failure = await asking.read()
    if failure is not None and not asking.has_read:
        raise failure
    return asking.result()


def _opened(cursor: str, now: datetime) -> _Cursor:
    """The cursor; one that cannot be read means to begin anew."""
    anew = _Cursor(begun=now.timestamp())
    try:
        return msgspec.json.decode(cursor, type=_Cursor) if cursor else anew
    except msgspec.MsgspecError:
        return anew


class _Round:
    """One round of asking: topics are listed when none is left from the last one, then read one by one."""

    def __init__(self, discussions: Discussions, cursor: _Cursor) -> None:
        self._discussions = discussions
        self._cursor = cursor
        self._deliveries: dict[str, PolledDelivery] = {}
        self._parents: dict[str, str | None] = {}
        self._calls = 0
        self.has_read = False

    async def read(self) -> SendFailed | None:
        """Read until all is read, the calls are spent or the platform refuses; the refusal, if there was one."""
        unread, refused = self._cursor.unread, None
        try:
            if not unread:
                await self._list()
            while unread:
                refused = await self._read_or_pass(unread[0]) or refused
                unread.pop(0)
        except _Spent:
            return None
        except SendFailed as failure:
            return failure
        return refused

    def result(self) -> Polled:
        """What was read, and where to go on."""
        cursor = self._cursor
        for silent in list(cursor.topics)[: max(0, len(cursor.topics) - TOPICS_KEPT)]:
            del cursor.topics[silent]
        return Polled(
            tuple(self._deliveries.values()), msgspec.json.encode(cursor).decode(), has_more=bool(cursor.unread)
        )

    async def _list(self) -> None:
        """Line up the active topics: a page of them, and the next one while that may show topics still unknown."""
        listed: list[str] = []
        anchor = ""
        for _ in range(LIST_PAGES):
            self._spend_call()
            page = await self._discussions.topics(anchor)
            has_new = page.has_more
            for discussion in page.items:
                has_new = self._meet(discussion) or has_new
                listed.append(topic_id(discussion) or "")
            if not has_new or page.anchor in ("", anchor):
                break
            anchor = page.anchor
        self._cursor.unread += dict.fromkeys(listed)
        self._cursor.round += 1
        for number in reversed(self._cursor.unread):  # the most active ones end up last and are kept longest
            self._cursor.topics[number] = self._cursor.topics.pop(number)

    def _meet(self, discussion: dict[str, Any]) -> bool:
        """Tell what the page has published, if it is news; whether the topic was unknown."""
        number, text = topic_id(discussion) or "", topic_text(discussion)
        is_new = number not in self._cursor.topics
        topic = self._cursor.topics.setdefault(number, _Topic())
        if text and topic.words != _hash(text):
            topic.words = _hash(text)
            self._deliver(TOPIC, f"topic:{number}:{topic.words}", {"discussion": discussion})
        return is_new

    async def _read_or_pass(self, number: str) -> SendFailed | None:
        """Read a topic; one that is gone or closed is passed by, and why."""
        try:
            await self._read(number)
        except SendFailed as failure:
            if failure.kind is not FailureKind.PERMANENT:
                raise
            return failure
        return None

    async def _read(self, number: str) -> None:
        topic = self._cursor.topics.setdefault(number, _Topic())
        anchor, is_begun = topic.anchor or "FIRST", bool(topic.anchor)
        while True:
            self._spend_call()
            page = await self._discussions.comments(number, anchor, "FORWARD")
            self._parents |= {comment_id(comment) or "": parent_id(comment) for comment in page.items}
            for comment in page.items:
                self._tell(number, comment, {"root": await self._root(number, comment)})
                topic.newest = max(topic.newest, _seconds(comment))
            self.has_read = True
            topic.anchor = page.anchor or topic.anchor
            if not page.has_more or not page.items or page.anchor in ("", anchor):
                break
            anchor = page.anchor
        if is_begun and (zlib.crc32(number.encode()) + self._cursor.round) % LOOK_BACK_EVERY == 0:
            await self._look_back(number, topic)

    async def _look_back(self, number: str, topic: _Topic) -> None:
        """Read the newest comments again; those that came this very moment are left to the next round."""
        self._spend_call()
        page = await self._discussions.comments(number, "LAST", "BACKWARD")
        for comment in page.items:
            if _seconds(comment) <= topic.newest:
                self._tell(number, comment, {"is_seen_again": True})

    def _tell(self, topic: str, comment: dict[str, Any], more: Mapping[str, Any]) -> None:
        number = comment_id(comment)
        words = "removed" if is_removed(comment) else _hash(str(comment.get("text")))
        # A comment without an id is kept too: a person sees that it could not be read.
        key = f"comment:{number}:{words}" if number else f"comment:{_hash(json.dumps(comment, sort_keys=True))}"
        past = {"is_past": True} if self._is_past(comment) else {}
        self._deliver(COMMENT, key, {"discussion": {"id": topic}, "comment": comment, **more, **past})

    def _is_past(self, comment: Mapping[str, Any]) -> bool:
        return 0 < _seconds(comment) < self._cursor.begun - PAST.total_seconds()

    def _deliver(self, event_type: str, key: str, content: Mapping[str, Any]) -> None:
        body = json.dumps({"webhookType": event_type, **content}).encode()
        self._deliveries.setdefault(key, PolledDelivery(event_type, key, body))

    async def _root(self, topic: str, comment: Mapping[str, Any]) -> str | None:
        """The comment at the top of the chain of replies, as far up as the platform tells; None at the top itself."""
        root, above = None, parent_id(comment)
        for _ in range(REPLIES_UP):
            if above is None:
                break
            root, above = above, await self._parent(topic, above)
        return root

    async def _parent(self, topic: str, number: str) -> str | None:
        """Asked for only where it was not read just now. Not knowing it splits a conversation, and stops nothing."""
        if number not in self._parents:
            try:
                self._spend_call()
                found = await self._discussions.comment(topic, number)
            except (SendFailed, _Spent):
                return None
            self._parents[number] = parent_id(found)
        return self._parents[number]

    def _spend_call(self) -> None:
        if self._calls >= CALLS_PER_ROUND:
            raise _Spent
        self._calls += 1


def _seconds(comment: Mapping[str, Any]) -> float:
    at = written_at(comment)
    return at.timestamp() if at else 0


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:20]
