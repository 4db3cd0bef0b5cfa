"""A small model trained once on messages invented for these tests."""

from pathlib import Path

import pytest

from classifier.artifact import write_artifact
from classifier.dataset import Corpus, Source, Talk, read_corpus, read_talk
from classifier.judge import Judge
from classifier.training import Model, train

HERE = Path(__file__).parent
CORPUS = HERE / "own_corpus.csv"
TALK = HERE / "own_talk.csv"
CREATED = "2026-01-31T12:00:00Z"


@pytest.fixture(scope="session")
def corpus() -> Corpus:
    return read_corpus(CORPUS)


@pytest.fixture(scope="session")
def talk() -> Talk:
    return read_talk(TALK)


@pytest.fixture(scope="session")
def model(corpus: Corpus, talk: Talk) -> Model:
    sources = [Source.of(CORPUS, len(corpus.texts)), Source.of(TALK, len(talk.texts))]
    return train(corpus, talk, sources, CREATED)


@pytest.fixture(scope="session")
def judge(model: Model) -> Judge:
    return Judge(model.manifest, model.arrays)


@pytest.fixture(scope="session")
def starter() -> Judge:
    return Judge.load()


@pytest.fixture(scope="session")
def judge_folder(model: Model, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    write_artifact(folder / "model.npz", model.manifest, model.arrays)
    return folder
