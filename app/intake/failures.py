"""What is wrong with a delivery, in words for an operator. Pure."""

import re

NOUNS = {
    "wall_reply": "Комментарий",
    "photo_comment": "Комментарий к фото",
    "video_comment": "Комментарий к видео",
    "market_comment": "Комментарий к товару",
    "board_post": "Сообщение в обсуждении",
    "message_new": "Личное сообщение",
    "message_reply": "Личный ответ страницы",
    "message_edit": "Правка личного сообщения",
    "comment": "Комментарий",
    "edited_message": "Правка сообщения",
    "channel_post": "Запись канала",
    "edited_channel_post": "Правка записи канала",
    "message": "Сообщение",
    "MESSAGE_CREATED": "Личное сообщение",
    "COMMENT": "Комментарий",
}
WITHOUT = {
    "from_id": "без автора",
    "text": "без текста",
    "date": "без времени",
    "id": "без номера",
    "peer_id": "без собеседника",
    "object": "без содержимого",
    "sender": "без автора",
    "from": "без автора",
    "recipient": "без собеседника",
    "chat": "без собеседника",
    "timestamp": "без времени",
    "mid": "без номера",
    "message_id": "без номера",
    "body": "без содержимого",
    "message": "без содержимого",
}
MISSING_FIELD = re.compile(r"Поле [\w.]*?(?P<field>\w+) (отсутствует|не )")
INTERNAL = "Внутренняя ошибка"


def title(event_type: str, error: str | None) -> str:
    """«Комментарий без автора»"""
    noun = next((noun for prefix, noun in NOUNS.items() if event_type.startswith(prefix)), "Событие")
    found = MISSING_FIELD.search(error or "")
    lack = WITHOUT.get(found["field"]) if found else None
    return f"{noun} {lack}" if lack else f"{noun}: не удалось разобрать"


def advice(error: str | None) -> str:
    """Why it failed, and what a person can do."""
    if MISSING_FIELD.search(error or ""):
        return (
            "В событии нет того, без чего его не понять. Если платформа изменила формат, поможет обновление службы: "
            "после него повторите разбор. Если событие не нужно, не принимайте его, исходник останется до конца срока."
        )
    if (error or "").startswith(INTERNAL):
        return "Разбор прервала ошибка программы. Подробности в журнале службы; после исправления повторите."
    return "Событие не поддалось разбору. Повторите или не принимайте его: остальные события идут дальше."
