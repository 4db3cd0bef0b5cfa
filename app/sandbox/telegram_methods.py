"""Methods of the Bot API as the stand-in plays them. Source: core.telegram.org/bots/api, Bot API 10.3."""

import base64
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from app.sandbox.telegram_payloads import chat_object, message_object, person_object
from app.sandbox.telegram_webhooks import TelegramWebhooks
from app.sandbox.telegram_world import Message, Page, Webhook, World, bad_request

TEXT_LIMIT = 4096
FILE_LIMIT_BYTES = 20 * 1024 * 1024
SECRET = re.compile(r"[A-Za-z0-9_-]{0,256}")
MOST_CONNECTIONS = 100


@dataclass(frozen=True, slots=True)
class Call:
    """One authorised call: by which bot, with what, in which world."""

    world: World
    webhooks: TelegramWebhooks
    page: Page
    params: Mapping[str, Any]
    timestamp: int

    def integer(self, name: str) -> int:
        """A required integer. Raises TelegramError."""
        try:
            return int(self.params[name])
        except (KeyError, TypeError, ValueError):
            raise bad_request(f"{name} is empty") from None

    def fields(self, name: str) -> Mapping[str, Any]:
        """An object, empty if there is none."""
        value = self.params.get(name)
        return value if isinstance(value, Mapping) else {}


def send_message(call: Call) -> Any:
    """sendMessage: to a person who has started the bot, or into the group."""
    text, page, chat_id = call.params.get("text"), call.page, call.integer("chat_id")
    if not isinstance(text, str) or not text.strip():
        raise bad_request("message text is empty")
    if len(text.encode("utf-16-le")) // 2 > TEXT_LIMIT:
        raise bad_request("message is too long")
    _check_chat(call, chat_id)
    answered = _answered(call, chat_id)
    message = Message(0, chat_id, page.bot_id, text, call.timestamp)
    if answered is not None:
        message.reply_to, message.thread_id = answered.id, answered.thread_id or (answered.id if chat_id < 0 else 0)
    return message_object(call.world, page, page.add(message))  # a bot does not hear of its own messages


def _check_chat(call: Call, chat_id: int) -> None:
    page = call.page
    if chat_id > 0:
        call.world.check_recipient(page, chat_id)
    elif chat_id == page.moved_from != 0:
        what = "group chat was upgraded to a supergroup chat"
        raise bad_request(what, migrate_to_chat_id=page.discussion_id)
    elif chat_id == page.discussion_id:
        page.check_group()
    else:
        raise bad_request("chat not found")


def _answered(call: Call, chat_id: int) -> Message | None:
    asked = call.fields("reply_parameters")
    if "message_id" not in asked:
        return None
    number = asked["message_id"]
    found = (m for m in call.page.chat(chat_id) if m.id == number and not m.is_deleted)
    message = next(found, None)
    if message is None and asked.get("allow_sending_without_reply") is not True:
        raise bad_request("message to be replied not found")
    return message


def set_webhook(call: Call) -> Any:
    """setWebhook: an empty address removes it; what waits is kept unless told otherwise."""
    url, secret = str(call.params.get("url") or ""), str(call.params.get("secret_token") or "")
    connections = call.params.get("max_connections", Webhook().max_connections)
    if url and not url.startswith("https://"):
        raise bad_request("bad webhook: An HTTPS URL must be provided for webhook")
    if not SECRET.fullmatch(secret):
        raise bad_request("secret token contains unallowed characters")
    if not isinstance(connections, int) or not 1 <= connections <= MOST_CONNECTIONS:
        raise bad_request("bad webhook: max_connections is out of range")
    allowed = call.params.get("allowed_updates") or []
    call.page.webhook = Webhook(url, secret, [str(name) for name in allowed], connections)
    if call.params.get("drop_pending_updates") is True:
        call.page.pending.clear()
    call.webhooks.move(call.page)
    return True


def delete_webhook(call: Call) -> Any:
    """deleteWebhook."""
    call.page.webhook = Webhook()
    return True


def get_webhook_info(call: Call) -> Any:
    """getWebhookInfo."""
    webhook = call.page.webhook
    info = {
        "url": webhook.url,
        "has_custom_certificate": False,
        "pending_update_count": call.webhooks.waiting(call.page),
    }
    if webhook.last_error_date:
        info |= {"last_error_date": webhook.last_error_date, "last_error_message": webhook.last_error_message}
    if webhook.url:
        info |= {"max_connections": webhook.max_connections, "ip_address": "192.0.2.1"}
    return info | ({"allowed_updates": webhook.allowed_updates} if webhook.allowed_updates else {})


def get_file(call: Call) -> Any:
    """getFile: the id is the path here; a file of more than 20 MB is not given out."""
    path = str(call.params.get("file_id", "")).replace("~", "/")
    if path not in call.world.files:
        raise bad_request("wrong file_id or the file is temporarily unavailable")
    size = len(base64.b64decode(call.world.files[path]))
    if size > FILE_LIMIT_BYTES:
        raise bad_request("file is too big")
    return {"file_id": call.params["file_id"], "file_unique_id": path[-8:], "file_size": size, "file_path": path}


def get_me(call: Call) -> Any:
    """getMe."""
    return person_object(call.world, call.page, call.page.bot_id)


def get_chat(call: Call) -> Any:
    """getChat: the channel tells its group."""
    chat_id = call.integer("chat_id")
    chat = chat_object(call.world, call.page, chat_id)
    return chat | ({"linked_chat_id": call.page.discussion_id} if chat_id == call.page.id else {})


METHODS: dict[str, Callable[[Call], Any]] = {
    "sendMessage": send_message,
    "setWebhook": set_webhook,
    "deleteWebhook": delete_webhook,
    "getWebhookInfo": get_webhook_info,
    "getFile": get_file,
    "getMe": get_me,
    "getChat": get_chat,
}
