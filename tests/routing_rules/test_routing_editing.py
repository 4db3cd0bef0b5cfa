"""Rules changed as text, compared in words, simulated, learned from, and kept as a sheet."""

from typing import Any

import pytest

from routing_rules import RuleSet, load, parse
from routing_rules.differences import differences, touched_rules
from routing_rules.editing import NoSuchCell, name_version, next_cell_id, put_cell, remove_cell, replace_cells
from routing_rules.learning import Evidence, propose, wilson_lower
from routing_rules.matrix import address_of
from routing_rules.sheet import as_sheet, read_sheet
from routing_rules.simulation import Past, simulate
from tests.routing_rules.rule_texts import DEPARTMENTS, MATRIX, RULES, exception, facts, rule_set, texts


def said(old: RuleSet, new: RuleSet) -> list[str]:
    return [str(change) for change in differences(old, new)]


def test_a_version_is_renamed_and_nothing_else_changes() -> None:
    assert name_version(RULES, "t2") == RULES.replace('"t1"', '"t2"')
    assert name_version("default = 'x'", "t2").startswith('version = "t2"\n')
    assert parse(texts(name_version(RULES, "t2"))).version == "t2"


def test_a_cell_is_put_replaced_and_removed_and_notes_stay() -> None:
    noted = MATRIX.replace("page,department", "page,department,note").replace("roads\nМ-2", "roads,сверено\nМ-2")
    added = put_cell(noted, {"id": "М-8", "topic": "Снег, лёд", "department": "city", "co_departments": "roads health"})
    cell = parse(texts(matrix=added)).tables.cells[-1]
    assert (cell.topic, cell.department, cell.co_departments) == ("Снег, лёд", "city", ("roads", "health"))
    changed = put_cell(added, {"id": "М-1", "department": "city"})
    assert "М-1,,Ямы,52000000,,,city,сверено" in changed
    assert remove_cell(changed, "М-8").count("\n") == noted.count("\n")
    with pytest.raises(NoSuchCell):
        remove_cell(MATRIX, "М-99")
    assert next_cell_id(["М-001", "М-003"]) == "М-002"


def test_a_whole_matrix_is_replaced_and_notes_stay_with_their_cells() -> None:
    noted = MATRIX.replace("page,department", "page,department,note").replace("roads\nМ-2", "roads,сверено\nМ-2")
    replaced = replace_cells(
        noted, [{"id": "М-1", "topic": "Ямы", "department": "city"}, {"id": "М-9", "department": "roads"}]
    )
    assert [line for line in replaced.splitlines() if line][1:] == ["М-1,,Ямы,,,,city,сверено", "М-9,,,,,,roads,"]


def test_a_co_executor_is_carried_into_the_decision_and_its_trace() -> None:
    rules = rule_set(matrix=put_cell(MATRIX, {"id": "М-2", "co_departments": "roads; health"}))
    decision = rules.decide(facts())
    assert (decision.department, decision.co_departments) == ("city", ("roads", "health"))
    assert "соисполнитель Миндор" in decision.steps[-2].because + decision.steps[1].because


@pytest.mark.parametrize(("codes", "sentence"), [("city", "и отвечает, и соисполняет"), ("nobody", "нет ведомства")])
def test_a_wrong_co_executor_is_refused(codes: str, sentence: str) -> None:
    with pytest.raises(Exception, match=sentence):
        rule_set(matrix=put_cell(MATRIX, {"id": "М-2", "co_departments": codes}))


def test_differences_are_told_in_words() -> None:
    matrix = MATRIX.replace("М-2,,Ямы,52701000,,,city", "М-2,,Ямы,52701000,,,roads").replace(
        "М-3,,Уборка снега,52701000,,,city\n", ""
    )
    new = rule_set(exception('topic = "Ямы"', id="Э-2"), matrix=matrix + "М-8,,Ямы,52615000,,,city\n")
    assert said(rule_set(exception('topic = "Ямы"', id="Э-1")), new) == [
        "Тема «Ямы», Город: было «Город», стало «Миндор»",
        "Тема «Уборка снега», Город: «Город», теперь нет. Решит человек",
        "Тема «Ямы», Район: «Город». Раньше решала строка М-1 (Ямы × Область)",
        "Исключение Э-1 «Проба»: действует, «Минздрав», теперь нет",
        "Исключение Э-2 «Проба»: действует, «Минздрав». Так надо",
    ]


def test_a_changed_exception_says_what_changed_in_it() -> None:
    old = rule_set(exception('words = "снег*"', mode="shadow"), exception('topic = "Ямы"', id="Э-2"))
    new = rule_set(exception('topic = "Ямы"', id="Э-2"), exception('words = ["снег*", "лёд"]'))
    assert said(old, new) == [
        "Исключение Э-1 «Проба», режим: было в тени, стало действует",
        "Исключение Э-1 «Проба», условие «слова»: было снег*, стало лед, снег*",
        "Порядок исключений: было Э-1, Э-2, стало Э-2, Э-1",
    ]


def test_thresholds_names_and_labels_are_compared_too() -> None:
    changed = texts(RULES.replace("topic = 0.5", "topic = 0.7"))
    changed["departments.csv"] = changed["departments.csv"].replace("Министерство дорог", "Министерство путей")
    changed["topic_crosswalk.csv"] = changed["topic_crosswalk.csv"].replace("Дороги,Пробки,\n", "")
    sentences = said(rule_set(), parse(changed))
    assert sentences[0] == "Порог темы: было 0,50, стало 0,70"
    assert "Министерство путей" in sentences[1]
    assert sentences[2] == "Метка «Пробки»: решает группа «Дороги», теперь нет"


def test_equal_rules_have_no_differences() -> None:
    assert differences(load(), load()) == ()


def test_a_simulation_counts_moves_examples_and_agreement() -> None:
    new = rule_set(matrix=MATRIX.replace("М-2,,Ямы,52701000,,,city", "М-2,,Ямы,52701000,,,health"))
    unsure = facts(topic_confidence=0.1, group_confidence=0.1)
    past = [Past(number, facts(), final) for number, final in enumerate(["city", "health", "health", None] * 3)]
    outcome = simulate(rule_set(), new, [*past, Past(99, unsure, "desk"), Past(98, facts(topic="Очередь"), "city")])
    (move,) = outcome.moves
    assert (move.before, move.after, move.count, move.better, move.worse) == ("city", "health", 12, 6, 3)
    assert move.examples == [0, 1, 2, 3, 4]
    assert (outcome.total, outcome.moved, outcome.decided) == (14, 12, 11)
    assert (outcome.agreed_before, outcome.agreed_after) == (4, 7)
    assert outcome.load_before == {"city": 12, "desk": 1, "health": 1}
    assert outcome.load_after == {"health": 13, "desk": 1}
    assert (outcome.to_desk, outcome.from_desk, outcome.failed) == (0, 0, {})


def test_rules_that_broke_and_what_each_rule_has_decided_are_counted() -> None:
    new = rule_set(exception('words = "дом"', id="Э-1"), exception('topic = "Ямы"', id="Э-2"))
    outcome = simulate(rule_set(), new, [Past(number, facts(text=None), None) for number in range(3)])
    assert (outcome.failed, outcome.hits) == ({"Э-1": 3}, {"Э-2": 3})


def test_touched_are_the_rules_that_are_new_or_otherwise_and_may_decide() -> None:
    was = rule_set(exception('topic = "Ямы"', id="Э-1"), exception('topic = "Ямы"', id="Э-2", mode="shadow"))
    now = rule_set(
        exception('topic = "Ямы"', id="Э-0"), exception('topic = "Ямы"', id="Э-1"),
        exception('topic = "Ямы"', id="Э-2"), exception('topic = "Ямы"', id="Э-3", mode="shadow"),
        matrix=f"{MATRIX.replace('М-2,,Ямы,52701000,,,city', '').replace('city', 'health')}М-8,,Ямы,52615000,,,city",
    )  # fmt: skip
    assert touched_rules(was, now) == ("Э-0", "Э-2", "М-3", "М-7", "М-8")
    assert touched_rules(was, was) == ()


def test_what_falls_to_the_desk_and_what_leaves_it_is_counted() -> None:
    none = rule_set(matrix=MATRIX.replace("М-5,Медицина,,52000000,,,health\n", ""))
    past = [Past(1, facts(topic="Очередь"), None)]
    assert simulate(rule_set(), none, past).to_desk == 1
    assert simulate(none, rule_set(), past).from_desk == 1


def test_history_proposes_a_cell_only_with_enough_evidence_against_the_rules() -> None:
    def hints(**changes: Any) -> list[str]:
        one = {"topic": "Ямы", "territory": "52615000", "department": "city", "count": 94, "total": 97, **changes}
        return [hint.rule for hint in propose(rule_set(), [Evidence(**one)])]

    assert hints() == ["М-1"]
    assert hints(count=3, total=3) == []
    assert hints(count=80) == []
    assert hints(department="roads") == []  # the rules do so already
    assert hints(department="nobody") == []
    assert hints(territory="здесь") == []


def test_wilsons_lower_end_is_that_of_the_textbook() -> None:
    assert wilson_lower(0, 0) == 0.0
    assert round(wilson_lower(94, 97), 4) == 0.9130
    assert round(wilson_lower(10, 10), 4) == 0.7225


def read(rules: RuleSet, *lines: list[str]) -> tuple[set[tuple[str, ...]], list[str]]:
    found = read_sheet(rules, lines[0], list(enumerate(lines[1:], 2)))
    cells = {
        (row["topic_group"], row["topic"], row["territory"], row["department"], row["co_departments"])
        for row in found.rows
    }
    return cells, [str(problem) for problem in found.problems]


TIE = f"{MATRIX}М-8,,Ямы,52701000,,,health\nМ-9,,Ямы,52701000,,,city\n"


@pytest.mark.parametrize("rules", [rule_set(), load(), rule_set(matrix=TIE)], ids=["small", "shipped", "with a tie"])
def test_a_sheet_written_and_read_again_is_the_same_matrix(rules: RuleSet) -> None:
    header, *lines = as_sheet(rules)
    found = read_sheet(rules, header, list(enumerate(lines, 2)))
    assert found.problems == []
    columns = ("id", "topic_group", "topic", "territory", "page", "sphere", "department")
    told = {tuple(row[name] for name in columns) for row in found.rows}
    assert told == {(cell.id, *address_of(cell), cell.department) for cell in rules.tables.cells}


def test_who_decides_a_tie_in_the_sheet_keeps_the_cell_that_said_so() -> None:
    header, *lines = as_sheet(rule_set(matrix=TIE))
    (line,) = [line for line in lines if "Город | Минздрав | Город" in line]
    for text, ids in (
        ("Минздрав", ["М-8"]), ("Город", ["М-2"]), ("Миндор", ["М-2"]), ("Минздрав|Миндор", ["М-8", "М-2"]),
        ("Город + Миндор | Минздрав | Минздрав | Город | Город", ["М-001", "М-8", "М-002", "М-2", "М-9"]),
    ):  # fmt: skip
        changed = [text if value == "Город | Минздрав | Город" else value for value in line]
        found = read_sheet(rule_set(matrix=TIE), header, [(2, changed)])
        assert [row["id"] for row in found.rows if row["territory"] == "52701000"] == ids
    _, problems = read(rule_set(), ["Тема", "Город"], ["Ямы", "Миндор | "])
    assert problems == ["таблица:2: в клетке «Миндор |» не названо ведомство"]


def test_a_body_whose_name_holds_a_sign_of_the_sheet_is_written_by_its_code() -> None:
    rules = parse(texts(departments=DEPARTMENTS.replace("Миндор", "Дороги + мосты")))
    header, *lines = as_sheet(rules)
    assert read_sheet(rules, header, list(enumerate(lines, 2))).problems == []
    assert any("roads" in line for line in lines)


def test_bodies_may_be_columns_and_a_plus_names_co_executors() -> None:
    by_place = read(rule_set(), ["Тема", "Город", "Вся территория"], ["Ямы", "Миндор + Администрация города", "desk"])
    assert by_place == ({("", "Ямы", "52701000", "roads", "city"), ("", "Ямы", "", "desk", "")}, [])
    by_body = read(rule_set(), ["Группа тем", "Миндор", "Город "], ["Дороги", "Район; Посёлок", ""])
    assert by_body == ({("Дороги", "", "52615000", "roads", ""), ("Дороги", "", "52615101", "roads", "")}, [])


def test_every_bad_row_of_a_sheet_is_named() -> None:
    _, problems = read(
        rule_set(), ["Тема", "Сфера", "Страница", "Город", "Луна"],
        ["Ямы", "", "", "Никто", ""], ["", "", "", "Миндор", ""], ["Ямы", "health", "7", "Миндор", ""],
        ["Снег", "", "", "Миндор", ""], ["Снег", "", "", "Миндор", ""], ["Лёд", "", "", "Миндор + Миндор", ""],
    )  # fmt: skip
    assert problems == [
        "таблица:1: столбец «Луна»: нет ни такой территории, ни такого ведомства",
        "таблица:2: ведомства «Никто» нет",
        "таблица:3: не названы ни тема, ни группа",
        "таблица:4: укажите страницу или сферу, а не обе",
        "таблица:6: то же самое уже сказано в строке 5",
        "таблица:7: одно ведомство названо дважды",
    ]
    assert read(rule_set(), ["Сфера", "Город"])[1] == ["таблица:1: нет столбца «Тема» или «Группа тем»"]
