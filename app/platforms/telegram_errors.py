"""What to do about a refusal of the Bot API.

Telegram documents codes but not descriptions; the words here are those that its server (tdlib/telegram-bot-api,
Client.cpp) writes. The actions are ours.
"""

from dataclasses import dataclass

from app.platforms.base import FailureKind


@dataclass(frozen=True, slots=True)
class Remedy:
    """What to do and what to tell the operator. `words` are looked for in Telegram's description, in lower case."""

    code: int
    words: str
    kind: FailureKind
    sentence: str


def _never(code: int, words: str, sentence: str) -> Remedy:
    return Remedy(code, words, FailureKind.PERMANENT, sentence)


_WRONG_TOKEN = "Telegram не принимает токен бота: выпустите новый у @BotFather и впишите его (appeals pages update)."  # noqa: S105
_ANOTHER_WAY = "предложите публичный ответ или другой способ связи."
_NO_RIGHTS = "У бота нет права писать в группе обсуждений: дайте его в настройках группы и отправьте ответ снова."
_OUT_OF_GROUP = "Бота нет в группе обсуждений: верните его администратором и отправьте ответ снова."
_NO_COMMENT = "Комментария, на который мы отвечаем, больше нет."

# The first row whose code and words fit; words that are empty fit all.
REMEDIES: tuple[Remedy, ...] = (
    Remedy(401, "", FailureKind.PAGE_STOPPED, _WRONG_TOKEN),
    Remedy(404, "", FailureKind.PAGE_STOPPED, _WRONG_TOKEN),
    _never(403, "blocked by the user", f"Житель заблокировал бота: {_ANOTHER_WAY}"),
    _never(403, "user is deactivated", f"Учётная запись жителя удалена: {_ANOTHER_WAY}"),
    _never(403, "can't initiate conversation", f"Житель не писал боту, первым писать нельзя: {_ANOTHER_WAY}"),
    _never(403, "messages to bots", "Бот не может писать другому боту: ответ не нужен."),
    _never(403, "chat was deleted", "Группа обсуждений удалена: свяжите канал с новой и укажите её номер."),
    _never(403, "kicked", _OUT_OF_GROUP),
    _never(403, "not a member", _OUT_OF_GROUP),
    _never(403, "", f"Telegram запретил отправку: {_ANOTHER_WAY}"),
    _never(400, "message is too long", "Ответ слишком длинный: сократите его или разделите на части."),
    _never(400, "text is empty", "Пустой ответ отправить нельзя."),
    _never(400, "chat not found", "Telegram не находит этого чата: житель не писал боту или бота нет в группе."),
    _never(400, "replied", _NO_COMMENT),
    _never(400, "reply message", _NO_COMMENT),
    _never(400, "reply_message", _NO_COMMENT),
    _never(400, "thread not found", _NO_COMMENT),
    _never(400, "topic_closed", "Тема закрыта: откройте её или ответьте личным сообщением."),
    _never(400, "not enough rights", _NO_RIGHTS),
    _never(400, "no rights to send", _NO_RIGHTS),
    _never(400, "chat_write_forbidden", _NO_RIGHTS),
    _never(400, "administrator rights", _NO_RIGHTS),
    _never(400, "user_is_blocked", f"Житель заблокировал бота: {_ANOTHER_WAY}"),
    _never(400, "peer_id_invalid", f"Telegram не знает этого получателя: {_ANOTHER_WAY}"),
    _never(400, "https url must be provided", "Telegram доставляет только по HTTPS: задайте внешний адрес сервиса."),
    _never(400, "bad webhook", "Telegram не принимает адрес вебхука: проверьте внешний адрес, порт и сертификат."),
    _never(400, "", "Telegram не принял запрос: сообщите администратору системы."),
    _never(409, "", "Токеном бота пользуется ещё одна программа: отключите её или выпустите новый токен."),
    _never(413, "", "Ответ слишком велик: сократите его или разделите на части."),
)

UNKNOWN_ERROR = _never(0, "", "Telegram отказал по причине, которой нет в справочнике.")


def remedy_for(code: int, description: str) -> Remedy:
    """What to do about this refusal. A code that is not in the table is for a person to judge."""
    said = description.casefold()
    fitting = (remedy for remedy in REMEDIES if remedy.code == code and remedy.words in said)
    return next(fitting, UNKNOWN_ERROR)
