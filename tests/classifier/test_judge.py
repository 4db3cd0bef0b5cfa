"""Judging with a small model: any text, calibrated order, reasons."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from classifier import Evidence, Judge, Judgement
from classifier.dataset import STARTER_KINDS, Corpus
from classifier.judge import BATCH, EVIDENCE, GUESSES

ODD_TEXTS = [
    "",
    " ",
    "а" * 100_000,
    "слово " * 20_000,
    "😀🎉" * 40,
    "مرحبا 你好",
    "\x00\x1b[31m\u202e",
    "\ud800\udfff",
    "1" * 5_000,
]


def check(judgement: Judgement, judge: Judge) -> None:
    assert 0 <= judgement.appeal_probability <= 1
    for kind in STARTER_KINDS:
        guesses = getattr(judgement, kind)
        chances = [guess.probability for guess in guesses]
        assert len(guesses) == min(GUESSES, len(judge.manifest.labels[kind]))
        assert {guess.label for guess in guesses} <= set(judge.manifest.labels[kind])
        assert all(0 <= chance <= 1 for chance in chances)
        assert chances == sorted(chances, reverse=True)
        assert sum(chances) <= 1 + 1e-5


@settings(max_examples=150, deadline=None)
@given(st.lists(st.text(st.characters()), max_size=4))
def test_any_text_gets_a_judgement(starter: Judge, texts: list[str]) -> None:
    judgements = starter.judge(texts)
    assert len(judgements) == len(texts)
    for judgement in judgements:
        check(judgement, starter)


@pytest.mark.parametrize("text", ODD_TEXTS, ids=range(len(ODD_TEXTS)))
def test_odd_texts_get_a_judgement_and_an_explanation(judge: Judge, text: str) -> None:
    judgement = judge.judge([text])[0]
    check(judgement, judge)
    for kind in STARTER_KINDS:
        assert isinstance(judge.explain(text, kind, getattr(judgement, kind)[0].label), list)


def test_new_messages_are_understood(judge: Judge) -> None:
    pit, cold = judge.judge(["На Центральной огромная яма, пробил колесо", "Дома холодно, батареи ледяные, топите!"])
    assert (pit.topic[0].label, pit.agency[0].label) == ("Ямы на дороге", "Дорожная служба")
    assert (cold.topic[0].label, cold.topic_group[0].label) == ("Холодные батареи", "ЖКХ")


def test_talk_looks_less_like_an_appeal_than_an_appeal(judge: Judge) -> None:
    appeal, talk = judge.judge(["Когда починят дорогу? Вся в ямах", "Спасибо за концерт, всем хорошего настроения"])
    assert appeal.appeal_probability > 0.5 > talk.appeal_probability


def test_a_message_is_judged_the_same_alone_and_in_a_crowd(judge: Judge, corpus_texts: list[str]) -> None:
    crowd = judge.judge(corpus_texts * 3)
    assert len(crowd) > BATCH
    alone = judge.judge([corpus_texts[7]])[0]
    for one in (crowd[7], crowd[7 + 2 * len(corpus_texts)]):
        assert one.topic[0].label == alone.topic[0].label
        assert one.topic[0].probability == pytest.approx(alone.topic[0].probability, abs=1e-5)


def test_no_messages_give_no_judgements(judge: Judge) -> None:
    assert judge.judge([]) == []


def test_threads_may_share_a_judge(judge: Judge, corpus_texts: list[str]) -> None:
    expected = judge.judge(corpus_texts)
    with ThreadPoolExecutor(4) as pool:
        assert all(result == expected for result in pool.map(judge.judge, [corpus_texts] * 12))


def test_explanation_points_at_the_words_that_drove_the_label(judge: Judge) -> None:
    text = "Ёлки! На Речной — ОГРОМНАЯ ЯМА, объезда нет. Тел. +7 912 345-67-89"
    evidence = judge.explain(text, "topic", "Ямы на дороге")
    assert text[evidence[0].start : evidence[0].end] == "ЯМА"
    weights = [item.weight for item in evidence]
    assert weights == sorted(weights, reverse=True)
    assert all(weight > 0 for weight in weights)
    assert sum(weights) <= 1 + 1e-9


def test_explanation_is_short_and_lies_inside_the_text(judge: Judge, corpus_texts: list[str]) -> None:
    text = " ".join(corpus_texts)
    evidence = judge.explain(text, "agency", "Водоканал")
    assert len(evidence) == EVIDENCE
    assert all(isinstance(item, Evidence) and 0 <= item.start < item.end <= len(text) for item in evidence)


def test_an_unknown_label_cannot_be_explained(judge: Judge) -> None:
    with pytest.raises(KeyError, match="Нет такой"):
        judge.explain("яма", "topic", "Нет такой темы")


@pytest.fixture(scope="module")
def corpus_texts(corpus: Corpus) -> list[str]:
    return list(corpus.texts)
