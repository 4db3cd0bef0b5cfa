"""Long answers break where a person would break them."""

from hypothesis import given
from hypothesis import strategies as st

from app.platforms.splitting import split_text


def utf16(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


def test_a_text_that_fits_stays_whole() -> None:
    assert split_text("  Здравствуйте! ", 20) == ["Здравствуйте!"]


def test_paragraphs_are_kept_together_where_they_can_be() -> None:
    text = "Первый абзац письма.\n\nВторой абзац. В нём два предложения."
    assert split_text(text, 40) == ["Первый абзац письма.", "Второй абзац. В нём два предложения."]


def test_sentences_come_before_words() -> None:
    assert split_text("Воду дадут к шести. Приносим извинения всем", 30) == [
        "Воду дадут к шести.", "Приносим извинения всем",
    ]  # fmt: skip
    assert split_text("Воду дадут сегодня к шести часам вечера", 20) == ["Воду дадут сегодня к", "шести часам вечера"]


def test_an_early_paragraph_leaves_no_part_almost_empty() -> None:
    text = "Да.\n\n" + "Слово за словом и так далее до самого конца"
    assert split_text(text, 30)[0] == "Да.\n\nСлово за словом и так"


def test_a_word_longer_than_a_part_is_broken_but_no_letter_is() -> None:
    assert split_text("й" * 25, 10) == ["й" * 10, "й" * 10, "й" * 5]
    accented = "и\u0306" * 9
    assert all(not part.startswith("\u0306") for part in split_text(accented, 5))
    family = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
    assert split_text("абв" + family, 5) == ["абв", family]


@given(st.text(min_size=1), st.integers(2, 40))
def test_every_part_fits_and_nothing_but_white_space_is_lost(text: str, limit: int) -> None:
    parts = split_text(text, limit, utf16)
    assert all(parts)
    assert all(utf16(part) <= limit for part in parts)
    assert "".join("".join(parts).split()) == "".join(text.split())
