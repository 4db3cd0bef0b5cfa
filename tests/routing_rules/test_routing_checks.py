"""What `check` finds, and what it leaves alone."""

from datetime import date

import pytest

from routing_rules import RuleSet, load, parse
from routing_rules.checks import check, labels_without_owner
from tests.routing_rules.rule_texts import CROSSWALK, MATRIX, RULES, TERRITORIES, exception, rule_set, texts

TODAY = date(2026, 11, 23)


def found(rules: RuleSet) -> list[str]:
    return [str(problem) for problem in check(rules, TODAY)]


def sound(*exceptions: str, **files: str) -> RuleSet:
    return parse(texts(RULES + "".join(exceptions), **files))


def test_a_sound_rule_set_has_no_problems() -> None:
    assert found(sound(exception('topic = "Ямы"\nplatform = "vk"\nsphere = "health"'))) == []


def test_two_cells_with_one_address_are_a_tie() -> None:
    tied = sound(matrix=MATRIX + "М-8,,Ямы,52701000,,,health\n")
    assert found(tied) == [
        "matrix.csv:9: Ничья: М-2, М-8 (Ямы × Город) → Город, Минздрав. Уточните тему, территорию или страницу"
    ]


UNREACHABLE = [
    ('topic = "Ямы"', 'topic = "Ямы"'),
    ('topic = ["Ямы", "Очередь"]', 'topic = "Ямы"\nkind = "message"'),
    ('territory = "52000000"', 'territory = ["52615101", "52701000"]'),
    ("severity_at_least = 3", "severity_at_least = 4"),
    ("confidence_at_least = 0.3", "confidence_at_least = 0.4"),
    ("confidence_below = 0.4", "confidence_below = 0.3"),
    ('words = ["снег*", "на дороге"]', 'words = ["снега", "снегопад*", "на дороге"]'),
    (
        'page = "1"\n[exception.unless]\nkind = "message"',
        'page = "1"\n[exception.unless]\nkind = ["message", "comment"]',
    ),
]
REACHABLE = [
    ('topic = "Ямы"', 'topic = ["Ямы", "Очередь"]'),
    ('topic = "Ямы"\nkind = "message"', 'topic = "Ямы"'),
    ('territory = "52615000"', 'territory = "52000000"'),
    ("severity_at_least = 4", "severity_at_least = 3"),
    ('words = "снег"', 'words = "снег*"'),
    ('words = "снег*"', 'words = ["снега", "лед"]'),
    ('page = "1"\n[exception.unless]\nkind = "message"', 'page = "1"'),
]


@pytest.mark.parametrize(("first", "second"), UNREACHABLE)
def test_an_exception_after_a_more_general_one_is_unreachable(first: str, second: str) -> None:
    problems = found(sound(exception(first, id="Э-1"), exception(second, id="Э-2")))
    assert problems == ["rules.toml:" + problems[0].split(":")[1] + ": Исключение Э-2 недостижимо: "
                        "всё, что ему подходит, раньше забирает Э-1"]  # fmt: skip


@pytest.mark.parametrize(("first", "second"), REACHABLE)
def test_an_exception_after_a_narrower_one_is_reachable(first: str, second: str) -> None:
    assert found(sound(exception(first, id="Э-1"), exception(second, id="Э-2"))) == []


def test_only_an_active_exception_takes_cases_and_only_while_it_lasts() -> None:
    same = 'topic = "Ямы"'
    assert found(sound(exception(same, mode="shadow"), exception(same, id="Э-2"))) == []
    assert found(sound(exception(same, mode="draft"), exception(same, id="Э-2"))) == []
    assert found(sound(exception(same), exception(same, id="Э-2", mode="draft"))) == []
    lasting = exception(same, more="expires = 2027-01-01")
    assert found(sound(lasting, exception(same, id="Э-2"))) == []
    assert found(sound(lasting, exception(same, id="Э-2", more="expires = 2027-02-01"))) == []
    assert len(found(sound(lasting, exception(same, id="Э-2", more="expires = 2026-12-01")))) == 1


@pytest.mark.parametrize(
    "when",
    [
        "confidence_at_least = 0.5\nconfidence_below = 0.5",
        'page = "1"\nkind = "message"\n[exception.unless]\nkind = ["message", "comment"]',
    ],
)
def test_an_exception_that_contradicts_itself_is_unreachable(when: str) -> None:
    assert ["противоречат друг другу" in problem for problem in found(sound(exception(when)))] == [True]


@pytest.mark.parametrize(
    ("when", "sentence"),
    [
        ('topic = "Ямки"', "Э-1: тема «Ямки» нигде не описана"),
        ('topic_group = "Дорога"', "Э-1: группа «Дорога» нигде не описана"),
        ('territory = "52636000"', "Э-1: территория «52636000» нигде не описана"),
        ('platform = "vkontakte"', "Э-1: площадка «vkontakte» нигде не описана"),
        ('page = "1"\n[exception.unless]\nsphere = "sport"', "Э-1: сфера «sport» нигде не описана"),
    ],
)
def test_an_unknown_name_in_an_exception_is_found(when: str, sentence: str) -> None:
    assert found(sound(exception(when))) == [f"rules.toml:10: {sentence}"]


def test_an_unknown_name_in_the_matrix_is_found() -> None:
    rules = sound(matrix=MATRIX + "М-8,,Ямы,52636000,,,city\nМ-9,,Ямы,52615000,sport,,city\n")
    assert found(rules) == [
        "matrix.csv:9: М-8: территория «52636000» нигде не описана",
        "matrix.csv:10: М-9: сфера «sport» нигде не описана",
    ]


def test_names_of_a_kind_that_is_not_listed_are_not_checked() -> None:
    files = texts(
        "version = 't'\ndefault = 'desk'\n[thresholds]\ntopic = 0.5\ngroup = 0.5\n" + exception('platform = "x"')
    )
    bare = {name: text for name, text in files.items() if name not in ("territories.csv", "topic_crosswalk.csv")}
    assert found(parse(bare)) == []


def test_a_territory_without_parent_and_a_label_without_topic_are_found() -> None:
    rules = sound(
        territories=TERRITORIES + "52636101,52636000,Станция\n",
        topic_crosswalk=CROSSWALK + "Дороги,Лужи,Лужи и потопы\n",
        matrix=MATRIX + "М-8,,,,,,desk\n",
    )
    assert found(rules) == [
        "territories.csv: У территории «Станция» нет родителя 52636000 в таблице",
        "topic_crosswalk.csv: Метка «Лужи» ведёт к теме «Лужи и потопы», которой нет в матрице",
    ]


def test_a_territory_that_is_its_own_ancestor_does_not_hang_the_check() -> None:
    looped = sound(
        territories="code,parent,name\n52000000,52701000,Область\n52701000,52000000,Город\n52615000,52000000,Р\n"
    )
    assert found(looped) == []


def test_a_topic_and_a_group_without_owner_are_found_with_their_territories() -> None:
    rules = sound(topic_crosswalk=CROSSWALK + "Вода,Протечки,\n", matrix=MATRIX + "М-8,Вода,,52701000,,,city\n")
    assert found(rules) == [
        "matrix.csv: Тема «Протечки» без ответственного: Область, Район, Посёлок",
        "matrix.csv: Группа «Вода» без ответственного: Область, Район, Посёлок",
    ]


def test_a_label_of_the_classifier_that_leads_nowhere_is_found() -> None:
    rules = rule_set()
    assert [str(problem) for problem in labels_without_owner(rules, ["Ямы", "Кометы"], ["Космос"])] == [
        "matrix.csv: Тема «Кометы» без ответственного: Область, Город, Район, Посёлок",
        "matrix.csv: Группа «Космос» без ответственного: Область, Город, Район, Посёлок",
    ]


def test_without_a_tree_ownership_is_checked_for_cells_of_any_place() -> None:
    rules = sound(territories="", matrix=MATRIX.replace("52000000", ""))
    assert found(rules) == []
    assert next(labels_without_owner(rules, ["Кометы"], [])).message.endswith("вся территория")


def test_an_expired_exception_that_still_decides_is_found() -> None:
    late, last_day = "expires = 2026-11-22", "expires = 2026-11-23"
    assert found(sound(exception('page = "1"', more=late))) == [
        "rules.toml:10: Исключение Э-1 «Проба» истекло 22.11.2026, но всё ещё active"
    ]
    assert found(sound(exception('page = "1"', more=late, mode="expired"))) == []
    assert found(sound(exception('page = "1"', more=last_day))) == []


def test_the_shipped_rules_pass() -> None:
    assert check(load(), TODAY) == ()
