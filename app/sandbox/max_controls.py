"""The part of the stand-in that MAX does not have, over HTTP under /stand-in/: citizens, views, faults, counts."""

from typing import TYPE_CHECKING, Any, Literal

import msgspec
from starlette.requests import Request
from starlette.routing import Route

from app.sandbox.controls import NewUser, WebhookFaults, answering, order, view
from app.sandbox.max_world import Message, bad_request
from app.sandbox.misbehaviour import Misbehaviour

if TYPE_CHECKING:
    from app.sandbox.max_stand_in import MaxStandIn


class NewPage(msgspec.Struct, forbid_unknown_fields=True):
    """POST /stand-in/pages: `page` is the channel's id (negative), or the bot's where there is no channel."""

    page: str
    name: str
    access_token: str
    username: str = ""
    callback_url: str = ""
    secret: str = ""
    comments_as: tuple[Literal["comment", "message"], ...] = ("comment",)


class NewPost(msgspec.Struct, forbid_unknown_fields=True):
    """POST /stand-in/posts."""

    page: str
    text: str


class CommentDeed(msgspec.Struct, forbid_unknown_fields=True):
    """POST /stand-in/comments: somebody with the page's id writes by hand in the channel's name."""

    page: str
    post: str = ""
    user_id: str = ""
    text: str = ""
    reply_to: str = ""
    action: Literal["new", "edit", "delete"] = "new"
    comment: str = ""


class MessageDeed(msgspec.Struct, forbid_unknown_fields=True):
    """POST /stand-in/messages: `extra` are fields of the body, such as attachments."""

    page: str
    user_id: str
    text: str = ""
    action: Literal["new", "edit", "delete", "start", "block"] = "new"
    message: str = ""
    extra: dict[str, Any] = {}


class Rights(msgspec.Struct, forbid_unknown_fields=True):
    """POST /stand-in/rights: what the bot may do in the channel; None makes it an administrator no more."""

    page: str
    permissions: list[str] | None = None


def control_routes(stand_in: "MaxStandIn") -> list[Route]:
    """The routes over one stand-in."""

    def page(deed: NewPage) -> Any:
        settings = msgspec.structs.asdict(deed)
        stand_in.add_page(settings.pop("page"), settings.pop("name"), **settings)
        return {"page": deed.page}

    def user(deed: NewUser) -> Any:
        return {"user_id": str(stand_in.add_user(deed.user_id, deed.first_name, deed.last_name).id)}

    def rights(deed: Rights) -> Any:
        stand_in.set_rights(deed.page, deed.permissions)
        return msgspec.structs.asdict(deed)

    def misbehave(deed: Misbehaviour) -> Any:
        stand_in.api.faults.add(deed)
        return {"times": deed.times}

    def behave(request: Request) -> Any:
        stand_in.api.faults.clear()
        return {"times": 0}

    def webhook_faults(deed: WebhookFaults) -> Any:
        stand_in.webhooks.deliveries.double(deed.doubled)
        stand_in.webhooks.deliveries.mix_up(deed.mixed_up)
        return msgspec.structs.asdict(deed)

    return [
        order("/stand-in/pages", NewPage, page),
        order("/stand-in/users", NewUser, user),
        order("/stand-in/posts", NewPost, lambda deed: {"post": stand_in.add_post(deed.page, deed.text).mid}),
        order("/stand-in/comments", CommentDeed, lambda deed: _named("comment", _comment(stand_in, deed))),
        order("/stand-in/messages", MessageDeed, lambda deed: _named("message", _message(stand_in, deed))),
        order("/stand-in/rights", Rights, rights),
        order("/stand-in/misbehave", Misbehaviour, misbehave),
        order("/stand-in/webhook-faults", WebhookFaults, webhook_faults),
        Route("/stand-in/misbehave", answering(behave), methods=["DELETE"]),
        view("/stand-in/calls", lambda request: stand_in.calls(request.query_params.get("method", ""))),
        view("/stand-in/feed", lambda request: stand_in.feed(_text(request, "page"))),
        view("/stand-in/dialog", lambda request: stand_in.dialog(_text(request, "page"), _text(request, "user_id"))),
    ]


def _comment(stand_in: "MaxStandIn", deed: CommentDeed) -> Message:
    if deed.action == "edit":
        return stand_in.edit(deed.page, deed.comment, deed.text)
    if deed.action == "delete":
        return stand_in.delete(deed.page, deed.comment)
    return stand_in.comment(deed.page, deed.post, deed.user_id, deed.text, reply_to=deed.reply_to)


def _message(stand_in: "MaxStandIn", deed: MessageDeed) -> Message | None:
    if deed.action in ("start", "block"):
        act = stand_in.start_bot if deed.action == "start" else stand_in.stop_bot
        return act(deed.page, deed.user_id)
    if deed.action == "edit":
        return stand_in.edit(deed.page, deed.message, deed.text)
    if deed.action == "delete":
        return stand_in.delete(deed.page, deed.message)
    return stand_in.message(deed.page, deed.user_id, deed.text, extra=deed.extra)


def _named(what: str, message: Message | None) -> dict[str, str]:
    """The id and the key that our parser will give it: for MAX they are the same."""
    mid = message.mid if message else ""
    return {what: mid, "key": mid}


def _text(request: Request, name: str) -> str:
    """A required value of the query. Raises MaxError."""
    value = request.query_params.get(name, "")
    if not value:
        raise bad_request(f"{name} is empty")
    return value
