"""Methods of the MAX Bot API as the stand-in plays them, by their names in the reference (operationId)."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from app.sandbox.max_payloads import bot_object, message_object
from app.sandbox.max_webhooks import MaxWebhooks
from app.sandbox.max_world import MaxError, Message, Page, Subscription, World, bad_request, forbidden, not_found

TEXT_LIMIT = 4000
COUNT_LIMIT = 100
COUNT = 50
SECRET = re.compile(r"[a-zA-Z0-9_-]{5,256}")
LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True, slots=True)
class Call:
    """One authorised call: by whose bot, with what, in which world. `at` is Unix milliseconds."""

    world: World
    webhooks: MaxWebhooks
    page: Page
    params: Mapping[str, str]
    body: Mapping[str, Any]
    post: str
    at: int

    def integer(self, name: str, default: int) -> int:
        """An integer of the query. Raises MaxError."""
        try:
            return int(self.params.get(name, default))
        except ValueError:
            raise bad_request(f"{name} is no number") from None

    def count(self) -> int:
        """How many are asked for. Raises MaxError."""
        count = self.integer("count", COUNT)
        if not 1 <= count <= COUNT_LIMIT:
            raise bad_request(f"count: must be from 1 to {COUNT_LIMIT}")
        return count

    def text(self) -> str:
        """The words to be sent. Raises MaxError."""
        text = self.body.get("text")
        if not isinstance(text, str) or not text.strip():
            raise bad_request("text: must not be empty")
        if len(text) > TEXT_LIMIT:
            raise bad_request(f"text: size must be between 0 and {TEXT_LIMIT}")
        return text

    def reply_to(self) -> str:
        """The message that is answered, empty if none is. Raises MaxError."""
        link = self.body.get("link")
        if link is None:
            return ""
        if not isinstance(link, dict) or link.get("type") not in ("reply", "forward"):
            raise bad_request("link: wrong type")
        return self.page.message(str(link.get("mid"))).mid

    def chat(self) -> int:
        """The dialog or channel that is meant, by `chat_id` or `user_id`. Raises MaxError."""
        if "chat_id" in self.params:
            return self.integer("chat_id", 0)
        person = self.integer("user_id", 0)
        if not person:
            raise bad_request("chat_id or user_id is required")
        self.page.check_recipient(person)
        return self.page.dialogs[person]


def get_me(call: Call) -> Any:
    """getMyInfo."""
    return bot_object(call.page)


def send_message(call: Call) -> Any:
    """sendMessage: to a dialog, or as a post into the channel. Raises MaxError."""
    text, chat = call.text(), call.chat()
    if chat == call.page.channel_id:
        call.page.check_right("write")
    else:
        call.page.check_recipient(call.page.person_of(chat))
    reply_to = call.reply_to()
    if reply_to and call.page.message(reply_to).post:
        raise bad_request("link: must not be a comment")
    author = 0 if chat == call.page.channel_id else call.page.bot_id
    message = call.world.add(call.page, Message("", 0, chat, author, text, call.at, reply_to=reply_to))
    return {"message": message_object(call.world, call.page, message)}


def get_messages(call: Call) -> Any:
    """getMessages: the latest of a chat first. Raises MaxError."""
    if "message_ids" in call.params:
        found = [call.page.message(mid) for mid in call.params["message_ids"].split(",")]
    else:
        chat, count = call.integer("chat_id", 0), call.count()
        if chat == call.page.channel_id:
            call.page.check_right("read_all_messages")
        elif chat not in call.page.dialogs.values():
            raise forbidden("no access to the chat")
        found = call.page.said_in(chat)[::-1][:count]
    return {"messages": [message_object(call.world, call.page, one) for one in found]}


def send_comment(call: Call) -> Any:
    """sendComment. Raises MaxError; what MAX answers where comments are switched off was seen live, not documented."""
    call.page.check_right("read_all_messages", "write")
    text, post = call.text(), call.page.post(call.post)
    if not call.page.has_comments:
        raise MaxError(500, "internal.error", "Internal error")
    reply_to = call.reply_to()
    if reply_to and call.page.comment(reply_to).post != post.mid:
        raise not_found("comment")
    comment = Message("", 0, post.chat_id, call.page.bot_id, text, call.at, post=post.mid, reply_to=reply_to)
    return {"message": message_object(call.world, call.page, call.world.add(call.page, comment))}


def get_comments(call: Call) -> Any:
    """getComments: the latest first, between `after` and `before`. Raises MaxError."""
    call.page.check_right("read_all_messages")
    post, count = call.page.post(call.post), call.count()
    after, before = call.integer("after", 0), call.integer("before", 2**62)
    found = [one for one in call.page.comments_under(post.mid) if not one.is_deleted and after <= one.date <= before]
    return {"messages": [message_object(call.world, call.page, one) for one in found[::-1][:count]]}


def get_subscriptions(call: Call) -> Any:
    """getSubscriptions: secrets are not told."""
    listed = call.webhooks.subscriptions(call.page)
    return {"subscriptions": [{"url": s.url, "time": s.time, "update_types": s.update_types} for s in listed]}


def subscribe(call: Call) -> Any:
    """subscribe: HTTPS on port 443 only; on this machine anything goes. Raises MaxError."""
    url, secret, types = call.body.get("url"), call.body.get("secret") or "", call.body.get("update_types") or []
    if not isinstance(url, str) or not _is_allowed(url):
        raise bad_request("url: must be https on port 443")
    if not isinstance(secret, str) or (secret and not SECRET.fullmatch(secret)):
        raise bad_request("secret: must match ^[a-zA-Z0-9_-]{5,256}$")
    others = [one for one in call.webhooks.subscriptions(call.page) if one.url != url]
    call.page.subscriptions = [*others, Subscription(url, secret, [str(name) for name in types], call.at)]
    return {"success": True}


def _is_allowed(url: str) -> bool:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    return parts.hostname in LOOPBACK or (parts.scheme == "https" and port in (None, 443))


def unsubscribe(call: Call) -> Any:
    """unsubscribe."""
    url = call.params.get("url", "")
    call.page.subscriptions = [one for one in call.page.subscriptions if one.url != url]
    return {"success": True}


# (HTTP method, path) -> (name in the reference, what it does); {post} stands for the id of a post
METHODS: dict[tuple[str, str], tuple[str, Callable[[Call], Any]]] = {
    ("GET", "/me"): ("getMyInfo", get_me),
    ("GET", "/messages"): ("getMessages", get_messages),
    ("POST", "/messages"): ("sendMessage", send_message),
    ("GET", "/messages/{post}/comments"): ("getComments", get_comments),
    ("POST", "/messages/{post}/comments"): ("sendComment", send_comment),
    ("GET", "/subscriptions"): ("getSubscriptions", get_subscriptions),
    ("POST", "/subscriptions"): ("subscribe", subscribe),
    ("DELETE", "/subscriptions"): ("unsubscribe", unsubscribe),
}
