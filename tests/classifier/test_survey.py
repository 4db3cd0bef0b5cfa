"""What the report on a training file says."""

from classifier import Judge
from classifier.dataset import Corpus, corpus_of
from classifier.survey import survey

TEXTS = ["Нет воды", "НЕТ воды!", "нет воды", "", "Сломан светофор, тема: Работа светофора", "Другое"]


def test_repeats_contradictions_and_leaks_are_counted() -> None:
    found = survey(corpus_of(TEXTS, {"topic": ["Вода", "Вода", "Трубы", "Вода", "Работа светофора", ""]}))
    assert (found.rows, found.empty, found.duplicates) == (6, 1, 2)
    topic = found.kinds["topic"]
    assert (topic.rows, topic.labels, topic.conflicts, topic.named_in_text) == (5, 3, 3, 1)
    assert topic.small == {"Работа светофора": 1, "Трубы": 1, "Вода": 3}


def test_the_report_names_rare_labels_and_says_how_many_more_there_are() -> None:
    labels = [f"Метка {number}" for number in range(12)]
    told = survey(corpus_of([f"Слово {label}" for label in labels], {"agency": labels})).sentences()
    assert "меток 12, из них меньше 10 строк у 12" in told[1]
    assert "и ещё 4" in told[2]


def test_a_base_that_has_seen_the_messages_is_noticed(judge: Judge, corpus: Corpus) -> None:
    assert survey(corpus, judge).seen_by_base == 1
    assert "Основа уже видела 100.0% этих сообщений" in " ".join(survey(corpus, judge).sentences())
    assert survey(corpus_of(["Новое"], {"topic": ["А"]}), judge).seen_by_base == 0


def told_of(given: dict[str, list[str]], labels: list[str]) -> str:
    return " ".join(survey(corpus_of(["слово"] * len(labels), {"agency": labels}, given)).sentences())


def test_the_report_says_of_a_circumstance_what_it_can_teach() -> None:
    given = ["Примерск"] * 10 + ["ПРИМЕРСК", "Дальнее", ""] + ["Образцовое"] * 7
    told = told_of({"territory": given}, ["А", "Б"] * 10)
    assert "Обстоятельство territory: разных значений 3, из них учат 2; строк без значения 1, с редким 1." in told
    assert "утечка" not in told
    assert "page ничему не учит" in told_of({"page": ["одна"] * 20}, ["А", "Б"] * 10)


def test_a_circumstance_that_equals_a_label_is_called_a_leak_and_one_label_is_no_reason() -> None:
    labels = ["Отдел дорог", "Отдел воды"] * 150
    copied = [label.upper() for label in labels]
    assert "Возможна утечка: body определяет метку agency в 100.0% строк" in told_of({"body": copied}, labels)
    misled = [*copied[:290], *copied[1:11]]
    assert "утечка" not in told_of({"body": misled}, labels)
    assert "утечка" not in told_of({"body": copied}, ["Отдел дорог"] * 299 + ["Отдел воды"])
