"""The part of the stand-in that Odnoklassniki do not have, over HTTP under /stand-in/: citizens, views, faults."""

from typing import TYPE_CHECKING, Any, Literal

import msgspec
from starlette.requests import Request
from starlette.routing import Route

from app.platforms.ok_events import comment_key, message_key
from app.sandbox.controls import NewUser, WebhookFaults, answering, order, view
from app.sandbox.misbehaviour import Misbehaviour
from app.sandbox.ok_world import OkError

if TYPE_CHECKING:
    from app.sandbox.ok_stand_in import OkStandIn


class NewPage(msgspec.Struct, forbid_unknown_fields=True):
    """POST /stand-in/pages. Without `callback_url` the group waits for a subscription."""

    page: str
    name: str
    access_token: str
    user_token: str = ""
    app_key: str = ""
    app_secret: str = ""
    callback_url: str = ""


class NewPost(msgspec.Struct, forbid_unknown_fields=True):
    """POST /stand-in/posts."""

    page: str
    text: str
    is_closed: bool = False


class CommentDeed(msgspec.Struct, forbid_unknown_fields=True):
    """POST /stand-in/comments: the page writes by hand as its own id."""

    page: str
    post: str = ""
    user_id: str = ""
    text: str = ""
    reply_to: str = ""
    action: Literal["new", "edit", "delete"] = "new"
    comment: str = ""
    attachments: list[dict[str, Any]] = []


class MessageDeed(msgspec.Struct, forbid_unknown_fields=True):
    """POST /stand-in/messages."""

    page: str
    user_id: str
    text: str = ""
    action: Literal["new", "edit", "delete", "block"] = "new"
    message: str = ""
    reply_to: str = ""
    attachments: list[dict[str, Any]] = []


class Page(msgspec.Struct, forbid_unknown_fields=True):
    """POST /stand-in/webhook-stop: the group's webhooks are forgotten."""

    page: str


def control_routes(stand_in: "OkStandIn") -> list[Route]:
    """The routes over one stand-in."""

    def page(deed: NewPage) -> Any:
        settings = msgspec.structs.asdict(deed)
        stand_in.add_page(settings.pop("page"), settings.pop("name"), **settings)
        return {"page": deed.page}

    def user(deed: NewUser) -> Any:
        return {"user_id": stand_in.add_user(deed.user_id, deed.first_name, deed.last_name).id}

    def post(deed: NewPost) -> Any:
        topic = stand_in.add_post(deed.page, deed.text)
        if deed.is_closed:
            stand_in.close_comments(deed.page, topic.id)
        return {"post": topic.id}

    def stop(deed: Page) -> Any:
        stand_in.unsubscribe(deed.page)
        return {"page": deed.page}

    def misbehave(deed: Misbehaviour) -> Any:
        stand_in.api.faults.add(deed)
        return {"times": deed.times}

    def behave(request: Request) -> Any:
        stand_in.api.faults.clear()
        return {"times": 0}

    def fail_webhooks(deed: WebhookFaults) -> Any:
        stand_in.deliveries.double(deed.doubled)
        stand_in.deliveries.mix_up(deed.mixed_up)
        return msgspec.structs.asdict(deed)

    return [
        order("/stand-in/pages", NewPage, page),
        order("/stand-in/users", NewUser, user),
        order("/stand-in/posts", NewPost, post),
        order("/stand-in/comments", CommentDeed, lambda deed: _comment(stand_in, deed)),
        order("/stand-in/messages", MessageDeed, lambda deed: _message(stand_in, deed)),
        order("/stand-in/webhook-stop", Page, stop),
        order("/stand-in/misbehave", Misbehaviour, misbehave),
        order("/stand-in/webhook-faults", WebhookFaults, fail_webhooks),
        Route("/stand-in/misbehave", answering(behave), methods=["DELETE"]),
        view("/stand-in/calls", lambda request: stand_in.calls(request.query_params.get("method", ""))),
        view("/stand-in/feed", lambda request: stand_in.feed(_named(request, "page"))),
        view("/stand-in/dialog", lambda request: stand_in.dialog(_named(request, "page"), _named(request, "user_id"))),
    ]


def _comment(stand_in: "OkStandIn", deed: CommentDeed) -> Any:
    if deed.action == "edit":
        comment = stand_in.edit_comment(deed.page, deed.comment, deed.text)
    elif deed.action == "delete":
        comment = stand_in.delete_comment(deed.page, deed.comment)
    else:
        comment = stand_in.comment(
            deed.page, deed.post, deed.user_id, deed.text, reply_to=deed.reply_to, attachments=deed.attachments
        )
    return {"comment": comment.id, "key": comment_key(comment.id)}


def _message(stand_in: "OkStandIn", deed: MessageDeed) -> Any:
    if deed.action in ("edit", "delete"):
        raise OkError(3, "METHOD : Groups are told of no edits or deletions of messages")
    if deed.action == "block":
        stand_in.block(deed.page, deed.user_id)
        return {"message": "", "key": ""}
    message = stand_in.message(deed.page, deed.user_id, deed.text, reply_to=deed.reply_to, attachments=deed.attachments)
    return {"message": message.mid, "key": message_key(message.mid)}


def _named(request: Request, name: str) -> str:
    """A required text of the query. Raises ValueError."""
    value = request.query_params.get(name, "")
    if not value:
        raise ValueError(f"{name} is missing")
    return value
