"""Methods of the Odnoklassniki API as the stand-in plays them. Source: apiok.ru, Bot API and REST API.

Limits of length are not documented; ours is the one that the service keeps, so that breaking it is noticed. Paging of
comments is documented by name only: here an anchor is the number of the last comment of a page.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from app.sandbox.ok_payloads import comment_object, discussion_object, message_object
from app.sandbox.ok_world import Comment, Group, OkError, Subscription, World

TEXT_LIMIT = 4096
COMMENTS_LIMIT = 100
PEOPLE_LIMIT = 100
MESSAGES_LIMIT = 100


@dataclass(frozen=True, slots=True)
class Call:
    """One authorised call: of which group, with what. `params` are the form's or query's, `body` the JSON's."""

    world: World
    group: Group
    params: Mapping[str, str]
    body: Mapping[str, Any]
    milliseconds: int
    is_mixed_up: bool = False

    @property
    def seconds(self) -> int:
        """The time of the call in Unix seconds."""
        return self.milliseconds // 1000

    def text(self, name: str) -> str:
        """A required parameter. Raises OkError 100."""
        value = self.params.get(name, "")
        if not value:
            raise OkError(100, f"PARAM : Missed required parameter: {name}")
        return value

    def integer(self, name: str, default: int) -> int:
        """A number. Raises OkError 100."""
        try:
            return int(self.params.get(name) or default)
        except ValueError:
            raise OkError(100, f"PARAM : Invalid parameter {name}") from None


def subscribe(call: Call) -> Any:
    """POST graph.user.subscribe: the same address twice is one subscription."""
    url = str(call.body.get("url") or "")
    if not url.startswith(("http://", "https://")):
        raise OkError(100, "PARAM : url is invalid")
    if call.group.subscription(url) is None:
        call.group.subscriptions.append(Subscription(url, call.milliseconds))
    return {"success": True}


def unsubscribe(call: Call) -> Any:
    """POST graph.user.unsubscribe."""
    known = call.group.subscription(str(call.body.get("url") or ""))
    if known is not None:
        call.group.subscriptions.remove(known)
    return {"success": known is not None}


def get_subscriptions(call: Call) -> Any:
    """GET graph.user.subscriptions."""
    return {"subscriptions": [{"time": one.time, "url": one.url} for one in call.group.subscriptions]}


def send_message(call: Call) -> Any:
    """POST graph.chat.messages and graph.user.messages: into a chat, or to people by their ids."""
    recipient, content = call.body.get("recipient"), call.body.get("message")
    if not isinstance(recipient, dict) or not isinstance(content, dict):
        raise OkError(100, "PARAM : recipient and message are required")
    text = _checked(content.get("text"))
    reply_to = str(content.get("reply_to") or "")
    if isinstance(recipient.get("user_ids"), list):
        users = [str(user).removeprefix("user:") for user in recipient["user_ids"]]
        written = [_write_first(call, user, text) for user in users]
        return {"success": [chat is not None for chat in written], "chat_ids": written}
    chat = call.params.get("chat") or str(recipient.get("chat_id") or "")
    user_id = call.group.person_of(chat)
    if user_id in call.group.refusing:
        raise OkError(10, "PERMISSION_DENIED : User has forbidden messages")
    message = call.group.add_message(user_id, text, call.milliseconds, is_page=True, reply_to=reply_to)
    return {"success": True, "message_id": message.mid}


def _checked(text: object) -> str:
    if not isinstance(text, str) or not text.strip():
        raise OkError(100, "PARAM : text is empty")
    if len(text) > TEXT_LIMIT:
        raise OkError(100, "PARAM : text is too long")
    return text


def _write_first(call: Call, user_id: str, text: str) -> str | None:
    if user_id in call.group.refusing or user_id not in call.world.people:
        return None
    return call.group.add_message(user_id, text, call.milliseconds, is_page=True).chat


def get_messages(call: Call) -> Any:
    """GET graph.user.messages: newest first, `from` the latest time and `to` the earliest."""
    latest, earliest = call.integer("from", call.milliseconds), call.integer("to", 0)
    count = min(call.integer("count", MESSAGES_LIMIT), MESSAGES_LIMIT)
    chat = call.text("chat")
    found = [one for one in reversed(call.group.messages) if one.chat == chat and earliest <= one.timestamp <= latest]
    return {"messages": [message_object(call.world, call.group, message) for message in found[:count]]}


def list_discussions(call: Call) -> Any:
    """discussions.getList: of every group of the administrator, the latest activity first."""
    groups = [group for group in call.world.groups.values() if group.user_token == call.group.user_token]
    topics = [(group, topic) for group in groups for topic in group.topics if not topic.is_gone]
    topics.sort(key=lambda pair: pair[1].active_at, reverse=True)
    start, count = call.integer("anchor", 0), call.integer("count", 20)
    page = [discussion_object(group, topic) for group, topic in topics[start : start + count]]
    has_more = start + count < len(topics)
    return {"discussions": page, "has_more": has_more, **({"anchor": str(start + count)} if has_more else {})}


def list_comments(call: Call) -> Any:
    """discussions.getComments: forward from the oldest or back from the newest."""
    topic = call.group.topic(call.text("discussionId"))
    anchor, count = call.params.get("anchor", "LAST"), min(call.integer("count", 20), COMMENTS_LIMIT)
    is_forward = call.params.get("direction", "BACKWARD") == "FORWARD"
    known = call.group.comments_of(topic.id)
    if call.params.get("includeRemoved") != "true":
        known = [comment for comment in known if not comment.is_removed]
    if anchor not in ("FIRST", "LAST"):
        at = call.integer("anchor", 0)
        known = [one for one in known if (one.number > at if is_forward else one.number < at)]
    found = known if is_forward else list(reversed(known))
    page, more = found[:count], found[count:]
    last = str(page[-1].number) if page else anchor if anchor not in ("FIRST", "LAST") else ""
    shown = [comment_object(call.group, comment) for comment in (reversed(page) if call.is_mixed_up else page)]
    return {"comments": shown, "anchor": last, "has_more": bool(more)}


def get_comment(call: Call) -> Any:
    """discussions.getComment."""
    call.group.topic(call.text("discussionId"))
    return {"comment": comment_object(call.group, call.group.comment(call.text("comment_id")))}


def add_comment(call: Call) -> Any:
    """discussions.addDiscussionComment: with as_admin as the group, without as the administrator himself."""
    if call.params.get("entityType") != "GROUP_TOPIC":
        raise OkError(100, "PARAM : entityType")
    is_group = call.params.get("as_admin") == "true"
    draft = Comment(
        id="",
        number=0,
        topic=call.text("entityId"),
        author_id=call.group.id if is_group else "580000000777",
        is_group=is_group,
        text=_checked(call.params.get("comment")),
        date=call.seconds,
        reply_to=call.params.get("reply_to_comment_id", ""),
    )
    return call.group.add_comment(draft).id


def get_people(call: Call) -> Any:
    """users.getInfo: unknown ids are left out."""
    ids = call.text("uids").split(",")
    if len(ids) > PEOPLE_LIMIT:
        raise OkError(100, "PARAM : too many uids")
    people = [call.world.people[user_id] for user_id in ids if user_id in call.world.people]
    return [
        {"uid": one.id, "first_name": one.first_name, "last_name": one.last_name, "name": one.name} for one in people
    ]


REST_METHODS: dict[str, Callable[[Call], Any]] = {
    "discussions.getList": list_discussions,
    "discussions.getComments": list_comments,
    "discussions.getComment": get_comment,
    "discussions.addDiscussionComment": add_comment,
    "users.getInfo": get_people,
}
GRAPH_METHODS: dict[str, Callable[[Call], Any]] = {
    "subscribe": subscribe,
    "unsubscribe": unsubscribe,
    "subscriptions": get_subscriptions,
    "messages.send": send_message,
    "messages.get": get_messages,
}
