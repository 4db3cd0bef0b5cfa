"""The sentence that says when the judge does not know."""

import pytest

from classifier import Evidence, Guess, Judge
from classifier.doubt import doubt

WORD = [Evidence(0, 3, 1.0)]


@pytest.mark.parametrize(
    ("chances", "evidence", "said"),
    [
        ((0.93, 0.02), WORD, ""),
        ((0.45, 0.44, 0.05), WORD, "Почти равно вероятны: «а» и «б»"),
        ((0.30, 0.29, 0.28), WORD, "«а» и «б» и «в»"),
        ((0.20, 0.19), WORD, "Модель не знает: даже лучшей догадке — «а» — она даёт 20%"),
        ((0.70, 0.10), WORD, "Тема «а» вероятнее других (70%), но ниже порога 90%"),
        ((0.70, 0.10), [], "Ни одно слово"),
        ((), [], "не знает"),
    ],
)
def test_doubt_is_said_in_the_words_that_fit(chances: tuple[float, ...], evidence: list[Evidence], said: str) -> None:
    guesses = [Guess(name, chance) for name, chance in zip("абв", chances, strict=False)]
    sentence = doubt(guesses, 0.9, evidence, "тема")
    assert said in sentence
    assert bool(sentence) == bool(said)


def test_a_message_without_meaning_is_told_from_a_clear_one(starter: Judge) -> None:
    def said(text: str) -> str:
        guesses = starter.judge([text])[0].topic_group
        evidence = starter.explain(text, "topic_group", guesses[0].label)
        return doubt(guesses, starter.manifest.thresholds["topic_group"], evidence)

    assert said("") != ""
    assert said("ъыъ") != ""
    assert said("Мусор не вывозят неделю, контейнеры переполнены, вывезите мусор") == ""
