"""Training end to end on invented messages, the data files and the split."""

import gzip
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from classifier import Judge
from classifier.dataset import (
    FOLDS,
    STARTER_KINDS,
    UNLABELLED,
    Columns,
    Corpus,
    Talk,
    corpus_of,
    folds,
    is_held_out,
    read_corpus,
    read_talk,
)
from classifier.features import ngrams, read
from classifier.linear import nb_svm, svm
from classifier.tables import DataIsWrong
from classifier.training import STEPS, Model, followers, given_tables, train

HERE = Path(__file__).parent
CORPUS, TALK = HERE / "own_corpus.csv", HERE / "own_talk.csv"


def test_training_twice_gives_the_same_file(corpus: Corpus, talk: Talk, model: Model) -> None:
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
    assert all(figures[kind]["rows"] == 120 for kind in STARTER_KINDS)


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
    with pytest.raises(DataIsWrong, match="нет столбца text"):
        read_talk(tmp_path / "empty.csv")


@pytest.mark.parametrize("rows", ["а,Т\nб,Т\n" * 20, "а,Т\nб,Д\n"])
def test_a_file_with_one_label_or_few_rows_teaches_nothing(tmp_path: Path, rows: str) -> None:
    path = tmp_path / "one.csv"
    path.write_text("text,topic\n" + rows, encoding="utf-8")
    with pytest.raises(DataIsWrong, match="Метка topic: размечено строк"):
        train(read_corpus(path), None, [], "2026-01-31T12:00:00Z")


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


def test_two_labels_get_two_borders_and_an_absent_one_a_refusal() -> None:
    from scipy.sparse import csr_array

    rows = csr_array(np.repeat(np.eye(2), 10, axis=0))
    labels = np.repeat([0, 2], 10)
    for model in (svm(rows, labels, 3, 1.0, 0.5), nb_svm(rows, labels, 3, 1.0, 0.1, 1.0, 0.5)):
        margins = model.margins(rows)
        assert (margins.argmax(axis=1) == labels).all()
        assert (margins[:, 1] == margins[:, 1].min()).all()


def test_a_kind_that_follows_from_another_is_noticed_and_its_table_is_exact(corpus: Corpus) -> None:
    kinds = ["topic_group", "agency", "topic"]
    assert followers(corpus, kinds) == {"topic_group": "topic", "agency": "topic"}
    tables = given_tables(corpus, kinds)
    for pair, table in tables.items():
        assert table.shape == (len(corpus.names[pair[1]]), len(corpus.names[pair[0]]))
        np.testing.assert_allclose(table.sum(axis=1), 1, atol=1e-5)
    assert set(np.unique(tables["agency", "topic"]).tolist()) == {0.0, 1.0}


def test_a_label_that_goes_with_two_others_settles_neither(corpus: Corpus) -> None:
    numbers = {**corpus.numbers, "topic_group": (np.arange(120) % 4).astype(np.int64)}
    mixed = replace(corpus, numbers=numbers)
    assert "topic_group" not in followers(mixed, ["topic_group", "topic"])
    assert 0 < given_tables(mixed, ["topic_group", "topic"])["topic_group", "topic"].min() < 1


def test_one_kind_of_labels_is_enough_and_its_name_is_free(corpus: Corpus) -> None:
    only = Corpus(corpus.texts, {"куда": corpus.names["agency"]}, {"куда": corpus.numbers["agency"]})
    model = train(only, None, [], "2026-01-31T12:00:00Z")
    judge = Judge(model.manifest, model.arrays)
    judgement = judge.judge(["На Центральной яма на дороге, пробил колесо"])[0]
    assert judgement.labels["куда"][0].label == "Дорожная служба"
    assert (judgement.topic, judgement.agency, judgement.topic_group) == ((), (), ())
    assert judge.manifest.topic_to_group == {}
    assert judge.explain("яма", "куда", "Дорожная служба")[0].weight > 0


def test_rows_without_a_label_do_not_teach_it_but_stay_for_others(corpus: Corpus) -> None:
    agency = np.where(np.arange(120) % 3 == 0, UNLABELLED, corpus.numbers["agency"])
    model = train(replace(corpus, numbers={**corpus.numbers, "agency": agency}), None, [], "2026-01-31T12:00:00Z")
    figures = model.manifest.metrics["out_of_fold"]
    assert (figures["agency"]["rows"], figures["topic"]["rows"]) == (80, 120)
    assert figures["agency"]["accuracy"] > 0.8


def test_a_region_without_talk_takes_over_the_sense_of_an_appeal(corpus: Corpus, starter: Judge) -> None:
    model = train(corpus, None, [], "2026-01-31T12:00:00Z", base=starter)
    assert model.manifest.thresholds["appeal"] == starter.manifest.thresholds["appeal"]
    assert model.manifest.metrics["out_of_fold"]["appeal"] == {"borrowed_from": starter.version}
    assert model.manifest.provenance["base"] == starter.version
    texts = ["Яма на дороге", "С праздником всех!"]
    own, lent = Judge(model.manifest, model.arrays).judge(texts), starter.judge(texts)
    for one, other in zip(own, lent, strict=True):
        assert one.appeal_probability == pytest.approx(other.appeal_probability, abs=1e-5)


def test_knowledge_of_another_region_helps_a_region_with_few_messages(starter: Judge) -> None:
    corpus = read_corpus(HERE / "own_messages.csv", Columns(labels={"agency": "agency"}))
    alone = train(corpus, None, [], "2026-01-31T12:00:00Z")
    upon = train(corpus, None, [], "2026-01-31T12:00:00Z", base=starter)
    figures = [model.manifest.metrics["out_of_fold"]["agency"]["accuracy"] for model in (alone, upon)]
    assert figures[1] > figures[0] + 0.05


def test_names_of_people_get_no_weight_of_their_own(corpus: Corpus) -> None:
    signed = [f"{text} Пишет Примерин Аполлон Харитонович, 8 912 345-67-89" for text in corpus.texts]
    model = train(replace(corpus, texts=signed), None, [], "2026-01-31T12:00:00Z")
    vocabulary = Judge(model.manifest, model.arrays).vocabulary
    known = {word: vocabulary.columns(ngrams(read([word])).buckets)[0] >= 0 for word in ("пишет", "харитонович")}
    assert known == {"пишет": True, "харитонович": False}


def test_a_model_remembers_fingerprints_of_what_taught_it(judge: Judge, corpus: Corpus) -> None:
    assert judge.share_seen([text.upper() for text in corpus.texts]) == 1
    assert judge.share_seen(["Этого она не читала"]) == 0
    assert judge.share_seen([]) == 0


def test_messages_without_a_letter_give_a_poor_model_and_no_error() -> None:
    texts = [str(number) for number in range(40)] + ["", "!!!"] * 10
    odd = corpus_of(texts, {"agency": ["А" if number % 2 else "Б" for number in range(60)]})
    with pytest.raises(DataIsWrong, match="нет ни одного слова"):
        train(odd, Talk(["1", "2"] * 10), [], "2026-01-31T12:00:00Z")
    model = train(odd, None, [], "2026-01-31T12:00:00Z")
    assert Judge(model.manifest, model.arrays).judge(["7"])[0].agency[0].probability <= 1
