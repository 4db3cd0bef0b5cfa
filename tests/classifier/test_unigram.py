"""Words are cut into the likeliest pieces."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from classifier.unigram import START_OF_WORD, UNKNOWN, Unigram

PIECES = [START_OF_WORD, *"абвгд", START_OF_WORD + "аб", "вг", "бвг"]
SCORES = [-3.0, *[-4.0] * 5, -5.0, -5.0, -4.5]


@pytest.fixture
def unigram() -> Unigram:
    return Unigram(PIECES, SCORES)


def pieces_of(unigram: Unigram, text: str) -> list[str]:
    return [PIECES[number - 1] if number != UNKNOWN else "?" for number in unigram.cut(text)]


def test_of_all_ways_to_cut_the_likeliest_is_taken(unigram: Unigram) -> None:
    assert pieces_of(unigram, "абвг") == ["▁аб", "вг"]  # -10; "▁", "а", "бвг" would be -11.5
    assert pieces_of(unigram, "абг") == ["▁аб", "г"]


def test_words_are_cut_apart_whatever_stands_between_them(unigram: Unigram) -> None:
    assert pieces_of(unigram, " аб\t\nд\u00a0д ") == ["▁аб", "▁", "д", "▁", "д"]


def test_characters_no_piece_covers_are_unknown_one_by_one(unigram: Unigram) -> None:
    assert pieces_of(unigram, "а😀я") == ["▁", "а", "?", "?"]


def test_compatible_characters_count_as_one(unigram: Unigram) -> None:
    assert Unigram([START_OF_WORD, "5"], [-1.0, -1.0]).cut("⑤") == [1, 2]
    assert unigram.cut("") == []


@given(st.text(alphabet="абвгде 😀", max_size=30))
def test_pieces_put_together_are_the_text(text: str) -> None:
    unigram = Unigram(PIECES, SCORES)
    whole = "".join(pieces_of(unigram, text))
    words = "".join(START_OF_WORD + word for word in text.split())
    assert len(whole) == len(words)
    assert all(mine in ("?", theirs) for mine, theirs in zip(whole, words, strict=True))
