"""What to do about each error of the VK API, one row each.

Source: VK API schema 5.199, errors.json; the actions are ours. VK answers HTTP 200 with `error` inside.
"""

from dataclasses import dataclass

from app.platforms.base import FailureKind

MINUTES = 60.0
HOURS = 3600.0


@dataclass(frozen=True, slots=True)
class Remedy:
    """What to do, what to tell the operator, the least time to wait before another try, for all of the page or one."""

    kind: FailureKind
    sentence: str
    wait_seconds: float = 0
    is_of_page: bool = False


def _later(sentence: str, wait_seconds: float) -> Remedy:
    return Remedy(FailureKind.RETRY, sentence, wait_seconds)


def _page_later(sentence: str, wait_seconds: float) -> Remedy:
    return Remedy(FailureKind.RETRY, sentence, wait_seconds, is_of_page=True)


def _never(sentence: str) -> Remedy:
    return Remedy(FailureKind.PERMANENT, sentence)


def _by_hand(sentence: str) -> Remedy:
    return Remedy(FailureKind.HANDS_NEEDED, sentence)


def _page_stopped(sentence: str) -> Remedy:
    return Remedy(FailureKind.PAGE_STOPPED, sentence)


_INTERNAL = _later("Внутренняя ошибка ВКонтакте, отправим ещё раз.", 5)
_WRONG_KEY = "ВКонтакте не принимает ключ доступа страницы: выпустите новый ключ сообщества и впишите его."
_NO_MESSAGES = "Пользователь не разрешил сообществу писать ему: предложите публичный ответ."
_CHAT = "Беседа не принимает сообщения сообщества: ответьте иным путём."

REMEDIES: dict[int, Remedy] = {
    1: _INTERNAL,
    5: _page_stopped(_WRONG_KEY),
    6: _later("Слишком много запросов в секунду, отправим ещё раз.", 1),
    9: _page_later(
        "ВКонтакте сочла ответы однотипными (контроль флуда): повторим позже, измените текст.", 10 * MINUTES
    ),
    10: _INTERNAL,
    14: _by_hand("ВКонтакте просит ввести код с картинки (капчу): отправьте ответ вручную в сообществе."),
    15: _never("ВКонтакте отказала в доступе: проверьте права ключа сообщества."),
    17: _by_hand("ВКонтакте просит владельца ключа подтвердить вход: войдите в его учётную запись и подтвердите."),
    18: _never("Страница пользователя удалена или заблокирована: ответить ему нельзя."),
    27: _page_stopped(_WRONG_KEY),
    28: _page_stopped("ВКонтакте не принимает ключ приложения: впишите ключ сообщества."),
    29: _page_later(
        "Исчерпан суточный предел ВКонтакте на этот способ отправки, повторим через несколько часов.", 4 * HOURS
    ),
    100: _never("ВКонтакте не приняла один из параметров ответа: сообщите администратору системы."),
    203: _never("Нет доступа к сообществу: проверьте, что ключ выдан этой странице и с нужными правами."),
    211: _never("Нет доступа к комментариям этой записи."),
    212: _never("Нет доступа к комментариям: запись закрыта или удалена."),
    213: _never("Комментарии под записью закрыты: предложите ответ личным сообщением."),
    222: _by_hand("ВКонтакте не пропускает ссылку в ответе: уберите её и отправьте снова."),
    223: _later("Под записью слишком много ответов подряд, повторим позже.", 1 * HOURS),
    900: _never("Пользователь в чёрном списке сообщества: предложите публичный ответ."),
    901: _never(_NO_MESSAGES),
    902: _never("Настройки приватности пользователя запрещают писать ему: предложите публичный ответ."),
    910: _never("Ответ слишком велик: разделите его на части."),
    911: _never(_CHAT),
    912: _never("У сообщества выключены возможности чат-бота: включите их в настройках сообщений."),
    914: _never("Ответ слишком длинный: сократите его или разделите на части."),
    917: _never(_CHAT),
    945: _never("Беседа отключена: ответьте иным путём."),
    946: _never(_CHAT),
    950: _never("Время для ответа на это сообщение истекло."),
    1012: _never(_CHAT),
    2000: _by_hand("В сообществе уже десять серверов Callback API: удалите лишний и подключите страницу снова."),
}

# A code that is not in the table is a definite refusal more often than not: a person reads it and decides. Trying
# again without knowing why is how a page earns flood control.
UNKNOWN_ERROR = _never("ВКонтакте отказала по причине, которой нет в справочнике.")
