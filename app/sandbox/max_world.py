"""The world behind the MAX stand-in: bots with their channels, people, posts, comments, dialogs.

Behaves as MAX documents it: a bot sees a channel only as its administrator, writes to a person only after he has
started it, and hears nothing of what it did itself.
"""

from typing import Any

import msgspec

from app.sandbox.controls import PlayedError

FIRST_BOT = 600_000_001
FIRST_DIALOG = 182_182_182
FIRST_SEQUENCE = 116_327_994_376_978_687
ALL_RIGHTS = ("read_all_messages", "write", "edit", "delete")


class MaxError(PlayedError):
    """An error answer of the Bot API."""

    code: str

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


def bad_request(what: str) -> MaxError:
    """Error 400."""
    return MaxError(400, "proto.payload", what)


def forbidden(what: str) -> MaxError:
    """Error 403."""
    return MaxError(403, "access.denied", what)


def not_found(what: str) -> MaxError:
    """Error 404."""
    return MaxError(404, "not.found", f"{what} not found")


class User(msgspec.Struct):
    """A person."""

    id: int
    first_name: str
    last_name: str = ""


class Message(msgspec.Struct):
    """A message of a dialog, a post of the channel, or (with `post`) a comment. Times are Unix milliseconds.

    `author_id` is the person or the bot, 0 the channel in its own name. `extra` are further fields of the body.
    """

    mid: str
    seq: int
    chat_id: int
    author_id: int
    text: str
    date: int
    post: str = ""
    reply_to: str = ""
    is_deleted: bool = False
    extra: dict[str, Any] = {}


class Subscription(msgspec.Struct):
    """Where updates go. `waiting_since` is when the first of those was sent that nobody has acknowledged, 0 if none."""

    url: str
    secret: str
    update_types: list[str]
    time: int
    waiting_since: int = 0


class Page(msgspec.Struct):
    """A bot and the channel that it serves; without a channel it only takes private messages.

    `comments_as` says under which names it is told of comments: MAX is known to do it one way or the other.
    """

    id: str
    name: str
    token: str
    bot_id: int
    channel_id: int = 0
    username: str = ""
    comments_as: tuple[str, ...] = ("comment",)
    permissions: tuple[str, ...] = ALL_RIGHTS
    is_admin: bool = True
    has_comments: bool = True
    subscriptions: list[Subscription] = []
    messages: list[Message] = []
    dialogs: dict[int, int] = {}
    stopped: list[int] = []

    def message(self, mid: str) -> Message:
        """A message, post or comment that is still there. Raises MaxError."""
        for message in self.messages:
            if message.mid == mid and not message.is_deleted:
                return message
        raise not_found("message")

    def post(self, mid: str) -> Message:
        """A post of the channel. Raises MaxError."""
        post = self.message(mid)
        if post.chat_id != self.channel_id or post.post:
            raise not_found("post")
        return post

    def comment(self, mid: str) -> Message:
        """A comment. Raises MaxError."""
        comment = self.message(mid)
        if not comment.post:
            raise not_found("comment")
        return comment

    def said_in(self, chat_id: int) -> list[Message]:
        """The messages of a dialog or the posts of the channel, oldest first, without deleted ones."""
        return [one for one in self.messages if one.chat_id == chat_id and not one.post and not one.is_deleted]

    def comments_under(self, post: str) -> list[Message]:
        """The comments under a post, oldest first, deleted ones too."""
        return [one for one in self.messages if one.post == post]

    def person_of(self, chat_id: int) -> int:
        """Whose dialog this is. Raises MaxError."""
        for person, dialog in self.dialogs.items():
            if dialog == chat_id:
                return person
        raise not_found("chat")

    def check_recipient(self, person: int) -> None:
        """Whether the bot may write to this person. Raises MaxError."""
        if person not in self.dialogs:
            raise forbidden("error.dialog.not.started")
        if person in self.stopped:
            raise forbidden("error.dialog.suspended")

    def check_right(self, *needed: str) -> None:
        """Whether the bot may do this in the channel. Raises MaxError."""
        if not self.is_admin or any(right not in self.permissions for right in needed):
            raise forbidden("bot has no rights in the channel")


class Pending(msgspec.Struct):
    """An update that its receiver has not acknowledged yet."""

    page: str
    url: str
    body: str


class World(msgspec.Struct):
    """Everything that survives a restart."""

    pages: dict[str, Page] = {}
    users: dict[int, User] = {}
    pending: list[Pending] = []
    next_sequence: int = FIRST_SEQUENCE

    def page(self, page_id: str) -> Page:
        """A page by its external id. Raises MaxError."""
        try:
            return self.pages[page_id]
        except KeyError:
            raise not_found("page") from None

    def found(self, page_id: str, name: str, token: str) -> Page:
        """A page that is known by this id, or a new one: a channel (negative id) with a bot, or a bot."""
        number, count = int(page_id), len(self.pages)
        bot_id = number if number > 0 else FIRST_BOT + count
        page = self.pages.setdefault(page_id, Page(page_id, name, token, bot_id, min(number, 0)))
        page.name, page.token = name, token
        return page

    def dialog(self, page: Page, person: int) -> int:
        """The chat of this person with the bot, opened if it is the first word."""
        count = sum(len(one.dialogs) for one in self.pages.values())
        return page.dialogs.setdefault(person, FIRST_DIALOG + count)

    def add(self, page: Page, message: Message) -> Message:
        """Put a message into its chat, with the next number."""
        self.next_sequence += 1
        # A real id is two numbers in hexadecimal, the chat's and the message's; comments live in a chat of their own.
        chat = message.chat_id if not message.post else message.chat_id ^ 0x3FFFFFFFFFFFFFFF
        message.seq = self.next_sequence
        message.mid = f"mid.{chat & 0xFFFFFFFFFFFFFFFF:016x}{message.seq & 0xFFFFFFFFFFFFFFFF:016x}"
        page.messages.append(message)
        return message
