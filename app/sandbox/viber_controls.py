"""The part of the stand-in that Viber does not have, over HTTP under /stand-in/: citizens, views, faults, counts."""

from typing import TYPE_CHECKING, Any, Literal

import msgspec
from starlette.requests import Request
from starlette.routing import Route

from app.platforms.viber_events import message_key
from app.sandbox.controls import NewUser, WebhookFaults, answering, order, view
from app.sandbox.misbehaviour import Misbehaviour
from app.sandbox.viber_world import ViberError

if TYPE_CHECKING:
    from app.sandbox.viber_stand_in import ViberStandIn


class NewPage(msgspec.Struct, forbid_unknown_fields=True):
    """POST /stand-in/pages. Without `callback_url` the bot waits for set_webhook."""

    page: str
    name: str
    access_token: str
    callback_url: str = ""


class MessageDeed(msgspec.Struct, forbid_unknown_fields=True):
    """POST /stand-in/messages: the citizen writes, opens the conversation, subscribes, or blocks the bot.

    `extra` are fields of Viber's message object: `{"type": "picture", "media": "https://…"}`.
    """

    page: str
    user_id: str
    text: str = ""
    action: Literal["new", "edit", "delete", "block", "open", "subscribe"] = "new"
    message: str = ""
    extra: dict[str, Any] = {}


class Page(msgspec.Struct, forbid_unknown_fields=True):
    """POST /stand-in/webhook-stop: the bot's webhook is forgotten."""

    page: str


def control_routes(stand_in: "ViberStandIn") -> list[Route]:
    """The routes over one stand-in."""

    def page(deed: NewPage) -> Any:
        stand_in.add_page(deed.page, deed.name, access_token=deed.access_token, callback_url=deed.callback_url)
        return {"page": deed.page}

    def user(deed: NewUser) -> Any:
        return {"user_id": stand_in.add_user(deed.user_id, deed.first_name, deed.last_name).id}

    def stop(deed: Page) -> Any:
        stand_in.drop_webhook(deed.page)
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
        order("/stand-in/webhook-stop", Page, stop),
        order("/stand-in/misbehave", Misbehaviour, misbehave),
        order("/stand-in/webhook-faults", WebhookFaults, fail_webhooks),
        order("/stand-in/messages", MessageDeed, lambda deed: _message(stand_in, deed)),
        Route("/stand-in/misbehave", answering(behave), methods=["DELETE"]),
        Route("/stand-in/posts", answering(_no_posts), methods=["POST"]),
        Route("/stand-in/comments", answering(_no_posts), methods=["POST"]),
        view("/stand-in/calls", lambda request: stand_in.calls(request.query_params.get("method", ""))),
        view("/stand-in/feed", lambda request: stand_in.feed(_text(request, "page"))),
        view("/stand-in/dialog", lambda request: stand_in.dialog(_text(request, "page"), _text(request, "user_id"))),
    ]


def _message(stand_in: "ViberStandIn", deed: MessageDeed) -> Any:
    if deed.action in ("edit", "delete"):
        raise ViberError(3, "Viber tells bots of no edits or deletions")
    if deed.action == "new":
        said = stand_in.message(deed.page, deed.user_id, deed.text, deed.extra)
        return {"message": str(said.token), "key": message_key(said.token)}
    act = {"block": stand_in.block, "open": stand_in.open_conversation, "subscribe": stand_in.subscribe}[deed.action]
    act(deed.page, deed.user_id)
    return {"message": "", "key": ""}


def _no_posts(request: Request) -> Any:
    raise ViberError(3, "A bot of Viber has neither posts nor comments")


def _text(request: Request, name: str) -> str:
    """A required text of the query. Raises ValueError."""
    value = request.query_params.get(name, "")
    if not value:
        raise ValueError(f"{name} is missing")
    return value
