"""Data files as regions have them: separators, encodings, names or none, columns by name or number."""

import gzip
import sys
from pathlib import Path

import pytest

from classifier.dataset import UNLABELLED, Columns, read_corpus, read_talk
from classifier.tables import DataIsWrong, read_table

ROWS = [("Яма на дороге, глубокая", "Дороги", "ДС"), ("Нет воды", "ЖКХ", "ВК"), ("Темно во дворе", "ЖКХ", "УП")] * 2


def written(path: Path, rows: list[tuple[str, ...]], separator: str = ",", encoding: str = "utf-8") -> Path:
    lines = [separator.join(f'"{cell}"' for cell in row) for row in rows]
    path.write_bytes("\n".join(lines).encode(encoding))
    return path


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1251"])
def test_the_usual_separators_and_encodings_are_recognised(tmp_path: Path, separator: str, encoding: str) -> None:
    path = written(tmp_path / "data.csv", [("text", "topic", "agency"), *ROWS], separator, encoding)
    corpus = read_corpus(path)
    assert corpus.texts == [row[0] for row in ROWS]
    assert corpus.names == {"topic": ["Дороги", "ЖКХ"], "agency": ["ВК", "ДС", "УП"]}


def test_columns_are_named_by_number_where_no_row_holds_names(tmp_path: Path) -> None:
    path = written(tmp_path / "data.csv", ROWS)
    corpus = read_corpus(path, Columns("0", {"agency": "2"}))
    assert len(corpus.texts) == len(ROWS)
    assert corpus.names == {"agency": ["ВК", "ДС", "УП"]}


def test_a_number_is_a_place_though_a_cell_of_the_first_row_holds_it(tmp_path: Path) -> None:
    path = written(tmp_path / "data.csv", [(text, str(n), agency) for n, (text, _, agency) in enumerate(ROWS)])
    corpus = read_corpus(path, Columns("0", {"agency": "2"}))
    assert corpus.texts == [row[0] for row in ROWS]


def test_a_row_of_names_is_noticed_though_columns_are_numbers(tmp_path: Path) -> None:
    path = written(tmp_path / "data.csv", [("сообщение", "о чём", "кому"), *ROWS])
    assert len(read_corpus(path, Columns("0", {"agency": "2"})).texts) == len(ROWS)
    assert len(read_corpus(path, Columns("0", {"agency": "2"}, header=False)).texts) == len(ROWS) + 1
    assert len(read_corpus(written(path, ROWS), Columns("0", {"agency": "2"}, header=True)).texts) == len(ROWS) - 1


def test_a_row_without_one_of_its_labels_stays_and_without_all_goes(tmp_path: Path) -> None:
    rows = [("text", "topic", "agency"), *ROWS, ("Только тема", "ЖКХ", ""), ("Ничего", "", "")]
    corpus = read_corpus(written(tmp_path / "data.csv", rows))
    assert corpus.texts[-1] == "Только тема"
    assert corpus.numbers["agency"][-1] == UNLABELLED
    assert corpus.numbers["topic"][-1] == 1


def test_the_export_of_the_incident_system_is_read_without_naming_a_column(tmp_path: Path) -> None:
    names = ["Кабинет", "ID", "Отдел", "Группа тем", "Тема", "Текст инцидента", "Примечание"]
    rows = [
        ("Примерск", str(n), "Отдел 1", "ЖКХ", f"Тема {n % 2}", "'Нет воды, [club1|Примерск]", "") for n in range(4)
    ]
    path = written(tmp_path / "export.csv", [tuple(names), *rows], ";", "utf-8-sig")
    corpus = read_corpus(path)
    assert corpus.texts[0] == "Нет воды, [club1|Примерск]"
    assert set(corpus.names) == {"topic_group", "topic"}
    assert set(read_corpus(path, Columns(labels={"agency": "Отдел"})).names) == {"agency"}


def test_line_breaks_and_quotes_inside_a_message_stay(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_text('text,topic\n"Яма\nна ""Мира""",Дороги\nНет воды,ЖКХ\n', encoding="utf-8")
    assert read_corpus(path).texts == ['Яма\nна "Мира"', "Нет воды"]


def test_an_absent_column_is_named_with_those_that_are_there(tmp_path: Path) -> None:
    path = written(tmp_path / "data.csv", [("text", "topic", "agency"), *ROWS])
    with pytest.raises(DataIsWrong, match=r"data.csv: нет столбца «о чём»; есть 0 «text», 1 «topic», 2 «agency»"):
        read_corpus(path, Columns(labels={"topic": "о чём"}))
    with pytest.raises(DataIsWrong, match="нет столбца «7»"):
        read_corpus(path, Columns("7", {"topic": "1"}))
    with pytest.raises(DataIsWrong, match="назовите столбец сами"):
        read_talk(written(path, ROWS))


@pytest.mark.parametrize("content", [b"", b"\n\n", b"\xff\x98\x00"])
def test_a_file_without_rows_or_of_other_bytes_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "data.csv"
    path.write_bytes(content)
    with pytest.raises(DataIsWrong):
        read_corpus(path, Columns("0", {"topic": "1"}))


def test_a_torn_archive_is_refused(tmp_path: Path) -> None:
    whole = gzip.compress(written(tmp_path / "data.csv", ROWS * 50).read_bytes())
    torn = tmp_path / "data.csv.gz"
    torn.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataIsWrong, match="файл не читается"):
        read_table(torn)


def test_a_workbook_is_read_like_the_same_rows_in_csv(tmp_path: Path) -> None:
    from openpyxl import Workbook

    workbook = Workbook()
    for row in (["text", "topic"], ["Яма на дороге", "Дороги"], ["Нет воды", 7.0], [None, None]):
        workbook.active.append(row)
    workbook.save(tmp_path / "own.xlsx")
    assert read_table(tmp_path / "own.xlsx").rows == [["text", "topic"], ["Яма на дороге", "Дороги"], ["Нет воды", "7"]]


def test_a_broken_workbook_and_a_missing_library_are_one_sentence_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "broken.xlsx"
    broken.write_bytes(b"PK\x03\x04 not a workbook")
    with pytest.raises(DataIsWrong, match="книга не читается"):
        read_table(broken)
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    with pytest.raises(DataIsWrong, match="нужен openpyxl"):
        read_table(broken)
