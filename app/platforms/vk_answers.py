"""Our answers as calls of the VK API. Source: VK API schema 5.199, messages/, wall/, photos/… methods.json."""

import hashlib
from dataclasses import dataclass
from typing import Any

import httpx

from app.platforms.base import Credentials, FailureKind, OutgoingMessage, SendFailed, SentMessage
from app.platforms.incoming import Kind
from app.platforms.untrusted import integer
from app.platforms.vk_api import call, not_understood, page_token, refusal
from app.platforms.vk_events import comment_key, message_key

TEXT_LIMIT = 4096


@dataclass(frozen=True, slots=True)
class _CommentMethod:
    """How comments of one place are answered. Only wall.createComment takes a community's token."""

    name: str
    container_field: str
    is_for_administrator: bool = True


_COMMENT_METHODS = {
    "wall": _CommentMethod("wall.createComment", "post_id", is_for_administrator=False),
    "photo": _CommentMethod("photos.createComment", "photo_id"),
    "video": _CommentMethod("video.createComment", "video_id"),
    "market": _CommentMethod("market.createComment", "item_id"),
    "board": _CommentMethod("board.createComment", "topic_id"),
}


def needs_administrator(message: OutgoingMessage) -> bool:
    """Whether this answer goes with the administrator's token, which VK allows fewer requests."""
    method = _COMMENT_METHODS.get(message.place) if message.kind is Kind.COMMENT else None
    return method is not None and method.is_for_administrator


async def send_answer(
    client: httpx.AsyncClient, api_url: str, credentials: Credentials, message: OutgoingMessage
) -> SentMessage:
    """Send one answer as the community. Raises SendFailed and nothing else."""
    _check_text(message.text)
    if message.kind is Kind.MESSAGE:
        return await _send_private(client, api_url, credentials, message)
    return await _send_comment(client, api_url, credentials, message)


def random_id(idempotency_key: str) -> int:
    """The key as a positive 31-bit number, by which VK knows a repeated messages.send."""
    return int.from_bytes(hashlib.sha256(idempotency_key.encode()).digest()[:4], "big") & 0x7FFFFFFF or 1


def _check_text(text: str) -> None:
    if not text.strip():
        raise SendFailed(FailureKind.PERMANENT, "Пустой ответ отправить нельзя.", code="100")
    if len(text) > TEXT_LIMIT:
        reason = f"Ответ длиннее {TEXT_LIMIT} знаков: сократите его или разделите на части."
        raise SendFailed(FailureKind.PERMANENT, reason, code="914")


async def _send_private(
    client: httpx.AsyncClient, api_url: str, credentials: Credentials, message: OutgoingMessage
) -> SentMessage:
    """messages.send in its peer_ids form: the other one does not tell the number under which the answer will echo."""
    peer_id = message.post_external_id or message.author_external_id
    params: dict[str, str | int] = {
        "peer_ids": peer_id,
        "random_id": random_id(message.idempotency_key),
        "message": message.text,
        "dont_parse_links": 1,
        "disable_mentions": 1,
    }
    response = await call(client, api_url, page_token(credentials), "messages.send", params)
    return _sent_private(response, peer_id)


def _sent_private(response: Any, peer_id: str) -> SentMessage:
    if number := integer(response):
        return SentMessage(external_id=str(number), key=message_key(peer_id, f"id{number}"))
    item = response[0] if isinstance(response, list) and response else None
    if not isinstance(item, dict):
        raise not_understood("messages.send")
    if isinstance(item.get("error"), dict):
        raise refusal(integer(item["error"].get("code")), item["error"].get("description"), "messages.send")
    number, in_conversation = integer(item.get("message_id")), integer(item.get("conversation_message_id"))
    if not number and not in_conversation:
        raise not_understood("messages.send")
    return SentMessage(
        external_id=str(number) if number else f"{peer_id}_{in_conversation}",
        key=message_key(peer_id, in_conversation or f"id{number}"),
    )


async def _send_comment(
    client: httpx.AsyncClient, api_url: str, credentials: Credentials, message: OutgoingMessage
) -> SentMessage:
    method = _COMMENT_METHODS.get(message.place)
    if method is None or not message.post_external_id:
        reason = "Неизвестно, под чем оставлен комментарий: ответьте вручную в сообществе."
        raise SendFailed(FailureKind.HANDS_NEEDED, reason)
    token = _administrator_token(credentials, method.name) if method.is_for_administrator else page_token(credentials)
    params = _comment_params(credentials.external_id, method, message)
    try:
        response = await call(client, api_url, token, method.name, params)
    except SendFailed as failure:
        raise _of_administrator(failure) if method.is_for_administrator else failure from failure.__cause__
    number = integer(response.get("comment_id") if isinstance(response, dict) else response)
    if not number:
        raise not_understood(method.name)
    return SentMessage(str(number), comment_key(message.place, message.post_external_id, number))


def _comment_params(group_id: str, method: _CommentMethod, message: OutgoingMessage) -> dict[str, str | int]:
    params: dict[str, str | int] = {
        method.container_field: message.post_external_id or "",
        "message": message.text,
        # wall.createComment wants the community's number, the others a mere "yes"
        "from_group": 1 if method.is_for_administrator else group_id,
        "guid": message.idempotency_key,
    }
    if message.place == "board":  # knows no replies to a comment
        return {"group_id": group_id, **params}
    if message.reply_to_external_id:
        params["reply_to_comment"] = message.reply_to_external_id
    return {"owner_id": f"-{group_id}", **params}


def _administrator_token(credentials: Credentials, method: str) -> str:
    if not credentials.user_token:
        reason = (
            "ВКонтакте принимает ответы под фотографиями, видео, товарами и обсуждениями только с ключом "
            "администратора сообщества: впишите его (appeals pages update) или ответьте вручную."
        )
        raise SendFailed(FailureKind.HANDS_NEEDED, reason, method=method)
    return credentials.user_token


def _of_administrator(failure: SendFailed) -> SendFailed:
    """A refused administrator's token stops this answer only: wall and messages live by the community's token."""
    if failure.kind is not FailureKind.PAGE_STOPPED:
        return failure
    reason = (
        f"ВКонтакте не принимает ключ администратора: впишите новый или ответьте вручную. Код ВКонтакте {failure.code}."
    )
    return SendFailed(FailureKind.HANDS_NEEDED, reason, code=failure.code, method=failure.method)
