"""What to do about each error of the Odnoklassniki API, one row each.

Names and numbers: apiok.ru, the error codes of the REST API; the Graph API answers with the same ones. The actions are
ours. UNKNOWN stands for an error after which the call may have been carried out all the same.
"""

from dataclasses import dataclass

from app.platforms.base import FailureKind, SendFailed
from app.platforms.untrusted import storable

MINUTES = 60.0
HOURS = 3600.0


@dataclass(frozen=True, slots=True)
class Remedy:
    """What to do, what to tell the operator, the least time to wait, and whether the whole page waits."""

    kind: FailureKind
    sentence: str
    wait_seconds: float = 0
    is_of_page: bool = False


def _pause(sentence: str, wait_seconds: float) -> Remedy:
    return Remedy(FailureKind.RETRY, sentence, wait_seconds, is_of_page=True)


def _never(sentence: str) -> Remedy:
    return Remedy(FailureKind.PERMANENT, sentence)


def _by_hand(sentence: str) -> Remedy:
    return Remedy(FailureKind.HANDS_NEEDED, sentence)


_OUTAGE = Remedy(FailureKind.UNKNOWN, "Одноклассники временно недоступны: проверим и попробуем ещё раз.", 5)
_FLOOD = _pause("Одноклассники сочли сообщения слишком частыми (контроль флуда): повторим позже.", 10 * MINUTES)
_WRONG_TOKEN = Remedy(
    FailureKind.PAGE_STOPPED,
    "Одноклассники не принимают ключ доступа группы: получите новый в настройках группы и впишите его.",
)
_APPLICATION = _by_hand("Одноклассники не принимают ключи приложения: проверьте публичный и секретный ключ.")
_NO_RIGHTS = _by_hand(
    "Ключу администратора не хватает прав: выдайте право VALUABLE_ACCESS или ответьте вручную в группе."
)
_BAD_PARAMETER = _never("Одноклассники не приняли один из параметров: сообщите администратору системы.")
_GONE = _never("Запись, комментарий или чат удалены: ответить там нельзя.")

REMEDIES: dict[int, Remedy] = {
    1: _OUTAGE,
    2: _OUTAGE,
    3: _BAD_PARAMETER,
    4: _BAD_PARAMETER,
    7: _FLOOD,
    8: _FLOOD,
    9: _pause("Одноклассники не принимают запросов с адреса нашей службы: сообщите администратору системы.", 1 * HOURS),
    10: _NO_RIGHTS,
    11: _pause("Исчерпан предел вызовов Одноклассников, повторим позже.", 1 * HOURS),
    50: _NO_RIGHTS,
    100: _BAD_PARAMETER,
    101: _APPLICATION,
    102: _WRONG_TOKEN,
    103: _WRONG_TOKEN,
    104: _APPLICATION,
    105: _APPLICATION,
    200: _NO_RIGHTS,
    210: _APPLICATION,
    300: _GONE,
    453: _WRONG_TOKEN,
    454: _by_hand("Одноклассники не пропускают текст ответа (цензор): измените его и отправьте снова."),
    455: _never("Настройки пользователя запрещают писать ему: предложите публичный ответ."),
    456: _never("Настройки группы запрещают это: проверьте, открыты ли комментарии и сообщения."),
    9999: _OUTAGE,
}

# A code that is not in the table is a definite refusal more often than not: a person reads it and decides.
UNKNOWN_ERROR = _never("Одноклассники отказали по причине, которой нет в справочнике.")
REFUSED_MESSAGE = _never("Пользователь не разрешил группе писать ему: предложите публичный ответ.")
ADMINISTRATOR = _by_hand("Одноклассники не принимают ключ администратора группы: впишите новый или ответьте вручную.")


def refusal(code: int | None, message: object, method: str, *, is_sending: bool, is_administrator: bool) -> SendFailed:
    """An error of the platform with what to do about it.

    A refused administrator's session stops this call only: private messages live by the group's own token. Of a call
    that sends nothing an unsettled outcome is none.
    """
    remedy = REMEDIES.get(code or 0, UNKNOWN_ERROR)
    if remedy.kind is FailureKind.PAGE_STOPPED and is_administrator:
        remedy = ADMINISTRATOR
    if remedy is _NO_RIGHTS and not is_administrator:
        remedy = REFUSED_MESSAGE
    kind = FailureKind.RETRY if remedy.kind is FailureKind.UNKNOWN and not is_sending else remedy.kind
    said = storable(message)[:200] if isinstance(message, str) else ""
    reason = f"{remedy.sentence} Код Одноклассников {code if code is not None else 'не указан'}" + (
        f": {said}" if said else "."
    )
    return SendFailed(
        kind, reason, code=str(code or ""), retry_after_seconds=remedy.wait_seconds, method=method,
        is_of_page=remedy.is_of_page,
    )  # fmt: skip
