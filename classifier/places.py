"""Places that a message names: settlements and districts of a gazetteer that is handed in, streets and houses.

Precision goes first, because routing follows. A name that is also a word or a surname («Мирный», «Победа», «Пушкин»)
counts only beside a word such as «посёлок», or after «в» and «из» with a capital letter. A direction («до Омска», «в
Тару») is named, but is not where something is.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Final, Literal

from classifier.addresses import find_addresses
from classifier.normalise import MAX_CHARACTERS, spans
from classifier.place_names import Case, adjective_forms, bare_name, forms_of, is_adjective

Kind = Literal["settlement", "district", "street", "house"]
Path = tuple[str, ...]

_DISTRICT: Final = re.compile(
    r"^(?P<name>[а-я-]+)\s+(?:муниципальный\s+|административный\s+|городской\s+)?(?P<kind>район|округ|р-н)$"
)
_REGION: Final = re.compile(r"\b(?:область|край|республика|автономный округ)\b", re.IGNORECASE)
_DISTRICT_WORD: Final = re.compile(r"район(?:а|у|ом|е)?|р-н(?:а|у|ом|е)?|округ(?:а|у|ом|е)?|ао")
_BETWEEN: Final = re.compile(r"муниципальн\w+|административн\w+|городско\w+")
_SETTLEMENT_WORD: Final = re.compile(
    r"город(?:а|у|ом|е)?|сел[оаеу]|селом|пос[её]л(?:ок|ка|ке|ку|ком)|деревн(?:я|е|и|ю|ей)|станци(?:я|и|ю|ей)|"
    r"хутор(?:а|е|у)?|аул(?:а|е|у)?|станиц(?:а|е|ы|у)|пгт|рп"
)
_SHORT_WORDS: Final = {"г", "с", "п", "пос", "д", "дер", "х", "гор"}  # with a dot, and a capital letter after it
_STREET_WORD: Final = re.compile(
    r"улиц\w*|ул|проспект\w*|пр|пр-т|переул\w+|пер|бульвар\w*|шоссе|наб\w*|проезд\w*|площад\w+|тракт\w*|мкр|микрорайон\w*|"
    r"парк\w*|рынк?\w*|сквер\w*|дом\w*|трасс\w+|дорог\w+|мост\w*|школ\w+|больниц\w+|ТЦ|ЖК"
)
_DISTINCT: Final = re.compile(r"(?:[сц]к|град|бург|поль)$")
_LIKE_SURNAME: Final = re.compile(r"(?:ов|ев|ин|ын)о?$")
_ALSO_WORDS = """
    берег борок бор вера верхний весна восход горка горки гора дружба звезда заря заречье искра ключи колос край
    красота курган луч любовь майдан маяк мир мыс надежда нива новинка озера озеро остров пески победа подгорье поле
    полянка поляна прогресс пруды родник родники роща рассвет рябинка свобода сосновка степь суворов труд тайга тара
    фрунзе центр черемушки яр
"""
_COMMON_WORDS: Final = frozenset(_ALSO_WORDS.split())
_PLACE_CASES: Final[dict[str, frozenset[Case]]] = {
    "в": frozenset({"loc"}), "во": frozenset({"loc"}), "из": frozenset({"gen"}), "под": frozenset({"ins"}),
    "у": frozenset({"gen"}), "возле": frozenset({"gen"}), "около": frozenset({"gen"}), "вблизи": frozenset({"gen"}),
    "по": frozenset({"dat"}), "за": frozenset({"ins"}), "над": frozenset({"ins"}), "вокруг": frozenset({"gen"}),
}  # fmt: skip
_TO_CASES: Final[dict[str, frozenset[Case]]] = {
    "в": frozenset({"acc"}), "во": frozenset({"acc"}), "на": frozenset({"acc"}), "через": frozenset({"acc"}),
    "до": frozenset({"gen"}), "от": frozenset({"gen"}), "к": frozenset({"dat"}), "ко": frozenset({"dat"}),
}  # fmt: skip
_SENTENCE_END: Final = re.compile(r"(?:^|[.!?…\n])[\s\"«(—-]*$")
_GO_ON = """
    а и но не нет ни уже опять снова на по у с со в во за до от нас очень который которая где когда нету весь вся все
    всё была было есть тоже вообще сегодня вчера
"""
_CONTINUES: Final = frozenset(_GO_ON.split())
_LETTERS: Final = re.compile("[а-я]+")
MOST_CODES: Final = 6


@dataclass(frozen=True, slots=True)
class Entry:
    """A territory by its code, with the codes from the region down to it."""

    code: str
    name: str
    path: Path


@dataclass(frozen=True, slots=True)
class Mention:
    """A place named in a message. `codes` are territories it may be; it `is_firm` if it says where, not where to."""

    start: int
    end: int
    kind: Kind
    codes: tuple[str, ...] = ()
    is_firm: bool = True


@dataclass(frozen=True, slots=True)
class _Name:
    """A spelling of an entry: the words, the cases they may stand in, and how careful to be."""

    words: tuple[str, ...]
    cases: frozenset[Case]
    kind: Kind
    code: str
    is_distinct: bool
    is_word: bool


@dataclass(frozen=True, slots=True)
class _Word:
    text: str
    plain: str
    start: int
    end: int


class Gazetteer:
    """The territories of an installation by the forms of their names."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self.entries = {entry.code: entry for entry in entries}
        by_word: dict[str, list[_Name]] = defaultdict(list)
        for entry in self.entries.values():
            for name in _names(entry):
                by_word[name.words[0]].append(name)
        self._by_word = dict(by_word)

    def find(self, text: str) -> list[Mention]:
        """The places of a message, in its order. Any text gives an answer."""
        read = text[:MAX_CHARACTERS]
        addresses = [Mention(one.start, one.end, one.kind) for one in find_addresses(read)]
        return sorted(chain(addresses, self._named(read, addresses)), key=lambda mention: mention.start)

    def _named(self, text: str, addresses: Sequence[Mention]) -> list[Mention]:
        if self._by_word.keys().isdisjoint(_LETTERS.findall(text.lower().replace("ё", "е"))):
            return []  # nearly every message
        words = [_word(text, start, end) for start, end in spans(text)]
        found: list[Mention] = []
        at = 0
        while at < len(words):
            mention = self._at(text, words, at)
            if mention is None or _overlaps(mention, addresses):
                at += 1
                continue
            found.append(mention)
            while at < len(words) and words[at].start < mention.end:
                at += 1
        return found

    def _at(self, text: str, words: Sequence[_Word], at: int) -> Mention | None:
        """The place whose name begins here: of several the longest, and all codes that have this name."""
        names = [name for name in self._by_word.get(words[at].plain, ()) if _stands(name, words, at)]
        districts = [name for name in names if name.kind == "district"]
        met = [one for name in districts if (one := _district(text, words, at, name))]
        met = met or [
            one for name in names if name.kind == "settlement" and (one := _settlement(text, words, at, name))
        ]
        if not met:
            return None
        longest = max(mention.end for mention in met)
        same = [mention for mention in met if mention.end == longest]
        codes = tuple(dict.fromkeys(code for mention in same for code in mention.codes))[:MOST_CODES]
        first = same[0]
        return Mention(first.start, longest, first.kind, codes, any(mention.is_firm for mention in same))


def _word(text: str, start: int, end: int) -> _Word:
    piece = text[start:end]
    return _Word(piece, piece.lower().replace("ё", "е"), start, end)


def _overlaps(mention: Mention, others: Iterable[Mention]) -> bool:
    return any(mention.start < other.end and other.start < mention.end for other in others)


def _names(entry: Entry) -> Iterator[_Name]:
    if _REGION.search(entry.name):
        return  # the whole region says nothing of where in it
    plain = entry.name.lower().replace("ё", "е")
    district = _DISTRICT.match(plain)
    bare = bare_name(entry.name)
    forms = adjective_forms(district["name"]) if district else forms_of(bare)
    cases: dict[str, set[Case]] = defaultdict(set)
    for case, spelled in forms.items():
        for form in spelled:
            cases[form].add(case)
    lower = bare.lower().replace("ё", "е")
    for form, meant in cases.items():
        words = tuple(word for part in form.split() for word in part.split("-"))
        kind: Kind = "district" if district else "settlement"
        yield _Name(words, frozenset(meant), kind, entry.code, bool(_DISTINCT.search(lower)), _is_word(lower, form))


def _is_word(name: str, form: str) -> bool:
    """Whether the form may be a word or a surname: «Иванова» may, «Иваново» and «Иванове» may not."""
    if _LIKE_SURNAME.search(name):
        return not (name.endswith("о") and form.endswith(("о", "е")))
    return is_adjective(name.split()[-1]) or name in _COMMON_WORDS


def _stands(name: _Name, words: Sequence[_Word], at: int) -> bool:
    return tuple(word.plain for word in words[at : at + len(name.words)]) == name.words


def _district(text: str, words: Sequence[_Word], at: int, name: _Name) -> Mention | None:
    """«Тарский район», «в Тарском муниципальном округе», «Тарского р-на»."""
    after = at + len(name.words)
    if after < len(words) and _BETWEEN.fullmatch(words[after].plain):
        after += 1
    tail = re.compile(r"\s*([\w-]+)").match(text, words[after - 1].end)
    if tail is None or not _DISTRICT_WORD.fullmatch(tail[1].lower()):
        return None
    before = words[at - 1].plain if at else ""
    is_direction = bool(_TO_CASES.get(before, frozenset()) & name.cases) and not _is_placed(before, name)
    return Mention(words[at].start, tail.end(), "district", (name.code,), not is_direction)


def _is_placed(before: str, name: _Name) -> bool:
    return bool(_PLACE_CASES.get(before, frozenset()) & name.cases)


def _settlement(text: str, words: Sequence[_Word], at: int, name: _Name) -> Mention | None:
    last = at + len(name.words) - 1
    following = words[last + 1].plain if last + 1 < len(words) else ""
    if _is_introduced(text, words, at):
        return Mention(words[at].start, words[last].end, "settlement", (name.code,))
    if name.is_word and _STREET_WORD.fullmatch(following):
        return None
    if at and "gen" not in name.cases and _STREET_WORD.fullmatch(words[at - 1].plain):
        return None
    is_firm = _is_firm(text, words, at, name, following)
    if is_firm is None:
        return None
    return Mention(words[at].start, words[last].end, "settlement", (name.code,), is_firm)


def _is_introduced(text: str, words: Sequence[_Word], at: int) -> bool:
    """Whether «посёлок», «г.» or another such word stands before the name."""
    if not at:
        return False
    before = words[at - 1]
    gap = text[before.end : words[at].start]
    if before.plain in _SHORT_WORDS:
        return gap.strip() == "." and words[at].text[0].isupper()
    return bool(_SETTLEMENT_WORD.fullmatch(before.plain)) and not gap.strip(' «"')


def _is_firm(text: str, words: Sequence[_Word], at: int, name: _Name, following: str) -> bool | None:
    """Whether the name says where something is; None when it is no place at all, or too likely another word."""
    is_capital = words[at].text[0].isupper()
    if not is_capital and not name.is_distinct:
        return None
    before = words[at - 1].plain if at and not text[words[at - 1].end : words[at].start].strip() else ""
    if name.is_word and not name.is_distinct:
        return _is_careful(text, words, at, name, before, following)
    if _is_placed(before, name):
        return True
    if _TO_CASES.get(before, frozenset()) & name.cases:
        return False
    if before in {"и", "или"}:
        return True  # «в Таре и Тюкалинске»: one more, so nothing is beyond doubt
    if "nom" in name.cases:
        is_first = bool(_SENTENCE_END.search(text[: words[at].start]))
        is_address = text[words[at + len(name.words) - 1].end :].lstrip()[:1] in {",", ":"}
        return name.is_distinct or (not before and (is_address or not is_first)) or None
    return True if "gen" in name.cases and (name.is_distinct or len(name.words) > 1) else None


def _is_careful(text: str, words: Sequence[_Word], at: int, name: _Name, before: str, following: str) -> bool | None:
    """A name that is a word or a surname too: «в Мирном нет света», «из Ключей», but not «в Мирном доме»."""
    if before not in {"в", "во", "из"} or not _is_placed(before, name):
        return None
    if _SENTENCE_END.search(text[: words[at].start]):
        return None
    end = words[at + len(name.words) - 1].end
    is_followed_by_noun = following and not text[end : end + 1].strip() and following not in _CONTINUES
    return None if is_followed_by_noun and is_adjective(name.words[-1]) else True
