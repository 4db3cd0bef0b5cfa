"""The cells of one XLSX sheet, read from its XML: openpyxl makes an object of every cell, which takes minutes."""

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import IO
from xml.parsers import expat

CHUNK_BYTES = 64 * 1024
MOST_COLUMNS = 16_384
MOST_ROWS = 1_048_576
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main "
_ROW, _CELL, _VALUE, _TEXT, _PHONETIC = (f"{_MAIN}{name}" for name in ("row", "c", "v", "t", "rPh"))

DateText = Callable[[float, int], str | None]


def read_rows(source: IO[bytes], shared_texts: Sequence[str], date_text: DateText) -> Iterator[list[str]]:
    """Rows as people see them, empty ones where the sheet leaves rows out.

    `date_text` writes a number in a style as a day, None where the style is no date's. Raises ValueError, IndexError:
    the sheet is damaged.
    """
    cells = _Cells(shared_texts, date_text)
    try:
        while chunk := source.read(CHUNK_BYTES):
            cells.parser.Parse(chunk, False)
            yield from cells.take_rows()
        cells.parser.Parse(b"", True)
    except expat.ExpatError as error:
        raise ValueError(str(error)) from error
    yield from cells.take_rows()


class _Cells:
    """What the parser tells of, gathered into rows."""

    def __init__(self, shared_texts: Sequence[str], date_text: DateText) -> None:
        self._shared_texts = shared_texts
        self._date_text = date_text
        self._rows: list[list[str]] = []
        self._done = 0
        self._row: list[str] = []
        self._kind, self._style = "n", ""
        self._parts: list[str] = []
        self._is_phonetic = False
        self.parser = expat.ParserCreate(namespace_separator=" ")
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.StartDoctypeDeclHandler = self._refuse

    def take_rows(self) -> list[list[str]]:
        """The rows that are complete, once."""
        rows, self._rows = self._rows, []
        return rows

    def _refuse(self, *declaration: object) -> None:
        raise ValueError("a sheet declares no entities")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if name == _CELL:
            self._kind, self._style = attributes.get("t", "n"), attributes.get("s", "")
            self._parts = []
            if reference := attributes.get("r"):
                self._row += [""] * (_column(reference.rstrip("0123456789")) - len(self._row))
        elif name in (_VALUE, _TEXT):  # of a rich text several pieces follow each other
            if not self._is_phonetic:
                self.parser.CharacterDataHandler = self._parts.append
        elif name == _ROW:
            self._skip_to(int(attributes.get("r") or self._done + 1))
        elif name == _PHONETIC:  # how a word is pronounced is no part of it
            self._is_phonetic = True

    def _end(self, name: str) -> None:
        if name == _CELL:
            self._row.append(self._cell_text("".join(self._parts)))
        elif name in (_VALUE, _TEXT):
            self.parser.CharacterDataHandler = None
        elif name == _ROW:
            self._rows.append(self._row)
        elif name == _PHONETIC:
            self._is_phonetic = False

    def _skip_to(self, number: int) -> None:
        if not self._done < number <= MOST_ROWS:
            raise ValueError("rows are out of order")
        self._rows += [[] for _ in range(self._done + 1, number)]
        self._done, self._row = number, []

    def _cell_text(self, value: str) -> str:
        if not value or self._kind not in ("n", "s"):
            return value
        if self._kind == "s":
            return self._shared_texts[int(value)]
        number = float(value)
        day = self._date_text(number, int(self._style)) if self._style else None
        if day is not None:
            return day
        if value.isdigit():
            return value
        return str(int(number)) if number.is_integer() else str(number)  # 52701000.0 is 52701000


@cache
def _column(letters: str) -> int:
    """The place of a column: «A» is 0, «AA» 26."""
    place = 0
    for letter in letters:
        place = place * 26 + ord(letter) - ord("A") + 1
        if not 0 < place <= MOST_COLUMNS:
            raise ValueError("column")
    return place - 1
