"""What rules may say, as tables: a condition, facts, and whether it holds; a wrong text and the sentence about it."""

from datetime import UTC, date, datetime

import pytest

from routing_rules import RuleSetInvalid, parse
from tests.routing_rules.rule_texts import CROSSWALK, DEPARTMENTS, MATRIX, RULES, exception, facts, rule_set, texts

SATURDAY_EVENING = datetime(2026, 11, 28, 19, 30, tzinfo=UTC)
HOLDS = [
    ('platform = "vk"', {}, True),
    ('platform = ["ok", "max"]', {}, False),
    ('kind = "comment"', {}, True),
    ('kind = "message"', {}, False),
    ('page = "1"', {}, True),
    ('page = "11"', {}, False),
    ('sphere = "health"', {"sphere": "health"}, True),
    ('sphere = "health"', {"sphere": None}, False),
    ('topic = "Ямы"', {}, True),
    ('topic = "Ямы"', {"topic_confidence": 0.49}, False),
    ('topic = "Ямы"', {"topic_confidence": 0.5}, True),
    ('topic = "Уборка снега"', {"topic": "★ Снег"}, True),
    ('topic = "★ Снег"', {"topic": "★ Снег"}, True),
    ('topic = "Ямы"', {"topic": None}, False),
    ('topic_group = "Дороги"', {"topic_confidence": 0.0}, True),
    ('topic_group = "Дороги"', {"topic_confidence": 0.0, "group_confidence": 0.59}, False),
    ('topic_group = "Дороги"', {"topic_group": "Медицина"}, True),  # a believed topic brings its own group
    ('territory = "52000000"', {}, True),
    ('territory = "52615000"', {}, False),
    ('territory = ["52615000", "52701000"]', {}, True),
    ("severity_at_least = 2", {}, True),
    ("severity_at_least = 3", {}, False),
    ("severity_at_least = 5", {"severity": 9}, True),
    ("confidence_at_least = 0.9", {}, True),
    ("confidence_at_least = 0.91", {}, False),
    ("confidence_below = 0.9", {}, False),
    ("confidence_below = 0.91", {}, True),
    ('words = "яма"', {}, True),
    ('words = "ЯМА"', {}, True),
    ('words = "ям"', {}, False),
    ('words = "объех*"', {}, True),
    ('words = "ехать*"', {}, False),
    ('words = "огромная яма"', {}, True),
    ('words = "огромная, яма"', {}, True),
    ('words = "яма огромная"', {}, False),
    ('words = ["нет", "улице лесной"]', {}, True),
    ('words = "елка"', {"text": "Упала ЁЛКА"}, True),
    ('words = "ёлка"', {"text": "упала елка"}, True),
    ('words = "яма"', {"text": ""}, False),
    ('weekday = "сб"', {"at": SATURDAY_EVENING}, True),
    ('weekday = ["пн", "вс"]', {"at": SATURDAY_EVENING}, False),
    ('weekday = "сб"', {}, False),
    ('hours = "18:00-09:00"', {"at": SATURDAY_EVENING}, True),
    ('hours = "19:30-20:00"', {"at": SATURDAY_EVENING}, True),
    ('hours = "09:00-19:30"', {"at": SATURDAY_EVENING}, False),
    ('hours = "00:00-24:00"', {}, False),
    ("is_working_day = false", {"is_working_day": False}, True),
    ("is_working_day = true", {"is_working_day": False}, False),
    ("is_working_day = false", {}, False),
    ("earlier_appeals_at_least = {count = 2, days = 7}", {"earlier": (6, 0, 30)}, True),
    ("earlier_appeals_at_least = {count = 2, days = 6}", {"earlier": (6, 0, 30)}, False),
    ("earlier_appeals_at_least = {count = 1, days = 365}", {}, False),
    ('topic = "Ямы"\nkind = "message"', {}, False),
    ('topic = "Ямы"\nkind = "comment"\nwords = "яма"', {}, True),
]


@pytest.mark.parametrize(("when", "changes", "does_hold"), HOLDS)
@pytest.mark.parametrize("is_key", [True, False], ids=["indexed", "tested"])
def test_a_condition_holds(when: str, changes: dict[str, object], does_hold: bool, is_key: bool) -> None:
    also = "" if is_key else f'\npage = "{facts(**changes).page}"'
    if not is_key and "page =" in when:
        also = "\nseverity_at_least = 1"
    decision = rule_set(exception(when + also)).decide(facts(**changes))
    assert (decision.rule == "Э-1") is does_hold


WRONG = [
    ('weather = "rain"', "rules.toml:19: условия «weather» нет"),
    ("platform = 3", "platform: нужна строка или непустой список строк"),
    ("platform = []", "platform: нужна строка или непустой список строк"),
    ('platform = ["vk", " "]', "platform: нужна строка или непустой список строк"),
    ('kind = "post"', "kind: бывает только comment"),
    ('territory = "52"', "territory: «52» не похоже на код ОКТМО"),
    ("severity_at_least = 6", "severity_at_least: нужно целое число от 1 до 5"),
    ("severity_at_least = true", "severity_at_least: нужно целое число от 1 до 5"),
    ('severity_at_least = "3"', "severity_at_least: нужно целое число от 1 до 5"),
    ("confidence_below = 1.5", "confidence_below: нужно число от 0 до 1"),
    ("confidence_at_least = false", "confidence_at_least: нужно число от 0 до 1"),
    ('words = "ям*"', "words: «ям*»: звёздочка ставится после одного слова не короче трёх букв"),
    ('words = "две ямы*"', "words: «две ямы*»: звёздочка"),
    ('words = "!!!"', "words: «!!!»: нет ни одной буквы или цифры"),
    ('weekday = "суббота"', "weekday: дни недели пишут так: пн"),
    ('hours = "9-18"', "hours: нужны часы вида 18:00-09:00"),
    ('hours = "09:60-18:00"', "hours: часы идут от 00:00 до 24:00"),
    ('hours = "09:00-24:30"', "hours: часы идут от 00:00 до 24:00"),
    ('hours = "09:00-09:00"', "hours: часы идут от 00:00 до 24:00, начало и конец различны"),
    ("hours = 9", "hours: нужны часы"),
    ('is_working_day = "да"', "is_working_day: нужно true или false"),
    ("earlier_appeals_at_least = 3", "earlier_appeals_at_least: нужна таблица вида"),
    ("earlier_appeals_at_least = {count = 3.5, days = 1}", "count и days: нужны целые числа"),
    ("earlier_appeals_at_least = {count = 0, days = 1}", "count бывает от 1 до 100, days от 1 до 365"),
    ("", "исключение без условий when"),
    ("[exception.unless]\nkind = 1", "kind: нужна строка"),
]


@pytest.mark.parametrize(("when", "sentence"), WRONG)
def test_a_wrong_condition_is_refused_with_a_sentence(when: str, sentence: str) -> None:
    with pytest.raises(RuleSetInvalid) as refused:
        rule_set(exception(when))
    assert sentence in str(refused.value)


BROKEN = [
    ({"rules": "version = \n"}, "rules.toml:1: ошибка TOML"),
    ({"rules": 'version = """'}, "rules.toml: ошибка TOML"),
    ({"rules": RULES.replace('default = "desk"\n', "")}, "default: нужна непустая строка"),
    ({"rules": RULES.replace('"desk"', '"nobody"')}, "default: нет ведомства с кодом «nobody»"),
    ({"rules": RULES.replace('"desk"', '"@page"')}, "default: нет ведомства с кодом «@page»"),
    ({"rules": RULES.replace('version = "t1"', "version = 1")}, "rules.toml:1: version: нужна непустая строка"),
    ({"rules": RULES.replace("topic = 0.5", "topic = 5")}, "rules.toml:4: topic: нужно число от 0 до 1"),
    ({"rules": RULES.replace("topic = 0.5\n", "")}, "topic: нужно число от 0 до 1"),
    ({"rules": RULES.replace('["vk", "ok"]', "[]")}, "rules.toml:7: platforms: нужна строка"),
    ({"rules": "colour = 1\n" + RULES}, "rules.toml:1: поля «colour» нет"),
    ({"rules": "thresholds = 1\nversion = 't'\ndefault = 'desk'"}, "rules.toml:1: thresholds: нужна таблица"),
    ({"rules": "exception = 1\n" + RULES}, "исключения пишутся как [[exception]]"),
    ({"rules": RULES + exception('page = "1"', mode="maybe")}, "rules.toml:13: режима «maybe» нет"),
    ({"rules": RULES + exception('page = "1"', mode="")}, "rules.toml:13: mode: нужна непустая строка"),
    ({"rules": RULES + exception('page = "1"', more="expires = 2027-01-01T00:00:00")}, "expires: нужна дата"),
    ({"rules": RULES + exception('page = "1"', more='expires = "завтра"')}, "rules.toml:17: expires: нужна дата"),
    ({"rules": RULES + exception('page = "1"', more="when_ = 1")}, "rules.toml:17: поля «when_» нет"),
    (
        {"rules": RULES + exception('page = "1"', department="nobody")},
        "rules.toml:10: Э-1: нет ведомства с кодом «nobody»",
    ),
    ({"rules": RULES + exception('page = "1"') * 2}, "rules.toml:22: исключение Э-1 уже есть выше"),
    ({"rules": RULES + "\n[[exception]]\nwhen = 1\n"}, "rules.toml:11: when: нужна таблица"),
    ({"matrix": MATRIX + "М-8,,Ямы,52615000,,,nobody\n"}, "matrix.csv:9: М-8: нет ведомства с кодом «nobody»"),
    ({"matrix": MATRIX + "М-7,,Ямы,52615000,,,city\n"}, "matrix.csv:9: «М-7» уже есть в строке 8"),
    ({"matrix": MATRIX + "М-8,,Ямы,52615000,health,5,city\n"}, "matrix.csv:9: укажите страницу или сферу"),
    ({"matrix": MATRIX + "М-8,,Ямы,город,,,city\n"}, "matrix.csv:9: «город» не похоже на код ОКТМО"),
    ({"matrix": MATRIX + "М-8,,Ямы,,,,\n"}, "matrix.csv:9: пустой столбец department"),
    ({"matrix": MATRIX + "М-8,,Ямы,,,,city,,\n"}, "matrix.csv:9: в строке больше столбцов"),
    ({"matrix": 'id\n"a'}, "matrix.csv:1: нет столбцов: topic_group"),
    ({"matrix": MATRIX + 'М-8,,"Ямы"ы,,,,city\n'}, "ошибка CSV"),
    ({"departments": DEPARTMENTS + "x,Икс,,magic\n"}, "departments.csv:6: вид «magic» неизвестен"),
    ({"departments": DEPARTMENTS + "city,Икс,,desk\n"}, "departments.csv:6: «city» уже есть в строке 3"),
    ({"topic_crosswalk": CROSSWALK + ",Ямы в поле,\n"}, "topic_crosswalk.csv:6: пустой столбец topic_group"),
    ({"territories": "code,parent,name\n1,,Город\n"}, "territories.csv:2: «1» не похоже на код ОКТМО"),
]


@pytest.mark.parametrize(("bent", "sentence"), BROKEN)
def test_a_broken_file_is_refused_with_its_line(bent: dict[str, str], sentence: str) -> None:
    with pytest.raises(RuleSetInvalid) as refused:
        parse(texts(**bent))
    assert sentence in str(refused.value)


def test_all_problems_are_told_at_once() -> None:
    with pytest.raises(RuleSetInvalid) as refused:
        parse(texts(RULES.replace("0.6", "6"), MATRIX + "М-8,,Ямы,,,,\n"))
    assert [problem.file for problem in refused.value.problems] == ["rules.toml", "matrix.csv"]


def test_a_missing_file_is_named() -> None:
    with pytest.raises(RuleSetInvalid, match=r"matrix\.csv: нет такого файла"):
        parse({"rules.toml": RULES, "departments.csv": DEPARTMENTS})


def test_territories_and_crosswalk_may_be_left_out() -> None:
    rules = parse({"rules.toml": RULES, "departments.csv": DEPARTMENTS, "matrix.csv": MATRIX})
    assert rules.decide(facts()).department == "city"


def test_names_copied_from_an_office_program_lose_their_stray_spaces() -> None:
    rules = rule_set(matrix=MATRIX.replace("М-2,,Ямы", "М-2,, Ямы\N{NO-BREAK SPACE}"))
    assert rules.decide(facts()).rule == "М-2"


def test_a_block_whose_start_cannot_be_found_is_reported_without_a_line() -> None:
    inline = 'exception = [{id = "Э-1", mode = "shadow", when = {}}]\n' + RULES
    with pytest.raises(RuleSetInvalid) as refused:
        parse(texts(inline))
    assert "исключение без условий when" in str(refused.value)


def test_an_exception_is_in_force_through_its_last_day() -> None:
    rules = rule_set(exception('topic = "Ямы"', more="expires = 2027-04-15"))
    assert rules.decide(facts(on=date(2027, 4, 15))).rule == "Э-1"
    assert rules.decide(facts(on=None)).rule == "Э-1"
    late = rules.decide(facts(on=date(2027, 4, 16)))
    assert late.rule == "М-2"
    assert "действовало по 15.04.2027" in late.steps[1].because


def test_unless_takes_cases_away() -> None:
    rules = rule_set(exception('topic = "Ямы"\n[exception.unless]\nwords = "асфальт"'))
    assert rules.decide(facts()).rule == "Э-1"
    spared = rules.decide(facts(text="Где асфальт?"))
    assert spared.rule == "М-2"
    assert spared.steps[1].outcome == "lost"
    assert "сработала оговорка «кроме»" in spared.steps[1].because
