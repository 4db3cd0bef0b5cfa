"""The world behind the Odnoklassniki stand-in: groups, people, topics, comments, chats. Written to one JSON file."""

import base64
from typing import Any

import msgspec

from app.sandbox.controls import PlayedError

UNSUBSCRIBED_AFTER_SECONDS = 8 * 3600  # documented: after eight hours without a positive answer


class OkError(PlayedError):
    """An error object of the Odnoklassniki API."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class Person(msgspec.Struct):
    """A person, shown by name. The id is bare; the Graph API writes "user:" before it."""

    id: str
    first_name: str
    last_name: str

    @property
    def name(self) -> str:
        """First and last name."""
        return f"{self.first_name} {self.last_name}".strip()


class Topic(msgspec.Struct):
    """A publication of a group. `date` and `active_at` are Unix seconds; `active_at` orders the list of discussions."""

    id: str
    text: str
    date: int
    active_at: int
    is_closed: bool = False
    is_gone: bool = False


class Comment(msgspec.Struct):
    """A comment, a citizen's or the group's own. `number` is its place in the order of all comments of the group."""

    id: str
    number: int
    topic: str
    author_id: str
    is_group: bool
    text: str
    date: int
    reply_to: str = ""
    attachments: list[dict[str, Any]] = []
    is_removed: bool = False


class Message(msgspec.Struct):
    """A private message of a chat with the group. `timestamp` is Unix milliseconds."""

    mid: str
    seq: int
    chat: str
    user_id: str
    is_page: bool
    text: str
    timestamp: int
    reply_to: str = ""
    attachments: list[dict[str, Any]] = []


class Subscription(msgspec.Struct):
    """A webhook. `failing_since` (Unix seconds) is when it stopped answering, 0 while it answers."""

    url: str
    time: int
    failing_since: int = 0


class Group(msgspec.Struct):
    """An official page with its two keys and the application of its administrator's session."""

    id: str
    name: str
    access_token: str
    user_token: str = ""
    app_key: str = ""
    app_secret: str = ""
    are_tokens_expired: bool = False
    subscriptions: list[Subscription] = []
    topics: list[Topic] = []
    comments: list[Comment] = []
    messages: list[Message] = []
    refusing: list[str] = []

    def topic(self, number: str) -> Topic:
        """A topic. Raises OkError 300."""
        for topic in self.topics:
            if topic.id == number and not topic.is_gone:
                return topic
        raise OkError(300, "NOT_FOUND : Object not found")

    def comment(self, number: str) -> Comment:
        """A comment that is not removed. Raises OkError 300."""
        for comment in self.comments:
            if comment.id == number and not comment.is_removed:
                return comment
        raise OkError(300, "NOT_FOUND : Comment not found")

    def add_comment(self, draft: Comment) -> Comment:
        """Publish a comment, completing its id. Raises OkError: 100 empty, 300 no such topic or comment, 456 closed."""
        topic = self.topic(draft.topic)
        if topic.is_closed:
            raise OkError(456, "GROUP_RESTRICTION : Comments are closed")
        if draft.reply_to:
            self.comment(draft.reply_to)
        if not draft.text.strip() and not draft.attachments:
            raise OkError(100, "PARAM : comment is empty")
        draft.number = len(self.comments) + 1
        draft.id = base64.b64encode(f"{self.id}:{draft.topic}:{draft.number}".encode()).decode()
        topic.active_at = draft.date
        self.comments.append(draft)
        return draft

    def comments_of(self, topic: str) -> list[Comment]:
        """Comments of a topic, oldest first, removed ones included."""
        return [comment for comment in self.comments if comment.topic == topic]

    def chat_of(self, user_id: str) -> str:
        """The one chat of the group with a person."""
        return f"chat:C{int(self.id) % 0xFFFF:x}{user_id}"

    def person_of(self, chat: str) -> str:
        """Whose chat it is. Raises OkError 300 for one in which nobody has written yet."""
        for message in self.messages:
            if message.chat == chat:
                return message.user_id
        raise OkError(300, "NOT_FOUND : Chat not found")

    def add_message(self, user_id: str, text: str, timestamp: int, *, is_page: bool, reply_to: str = "") -> Message:
        """Write into the chat with a person."""
        seq, chat = len(self.messages) + 1, self.chat_of(user_id)
        mid = f"mid:{chat.removeprefix('chat:')}.{timestamp:x}{seq:x}"
        message = Message(mid, seq, chat, user_id, is_page, text, timestamp, reply_to)
        self.messages.append(message)
        return message

    def subscription(self, url: str) -> Subscription | None:
        """The webhook with this address."""
        return next((known for known in self.subscriptions if known.url == url), None)

    def drop_lapsed_subscriptions(self, now_seconds: int) -> None:
        """Unsubscribe webhooks that have failed for too long."""
        self.subscriptions = [
            known
            for known in self.subscriptions
            if not known.failing_since or now_seconds - known.failing_since < UNSUBSCRIBED_AFTER_SECONDS
        ]


class World(msgspec.Struct):
    """Everything that survives a restart."""

    groups: dict[str, Group] = {}
    people: dict[str, Person] = {}
    next_topic: int = 156_000_000_000_001

    def group(self, number: str) -> Group:
        """A group by its number. Raises OkError 160."""
        try:
            return self.groups[number]
        except KeyError:
            raise OkError(160, "PARAM_GROUP_ID : Invalid group id") from None

    def person(self, user_id: str) -> Person:
        """A person; one whom nobody has introduced has a number for a name."""
        return self.people.get(user_id) or Person(user_id, user_id, "")
