"""One row of an imported table: read, or refused cell by cell in words. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from app.platforms.base import Credentials
from app.public_pages.links import NotALink, PageLink, read_link
from app.public_pages.models import NUMBERLESS, Level
from app.public_pages.wording import COLUMN_NAMES, PLATFORM_NAMES, level_of, platform_of, sphere_of
from routing_rules import territory_path

SECRETS = ("secret", "confirmation", "access_token", "user_token", "app_key", "app_secret")
LONGEST = {"name": 300, "body": 300, "parent": 300, "sphere": 40, "kind": 80, "external_id": 64, "discussion_id": 64}
LONGEST_REMARK = 300
MOST_FOLLOWERS = 2**31 - 1
_NUMBER = re.compile(r"-?\d+", re.ASCII)
_SPOILT = re.compile(r"-?\d(?:[.,]\d+)?[eEеЕ]\+?\d+")
_SPACES = str.maketrans("", "", " \u00a0\u2009\u202f'")


@dataclass(frozen=True, slots=True)
class Remark:
    """What is wrong with a cell (the row is left out), or what was done about it (the row is taken)."""

    row: int
    column: str
    text: str
    is_error: bool = True


@dataclass(frozen=True, slots=True)
class BodyName:
    """A body as a table names it; the empty one names none."""

    name: str = ""
    ogrn: str = ""
    inn: str = ""

    def __bool__(self) -> bool:
        return bool(self.name or self.ogrn or self.inn)


@dataclass(frozen=True, slots=True)
class PageRow:
    """One page as the table has it. An empty field says nothing: what is stored stays."""

    number: int
    platform: str
    external_id: str
    name: str
    address: str = ""
    numberless_id: str = ""
    body: BodyName = BodyName()
    parent: BodyName = BodyName()
    department: str = ""
    body_department: str = ""
    territory_code: str = ""
    sphere: str = ""
    level: Level | None = None
    kind: str = ""
    audience: int | None = None
    credentials: Credentials | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Known:
    """What a table may refer to: codes of territories, departments by code and by name in lower case."""

    territories: frozenset[str]
    departments: Mapping[str, int]


class RowReader:
    """Reads the cells of one row; remembers what is wrong in `remarks`."""

    def __init__(self, number: int, cells: Mapping[str, str], known: Known) -> None:
        self._number = number
        self._cells = cells
        self._known = known
        self.remarks: list[Remark] = []

    def read(self) -> PageRow | None:
        """The page of this row; None if the row cannot be taken, and `remarks` say why."""
        link = self._link()
        platform, external_id = self._identity(link)
        row = PageRow(
            number=self._number,
            platform=platform,
            external_id=external_id,
            name=self._text("name", is_needed=True),
            address=link.address if link else "",
            numberless_id=link.external_id if link and link.external_id.startswith(NUMBERLESS) else "",
            body=BodyName(self._text("body"), self._digits("ogrn", (13, 15)), self._digits("inn", (10, 12))),
            parent=BodyName(self._text("parent"), self._digits("parent_ogrn", (13, 15))),
            department=self._department("department"),
            body_department=self._department("body_department"),
            territory_code=self._territory(),
            sphere=sphere_of(self._text("sphere")),
            level=self._level(),
            kind=self._text("kind"),
            audience=self._audience(),
            credentials=self._credentials(external_id),
        )
        return None if any(remark.is_error for remark in self.remarks) else row

    def _wrong(self, column: str, text: str, *, is_error: bool = True) -> None:
        self.remarks.append(Remark(self._number, COLUMN_NAMES[column], text[:LONGEST_REMARK], is_error))

    def _text(self, column: str, *, is_needed: bool = False) -> str:
        text = self._cells.get(column, "")
        if not text and is_needed:
            self._wrong(column, "пусто, а без этого страницу не завести")
        if len(text) > LONGEST[column]:
            self._wrong(column, f"длиннее {LONGEST[column]} знаков")
        return text

    def _link(self) -> PageLink | None:
        text = self._cells.get("link", "")
        if not text:
            return None
        try:
            return read_link(text)
        except NotALink as error:
            self._wrong("link", str(error))
            return None

    def _identity(self, link: PageLink | None) -> tuple[str, str]:
        """Platform and number: each from its own column, else from the link; the two must not contradict."""
        named, number = self._cells.get("platform", ""), self._text("external_id").translate(_SPACES)
        platform = platform_of(named) if named else None
        if named and platform is None:
            self._wrong("platform", f"«{named}»: такой площадки нет, есть {', '.join(PLATFORM_NAMES.values())}")
        elif link and platform and link.platform != platform:
            self._wrong("platform", f"«{named}», а ссылка ведёт в {PLATFORM_NAMES[link.platform]}")
        elif not named and link is None and not self._cells.get("link"):
            self._wrong("platform", "пусто, и ссылки нет")
        if _SPOILT.fullmatch(number):
            self._wrong("external_id", f"«{number}»: таблица округлила номер, сохраните колонку как текст")
        elif number and link and not link.external_id.startswith(NUMBERLESS) and link.external_id != number:
            self._wrong("external_id", f"«{number}», а в ссылке номер {link.external_id}")
        elif not number and link is None and not self._cells.get("link"):
            self._wrong("external_id", "пусто, и ссылки нет")
        return platform or (link.platform if link else ""), number or (link.external_id if link else "")

    def _digits(self, column: str, lengths: tuple[int, int]) -> str:
        text = self._cells.get(column, "").translate(_SPACES)
        if len(text) == lengths[0] - 1 and _NUMBER.fullmatch(text) and column == "inn":
            text = f"0{text}"  # a spreadsheet takes it for a number and drops the zero
        if text and not (len(text) in lengths and text.isascii() and text.isdigit()):
            self._wrong(column, f"«{text}»: нужно {lengths[0]} или {lengths[1]} цифр")
            return ""
        return text

    def _department(self, column: str) -> str:
        text = self._cells.get(column, "").lower()
        if text and text not in self._known.departments:
            self._wrong(column, f"отдела «{self._cells[column]}» нет в справочнике")
        return text

    def _territory(self) -> str:
        """The code, or that of the nearest territory above it that we know."""
        text = self._cells.get("territory", "").translate(_SPACES)
        if len(text) in {7, 10}:
            text = f"0{text}"  # a spreadsheet takes it for a number and drops the zero
        if not text or text in self._known.territories:
            return text
        try:
            path = territory_path(text)
        except ValueError as error:
            self._wrong("territory", str(error))
            return ""
        above = next((code for code in reversed(path) if code in self._known.territories), "")
        if not above:
            self._wrong("territory", f"территории {text} нет в справочнике, и вышестоящей тоже")
        elif above != path[-1]:
            self._wrong("territory", f"территории {text} нет в справочнике, взята {above}", is_error=False)
        return above

    def _level(self) -> Level | None:
        text = self._cells.get("level", "")
        level = level_of(text) if text else None
        if text and level is None:
            self._wrong("level", f"«{text}»: уровень бывает федеральный, региональный, муниципальный, поселение")
        return level

    def _audience(self) -> int | None:
        text = self._cells.get("audience", "").translate(_SPACES)
        if not text:
            return None
        if not (text.isascii() and text.isdigit() and len(text) <= 10 and int(text) <= MOST_FOLLOWERS):
            self._wrong("audience", f"«{text}»: нужно целое число")
            return None
        return int(text)

    def _credentials(self, external_id: str) -> Credentials | None:
        given = {name: self._cells[name] for name in SECRETS if self._cells.get(name)}
        discussion_id = self._text("discussion_id")
        return Credentials(external_id, discussion_id=discussion_id, **given) if given or discussion_id else None
