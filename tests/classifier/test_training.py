"""Training end to end on invented messages, the data files, the split, and the command line."""

import gzip
import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from classifier import Judge
from classifier.__main__ import cli, main
from classifier.dataset import FOLDS, LABEL_KINDS, Corpus, DataIsWrong, folds, is_held_out, read_corpus, read_talk
from classifier.linear import nb_svm, svm
from classifier.training import STEPS, Model, train

HERE = Path(__file__).parent
CORPUS, TALK = HERE / "own_corpus.csv", HERE / "own_talk.csv"
run = CliRunner().invoke


def test_training_twice_gives_the_same_file(corpus: Corpus, talk: list[str], model: Model) -> None:
    steps: list[str] = []
    again = train(corpus, talk, [], model.manifest.created, steps.append)
    assert len(steps) == STEPS
    assert set(again.arrays) == set(model.arrays)
    for name, array in again.arrays.items():
        np.testing.assert_array_equal(array, model.arrays[name])
    assert again.manifest.blend == model.manifest.blend


def test_the_model_learns_what_the_messages_are_about(model: Model) -> None:
    figures = model.manifest.metrics["out_of_fold"]
    assert figures["topic"]["accuracy"] > 0.6
    assert figures["appeal"]["auc"] > 0.65
    assert all(figures[kind]["rows"] == 120 for kind in LABEL_KINDS)


def test_the_manifest_tells_where_the_model_comes_from(model: Model) -> None:
    source = model.manifest.provenance["sources"][0]
    assert (source["file"], source["rows"], len(source["sha256"])) == ("own_corpus.csv", 120, 64)
    assert model.manifest.version == f"2026-01-31.{model.manifest.sha256[:8]}"
    assert model.manifest.topic_to_group["Нет воды"] == "ЖКХ"
    assert set(model.manifest.thresholds) == {"topic_group", "topic", "agency", "appeal"}


def test_packed_files_are_read_like_plain_ones(tmp_path: Path, corpus: Corpus) -> None:
    packed = tmp_path / "own.csv.gz"
    packed.write_bytes(gzip.compress(CORPUS.read_bytes()))
    assert read_corpus(packed).texts == corpus.texts


def test_a_file_without_the_columns_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(DataIsWrong, match=r"own_talk.csv: нет столбцов topic_group, topic, agency"):
        read_corpus(TALK)
    (tmp_path / "empty.csv").write_text("", encoding="utf-8")
    with pytest.raises(DataIsWrong, match="нет столбцов text"):
        read_talk(tmp_path / "empty.csv")


def test_a_file_with_one_label_teaches_nothing(tmp_path: Path) -> None:
    path = tmp_path / "one.csv"
    path.write_text("text,topic_group,topic,agency\nа,Г,Т,В\nб,Г,Т,В\n", encoding="utf-8")
    with pytest.raises(DataIsWrong, match="меньше двух"):
        read_corpus(path)


def test_equal_messages_never_fall_on_both_sides_of_a_split(corpus: Corpus) -> None:
    texts = corpus.texts * 5
    shouted = [text.upper() for text in texts]
    assert is_held_out(texts).tolist() == is_held_out(shouted).tolist()
    assert folds(texts).tolist() == folds(shouted).tolist()
    assert set(folds(texts).tolist()) == set(range(FOLDS))
    assert 0.1 < is_held_out(texts).mean() < 0.35


def test_a_part_of_the_corpus_keeps_its_label_names(corpus: Corpus) -> None:
    part = corpus.where(np.arange(120) < 20)
    assert part.names == corpus.names
    assert len(part.texts) == len(part.numbers["topic"]) == 20
    assert part.group_of_topic().shape == corpus.group_of_topic().shape


def test_two_labels_get_two_borders_and_an_absent_one_a_refusal() -> None:
    from scipy.sparse import csr_array

    rows = csr_array(np.repeat(np.eye(2), 10, axis=0))
    labels = np.repeat([0, 2], 10)
    for model in (svm(rows, labels, 3, 1.0, 0.5), nb_svm(rows, labels, 3, 1.0, 0.1, 1.0, 0.5)):
        margins = model.margins(rows)
        assert (margins.argmax(axis=1) == labels).all()
        assert (margins[:, 1] == margins[:, 1].min()).all()


def test_commands_train_evaluate_and_predict(tmp_path: Path) -> None:
    trained = run(cli, ["train", "--data", str(CORPUS), "--talk", str(TALK), "--out", str(tmp_path)])
    assert trained.exit_code == 0, trained.output
    file = tmp_path / "model.npz"
    assert set(Judge.load(file).manifest.metrics) == {"out_of_fold", "held_out"}

    judged = run(cli, ["predict", "--model", str(file), "--json"], input="Яма на дороге\nНет воды\n")
    lines = [json.loads(line) for line in judged.stdout.splitlines()]
    assert [line["topic"][0]["label"] for line in lines] == ["Ямы на дороге", "Нет воды"]
    assert "Нет воды" in run(cli, ["predict", "--model", str(file), "Когда дадут воду?"]).stdout

    known = run(cli, ["evaluate", "--data", str(CORPUS), "--talk", str(TALK), "--model", str(file)])
    assert known.exit_code == 0
    assert "завышены" in known.output
    others = tmp_path / "others.csv"
    others.write_text("\n".join(CORPUS.read_text(encoding="utf-8").splitlines()[:-1]), encoding="utf-8")
    unknown = run(cli, ["evaluate", "--data", str(others), "--talk", str(TALK), "--model", str(file)])
    assert unknown.exit_code == 0
    assert "завышены" not in unknown.output
    fresh = run(cli, ["evaluate", "--data", str(CORPUS), "--talk", str(TALK)])
    assert fresh.exit_code == 0
    assert "held_out" in fresh.output


def test_a_command_may_skip_the_measurement(tmp_path: Path) -> None:
    run(cli, ["train", "--data", str(CORPUS), "--talk", str(TALK), "--out", str(tmp_path), "--no-held-out"])
    assert set(Judge.load(tmp_path / "model.npz").manifest.metrics) == {"out_of_fold"}


def test_a_refusal_is_one_sentence_and_a_failing_exit_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["classifier", "predict", "--model", str(tmp_path / "absent.npz"), "яма"])
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == 1
