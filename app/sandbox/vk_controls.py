"""The part of the stand-in that VK does not have, over HTTP under /stand-in/: citizens, views, faults, counts."""

from typing import TYPE_CHECKING, Any, Literal

import msgspec
from starlette.requests import Request
from starlette.routing import Route

from app.sandbox import vk_views
from app.sandbox.controls import answering, order, view
from app.sandbox.misbehaviour import Misbehaviour
from app.sandbox.vk_payloads import comment_object, message_object

if TYPE_CHECKING:
    from app.sandbox.vk_stand_in import VkStandIn

Place = Literal["wall", "photo", "video", "market", "board"]


class NewCommunity(msgspec.Struct, forbid_unknown_fields=True):
    """POST /stand-in/communities."""

    group_id: int
    name: str
    access_token: str
    user_token: str = ""
    confirmation: str = ""
    callback_url: str = ""
    secret: str = ""


class NewUser(msgspec.Struct, forbid_unknown_fields=True):
    """POST /stand-in/users."""

    user_id: int
    first_name: str
    last_name: str = ""


class NewPost(msgspec.Struct, forbid_unknown_fields=True):
    """POST /stand-in/posts. `is_told`: the page's servers hear of it, and VK chooses the number."""

    group_id: int
    text: str
    post_id: int = 0
    place: Place = "wall"
    is_closed: bool = False
    is_told: bool = False


class CommentDeed(msgspec.Struct, forbid_unknown_fields=True):
    """POST /stand-in/comments: `user_id` writes (new) or acts (delete, restore); a page writes as -group_id."""

    group_id: int
    user_id: int = 0
    action: Literal["new", "edit", "delete", "restore"] = "new"
    place: Place = "wall"
    post_id: int = 0
    reply_to: int = 0
    comment_id: int = 0
    text: str = ""
    attachments: list[dict[str, Any]] = []


class MessageDeed(msgspec.Struct, forbid_unknown_fields=True):
    """POST /stand-in/messages: the citizen's, or with `moderator_id` the page's by hand.

    `allow` and `block` say whether the community may write to him; the page is told.
    """

    group_id: int
    user_id: int
    action: Literal["new", "edit", "allow", "block"] = "new"
    text: str = ""
    conversation_message_id: int = 0
    moderator_id: int = 0
    attachments: list[dict[str, Any]] = []
    geo: dict[str, Any] | None = None


class Refusal(msgspec.Struct, forbid_unknown_fields=True):
    """POST /stand-in/refusals: 900, 901, 902, or 0 to allow."""

    group_id: int
    user_id: int
    error_code: int


class StoppedCommunity(msgspec.Struct, forbid_unknown_fields=True):
    """POST /stand-in/webhook-stop: VK switches the community's servers off."""

    group_id: int


class WebhookFaults(msgspec.Struct, forbid_unknown_fields=True):
    """POST /stand-in/webhook-faults: so many of the next events come twice, or after the one that follows."""

    doubled: int = 0
    mixed_up: int = 0


def control_routes(stand_in: "VkStandIn") -> list[Route]:
    """The routes over one stand-in."""

    def community(deed: NewCommunity) -> Any:
        stand_in.add_community(**msgspec.structs.asdict(deed))
        return {"group_id": deed.group_id}

    def user(deed: NewUser) -> Any:
        return {"user_id": stand_in.add_user(deed.user_id, deed.first_name, deed.last_name).id}

    def refuse(deed: Refusal) -> Any:
        stand_in.refuse_messages(deed.group_id, deed.user_id, deed.error_code)
        return {"error_code": deed.error_code}

    def misbehave(deed: Misbehaviour) -> Any:
        stand_in.api.faults.add(deed)
        return {"times": deed.times}

    def behave(request: Request) -> Any:
        stand_in.api.faults.clear()
        return {"times": 0}

    return [
        order("/stand-in/communities", NewCommunity, community),
        order("/stand-in/users", NewUser, user),
        order("/stand-in/posts", NewPost, lambda deed: _post(stand_in, deed)),
        order("/stand-in/refusals", Refusal, refuse),
        order("/stand-in/misbehave", Misbehaviour, misbehave),
        order("/stand-in/webhook-stop", StoppedCommunity, lambda deed: _stop(stand_in, deed)),
        order("/stand-in/webhook-faults", WebhookFaults, lambda deed: _fail_webhooks(stand_in, deed)),
        order("/stand-in/comments", CommentDeed, lambda deed: _comment(stand_in, deed)),
        order("/stand-in/messages", MessageDeed, lambda deed: _message(stand_in, deed)),
        Route("/stand-in/misbehave", answering(behave), methods=["DELETE"]),
        view("/stand-in", lambda _: vk_views.overview(stand_in.world)),
        view("/stand-in/calls", lambda request: stand_in.calls(request.query_params.get("method", ""))),
        view("/stand-in/feed", lambda request: stand_in.feed(_number(request, "group_id"))),
        view(
            "/stand-in/dialog",
            lambda request: stand_in.dialog(_number(request, "group_id"), _number(request, "user_id")),
        ),
    ]


def _post(stand_in: "VkStandIn", deed: NewPost) -> Any:
    if deed.is_told:
        thing = stand_in.publish_post(deed.group_id, deed.text, place=deed.place)
    else:
        thing = stand_in.add_post(deed.group_id, deed.text, post_id=deed.post_id, place=deed.place)
    if deed.is_closed:
        stand_in.close_comments(deed.group_id, thing.id, place=deed.place)
    return {"post_id": thing.id}


def _stop(stand_in: "VkStandIn", deed: StoppedCommunity) -> Any:
    stand_in.stop_callbacks(deed.group_id)
    return {"group_id": deed.group_id}


def _fail_webhooks(stand_in: "VkStandIn", deed: WebhookFaults) -> Any:
    stand_in.webhooks.double(deed.doubled)
    stand_in.webhooks.mix_up(deed.mixed_up)
    return msgspec.structs.asdict(deed)


def _comment(stand_in: "VkStandIn", deed: CommentDeed) -> Any:
    place = deed.place
    if deed.action == "new":
        comment = stand_in.comment(
            deed.group_id,
            deed.user_id,
            deed.text,
            post_id=deed.post_id,
            place=place,
            reply_to=deed.reply_to,
            attachments=deed.attachments,
        )
    elif deed.action == "edit":
        comment = stand_in.edit_comment(deed.group_id, deed.comment_id, deed.text, place=place)
    elif deed.action == "delete":
        comment = stand_in.delete_comment(deed.group_id, deed.comment_id, place=place, actor_id=deed.user_id)
    else:
        comment = stand_in.restore_comment(deed.group_id, deed.comment_id, place=place, actor_id=deed.user_id)
    return comment_object(stand_in.world.community(deed.group_id), comment)


def _message(stand_in: "VkStandIn", deed: MessageDeed) -> Any:
    if deed.action in ("allow", "block"):
        stand_in.allow_messages(deed.group_id, deed.user_id, is_allowed=deed.action == "allow")
        return {"user_id": deed.user_id}
    if deed.action == "edit":
        number = deed.conversation_message_id
        return message_object(stand_in.edit_message(deed.group_id, deed.user_id, number, deed.text))
    message = stand_in.message(
        deed.group_id,
        deed.user_id,
        deed.text,
        attachments=deed.attachments,
        geo=deed.geo,
        moderator_id=deed.moderator_id,
    )
    return message_object(message)


def _number(request: Request, name: str) -> int:
    """A required number of the query. Raises ValueError."""
    return int(request.query_params.get(name, ""))
