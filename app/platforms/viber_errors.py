"""What to do about each status of the Viber API, one row each.

Viber answers HTTP 200 with `status` inside. Source: Viber REST Bot API 7.3.0, "Error codes"; the meanings of 5 to 24
come from client libraries, the actions are ours.
"""

from app.platforms.base import FailureKind

HOUR_SECONDS = 3600.0

_ACCOUNT = "Viber не принимает ответы от этого бота"

# status -> what to do, what to tell the operator
REMEDIES: dict[int, tuple[FailureKind, str]] = {
    1: (FailureKind.PERMANENT, "Viber не принимает адрес вебхука: нужен HTTPS с сертификатом известного центра."),
    2: (FailureKind.PAGE_STOPPED, "Viber не принимает ключ доступа страницы: впишите новый (appeals pages update)."),
    3: (FailureKind.PERMANENT, "Viber не понял запрос: сообщите администратору системы."),
    4: (FailureKind.PERMANENT, "Viber не хватило обязательных данных: сообщите администратору системы."),
    5: (FailureKind.PERMANENT, "Получатель больше не зарегистрирован в Viber: ответить ему здесь нельзя."),
    6: (FailureKind.PERMANENT, "Житель не подписан на бота или отписался: написать ему нельзя, пока не напишет сам."),
    7: (FailureKind.PERMANENT, f"{_ACCOUNT}: учётная запись заблокирована."),
    8: (FailureKind.PERMANENT, f"{_ACCOUNT}: ключ не принадлежит учётной записи бота."),
    9: (FailureKind.PERMANENT, f"{_ACCOUNT}: учётная запись приостановлена."),
    10: (FailureKind.PERMANENT, f"{_ACCOUNT}: не задан вебхук, подключите страницу (appeals pages connect)."),
    11: (FailureKind.PERMANENT, "У жителя нет устройства, на котором работают боты Viber."),
    # Counted over an hour for one person: after it the same answer is taken, and nobody can do better by hand.
    12: (FailureKind.RETRY, "Жителю отправлено сто сообщений за час без ответа от него: повторим через час."),
    13: (FailureKind.PERMANENT, "Версия Viber у жителя слишком старая для ботов."),
    14: (FailureKind.PERMANENT, "Viber не понял версию запроса: сообщите администратору системы."),
    15: (FailureKind.PERMANENT, f"{_ACCOUNT}: учётная запись не имеет на это права."),
    16: (FailureKind.PERMANENT, f"{_ACCOUNT}: ответ внутри беседы не разрешён."),
    17: (FailureKind.PERMANENT, f"{_ACCOUNT}: учётная запись не предназначена для бесед."),
    18: (FailureKind.PERMANENT, f"{_ACCOUNT}: у учётной записи нет открытого чата."),
    19: (FailureKind.PERMANENT, f"{_ACCOUNT}: рассылка невозможна."),
    20: (FailureKind.PERMANENT, f"{_ACCOUNT}: рассылка не разрешена."),
    21: (FailureKind.PERMANENT, "Viber не доставляет сообщения ботов в страну жителя."),
    22: (FailureKind.PERMANENT, f"{_ACCOUNT}: платежи не поддерживаются."),
    23: (FailureKind.PERMANENT, f"{_ACCOUNT}: исчерпаны бесплатные сообщения, пополните счёт и отправьте снова."),
    24: (FailureKind.PERMANENT, f"{_ACCOUNT}: на счёте нет денег, пополните его и отправьте снова."),
}
WAIT_SECONDS = {12: HOUR_SECONDS}

# A person reads it and decides: trying again without knowing why may show the answer twice.
UNKNOWN_STATUS = (FailureKind.PERMANENT, "Viber отказал по причине, которой нет в справочнике.")
