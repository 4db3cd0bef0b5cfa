"""Streets, small districts and houses in a message, by the words that stand around their names.

A name without such words («Победа», «Мирный») is none: precision goes before finding everything.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

Kind = Literal["street", "house"]

_NOT_A_HOUSE: Final = (
    r"(?!\s*[-–]?\s*(?:раз|лет|год|мин|час|дн|день|руб|тыс|%|этаж|человек|км|кв\.?\s?м|м\b|метр|маршрут|школ|числ|янв|фев|мар|апр|"
    r"мая|июн|июл|авг|сен|окт|ноя|дек|градус|сут|недел|месяц|процент|квартир\b|подъездов|мест|класс|поликлин|больниц|сад))"
)
_NUMBER: Final = (
    r"\d{1,3}(?:\s?/\s?\d{1,3})?(?:\s?-?\s?[а-еА-Е](?!\w))?(?:\s*,?\s*(?:к\.?|корп(?:ус|\.)?|стр(?:оение|\.)?)\s?\d{1,2})?"
    rf"(?![\d:]|[.,]\d|\w){_NOT_A_HOUSE}"
)
_HOUSE_WORD: Final = r"(?:дом[аеу]?|д\.?|№)"
_HOUSE: Final = rf"(?:\s*,?\s*(?:{_HOUSE_WORD}\s*№?\s*)?{_NUMBER})"
_FULL_TYPE: Final = (
    r"(?:улиц(?:а|е|ей|у|ы)|проспект(?:а|е|у|ом)?|переул(?:ок|ка|ке|ку|ком)|бульвар(?:а|е|у|ом)?|шоссе|"
    r"набережн(?:ая|ой|ую)|проезд(?:а|е|у|ом)?|площад(?:ь|и|ью)|тракт(?:а|е|у)?|микрорайон(?:а|е|у|ом)?|тупик(?:а|е|у)?)"
)
_SHORT_TYPE: Final = r"(?:ул\.?|пр-к?т\.?|пр\.|просп\.|пер\.?|б-р|бул\.|наб\.|пр-д|пл\.|мкрн?\.?|м-н|туп\.)"
_CAPITAL: Final = r"[А-ЯЁ][а-яё]+(?:-[А-ЯЁа-яё]+)*"
_ORDINAL: Final = r"\d{1,2}-?(?:й|я|ая|ой|го|ый|ю|му)\s+"
_NAME: Final = (
    rf"(?:«[^»\n]{{2,40}}»|\"[^\"\n]{{2,40}}\"|(?:{_ORDINAL})?(?:[А-ЯЁ]\.\s?)?{_CAPITAL}(?:\s+{_CAPITAL})?|"
    r"\d{1,3}[\s-]+лет(?:ия)?\s+[А-ЯЁ][а-яё]+)"
)
_LOW_NAME: Final = r"[а-яё]{3,30}(?:-[а-яё]+)?"
_NOT_A_NAME: Final = (
    r"(?!(?:Наш|Ваш|Эт|Кажд|Всей|Всю|Вся|Весь|Друг|Соседн|Главн|Так|Как|Пуст|Т[её]мн|Узк|Грязн|Люб|Цел|Мо[яей]|Сво|"
    r"Родн|Ближайш|Длинн|Данн|Прям|Хорош|Плох|Сам|Больш(?:ая|ой)\s+улиц)[а-яё]*)"
)
_NOT_A_PRONOUN: Final = r"(?!(?:Вы|Мы|Он|Она|Они|Я|Ты|Нам|Вам|Мне|Нет|Где|Когда|Почему|Что)\b)"
_AFTER: Final = (
    r"(?=\s*(?:[.,;:!?)\n]|$)|\s+(?:напротив|у|возле|около|нет|не|опять|снова|уже|в|на|и|за|между|где|с|до|от|по|ни|вчера|"
    r"сегодня|второй|третий|весь|вся|вс[её])\b)"
)

_START: Final = r"(?<![\w-])"
_TYPE: Final = re.compile(rf"{_START}(?:(?i:{_FULL_TYPE})\s+|(?i:{_SHORT_TYPE})\s*)")
_ADJECTIVE: Final = r"[А-ЯЁ][а-яё]+(?:ая|ой|ей|ую|ый|ий|ого|его|ому|ем|ом|ым|им)"
_NEAR: Final = r"(?i:на|по|у|возле|около|дом[аеу]?|двор[аеу]?|подъезд[аеу]?|адрес[уае]?:?)"

# «ул. Садовой, 12», «по проспекту Мира», «мкр. Южный»
_NAMED: Final = re.compile(rf"{_NOT_A_PRONOUN}{_NAME}{_HOUSE}?")
# «улице садовой 12», «ул ленина 5»: in small letters only before a house
_IN_SMALL_LETTERS: Final = re.compile(rf"{_LOW_NAME}(?:\s+{_LOW_NAME})?{_HOUSE}")
# «на Красноармейской улице», «Мирного переулка»
_TURNED_ROUND: Final = re.compile(rf"{_START}{_NOT_A_NAME}(?:{_ORDINAL})?{_ADJECTIVE}\s+{_FULL_TYPE}\b{_HOUSE}?")
# «в 11 микрорайоне», «5-й мкр»
_NUMBERED: Final = re.compile(
    rf"{_START}\d{{1,2}}(?:-?(?:й|м|ый|ом|го|му))?\s*(?i:микрорайон(?:а|е|у|ом)?|мкрн?|м-н)\b\.?{_HOUSE}?"
)
# «на Садовой 12», «во дворе Космонавтов 21», «дома Мира 18»
_BEFORE_A_HOUSE: Final = re.compile(rf"{_START}{_NEAR}\s+(?P<name>(?:{_ORDINAL})?{_CAPITAL}(?:\s+{_CAPITAL})?{_HOUSE})")
# «на Ленской напротив почты»
_BY_ENDING: Final = re.compile(
    rf"{_START}(?i:на|по)\s+(?P<name>{_NOT_A_NAME}[А-ЯЁ][а-яё]+(?:ск|н|в|т|л|р|м|ж|ч|ш)(?:ой|ей)){_AFTER}"
)
_LONE_HOUSE: Final = re.compile(rf"(?<![\w-])(?i:дом[аеу]?|д\.)\s*№?\s*{_NUMBER}")
_ANY_TYPE: Final = re.compile(r"\b(?:ул|пр|пер|б-р|бул|наб|пл|мкр|м-н|туп|шоссе|микр|тракт)", re.IGNORECASE)
_DIGIT: Final = re.compile(r"\d")


@dataclass(frozen=True, slots=True)
class Address:
    """A street, with its house if one is named, or a house alone; where it stands in the message."""

    start: int
    end: int
    kind: Kind


def find_addresses(text: str) -> list[Address]:
    """The addresses of a message, in its order; of overlapping ones the longest."""
    streets = sorted(_streets(text), key=lambda one: (one.start - one.end, one.start))
    kept: list[Address] = []
    for one in (*streets, *_houses(text)):
        if all(one.end <= other.start or one.start >= other.end for other in kept):
            kept.append(one)
    return sorted(kept, key=lambda one: one.start)


def _streets(text: str) -> Iterator[Address]:
    has_digit, has_type = _DIGIT.search(text) is not None, False
    for one in _ANY_TYPE.finditer(text):
        has_type = True
        kind = _TYPE.match(text, one.start())
        name = kind and (_NAMED.match(text, kind.end()) or (has_digit and _IN_SMALL_LETTERS.match(text, kind.end())))
        if name:
            yield Address(one.start(), name.end(), "street")
    patterns = [_BY_ENDING, *([_BEFORE_A_HOUSE] if has_digit else []), *([_TURNED_ROUND] if has_type else [])]
    patterns += [_NUMBERED] if has_type and has_digit else []
    for pattern in patterns:
        for match in pattern.finditer(text):
            yield Address(*match.span("name" if "name" in pattern.groupindex else 0), "street")


def _houses(text: str) -> Iterator[Address]:
    if _DIGIT.search(text) is not None:
        for match in _LONE_HOUSE.finditer(text):
            yield Address(match.start(), match.end(), "house")
