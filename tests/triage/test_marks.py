"""Which words are marked, and how strongly."""

from app.triage.marks import Piece, marked
from classifier.judge import Evidence


def test_the_pieces_are_the_whole_text_in_order() -> None:
    text = "Третий день батареи еле тёплые"
    pieces = marked(text, [Evidence(12, 19, 0.5), Evidence(24, 30, 0.2)])
    assert "".join(piece.text for piece in pieces) == text
    assert [piece for piece in pieces if piece.strength] == [Piece("батареи", "strong"), Piece("тёплые", "weak")]


def test_neighbours_of_one_strength_are_one_mark() -> None:
    assert marked("нет воды дома", [Evidence(4, 8, 0.4), Evidence(0, 3, 0.5)])[0] == Piece("нет воды", "strong")


def test_faint_words_are_not_marked() -> None:
    assert marked("вода и свет", [Evidence(0, 4, 0.9), Evidence(7, 11, 0.01)])[-1] == Piece(" и свет")


def test_without_evidence_the_text_is_plain() -> None:
    assert marked("текст", []) == [Piece("текст")]
    assert marked("", []) == []
