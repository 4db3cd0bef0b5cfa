"""Methods groups.*Callback* as the stand-in plays them. Source: VK API schema 5.199, groups/methods.json."""

import secrets

from app.sandbox.vk_call import Call, Outcome
from app.sandbox.vk_payloads import EVENT_TYPES
from app.sandbox.vk_webhooks import VERSION, Webhooks
from app.sandbox.vk_world import CallbackServer, Community, VkError, invalid_parameter

TITLE_LIMIT = 14
SECRET_LIMIT = 50
SERVERS_LIMIT = 10


def get_confirmation_code(call: Call) -> Outcome:
    """groups.getCallbackConfirmationCode."""
    return Outcome({"code": _own_group(call).confirmation})


def add_callback_server(call: Call) -> Outcome:
    """groups.addCallbackServer: VK checks the address afterwards, and shows the result in getCallbackServers."""
    community = _own_group(call)
    url, title, secret = _address(call)
    if len(community.servers) >= SERVERS_LIMIT:
        raise VkError(2000, "Cannot add more servers: limit reached")
    number = max((server.id for server in community.servers), default=0) + 1
    community.servers.append(CallbackServer(number, url, title, secret, status="wait", events=[]))
    call.webhooks.in_background(_check_new_servers(call.webhooks, community))
    return Outcome({"server_id": number})


def edit_callback_server(call: Call) -> Outcome:
    """groups.editCallbackServer: the address is checked again, which also ends a switch-off."""
    community, server = _own_group(call), _server(call)
    server.url, server.title, server.secret = _address(call)
    server.status, server.errors_in_a_row = "wait", 0
    call.webhooks.in_background(_check_new_servers(call.webhooks, community))
    return Outcome(1)


def _address(call: Call) -> tuple[str, str, str]:
    """Url, title and secret key as VK takes them. Raises VkError 100."""
    url, title, secret = call.text("url"), call.text("title"), call.params.get("secret_key", "")
    if len(title) > TITLE_LIMIT or len(secret) > SECRET_LIMIT:
        raise invalid_parameter("title" if len(title) > TITLE_LIMIT else "secret_key")
    if not url.startswith(("http://", "https://")):
        raise invalid_parameter("url")
    return url, title, secret


def _server(call: Call) -> CallbackServer:
    """One of the community's servers. Raises VkError 100."""
    number = call.integer("server_id")
    server = next((server for server in _own_group(call).servers if server.id == number), None)
    if server is None:
        raise invalid_parameter("server_id")
    return server


async def _check_new_servers(webhooks: Webhooks, community: Community) -> None:
    """Send the confirmation to servers that wait for it. The code is a new one for every server."""
    for server in community.servers:
        if server.status == "wait":
            server.status = "ok" if await webhooks.confirm(community, server) else "failed"
            community.confirmation = secrets.token_hex(4)


_NOT_EVENTS = {"group_id", "server_id", "api_version", "access_token", "v"}


def set_callback_settings(call: Call) -> Outcome:
    """groups.setCallbackSettings: every event is named with 0 or 1; unnamed ones stay."""
    server = _server(call)
    chosen = set(EVENT_TYPES if server.events is None else server.events)
    for name, value in call.params.items():
        if name not in _NOT_EVENTS:
            chosen = chosen | {name} if value == "1" else chosen - {name}
    server.events = sorted(chosen)
    return Outcome(1)


def get_callback_settings(call: Call) -> Outcome:
    """groups.getCallbackSettings."""
    chosen = _server(call).events
    events = {name: int(chosen is None or name in chosen) for name in EVENT_TYPES}
    return Outcome({"api_version": VERSION, "events": events})


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
