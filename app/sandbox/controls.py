"""What the controls of all stand-ins have in common: orders as JSON, views, refusals, shapes that are the same."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

Deed = TypeVar("Deed", bound=msgspec.Struct)


class PlayedError(Exception):
    """A refusal in the network's own words; its text is the message."""

    code: int | str


class NewUser(msgspec.Struct, forbid_unknown_fields=True):
    """POST /stand-in/users."""

    user_id: str
    first_name: str
    last_name: str = ""


class WebhookFaults(msgspec.Struct, forbid_unknown_fields=True):
    """POST /stand-in/webhook-faults: so many of the next webhooks come twice, or after the one that follows."""

    doubled: int = 0
    mixed_up: int = 0


def order(path: str, shape: type[Deed], carry_out: Callable[[Deed], Any]) -> Route:
    """A POST whose JSON body has this shape."""

    async def endpoint(request: Request) -> Any:
        return carry_out(msgspec.json.decode(await request.body(), type=shape))

    return Route(path, answering(endpoint), methods=["POST"])


def view(path: str, show: Callable[[Request], Any]) -> Route:
    """A GET that shows something."""
    return Route(path, answering(show), methods=["GET"])


def answering(work: Callable[[Request], Any]) -> Callable[[Request], Awaitable[Response]]:
    """The endpoint that does this: what the network refuses is 400, what cannot be read 422."""

    async def endpoint(request: Request) -> Response:
        try:
            result = work(request)
            return JSONResponse(await result if isinstance(result, Awaitable) else result)
        except PlayedError as error:
            return JSONResponse({"error_code": error.code, "error_msg": str(error)}, status_code=400)
        except (msgspec.MsgspecError, UnicodeDecodeError, ValueError) as error:
            return JSONResponse({"error_msg": str(error)}, status_code=422)

    return endpoint
