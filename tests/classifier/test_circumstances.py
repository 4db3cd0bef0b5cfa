"""What is known besides the text: learnt honestly, heard where it is known, silent where it is not."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from classifier import ArtifactRejected, Judge
from classifier.accurate import AccurateJudge
from classifier.adaptation import adapt
from classifier.artifact import FORMAT, TEXT_ALONE, read_artifact, write_artifact
from classifier.circumstances import MONTHS, lent_by, log_given, plain, read_value
from classifier.dataset import Columns, Corpus, corpus_of, folds, read_corpus
from classifier.encoder import VECTOR
from classifier.judge import STARTER
from classifier.normalise import fingerprint
from classifier.observed import LEAST_MET, Observed, usual_values
from classifier.survey import survey
from classifier.tables import DataIsWrong
from classifier.training import Model, resigned, train

CREATED = "2026-11-26T00:00:00Z"
TOWNS = {"Примерск": "Управа Примерска", "Посёлок Образцовый": "Совет Образцового", "Дальнее": "Администрация Дальнего"}
PIT = "На Центральной яма на дороге"
OWN_MESSAGES = Path(__file__).parent / "own_messages.csv"
MORE_TOWNS = ("Примерск", "Образцовое", "Дальнее", "Лесное")
DIVIDED = {
    "Управа Примерска", "Дорожная служба", "Жилищная инспекция", "Комитет образования", "Комитет культуры",
}  # fmt: skip


@pytest.fixture(scope="module")
def region(corpus: Corpus) -> Corpus:
    """Every message stands once under each of three towns: whose it is the town alone tells; each tenth has no town."""
    rows = [(text, town) for text in corpus.texts for town in TOWNS]
    topics = [corpus.names["topic"][number] for number in corpus.numbers["topic"] for _ in TOWNS]
    given = ["" if number % 10 == 9 else town for number, (_, town) in enumerate(rows)]
    labels = {"agency": [TOWNS[town] for _, town in rows], "topic": topics}
    return corpus_of([text for text, _ in rows], labels, {"territory": given})


@pytest.fixture(scope="module")
def taught(region: Corpus) -> Model:
    return train(region, None, [], CREATED)


@pytest.fixture(scope="module")
def local(taught: Model) -> Judge:
    return Judge(taught.manifest, taught.arrays)


def agency(judge: Judge, known: dict[str, str] | None) -> str:
    return judge.judge([PIT], None if known is None else [known])[0].agency[0].label


def test_the_territory_tells_what_the_text_cannot(taught: Model, local: Judge) -> None:
    figures = taught.manifest.metrics
    assert figures["out_of_fold_text_alone"]["agency"]["accuracy"] < 0.45
    assert figures["out_of_fold"]["agency"]["accuracy"] > 0.85
    assert figures["out_of_fold"]["topic"]["accuracy"] > figures["out_of_fold_text_alone"]["topic"]["accuracy"] - 0.05
    assert {town: agency(local, {"territory": town}) for town in TOWNS} == TOWNS


def test_a_message_without_its_territory_is_not_taken_for_sure(taught: Model, local: Judge) -> None:
    threshold = taught.manifest.thresholds["agency"]
    told, silent = local.judge([PIT, PIT], [{"territory": "Примерск"}, {}])
    assert silent.agency[0].probability < 0.6 < threshold <= taught.manifest.targets["agency"]
    assert told.agency[0].probability >= threshold


def test_values_are_compared_without_case_spaces_and_yo(local: Judge) -> None:
    written = local.chances([PIT], [{"territory": "Посёлок Образцовый"}]).labels["agency"]
    for other in ("ПОСЕЛОК ОБРАЗЦОВЫЙ", "  посёлок   образцовый "):
        np.testing.assert_array_equal(local.chances([PIT], [{"territory": other}]).labels["agency"], written)
    same = [
        "https://vk.com/primersk",
        "http://vk.com/primersk/",
        "https://www.vk.com/Primersk",
        "https://m.vk.com/primersk",
    ]
    assert {plain(address) for address in same} == {"vk.com/primersk"}
    assert plain("Www.") == "www."


@pytest.mark.parametrize("known", [{}, {"territory": ""}, {"territory": "Нигдешнее"}, {"page": "Примерск"}])
def test_what_is_not_known_changes_nothing(local: Judge, known: dict[str, str]) -> None:
    silent, told = local.chances([PIT]), local.chances([PIT], [known])
    for kind in local.kinds:
        np.testing.assert_array_equal(told.labels[kind], silent.labels[kind])


def test_in_one_batch_each_message_hears_its_own_circumstances(local: Judge) -> None:
    towns = [*TOWNS, ""] * 100
    together = local.judge([PIT] * 400, [{"territory": town} for town in towns])
    for town, judgement in zip(towns[:4], together[-4:], strict=True):
        alone = local.judge([PIT], [{"territory": town}])[0]
        assert judgement.agency[0].label == alone.agency[0].label
        assert judgement.agency[0].probability == pytest.approx(alone.agency[0].probability, abs=1e-5)
    with pytest.raises(ValueError, match="400 messages"):
        local.judge([PIT] * 400, [{}])


def test_a_model_of_texts_alone_takes_no_notice(judge: Judge) -> None:
    assert judge.judge([PIT], [{"territory": "Примерск"}]) == judge.judge([PIT])
    assert judge.manifest.circumstances == {}


@pytest.mark.parametrize(
    ("cell", "month"),
    [
        ("2025-12-24 20:06:02", "декабрь"), ("2025-01-02T03:04:05+06:00", "январь"), ("24.07.2025 20:06", "июль"),
        ("1.03.25", "март"), (" Май ", "май"), ("2025-13-01", ""), ("12", ""), ("вчера", ""), ("", ""), ("01.02", ""),
    ],
)  # fmt: skip
def test_a_month_is_read_out_of_a_date(cell: str, month: str) -> None:
    assert read_value("month", cell) == month
    assert read_value("territory", cell) == cell


def test_a_column_of_dates_teaches_the_time_of_year(tmp_path: Path) -> None:
    file = tmp_path / "dates.csv"
    file.write_text("text;topic;date;nothing\nСугробы;Снег;2025-12-24 20:06:02;-\nПыль;Пыль;01.07.2025;-\n", "utf-8")
    read = read_corpus(file, Columns(text="text", labels={"topic": "topic"}, given={"month": "date"}))
    assert read.given == {"month": ["декабрь", "июль"]}
    with pytest.raises(DataIsWrong, match="ни одной даты"):
        read_corpus(file, Columns(text="text", labels={"topic": "topic"}, given={"month": "nothing"}))


def test_a_value_hears_nothing_of_its_own_fold(region: Corpus) -> None:
    observed, fold_of = Observed.of(region), folds(region.texts)
    heard = observed.heard_unseen(region, fold_of)["agency", "territory"]
    for fold in range(5):
        numbers = region.numbers["agency"].copy()
        numbers[fold_of == fold] = 0
        other = replace(region, numbers={**region.numbers, "agency": numbers})
        again = observed.heard_unseen(other, fold_of)["agency", "territory"]
        np.testing.assert_array_equal(again[fold_of == fold], heard[fold_of == fold])
        assert not np.array_equal(again[fold_of != fold], heard[fold_of != fold])


def test_what_a_label_has_not_met_is_unlikely_and_never_impossible() -> None:
    met = np.array([[3000, 0, 2, 0], [0, 4, 1, 0], [0, 0, 0, 0]], dtype=np.uint32)
    logs = log_given(met)
    np.testing.assert_allclose(np.exp(logs[:, :3]).sum(axis=1), 1, atol=1e-5)
    assert logs[0, 0] > logs[1, 0] > logs[0, 1]
    assert logs[1, 1] > logs[2, 1] > logs[0, 1]
    assert (logs[:, 3] == 0).all()


def test_labels_are_lent_little_where_each_keeps_to_its_own_value_and_much_where_all_meet_all() -> None:
    assert lent_by(np.eye(4) * 25) == 1
    drawn = np.random.default_rng(3).multinomial(200, [1 / 50] * 50, size=6)
    assert lent_by(drawn.astype(np.float64)) >= 256
    assert lent_by(np.zeros((3, 4))) == 1


def test_values_that_mean_nothing_bring_nothing_out_of_fold(region: Corpus) -> None:
    drawn = np.random.default_rng(7)
    pages = [f"Страница {number}" for number in drawn.integers(0, 50, len(region.texts))]
    figures = train(replace(region, given={"page": pages}), None, [], CREATED).manifest.metrics
    gained = [figures[name]["topic"]["accuracy"] for name in ("out_of_fold", "out_of_fold_text_alone")]
    assert gained[0] == pytest.approx(gained[1], abs=0.04)


def test_a_value_met_seldom_is_no_name_and_one_value_is_no_circumstance() -> None:
    assert usual_values(["Редкое"] * (LEAST_MET - 1) + ["Частое"] * LEAST_MET + ["ЧАСТОЕ", "", " "]) == ["частое"]
    many = [f"место {number}" for number in range(3000) for _ in range(LEAST_MET)]
    assert len(usual_values(many)) == 2000
    corpus = corpus_of(["яма"] * 12, {"topic": ["А", "Б"] * 6}, {"territory": ["Одно"] * 12, "page": ["а", "б"] * 6})
    assert Observed.of(corpus).names == {"page": ["а", "б"]}


def test_the_territory_is_named_as_a_witness_of_the_agency(local: Judge) -> None:
    spoke = local.witnesses({"territory": "примерск"}, "agency", "Управа Примерска")
    assert [(one.circumstance, one.value) for one in spoke] == [("territory", "примерск")]
    assert local.witnesses({"territory": "Примерск"}, "agency", "Совет Образцового") == []
    assert local.witnesses({"territory": "Нигдешнее"}, "agency", "Управа Примерска") == []
    assert local.witnesses({}, "agency", "Управа Примерска") == []
    with pytest.raises(KeyError):
        local.witnesses({}, "agency", "Чужое")


def test_a_correction_keeps_the_circumstances_and_hears_them(taught: Model, region: Corpus, local: Judge) -> None:
    few = region.where(np.arange(len(region.texts)) < 120)
    corrected = adapt(taught.manifest, taught.arrays, few, [], CREATED)
    assert corrected.manifest.circumstances == taught.manifest.circumstances
    assert corrected.manifest.metrics["base"]["agency"]["accuracy"] > 0.85
    deaf = adapt(taught.manifest, taught.arrays, replace(few, given={}), [], CREATED)
    assert deaf.manifest.metrics["base"]["agency"]["accuracy"] < 0.45
    judge = Judge(corrected.manifest, corrected.arrays)
    assert {town: agency(judge, {"territory": town}) for town in TOWNS} == TOWNS


def on_pages(known_share: float) -> Corpus:
    """Invented messages under labels of the starter model; a page of its own for each group of topics, or drawn."""
    wanted = Columns(labels={"topic": "topic", "topic_group": "topic_group"})
    every = read_corpus(OWN_MESSAGES, wanted)
    whole = every.where(np.arange(len(every.texts)) % 2 == 0)
    groups = whole.numbers["topic_group"]
    numbers = [
        group if fingerprint(text, "known ") < known_share else int(fingerprint(text, "page ") * 20)
        for text, group in zip(whole.texts, groups.tolist(), strict=True)
    ]
    return replace(whole, given={"page": [f"https://vk.com/page{number}" for number in numbers]})


@pytest.fixture(scope="module")
def corrected_on_pages() -> Model:
    return adapt(*read_artifact(STARTER), on_pages(0.7), [], CREATED)


@pytest.fixture(scope="module")
def deaf() -> Model:
    """Corrected by the same messages, of whose pages nothing is known."""
    return adapt(*read_artifact(STARTER), replace(on_pages(0.7), given={}), [], CREATED)


def test_a_correction_teaches_circumstances_that_the_model_did_not_know(corrected_on_pages: Model, deaf: Model) -> None:
    for kind in ("topic_group", "topic"):
        told, silent = (one.manifest.metrics["out_of_fold"][kind] for one in (corrected_on_pages, deaf))
        assert told["accuracy"] > silent["accuracy"] + 0.04, kind
        assert told["top3"] > silent["top3"] + 0.04, kind
    assert "circumstances" not in deaf.manifest.to_json()


def test_a_corrected_model_with_circumstances_is_a_whole_model(corrected_on_pages: Model, tmp_path: Path) -> None:
    write_artifact(tmp_path / "model.npz", corrected_on_pages.manifest, corrected_on_pages.arrays)
    judge, starter = Judge(*read_artifact(tmp_path)), Judge.load()
    page = {"page": f"vk.com/page{judge.manifest.labels['topic_group'].index('Дороги')}"}
    silent, told = judge.chances([PIT]), judge.chances([PIT], [page])
    assert judge.manifest.format == FORMAT
    np.testing.assert_array_equal(told.labels["agency"], silent.labels["agency"])  # nobody labelled agencies
    np.testing.assert_allclose(silent.labels["agency"], starter.chances([PIT]).labels["agency"], atol=0.02)


def test_a_correction_does_not_heed_what_means_nothing(deaf: Model) -> None:
    found = adapt(*read_artifact(STARTER), on_pages(0.0), [], CREATED)
    for kind in ("topic_group", "topic"):
        told, silent = (one.manifest.metrics["out_of_fold"][kind] for one in (found, deaf))
        assert told["accuracy"] > silent["accuracy"] - 0.03


def test_new_circumstances_are_learnt_beside_those_the_model_knows(taught: Model, region: Corpus) -> None:
    few = region.where(np.arange(len(region.texts)) < 300)
    pages = [f"страница {number % 7}" for number in few.numbers["topic"].tolist()]
    corrected = adapt(taught.manifest, taught.arrays, replace(few, given={**few.given, "page": pages}), [], CREATED)
    assert list(corrected.manifest.circumstances) == ["territory", "page"]
    assert corrected.manifest.blend["topic"].circumstances["page"] > 0.3
    judge = Judge(corrected.manifest, corrected.arrays)
    assert {town: agency(judge, {"territory": town, "page": "страница 1"}) for town in TOWNS} == TOWNS
    spoke = judge.witnesses({"page": "страница 3"}, "topic", few.names["topic"][3])
    assert [one.circumstance for one in spoke] == ["page"]


def test_two_months_are_no_time_of_year() -> None:
    months = [MONTHS[number % 2] for number in range(40)]
    corpus = corpus_of(["яма"] * 40, {"topic": ["А", "Б"] * 20}, {"month": months})
    assert Observed.of(corpus).names == {}
    assert "  month ничему не учит: разных значений хотя бы по 5 строк нужно 10." in survey(corpus).sentences()
    year = replace(corpus_of(["яма"] * 60, {"topic": ["А", "Б"] * 30}), given={"month": list(MONTHS) * 5})
    assert len(Observed.of(year).names["month"]) == 12


class Mute:
    """An encoder whose vectors say nothing."""

    def vectors_of(self, texts: list[str]) -> np.ndarray:
        return np.zeros((len(texts), VECTOR), dtype=np.float32)


def test_the_accurate_tier_passes_on_what_is_known(taught: Model, local: Judge) -> None:
    width = sum(map(len, taught.manifest.labels.values()))
    companion = {
        "mean": np.zeros(VECTOR, np.float32), "spread": np.ones(VECTOR, np.float32),
        "weights": np.zeros((VECTOR, width), np.float32), "intercepts": np.zeros(width, np.float32),
        "mixes": np.array([[1, 1, 0]] * len(local.kinds), np.float32),
    }  # fmt: skip
    judge = AccurateJudge(taught.manifest, taught.arrays, companion, Mute(), sure=1.1)  # type: ignore[arg-type]
    assert {town: agency(judge, {"territory": town}) for town in TOWNS} == TOWNS


def test_the_file_keeps_the_circumstances_and_only_then_has_a_new_format(
    taught: Model, model: Model, local: Judge, tmp_path: Path
) -> None:
    write_artifact(tmp_path / "model.npz", taught.manifest, taught.arrays)
    loaded = Judge.load(tmp_path)
    assert loaded.manifest == taught.manifest
    assert loaded.judge([PIT], [{"territory": "Дальнее"}]) == local.judge([PIT], [{"territory": "Дальнее"}])
    assert (taught.manifest.format, model.manifest.format) == (FORMAT, TEXT_ALONE)
    assert "circumstances" not in model.manifest.to_json()
    assert loaded.manifest.circumstances == {"territory": ["дальнее", "поселок образцовый", "примерск"]}


def refused(path: Path, model: Model, fields: dict[str, Any], arrays: dict[str, Any]) -> str:
    kept = {name: array for name, array in {**model.arrays, **arrays}.items() if array is not None}
    changed = resigned(Model(replace(model.manifest, **fields), kept))
    write_artifact(path, changed.manifest, changed.arrays)
    with pytest.raises(ArtifactRejected) as caught:
        read_artifact(path)
    return str(caught.value)


def test_tables_and_names_that_do_not_fit_are_refused(taught: Model, tmp_path: Path) -> None:
    path, table = tmp_path / "model.npz", taught.arrays["met_0_0"]
    for wrong in (None, table.T[:2], table[:-1], table.astype(np.int64), table.astype(np.float32)):
        assert "не того вида" in refused(path, taught, {}, {"met_0_0": wrong})
    assert "не того вида" in refused(path, taught, {}, {"met_0_1": table})
    for names in ({"territory": []}, {"territory": ["а", "а", "б"]}, {"territory": [1, 2, 3]}, {"territory": "три"}):
        assert "значения обстоятельств" in refused(path, taught, {"circumstances": names}, {})
    assert "не того вида" in refused(path, taught, {"circumstances": {"territory": ["а", "б"]}}, {})
    assert "не читается" in refused(path, taught, {"circumstances": ["territory"]}, {})
    blend = taught.manifest.blend
    for weights in ({"page": 1.0}, {"territory": float("nan")}, {"territory": "много"}):
        wrong = {**blend, "topic": replace(blend["topic"], circumstances=weights)}
        assert "числа смеси" in refused(path, taught, {"blend": wrong}, {})


def divided_among_towns(missing: float) -> Corpus:
    """The invented messages; five of seventeen agencies are one a town, and a town is drawn for each message."""
    whole = read_corpus(OWN_MESSAGES, Columns(labels={"agency": "agency"}))
    towns = [MORE_TOWNS[int(fingerprint(text, "town ") * len(MORE_TOWNS))] for text in whole.texts]
    named = [whole.names["agency"][number] for number in whole.numbers["agency"]]
    agencies = [f"{name}, {town}" if name in DIVIDED else name for name, town in zip(named, towns, strict=True)]
    given = [
        "" if fingerprint(text, "missing ") < missing else town for text, town in zip(whole.texts, towns, strict=True)
    ]
    return corpus_of(whole.texts, {"agency": agencies}, {"territory": given})


@pytest.mark.parametrize("missing", [0.0, 0.3])
def test_agencies_divided_among_towns_are_told_apart_by_the_territory(missing: float, starter: Judge) -> None:
    divided = divided_among_towns(missing)
    model = train(divided, None, [], CREATED, base=starter)
    metrics = model.manifest.metrics
    told, of_text = metrics["out_of_fold"]["agency"], metrics["out_of_fold_text_alone"]["agency"]
    assert told["accuracy"] > of_text["accuracy"] + 0.06
    assert told["top3"] > of_text["top3"] + 0.08
    assert model.learnt
    nameless = np.array(divided.given["territory"]) == ""
    if missing:
        right = [
            (chances["agency"].argmax(axis=1) == divided.numbers["agency"])[nameless].mean()
            for chances in (model.learnt.honest, model.learnt.of_text)
        ]
        assert right[0] > right[1] - 0.03
