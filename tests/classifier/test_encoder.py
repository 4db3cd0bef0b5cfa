"""The file of the encoder, what is read of a text, and, with the extra, the shipped encoder."""

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from classifier import ArtifactRejected
from classifier.encoder import (
    BATCH,
    READ_PIECES,
    SHIPPED,
    VECTOR,
    Encoder,
    ExtraIsAbsent,
    encoder,
    read_encoder,
    write_encoder,
)
from classifier.unigram import START_OF_WORD, Unigram

PIECES = [START_OF_WORD, "а", "б", "query", ":"]
SCORES = [-1.0, -2.0, -2.0, -2.0, -2.0]


class Lengths:
    """A graph whose vectors tell the length of a text; remembers what it was given."""

    def __init__(self) -> None:
        self.seen: list[np.ndarray] = []

    def run(self, names: Sequence[str], inputs: dict[str, np.ndarray]) -> list[np.ndarray]:
        assert list(names) == ["vectors"]
        self.seen.append(inputs["ids"])
        return [np.repeat(inputs["lengths"][:, None], VECTOR, axis=1).astype(np.float32)]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "encoder.npz"
    write_encoder(path, b"no graph at all", PIECES, SCORES)
    return path


def test_texts_of_like_length_go_together_and_vectors_keep_their_order() -> None:
    graph = Lengths()
    texts = ["а " * (place * 7 % 40) for place in range(BATCH * 2 + 1)]
    found = Encoder(graph, Unigram(PIECES, SCORES), (6, 7), b"").vectors_of(texts)
    prefix = 5  # the mark of the beginning, "▁", "query", ":", the mark of the end
    assert found[:, 0].tolist() == [prefix + 2 * (place * 7 % 40) for place in range(len(texts))]
    assert [len(part) for part in graph.seen] == [BATCH, BATCH, 1]
    widths = [part.shape[1] for part in graph.seen]
    assert widths == sorted(widths)


def test_only_the_beginning_of_a_long_text_is_read() -> None:
    graph = Lengths()
    Encoder(graph, Unigram(PIECES, SCORES), (6, 7), b"").vectors_of(["аб" * 5_000])
    (numbers,) = graph.seen[0].tolist()
    assert len(numbers) == READ_PIECES
    assert numbers[0] == 6
    assert numbers[-1] == 7


def test_nothing_has_no_vectors() -> None:
    assert Encoder(Lengths(), Unigram(PIECES, SCORES), (6, 7), b"").vectors_of([]).shape == (0, VECTOR)


def test_a_whole_file_is_read_as_it_was_written(file: Path) -> None:
    arrays, seal = read_encoder(file)
    assert arrays["graph"].tobytes() == b"no graph at all"
    assert arrays["pieces"].tobytes().decode().split("\n") == PIECES
    assert len(seal) == 32


def test_a_truncated_a_changed_or_a_foreign_file_is_refused(file: Path, tmp_path: Path) -> None:
    whole = file.read_bytes()
    arrays = dict(np.load(file))
    file.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ArtifactRejected, match="не читается"):
        read_encoder(file)
    np.savez(file, **{**arrays, "graph": arrays["graph"][::-1]})
    with pytest.raises(ArtifactRejected, match="контрольной суммой"):
        read_encoder(file)
    np.savez(file, **{**arrays, "more": arrays["graph"]})
    with pytest.raises(ArtifactRejected, match="не того вида"):
        read_encoder(file)
    np.savez(file, graph=np.array([{"a": 1}], dtype=object))
    with pytest.raises(ArtifactRejected, match="не читается"):
        read_encoder(file)
    with pytest.raises(ArtifactRejected, match="нет"):
        read_encoder(tmp_path / "absent.npz")


def test_without_the_extra_the_refusal_tells_how_to_get_it(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(ExtraIsAbsent, match=r"pip install \.\[accurate\]"):
        Encoder.load(file)


def test_a_whole_file_whose_graph_is_none_is_refused(file: Path) -> None:
    pytest.importorskip("onnxruntime")
    with pytest.raises(ArtifactRejected, match="Граф кодировщика"):
        Encoder.load(file)


def test_the_shipped_encoder_holds_pieces_of_words_and_no_sentences() -> None:
    arrays, _ = read_encoder(SHIPPED)
    pieces = arrays["pieces"].tobytes().decode().split("\n")
    assert len(pieces) == len(set(pieces)) == len(arrays["scores"])
    assert not any(piece.split() != [piece] or START_OF_WORD in piece[1:] for piece in pieces)
    assert SHIPPED.stat().st_size <= 30_000_000
    assert SHIPPED.with_name("NOTICE").exists()


def test_the_shipped_encoder_hears_likeness_and_reads_any_text() -> None:
    pytest.importorskip("onnxruntime")
    texts = ["На Садовой яма на яме", "Дорога вся в выбоинах", "Спасибо врачам за заботу"]
    found = encoder().vectors_of(texts)
    near, far = (float(np.corrcoef(found[0], found[place])[0, 1]) for place in (1, 2))
    assert near > far
    odd = ["", "\ud800", "😀" * 50, "\x00", "а" * 20_000, "\n"]
    assert np.isfinite(encoder().vectors_of(odd)).all()
    np.testing.assert_allclose(encoder().vectors_of([*odd, *texts])[-3:], found, atol=1e-3)
