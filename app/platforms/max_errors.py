"""What to do about each error of the MAX Bot API, one row each.

Source: dev.max.ru/docs-api, "Коды ответов HTTP"; codes as the reference and its examples show them, the actions are
ours. 429, 503 and other 5xx are no refusals, see max_api.
"""

from app.platforms.base import FailureKind

_TOKEN = (
    FailureKind.PAGE_STOPPED,
    "MAX не принимает токен бота: выпустите новый в настройках бота и впишите его.",
)
_STOPPED = (
    FailureKind.PERMANENT,
    "MAX не даёт написать: житель остановил бота или ещё не начинал с ним переписку, либо у бота нет прав в канале. "
    "Предложите публичный ответ или проверьте права бота.",
)

# By the platform's own code, whatever the HTTP status is.
CODES: dict[str, tuple[FailureKind, str]] = {
    "verify.token": _TOKEN,
    "attachment.not.ready": (FailureKind.RETRY, "MAX ещё обрабатывает вложение, отправим ещё раз."),
    "comments.timeout_exceeded": (FailureKind.PERMANENT, "Комментарий старше 26 часов: изменить его нельзя."),
}

STATUSES: dict[int, tuple[FailureKind, str]] = {
    400: (FailureKind.PERMANENT, "MAX не принял ответ: один из параметров неверен."),
    401: _TOKEN,
    403: _STOPPED,
    404: (FailureKind.PERMANENT, "В MAX нет того, на что мы отвечаем: сообщение, запись или чат удалены."),
    405: (FailureKind.PERMANENT, "MAX не позволяет это действие: сообщите администратору системы."),
    413: (FailureKind.PERMANENT, "Ответ слишком велик для MAX: разделите его на части."),
    415: (FailureKind.PERMANENT, "MAX не понял вид запроса: сообщите администратору системы."),
    422: (FailureKind.PERMANENT, "MAX отказал: так ответить здесь нельзя."),
}

# A definite refusal that nobody has described: a person reads it and decides.
UNKNOWN_STATUS = (FailureKind.PERMANENT, "MAX отказал по причине, которой нет в справочнике.")
