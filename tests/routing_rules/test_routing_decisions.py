"""Who decides, and what the trace says about it."""

import pytest

from routing_rules import Decision, territory_path
from routing_rules.matrix import Matrix
from routing_rules.words import WordIndex, tokens_of, words_of
from tests.routing_rules.plain_loop import Seen, compare
from tests.routing_rules.rule_texts import MATRIX, RULES, exception, facts, parse, rule_set, texts


def trace(decision: Decision) -> list[tuple[str, str, str]]:
    return [(step.layer, step.rule, step.outcome) for step in decision.steps]


def test_the_deepest_topic_then_the_deepest_territory_wins_and_the_losers_say_why() -> None:
    decision = rule_set().decide(facts())
    assert (decision.department, decision.rule, decision.layer, decision.rule_set_version) == (
        "city",
        "М-2",
        "matrix",
        "t1",
    )
    assert [step.because for step in decision.steps] == [
        "Тема «Ямы»: 0,90 ≥ 0,50",
        "Матрица: Ямы × Город → Город",
        "Проиграло: Ямы × Область → Миндор, территория шире",
        "Проиграло: группа «Дороги» × Область → Миндор, тема шире",
    ]


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"territory": ("52000000",)}, "М-1"),
        ({"territory": ("52000000", "52615000", "52615101")}, "М-1"),
        ({"territory": ()}, "default"),
        ({"topic": "★ Снег"}, "М-3"),
        ({"topic": "★ Снег", "territory": ("52000000",)}, "М-4"),
        ({"topic": "Пробки", "sphere": "health"}, "М-6"),
        ({"topic": "Пробки", "sphere": "health", "page": "100"}, "М-7"),
        ({"topic": "Пробки", "sphere": "education"}, "М-4"),
        ({"topic_confidence": 0.1, "sphere": "health"}, "М-6"),
        ({"topic": "Ямы", "page": "100"}, "М-2"),  # a deeper topic beats a page
        ({"topic": "Невиданное"}, "М-4"),
        ({"topic": "Невиданное", "topic_group": None}, "default"),
        ({"topic": "Очередь"}, "М-5"),
        ({"topic": None, "topic_confidence": 0.0, "topic_group": "Медицина"}, "М-5"),
        ({"topic": None, "topic_confidence": 0.0, "topic_group": None, "group_confidence": 0.0}, "default"),
    ],
)
def test_the_most_specific_cell_wins(changes: dict[str, object], rule: str) -> None:
    assert rule_set().decide(facts(**changes)).rule == rule


def test_a_topic_named_with_its_group_is_more_specific_than_without() -> None:
    rules = rule_set(matrix=MATRIX + "М-8,Дороги,Ямы,52701000,,,health\nМ-9,Медицина,Ямы,52701000,,,desk\n")
    assert rules.decide(facts()).rule == "М-8"


def test_a_cell_for_any_topic_waits_for_a_believed_label() -> None:
    rules = rule_set(matrix=MATRIX + "М-8,,,52615000,,,health\n")
    somewhere = {"territory": ("52615000",)}
    assert rules.decide(facts(**somewhere)).rule == "М-8"
    assert rules.decide(facts(**somewhere, topic_confidence=0.0, group_confidence=0.0)).rule == "default"


def test_below_the_topic_threshold_the_group_decides_and_the_guess_is_shown() -> None:
    decision = rule_set().decide(facts(topic_confidence=0.499))
    assert trace(decision) == [
        ("confidence", "", "info"),
        ("matrix", "М-4", "won"),
        ("matrix", "М-2", "lost"),
    ]
    assert decision.steps[0].because == "Тема «Ямы»: 0,49 < 0,50; группа «Дороги»: 0,90 ≥ 0,60: решает группа"
    assert decision.steps[2].because.endswith("уверенность ниже порога")


def test_below_both_thresholds_a_person_decides_and_sees_the_guess() -> None:
    decision = rule_set().decide(facts(topic_confidence=0.2, group_confidence=0.3))
    assert (decision.department, decision.rule, decision.layer) == ("desk", "default", "default")
    assert trace(decision) == [
        ("confidence", "", "info"),
        ("default", "default", "won"),
        ("matrix", "М-2", "lost"),
    ]


def test_at_most_three_losers_are_shown() -> None:
    matrix = MATRIX + "М-8,,Ямы,,,,desk\nМ-9,Дороги,,,,,desk\n"
    losers = [rule for _, rule, outcome in trace(rule_set(matrix=matrix).decide(facts())) if outcome == "lost"]
    assert losers == ["М-1", "М-8", "М-4"]
    near = [exception('topic = "Ямы"\nkind = "message"', id=f"Э-{n}") for n in range(5)]
    losers = [rule for _, rule, outcome in trace(rule_set(*near).decide(facts())) if outcome == "lost"]
    assert losers == ["Э-0", "Э-1", "Э-2", "М-1", "М-4"]


def test_the_first_active_exception_wins_and_the_cell_it_beat_is_shown() -> None:
    rules = rule_set(
        exception('topic = "Ямы"\nseverity_at_least = 3', id="Э-1"),
        exception('words = "яма"', id="Э-2", mode="shadow"),
        exception('words = "яма"', id="Э-3", mode="draft"),
        exception('words = "яма"', id="Э-4", mode="expired"),
        exception("severity_at_least = 1", id="Э-5"),
        exception('words = "яма"', id="Э-6", department="roads"),
    )
    decision = rules.decide(facts())
    assert (decision.rule, decision.layer, decision.department) == ("Э-5", "exception", "health")
    assert trace(decision) == [
        ("confidence", "", "info"),
        ("exception", "Э-1", "lost"),
        ("exception", "Э-2", "info"),
        ("exception", "Э-5", "won"),
        ("matrix", "М-2", "lost"),
    ]
    assert [step.because for step in decision.steps[1:]] == [
        "Исключение Э-1 «Проба» не подошло: важность ниже",
        "Исключение Э-2 «Проба» → Минздрав: в теневом режиме, только отметка",
        "Исключение Э-5 «Проба» → Минздрав: Так надо",
        "Проиграло: Ямы × Город → Город, исключение важнее",
    ]


def test_an_exception_without_an_indexable_condition_is_tried_each_time() -> None:
    rules = rule_set(exception("confidence_below = 0.3", department="roads"))
    assert rules.decide(facts(topic_confidence=0.2)).rule == "Э-1"
    assert trace(rules.decide(facts()))[1][0] == "matrix"


def test_a_page_may_answer_for_itself() -> None:
    rules = rule_set(
        exception('words = "касса"', department="@page"),
        exception('words = "музей"', department="@page", mode="shadow", id="Э-2"),
        matrix=MATRIX + "М-8,,Очередь,52701000,,,@page\n",
    )
    queue = {"topic": "Очередь", "text": "Музей"}
    owned, orphan = facts(**queue, page_department="city"), facts(**queue)
    assert (rules.decide(owned).department, rules.decide(owned).rule) == ("city", "М-8")
    assert "Очередь × Город → Город" in rules.decide(owned).steps[2].because
    assert rules.decide(owned).steps[1].department == "city"
    assert rules.decide(orphan).rule == "М-5"
    at_till = {"text": "касса закрыта"}
    assert rules.decide(facts(**at_till, page_department="roads")).department == "roads"
    refused = rules.decide(facts(**at_till))
    assert refused.rule == "М-2"
    assert refused.steps[1].because.endswith("у страницы нет ответственного ведомства")


def test_the_page_is_named_in_the_cell_and_in_why_the_wider_one_lost() -> None:
    by_page = rule_set().decide(facts(topic="Пробки", page="100", sphere="health"))
    assert "группа «Дороги» × Город × страница 100" in by_page.steps[1].because
    assert "без учёта страницы" in by_page.steps[2].because
    wide = rule_set(matrix=MATRIX + "М-8,Дороги,,52701000,,,roads\nМ-9,,,,,,desk\n")
    by_sphere = wide.decide(facts(topic="Пробки", sphere="health"))
    assert "сфера health" in by_sphere.steps[1].because
    assert "без учёта сферы" in by_sphere.steps[2].because
    assert (
        "любая тема × вся территория" in wide.decide(facts(topic_group="Х", topic="Y", territory=())).steps[1].because
    )


BROKEN_FACTS = [
    ({"text": None}, "exception"),
    ({"severity": None}, "exception"),
    ({"topic_confidence": None}, "confidence"),
    ({"topic_confidence": -3.0}, "confidence"),
    ({"topic_confidence": float("nan")}, "confidence"),
    ({"topic": ["Ямы"]}, "confidence"),
    ({"territory": None}, "matrix"),
    ({"page": ["1"]}, "matrix"),
    ({"territory": (["52"],)}, "matrix"),
]


@pytest.mark.parametrize(("changes", "layer"), BROKEN_FACTS)
def test_a_rule_that_fails_is_skipped_with_a_mark_and_the_appeal_arrives(
    changes: dict[str, object], layer: str
) -> None:
    rules = rule_set(
        exception('words = "дом"', id="Э-1"),
        exception('topic = "Ямы"\nseverity_at_least = 4', id="Э-2"),
        exception('confidence_at_least = 0.95\npage = "1"', id="Э-3"),
    )
    decision = rules.decide(facts(**changes))
    assert decision.department in {"city", "roads", "desk"}
    assert layer in {step.layer for step in decision.steps if step.outcome == "skipped"}
    assert all("из-за сбоя" in step.because for step in decision.steps if step.outcome == "skipped")


def test_a_version_is_told_apart_by_its_content() -> None:
    assert parse(texts()).digest == parse(texts()).digest
    assert parse(texts()).digest != parse(texts(RULES + exception('page = "1"'))).digest


@pytest.mark.parametrize(
    ("code", "path"),
    [
        ("52000000", ("52000000",)),
        ("52701000", ("52000000", "52701000")),
        ("52701000001", ("52000000", "52701000", "52701000001")),
        ("52615101001", ("52000000", "52615000", "52615101", "52615101001")),
        ("52615101000", ("52000000", "52615000", "52615101")),
        ("71876000", ("71000000", "71800000", "71876000")),
        ("71800000", ("71000000", "71800000")),
        ("45301000", ("45000000", "45301000")),
    ],
)
def test_a_territory_code_contains_its_ancestors(code: str, path: tuple[str, ...]) -> None:
    assert territory_path(code) == path


@pytest.mark.parametrize("code", ["", "52", "5270100", "527010000", "52701OOO", "٥٢٧٠١٠٠٠"])
def test_what_is_not_a_territory_code_is_refused(code: str) -> None:
    with pytest.raises(ValueError, match="не похоже на код ОКТМО"):
        territory_path(code)


def test_remembered_cells_are_forgotten_before_they_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("routing_rules.matrix.MEMO_LIMIT", 2)
    rules = rule_set()
    for topic in ["Ямы", "Очередь", "Пробки", "★ Снег"] * 2:
        assert rules.decide(facts(topic=topic)).rule in {"М-2", "М-5", "М-4", "М-3"}
    assert isinstance(rules._matrix, Matrix)
    assert len(rules._matrix._memo) <= 2


PATTERNS = [["яма", "снег*"], ["прорвало трубу"], ["бәлеш"], ["μ"], ["кот*", "гололёд"], ["no", "вод*"]]
TEXTS = [
    "",
    "Яма у дома",
    "«ЯМА»,снега!",
    "снег-яма",
    "Вчера прорвало\n трубу",
    "прорвало! 😡 трубу",
    "яма 😡",
    "Гололед, КОТЁЛ",
    "бәлеш",
    "бәлки",
    "5 µ",
    "NO водa",
    "ямаха под_ямой",
    "\xa0яма\u2009снегопад",
    "снега\ud83d яма\udc00",
    "ямаé снегé, прорвало трубуé",
]


@pytest.mark.parametrize("text", TEXTS)
def test_the_index_finds_the_words_that_are_in_the_text(text: str) -> None:
    all_words = [words_of(one) for one in PATTERNS]
    index = WordIndex([(1 << at, words) for at, words in enumerate(all_words)])
    alone = [WordIndex([(1, words)]) for words in all_words]
    seen = Seen(facts(text=text), (), None, tokens_of(text))
    expected = [bool(compare("words", words, seen)) for words in all_words]
    found = index.find(text, lambda: tokens_of(text))
    assert [bool(found >> at & 1) for at in range(len(all_words))] == expected
    assert [bool(one.find(text, lambda: tokens_of(text))) for one in alone] == expected


def test_what_failed_is_named_and_its_step_stands_where_it_would_have_decided() -> None:
    rules = rule_set(exception('words = "дом"', id="Э-1"), exception('topic = "Ямы"', id="Э-2"))
    decision = rules.decide(facts(text=None))
    assert (decision.rule, decision.failed) == ("Э-2", ("Э-1",))
    assert [(step.rule, step.outcome) for step in decision.steps[1:3]] == [("Э-1", "skipped"), ("Э-2", "won")]
    assert rules.decide(facts(territory=None)).failed == ("matrix",)
    assert rules.decide(facts(topic_confidence=1.5)).failed == ("confidence",)
    later = rule_set(exception('topic = "Ямы"', id="Э-1"), exception('words = "дом"', id="Э-2"))
    assert later.decide(facts(text=None)).failed == ()


def test_a_day_that_is_none_fails_only_the_rules_that_end() -> None:
    ending = exception('topic = "Ямы"', id="Э-1", more="expires = 2027-01-01")
    decision = rule_set(ending, exception('topic = "Ямы"', id="Э-2")).decide(facts(on="завтра"))
    assert (decision.rule, decision.failed) == ("Э-2", ("Э-1",))
