"""Methods of the VK API as the stand-in plays them. Source: VK API schema 5.199, */methods.json and errors.json."""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from app.sandbox.vk_payloads import comment_event, message_event, message_object
from app.sandbox.vk_webhooks import Webhooks
from app.sandbox.vk_world import (
    CallbackServer,
    Comment,
    Community,
    Message,
    VkError,
    World,
    invalid_parameter,
)

MESSAGE_LIMIT = 9000
PEERS_LIMIT = 100
USERS_LIMIT = 1000
TITLE_LIMIT = 14
SECRET_LIMIT = 50
SERVERS_LIMIT = 10


@dataclass(frozen=True, slots=True)
class Call:
    """One authorised call: by whom, with what, in which world."""

    world: World
    webhooks: Webhooks
    community: Community
    is_administrator: bool
    params: Mapping[str, str]
    timestamp: int

    def text(self, name: str) -> str:
        """A required text. Raises VkError 100."""
        value = self.params.get(name, "")
        if not value:
            raise VkError(100, f"One of the parameters specified was missing or invalid: {name} is undefined")
        return value

    def integer(self, name: str) -> int:
        """A required integer. Raises VkError 100."""
        try:
            return int(self.text(name))
        except ValueError:
            raise invalid_parameter(name) from None

    def optional_integer(self, name: str) -> int:
        """An integer, 0 if there is none. Raises VkError 100."""
        return self.integer(name) if self.params.get(name) else 0

    def integers(self, name: str, limit: int) -> list[int]:
        """A comma-separated list of at most `limit` integers. Raises VkError 100."""
        try:
            numbers = [int(part) for part in self.text(name).split(",")]
        except ValueError:
            raise invalid_parameter(name) from None
        if len(numbers) > limit:
            raise invalid_parameter(name)
        return numbers


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a method returned. `is_repeat` when random_id or guid was known already and nothing new was made."""

    response: Any
    is_repeat: bool = False


def send_message(call: Call) -> Outcome:
    """messages.send: one peer (`peer_id`) fails with an error object, several (`peer_ids`) each with their own."""
    if "random_id" not in call.params:
        raise invalid_parameter("random_id")
    text = call.params.get("message", "")
    if len(text) > MESSAGE_LIMIT:
        raise VkError(914, "Message is too long")
    if not text.strip() and not call.params.get("attachment"):
        raise VkError(100, "One of the parameters specified was missing or invalid: message is empty or invalid")
    if "peer_ids" not in call.params:
        peer_id = call.integer("peer_id" if "peer_id" in call.params else "user_id")
        message, is_repeat = _write(call, peer_id, text)
        return Outcome(message.id, is_repeat)
    results = [_write_to_one(call, peer_id, text) for peer_id in call.integers("peer_ids", PEERS_LIMIT)]
    return Outcome([item for item, _ in results], all(is_repeat for _, is_repeat in results))


def _write_to_one(call: Call, peer_id: int, text: str) -> tuple[dict[str, Any], bool]:
    try:
        message, is_repeat = _write(call, peer_id, text)
    except VkError as error:
        return {"peer_id": peer_id, "message_id": 0, "error": {"code": error.code, "description": error.message}}, False
    numbers = {"message_id": message.id, "conversation_message_id": message.conversation_message_id}
    return {"peer_id": peer_id, **numbers}, is_repeat


def _write(call: Call, peer_id: int, text: str) -> tuple[Message, bool]:
    random_id = call.optional_integer("random_id")
    if before := call.community.sent_before(peer_id, random_id):
        return before, True
    call.community.check_recipient(peer_id)
    draft = Message(0, 0, peer_id, -call.community.id, text, call.timestamp, random_id=random_id)
    message = call.community.add_message(draft)
    call.webhooks.publish(call.community, *message_event(message, "new"))
    return message, False


def get_messages(call: Call) -> Outcome:
    """messages.getByConversationMessageId: uncropped."""
    numbers = call.integers("conversation_message_ids", PEERS_LIMIT)
    found = [m for m in call.community.dialog(call.integer("peer_id")) if m.conversation_message_id in numbers]
    return Outcome({"count": len(found), "items": [message_object(message) for message in found]})


def create_comment(place: str, container_field: str) -> Callable[[Call], Outcome]:
    """wall.createComment and its like of the other places; they differ in names and in what they return."""

    def create(call: Call) -> Outcome:
        owner = call.integer("group_id" if place == "board" else "owner_id")
        if abs(owner) != call.community.id or (owner > 0) != (place == "board"):
            raise VkError(15, "Access denied")
        if before := call.community.comment_by_guid(call.params.get("guid", "")):
            return Outcome(_created(before), is_repeat=True)
        comment = call.community.add_comment(_comment_draft(call, place, call.integer(container_field)))
        call.webhooks.publish(call.community, *comment_event(call.community, comment, "new", comment.from_id))
        return Outcome(_created(comment))

    return create


def _comment_draft(call: Call, place: str, container_id: int) -> Comment:
    text = call.params.get("message", "")
    if not text.strip() and not call.params.get("attachments"):
        raise VkError(100, "One of the parameters specified was missing or invalid: message is empty or invalid")
    is_from_group = not call.is_administrator or bool(call.optional_integer("from_group"))
    return Comment(
        id=0,
        place=place,
        container_id=container_id,
        from_id=-call.community.id if is_from_group else call.community.administrator_id,
        text=text,
        date=call.timestamp,
        reply_to_comment=call.optional_integer("reply_to_comment") if place != "board" else 0,
        guid=call.params.get("guid", ""),
    )


def _created(comment: Comment) -> Any:
    if comment.place == "wall":
        return {"comment_id": comment.id, "parents_stack": comment.parents_stack}
    return comment.id


def get_users(call: Call) -> Outcome:
    """users.get: unknown ids are left out."""
    users = [call.world.users.get(user_id) for user_id in call.integers("user_ids", USERS_LIMIT)]
    return Outcome(
        [
            {"id": u.id, "first_name": u.first_name, "last_name": u.last_name, "is_closed": False}
            for u in users
            if u is not None
        ]
    )


def get_groups(call: Call) -> Outcome:
    """groups.getById."""
    field = "group_ids" if "group_ids" in call.params else "group_id"
    communities = [call.world.communities.get(group_id) for group_id in call.integers(field, 500)]
    groups = [
        {"id": c.id, "name": c.name, "screen_name": f"club{c.id}", "is_closed": 0, "type": "page"}
        for c in communities
        if c is not None
    ]
    return Outcome({"groups": groups, "profiles": []})


def get_confirmation_code(call: Call) -> Outcome:
    """groups.getCallbackConfirmationCode."""
    return Outcome({"code": _own_group(call).confirmation})


def add_callback_server(call: Call) -> Outcome:
    """groups.addCallbackServer: VK checks the address afterwards, and shows the result in getCallbackServers."""
    community = _own_group(call)
    url, title, secret = call.text("url"), call.text("title"), call.params.get("secret_key", "")
    if len(title) > TITLE_LIMIT or len(secret) > SECRET_LIMIT:
        raise invalid_parameter("title" if len(title) > TITLE_LIMIT else "secret_key")
    if not url.startswith(("http://", "https://")):
        raise invalid_parameter("url")
    if len(community.servers) >= SERVERS_LIMIT:
        raise VkError(2000, "Cannot add more servers: limit reached")
    number = max((server.id for server in community.servers), default=0) + 1
    community.servers.append(CallbackServer(number, url, title, secret, status="wait", events=[]))
    call.webhooks.in_background(_check_new_servers(call.webhooks, community))
    return Outcome({"server_id": number})


async def _check_new_servers(webhooks: Webhooks, community: Community) -> None:
    """Send the confirmation to servers that wait for it. The code is a new one for every server."""
    for server in community.servers:
        if server.status == "wait":
            server.status = "ok" if await webhooks.confirm(community, server) else "failed"
            community.confirmation = secrets.token_hex(4)


_NOT_EVENTS = {"group_id", "server_id", "api_version", "access_token", "v"}


def set_callback_settings(call: Call) -> Outcome:
    """groups.setCallbackSettings: every event is named with 0 or 1; unnamed ones stay."""
    number = call.integer("server_id")
    server = next((server for server in _own_group(call).servers if server.id == number), None)
    if server is None:
        raise invalid_parameter("server_id")
    chosen = set(server.events or [])
    for name, value in call.params.items():
        if name not in _NOT_EVENTS:
            chosen = chosen | {name} if value == "1" else chosen - {name}
    server.events = sorted(chosen)
    return Outcome(1)


def get_callback_servers(call: Call) -> Outcome:
    """groups.getCallbackServers."""
    items = [
        {"id": s.id, "title": s.title, "url": s.url, "secret_key": s.secret, "status": s.status, "creator_id": 0}
        for s in _own_group(call).servers
    ]
    return Outcome({"count": len(items), "items": items})


def _own_group(call: Call) -> Community:
    if call.integer("group_id") != call.community.id:
        raise VkError(15, "Access denied")
    return call.community


@dataclass(frozen=True, slots=True)
class Method:
    """A method and whether only a user's token may call it."""

    run: Callable[[Call], Outcome]
    is_user_only: bool = False


METHODS: dict[str, Method] = {
    "messages.send": Method(send_message),
    "messages.getByConversationMessageId": Method(get_messages),
    "wall.createComment": Method(create_comment("wall", "post_id")),
    "photos.createComment": Method(create_comment("photo", "photo_id"), is_user_only=True),
    "video.createComment": Method(create_comment("video", "video_id"), is_user_only=True),
    "market.createComment": Method(create_comment("market", "item_id"), is_user_only=True),
    "board.createComment": Method(create_comment("board", "topic_id"), is_user_only=True),
    "users.get": Method(get_users),
    "groups.getById": Method(get_groups),
    "groups.getCallbackConfirmationCode": Method(get_confirmation_code),
    "groups.addCallbackServer": Method(add_callback_server),
    "groups.setCallbackSettings": Method(set_callback_settings),
    "groups.getCallbackServers": Method(get_callback_servers),
}
