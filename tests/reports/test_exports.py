"""CSV that Russian Excel opens, and that runs nothing."""

import csv
import io

import pytest

from app.reports.exports import csv_lines


def test_a_file_begins_with_the_mark_and_is_separated_by_semicolons() -> None:
    text = "".join(csv_lines([("Отдел", "Всего"), ("ЖКХ; вода", 7), ("Дороги", 94.06), ("Пусто", None)]))
    assert text == '\ufeffОтдел;Всего\r\n"ЖКХ; вода";7\r\nДороги;94,1\r\nПусто;\r\n'
    assert text.encode().startswith(b"\xef\xbb\xbf")


@pytest.mark.parametrize("cell", ["=1+1", "+7", "-2+3", "@SUM(A1)", "\t=1", "  =1", "\r=1"])
def test_what_a_spreadsheet_would_run_is_quoted(cell: str) -> None:
    text = "".join(csv_lines([(cell,)])).removeprefix("\ufeff")
    ((read,),) = csv.reader(io.StringIO(text, newline=""), delimiter=";")
    assert read == f"'{cell}"


def test_numbers_below_zero_stay_numbers() -> None:
    assert "".join(csv_lines([(-5, -1.5)])) == "\ufeff-5;-1,5\r\n"


def test_lines_come_one_by_one() -> None:
    asked: list[int] = []

    def rows():  # type: ignore[no-untyped-def]
        for number in range(3):
            asked.append(number)
            yield (number,)

    lines = csv_lines(rows())
    next(lines)
    next(lines)
    assert asked == [0]
