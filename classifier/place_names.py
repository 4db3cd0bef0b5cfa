"""Names of settlements and districts in their cases, by the endings of Russian adjectives and nouns.

Written for precision: what is made beside a real form («в Исилькули») is a word that means nothing else.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Final, Literal

Case = Literal["nom", "gen", "dat", "acc", "ins", "loc"]
Forms = Mapping[Case, tuple[str, ...]]

_CASES: Final[tuple[Case, ...]] = ("nom", "gen", "dat", "acc", "ins", "loc")
# Endings in the order of the cases, by the ending of the name; the longest that fits is used. "" keeps what stands.
_ADJECTIVES: Final = {
    "ый": "ый ого ому ый ым ом",
    "ой": "ой ого ому ой ым,им ом",
    "ний": "ний него нему ний ним нем",
    "ий": "ий ого,его ому,ему ий им ом,ем",
    "ая": "ая ой,ей ой,ей ую ой,ей ой,ей",
    "яя": "яя ей ей юю ей ей",
    "ое": "ое ого ому ое ым,им ом",
    "ее": "ее его ему ее им ем",
    "ые": "ые ых ым ые ыми ых",
    "ие": "ие их им ие ими их",
}
_NOUNS: Final = {
    "ия": "ия ии ии ию ией ии",
    "а": "а ы,и е у ой,ей е",
    "я": "я и е ю ей е",
    "ье": "ье ья ью ье ьем ье",
    "ие": "ие ия ию ие ием ии",
    "е": "е я,а ю,у е ем е",
    "о": "о а,о у,о о ом,о е,о",
    "ки": "ки ок,ек,ков кам ки ками ках",
    "ы": "ы ,ов ам ы ами ах",
    "и": "и ей,ев,ов,ь ям,ам и ями,ами ях,ах",
    "ец": "ец ца цу ец цом,цем це",
    "ок": "ок ка,ока ку,оку ок ком,оком ке,оке",
    "ь": "ь и,я и,ю ь ью,ем и,е",
    "й": "й я ю й ем е",
}
_HARD: Final = "{0} {0}а {0}у {0} {0}ом,{0}ым {0}е"
_TYPES: Final = re.compile(
    r"^(?:г|гор|город|с|село|п|пос|пос[её]лок|пгт|рп|р\. ?п|д|дер|деревня|х|хутор|аул|ст|станица|станция|ж/д ст|"
    r"пос[её]лок городского типа|рабочий пос[её]лок|городской округ(?: город)?|го(?: г)?)(?:\.\s*|\s+)(?=[«\"А-ЯЁ])",
    re.IGNORECASE,
)


def bare_name(name: str) -> str:
    """The name alone: «г. Исилькуль» is «Исилькуль»."""
    return _TYPES.sub("", name.strip()).strip(' «»"')


def forms_of(name: str) -> Forms:
    """The name in its cases, in lower case, ``е`` for ``ё``: «Красный Яр» is «красного яра», «Дружино» also stays."""
    words = [_word_forms(word) for word in _plain(name).split()]
    return {case: tuple(_joined(forms[case] for forms in words)) for case in _CASES}


def adjective_forms(word: str) -> Forms:
    """An adjective in its cases: «Тарский»."""
    return _declined(_plain(word), _ADJECTIVES)


def is_adjective(word: str) -> bool:
    """Whether a name has the ending of an adjective: such names are words of other things as well."""
    return len(word) > len("ий") + 1 and _ending(_plain(word), _ADJECTIVES) is not None


def _plain(name: str) -> str:
    return name.lower().replace("ё", "е")


def _joined(parts: Iterable[tuple[str, ...]]) -> list[str]:
    whole = [""]
    for forms in parts:
        whole = [f"{start} {form}".strip() for start in whole for form in forms]
    return whole


def _word_forms(word: str) -> Forms:
    """Of a double name the last part changes («Горно-Алтайске»), before «-на-» the first («Ростове-на-Дону»)."""
    if "-на-" in word:
        first, rest = word.split("-", 1)
        return {case: tuple(f"{form}-{rest}" for form in forms) for case, forms in _word_forms(first).items()}
    if "-" in word:
        start, last = word.rsplit("-", 1)
        return {case: tuple(f"{start}-{form}" for form in forms) for case, forms in _word_forms(last).items()}
    if is_adjective(word):
        return adjective_forms(word)
    if _ending(word, _NOUNS) is not None:
        return _declined(word, _NOUNS)
    parts = _HARD.format(word).split(" ")
    return {case: tuple(part.split(",")) for case, part in zip(_CASES, parts, strict=True)}


def _ending(word: str, endings: Iterable[str]) -> str | None:
    fitting = [ending for ending in endings if word.endswith(ending) and len(word) > len(ending)]
    return max(fitting, key=len, default=None)


def _declined(word: str, table: Mapping[str, str]) -> Forms:
    ending = _ending(word, table)
    if ending is None:
        return dict.fromkeys(_CASES, (word,))
    stem = word.removesuffix(ending)
    parts = table[ending].split(" ")
    return {case: tuple(stem + one for one in part.split(",")) for case, part in zip(_CASES, parts, strict=True)}
