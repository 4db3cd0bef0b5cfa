"""The world behind the Telegram stand-in: bots with their channels and groups, people, messages, files.

Behaves as Telegram documents it: numbers of messages are unique within a chat, a channel's post appears in the linked
group as an automatic forward, comments are messages of the group in the thread of that forward.
"""

from typing import Any

import msgspec

from app.sandbox.controls import PlayedError

PRIVATE_MESSAGES = 0  # chats of two share one sequence of numbers


class TelegramError(PlayedError):
    """An error answer of the Bot API."""

    code: int

    def __init__(self, code: int, description: str, **parameters: Any) -> None:
        super().__init__(description)
        self.code = code
        self.description = description
        self.parameters = parameters


def bad_request(what: str, **parameters: Any) -> TelegramError:
    """Error 400."""
    return TelegramError(400, f"Bad Request: {what}", **parameters)


def forbidden(what: str) -> TelegramError:
    """Error 403."""
    return TelegramError(403, f"Forbidden: {what}")


class User(msgspec.Struct):
    """A person (positive id), or a channel that writes in its own name (negative id, `first_name` is its title)."""

    id: int
    first_name: str
    last_name: str = ""
    is_deactivated: bool = False


class Message(msgspec.Struct):
    """A message of any chat. `author_id` is the person, bot, channel or group that speaks.

    `post_id` is the channel's post that this message of the group carries, `extra` further fields as Telegram sends
    them (photo, media_group_id…).
    """

    id: int
    chat_id: int
    author_id: int
    text: str
    date: int
    edit_date: int = 0
    thread_id: int = 0
    reply_to: int = 0
    post_id: int = 0
    is_deleted: bool = False
    extra: dict[str, Any] = {}


class Update(msgspec.Struct):
    """An update that its receiver has not acknowledged yet."""

    body: dict[str, Any]
    date: int


class Webhook(msgspec.Struct):
    """Where updates go. `allowed_updates` is empty for all of them."""

    url: str = ""
    secret_token: str = ""
    allowed_updates: list[str] = []
    max_connections: int = 40
    last_error_date: int = 0
    last_error_message: str = ""
    gone_since: int = 0


class Page(msgspec.Struct):
    """A bot with the channel and the group that it serves; without a channel it only takes private messages."""

    id: int
    name: str
    token: str
    bot_id: int
    username: str = ""
    discussion_id: int = 0
    moved_from: int = 0
    is_in_group: bool = True
    is_closed: bool = False
    webhook: Webhook = msgspec.field(default_factory=Webhook)
    pending: dict[int, Update] = {}
    messages: list[Message] = []
    started: list[int] = []
    blocked: list[int] = []
    next_update_id: int = 850_000_001
    next_ids: dict[int, int] = {}

    @property
    def sides(self) -> tuple[int, ...]:
        """Who speaks for the page: its bot, its channel, the anonymous administrators of its group."""
        return (self.bot_id, self.id, self.discussion_id)

    def message(self, chat_id: int, message_id: int) -> Message:
        """A message, deleted ones too. Raises TelegramError."""
        for message in self.messages:
            if message.chat_id == chat_id and message.id == message_id:
                return message
        raise bad_request("message not found")

    def add(self, message: Message) -> Message:
        """Put a message into its chat, with the next number there."""
        sequence = PRIVATE_MESSAGES if message.chat_id > 0 else message.chat_id
        message.id = self.next_ids[sequence] = self.next_ids.get(sequence, 100) + 1
        self.messages.append(message)
        return message

    def forward_of(self, post_id: int) -> Message:
        """The message of the group that carries a post. Raises TelegramError."""
        for message in self.messages:
            if message.post_id == post_id and message.chat_id == self.discussion_id:
                return message
        raise bad_request("the post has no comments")

    def chat(self, chat_id: int) -> list[Message]:
        """The messages of one chat, oldest first."""
        return [message for message in self.messages if message.chat_id == chat_id]

    def check_group(self) -> None:
        """Whether the bot may write in the group. Raises TelegramError."""
        if not self.is_in_group:
            raise forbidden("bot was kicked from the supergroup chat")
        if self.is_closed:
            raise bad_request("not enough rights to send text messages to the chat")


class World(msgspec.Struct):
    """Everything that survives a restart. `files` holds base64 by the path under which they are fetched."""

    pages: dict[str, Page] = {}
    users: dict[int, User] = {}
    files: dict[str, str] = {}

    def page(self, page_id: str) -> Page:
        """A page by its external id. Raises TelegramError."""
        try:
            return self.pages[page_id]
        except KeyError:
            raise bad_request("chat not found") from None

    def check_recipient(self, page: Page, user_id: int) -> None:
        """Whether the bot may write to this person. Raises TelegramError."""
        user = self.users.get(user_id)
        if user is None:
            raise bad_request("chat not found")
        if user.is_deactivated:
            raise forbidden("user is deactivated")
        if user_id in page.blocked:
            raise forbidden("bot was blocked by the user")
        if user_id not in page.started:
            raise forbidden("bot can't initiate conversation with a user")
