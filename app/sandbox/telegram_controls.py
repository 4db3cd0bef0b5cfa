"""The part of the stand-in that Telegram does not have, over HTTP under /stand-in/: citizens, views, faults, counts."""

from typing import TYPE_CHECKING, Any, Literal

import msgspec
from starlette.requests import Request
from starlette.routing import Route

from app.platforms import telegram_comments, telegram_events
from app.platforms.telegram_messages import external_id
from app.sandbox.controls import NewUser, WebhookFaults, answering, order, view
from app.sandbox.misbehaviour import Misbehaviour
from app.sandbox.telegram_world import Message, bad_request

if TYPE_CHECKING:
    from app.sandbox.telegram_stand_in import TelegramStandIn


class NewPage(msgspec.Struct, forbid_unknown_fields=True):
    """POST /stand-in/pages: `page` is the channel's id, or the bot's where there is no channel."""

    page: str
    name: str
    access_token: str
    discussion_id: str = ""
    username: str = ""
    callback_url: str = ""
    secret: str = ""


class NewPost(msgspec.Struct, forbid_unknown_fields=True):
    """POST /stand-in/posts."""

    page: str
    text: str


class CommentDeed(msgspec.Struct, forbid_unknown_fields=True):
    """POST /stand-in/comments: the page writes by hand as its channel's or group's id."""

    page: str
    post: str = ""
    user_id: str = ""
    text: str = ""
    reply_to: str = ""
    action: Literal["new", "edit", "delete"] = "new"
    comment: str = ""
    extra: dict[str, Any] = {}


class MessageDeed(msgspec.Struct, forbid_unknown_fields=True):
    """POST /stand-in/messages."""

    page: str
    user_id: str
    text: str = ""
    action: Literal["new", "edit", "delete", "block"] = "new"
    message: str = ""
    extra: dict[str, Any] = {}


def control_routes(stand_in: "TelegramStandIn") -> list[Route]:
    """The routes over one stand-in."""

    def page(deed: NewPage) -> Any:
        settings = msgspec.structs.asdict(deed)
        stand_in.add_page(settings.pop("page"), settings.pop("name"), **settings)
        return {"page": deed.page}

    def user(deed: NewUser) -> Any:
        return {"user_id": str(stand_in.add_user(deed.user_id, deed.first_name, deed.last_name).id)}

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
        order("/stand-in/posts", NewPost, lambda deed: {"post": str(stand_in.add_post(deed.page, deed.text).id)}),
        order("/stand-in/comments", CommentDeed, lambda deed: _comment(stand_in, deed)),
        order("/stand-in/messages", MessageDeed, lambda deed: _message(stand_in, deed)),
        order("/stand-in/misbehave", Misbehaviour, misbehave),
        order("/stand-in/webhook-faults", WebhookFaults, webhook_faults),
        Route("/stand-in/misbehave", answering(behave), methods=["DELETE"]),
        view("/stand-in/calls", lambda request: stand_in.calls(request.query_params.get("method", ""))),
        view("/stand-in/feed", lambda request: stand_in.feed(_named(request, "page"))),
        view("/stand-in/dialog", lambda request: stand_in.dialog(_named(request, "page"), _named(request, "user_id"))),
    ]


def _comment(stand_in: "TelegramStandIn", deed: CommentDeed) -> Any:
    if deed.action == "edit":
        comment = stand_in.edit(deed.page, deed.comment, deed.text)
    elif deed.action == "delete":
        comment = stand_in.delete(deed.page, deed.comment)
    else:
        comment = stand_in.comment(
            deed.page, deed.post, deed.user_id, deed.text, reply_to=deed.reply_to, extra=deed.extra
        )
    return {"comment": external_id(comment.chat_id, comment.id), "key": _key(telegram_comments.PLACE, comment)}


def _message(stand_in: "TelegramStandIn", deed: MessageDeed) -> Any:
    if deed.action == "block":
        stand_in.block(deed.page, deed.user_id)
        return {"message": "", "key": ""}
    if deed.action == "edit":
        message = stand_in.edit(deed.page, deed.message, deed.text)
    elif deed.action == "delete":
        message = stand_in.delete(deed.page, deed.message)
    else:
        message = stand_in.message(deed.page, deed.user_id, deed.text, extra=deed.extra)
    return {"message": external_id(message.chat_id, message.id), "key": _key(telegram_events.PLACE, message)}


def _key(place: str, message: Message) -> str:
    """The key that our parser will give it."""
    album = message.extra.get("media_group_id")
    return f"{place}:{message.chat_id}:{f'album:{album}' if album else message.id}"


def _named(request: Request, name: str) -> str:
    """A required value of the query. Raises TelegramError."""
    value = request.query_params.get(name, "")
    if not value:
        raise bad_request(f"{name} is empty")
    return value
