"""The part of the stand-in that Odnoklassniki do not have, over HTTP under /stand-in/: citizens, views, faults."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from app.platforms.ok_events import comment_key, message_key
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


class NewUser(msgspec.Struct, forbid_unknown_fields=True):
    """POST /stand-in/users."""

    user_id: str
    first_name: str
    last_name: str = ""


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


class WebhookFaults(msgspec.Struct, forbid_unknown_fields=True):
    """POST /stand-in/webhook-faults: so many of the next webhooks come twice, or after the one that follows."""

    doubled: int = 0
    mixed_up: int = 0


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
        _order("/stand-in/pages", NewPage, page),
        _order("/stand-in/users", NewUser, user),
        _order("/stand-in/posts", NewPost, post),
        _order("/stand-in/comments", CommentDeed, lambda deed: _comment(stand_in, deed)),
        _order("/stand-in/messages", MessageDeed, lambda deed: _message(stand_in, deed)),
        _order("/stand-in/webhook-stop", Page, stop),
        _order("/stand-in/misbehave", Misbehaviour, misbehave),
        _order("/stand-in/webhook-faults", WebhookFaults, fail_webhooks),
        Route("/stand-in/misbehave", _answering(behave), methods=["DELETE"]),
        _view("/stand-in/calls", lambda request: stand_in.calls(request.query_params.get("method", ""))),
        _view("/stand-in/feed", lambda request: stand_in.feed(_named(request, "page"))),
        _view("/stand-in/dialog", lambda request: stand_in.dialog(_named(request, "page"), _named(request, "user_id"))),
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


Deed = TypeVar("Deed", bound=msgspec.Struct)


def _order(path: str, shape: type[Deed], carry_out: Callable[[Deed], Any]) -> Route:
    """A POST whose JSON body has this shape."""

    async def endpoint(request: Request) -> Any:
        return carry_out(msgspec.json.decode(await request.body(), type=shape))

    return Route(path, _answering(endpoint), methods=["POST"])


def _view(path: str, show: Callable[[Request], Any]) -> Route:
    return Route(path, _answering(show), methods=["GET"])


def _answering(work: Callable[[Request], Any]) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        try:
            result = work(request)
            return JSONResponse(await result if isinstance(result, Awaitable) else result)
        except OkError as error:
            return JSONResponse({"error_code": error.code, "error_msg": error.message}, status_code=400)
        except (msgspec.MsgspecError, UnicodeDecodeError, ValueError) as error:
            return JSONResponse({"error_msg": str(error)}, status_code=422)

    return endpoint


def _named(request: Request, name: str) -> str:
    """A required text of the query. Raises ValueError."""
    value = request.query_params.get(name, "")
    if not value:
        raise ValueError(f"{name} is missing")
    return value
