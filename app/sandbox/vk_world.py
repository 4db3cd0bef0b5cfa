"""The world behind the VK stand-in: communities, people, posts, comments, dialogs. In memory, written to one JSON file.

Behaves as VK documents it: ids of posts and comments come from one sequence of their owner, threads have two levels,
a repeated random_id or guid returns what it made the first time.
"""

from typing import Any

import msgspec

from app.sandbox.controls import PlayedError

CHAT_PEER_BASE = 2_000_000_000


class VkError(PlayedError):
    """An error object of the VK API."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class User(msgspec.Struct):
    """A person, shown by name."""

    id: int
    first_name: str
    last_name: str


class Thing(msgspec.Struct):
    """What is commented on: a wall post, photo, video, product or discussion topic."""

    id: int
    place: str
    text: str
    date: int
    is_closed: bool = False


class Comment(msgspec.Struct):
    """A comment, a citizen's (from_id > 0) or the community's own (from_id < 0)."""

    id: int
    place: str
    container_id: int
    from_id: int
    text: str
    date: int
    parents_stack: list[int] = []
    reply_to_comment: int = 0
    reply_to_user: int = 0
    attachments: list[dict[str, Any]] = []
    is_deleted: bool = False
    guid: str = ""


class Message(msgspec.Struct):
    """A private message of a dialog with the community."""

    id: int
    conversation_message_id: int
    peer_id: int
    from_id: int
    text: str
    date: int
    random_id: int = 0
    admin_author_id: int = 0
    update_time: int = 0
    attachments: list[dict[str, Any]] = []
    geo: dict[str, Any] | None = None


class CallbackServer(msgspec.Struct):
    """Where events go. `events` is None for all of them; `errors_in_a_row` switch it off, see Webhooks."""

    id: int
    url: str
    title: str
    secret: str
    status: str = "unconfigured"
    events: list[str] | None = None
    errors_in_a_row: int = 0


class Community(msgspec.Struct):
    """An official page. `refusals` maps a user to the code with which VK refuses private messages to him."""

    id: int
    name: str
    access_token: str
    user_token: str = ""
    administrator_id: int = 100_000_777
    confirmation: str = ""
    servers: list[CallbackServer] = []
    things: list[Thing] = []
    comments: list[Comment] = []
    messages: list[Message] = []
    refusals: dict[int, int] = {}
    next_object_id: int = 700
    next_message_id: int = 5000

    def thing(self, place: str, thing_id: int) -> Thing:
        """What is commented on. Raises VkError 212 where VK would show no comments."""
        for thing in self.things:
            if thing.place == place and thing.id == thing_id:
                return thing
        raise VkError(212, "Access to post comments denied")

    def comment(self, place: str, comment_id: int) -> Comment:
        """A comment, deleted ones included. Raises VkError 100."""
        for comment in self.comments:
            if comment.place == place and comment.id == comment_id:
                return comment
        raise invalid_parameter("reply_to_comment")

    def new_object_id(self) -> int:
        """The next number of the owner's one sequence for posts and comments."""
        self.next_object_id += 1
        return self.next_object_id

    def add_thing(self, place: str, text: str, date: int, thing_id: int = 0) -> Thing:
        """Publish something to comment on; the same id twice is the same thing with a new text."""
        for thing in self.things:
            if thing.place == place and thing.id == thing_id:
                thing.text = text
                return thing
        thing = Thing(id=thing_id or self.new_object_id(), place=place, text=text, date=date)
        self.next_object_id = max(self.next_object_id, thing.id if place == "wall" else 0)
        self.things.append(thing)
        return thing

    def add_comment(self, draft: Comment) -> Comment:
        """Publish a comment, completing id and thread. Raises VkError: 100, 212, 213 closed."""
        if self.thing(draft.place, draft.container_id).is_closed:
            raise VkError(213, "Access to post comments denied: can't add reply, comments are closed")
        if draft.reply_to_comment:
            target = self.comment(draft.place, draft.reply_to_comment)
            draft.parents_stack = target.parents_stack[:1] or [target.id]
            draft.reply_to_user = target.from_id
        draft.id = self.new_object_id()
        self.comments.append(draft)
        return draft

    def comment_by_guid(self, guid: str) -> Comment | None:
        """What this guid made the first time."""
        return next((comment for comment in self.comments if guid and comment.guid == guid), None)

    def dialog(self, peer_id: int) -> list[Message]:
        """The messages with one person, oldest first."""
        return [message for message in self.messages if message.peer_id == peer_id]

    def add_message(self, draft: Message) -> Message:
        """Write a private message, completing its numbers."""
        self.next_message_id += 1
        draft.id = self.next_message_id if draft.peer_id < CHAT_PEER_BASE else 0
        draft.conversation_message_id = len(self.dialog(draft.peer_id)) + 1
        self.messages.append(draft)
        return draft

    def sent_before(self, peer_id: int, random_id: int) -> Message | None:
        """What this random_id made the first time; zero asks for no such protection."""
        sent = (m for m in self.messages if m.random_id == random_id and m.peer_id == peer_id and m.from_id < 0)
        return next(sent, None) if random_id else None

    def check_recipient(self, peer_id: int) -> None:
        """Whether the community may write first. Raises VkError: 900, 901, 902 as set, 901 for who never wrote."""
        code = self.refusals.get(peer_id)
        if code is None and not any(message.from_id == peer_id for message in self.dialog(peer_id)):
            code = 0 if peer_id >= CHAT_PEER_BASE else 901
        if code:
            raise VkError(code, _RECIPIENT_ERRORS.get(code, "Can't send messages to this user"))


_RECIPIENT_ERRORS = {
    18: "User was deleted or banned",
    900: "Can't send messages for users from blacklist",
    901: "Can't send messages for users without permission",
    902: "Can't send messages to this user due to their privacy settings",
}


def invalid_parameter(name: str) -> VkError:
    """VK's error 100."""
    return VkError(100, f"One of the parameters specified was missing or invalid: {name} is invalid")


class PendingEvent(msgspec.Struct):
    """A webhook that its receiver has not acknowledged yet."""

    group_id: int
    server_id: int
    body: dict[str, Any]
    attempts: int = 0


class World(msgspec.Struct):
    """Everything that survives a restart."""

    communities: dict[int, Community] = {}
    users: dict[int, User] = {}
    pending: dict[str, PendingEvent] = {}

    def community(self, group_id: int) -> Community:
        """A community by its positive number. Raises VkError 203."""
        try:
            return self.communities[group_id]
        except KeyError:
            raise VkError(203, "Access to group denied") from None
