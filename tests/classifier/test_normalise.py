"""Tokens and masks."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from classifier import normalise
from classifier.normalise import MAX_CHARACTERS, fingerprint, is_word, lowered, pieces, spans, token


def tokens(text: str) -> list[str]:
    return [token(piece) for piece in pieces(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Ёлка УПАЛА", ["елка", "упала"]),
        ("за́мок и и\u0306од", ["замок", "и", "йод"]),
        ("дом 14, кв. 5", ["дом", "14", "кв", "5"]),
        ("Һәм өй", ["һәм", "өй"]),
        ("😀 \x00 \ud800 سلام", []),
        ("", []),
    ],
)
def test_words_get_one_spelling(text: str, expected: list[str]) -> None:
    assert tokens(text) == expected


@pytest.mark.parametrize(
    ("text", "mask"),
    [
        ("https://example.org/a?b=c", "ссылка"),
        ("vk.com/wall-1_2", "ссылка"),
        ("+7 (912) 345-67-89", "телефон"),
        ("89123456789", "телефон"),
        ("ivan.petrov@example.org", "почта"),
        ("[id123|Иван Петров]", "имя"),
        ("[club[телефон]|Администрация]", "имя"),
        ("@ivan_petrov", "имя"),
        ("1234567", "число"),
    ],
)
def test_personal_data_become_the_name_of_their_kind(text: str, mask: str) -> None:
    assert tokens(f"Пишите {text} сюда") == ["пишите", mask, "сюда"]


def test_a_mask_put_by_others_reads_like_ours() -> None:
    assert tokens("звоните [телефон]") == tokens("звоните +79123456789")


def test_spans_point_at_the_pieces_in_the_original_text() -> None:
    text = "İ Ёж, см. https://example.org и 12"
    assert [text[start:end] for start, end in spans(text)] == pieces(text)


def test_only_the_beginning_of_an_endless_message_is_read() -> None:
    assert len(pieces("да " * 100_000)) == MAX_CHARACTERS // 3 + 1


def test_a_plain_word_is_told_from_masks_and_numbers() -> None:
    assert is_word("Дорога")
    assert not is_word("12")
    assert not is_word("имя")
    assert not is_word("ivan@example.org")


def test_equal_messages_share_a_fingerprint_whatever_case_and_punctuation() -> None:
    assert fingerprint("Ещё раз!") == fingerprint("еще, РАЗ")
    assert fingerprint("Ещё раз") != fingerprint("ещё два")
    assert fingerprint("да", "a") != fingerprint("да", "b")
    assert 0 <= fingerprint("\ud800") < 1


@settings(max_examples=300, deadline=None)
@given(st.text(st.sampled_from("абЁ éz19 .,@/[]|*+-()wvk:_") | st.characters(), max_size=80))
def test_the_quick_pattern_cuts_a_text_as_the_whole_one_does(text: str) -> None:
    assert pieces(text) == normalise._PIECE.findall(text)
    assert len(lowered(text)) == len(text)


@pytest.mark.parametrize("text", ["Тел. 8 912 345-67-89", "www.example.ru", "a@b.ru", "[id1|Имя]", "ok.ru/x", "*club5"])
def test_texts_with_marks_go_the_whole_way(text: str) -> None:
    assert pieces(text) == normalise._PIECE.findall(text)
    assert {"ссылка", "почта", "имя", "телефон"} & set(map(token, pieces(text)))
