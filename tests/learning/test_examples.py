"""What teaches: the last word on each appeal, without names, and never what is held out."""

from datetime import timedelta
from typing import Any

import numpy as np

from app.learning.examples import known_to, read_examples, split_by_time, without_author
from app.learning.teaching import count_new_labels
from app.resources import Resources
from app.triage.models import LabelChoice
from tests.conftest import NOW, ZONE
from tests.learning.conftest import Label
from tests.office import do, rows

PIT = {"text": "На Садовой яма, Анна Примерова, тел. 8 912 345-67-89", "topic": "Ямы", "author": "Анна Примерова"}
COLD = {"text": "Холодные батареи", "topic": "Отопление"}


async def test_the_last_label_of_an_appeal_counts_and_tells_its_group(resources: Resources, label: Label) -> None:
    await label([PIT, COLD])
    first = (await rows(resources, LabelChoice))[0]
    async with resources.database.transaction() as session:
        again = first.model_dump(exclude={"id"}) | {"chosen": "Дороги", "at": NOW + timedelta(hours=1)}
        session.add(LabelChoice(**again))
    examples = await do(resources, read_examples, {"Дороги": "Транспорт"}, ZONE)
    assert examples.corpus.names == {"topic": ["Дороги", "Отопление"], "topic_group": ["Транспорт"]}
    assert examples.at == [NOW + timedelta(minutes=1), NOW + timedelta(hours=1)]  # the corrected one is the newest
    assert examples.corpus.numbers["topic_group"].tolist() == [-1, 0]


async def test_names_of_authors_do_not_reach_training(resources: Resources, label: Label) -> None:
    await label([PIT])
    (text,) = (await do(resources, read_examples, {}, ZONE)).corpus.texts
    assert "Примеров" not in text
    assert "Анна" not in text
    assert "яма" in text


def test_an_author_is_hidden_in_every_form_of_the_name() -> None:
    assert without_author("Пишет ПРИМЕРОВОЙ Анне сестра", "Анна Примерова") == "Пишет @имя @имя сестра"
    assert without_author("Яма", None) == "Яма"
    assert without_author("Вернуть левый фонарь, нет света. Света Левина", "Света Лев") == (
        "Вернуть левый фонарь, нет света. @имя Левина"
    )


async def test_a_dismissed_alarm_is_no_label_to_learn_from(resources: Resources, label: Label) -> None:
    await label([PIT, COLD])
    first = (await rows(resources, LabelChoice))[0]
    async with resources.database.transaction() as session:
        word = first.model_dump(exclude={"id"}) | {"label_kind": "alarm", "at": NOW + timedelta(hours=1)}
        session.add(LabelChoice(**word))
    examples = await do(resources, read_examples, {}, ZONE)
    assert examples.at[-1] < NOW + timedelta(hours=1)
    assert await count_new_labels(resources) == 2


async def test_a_model_that_learned_the_signed_words_has_seen_the_masked_ones(
    resources: Resources, label: Label
) -> None:
    await label([PIT, COLD])
    examples = await do(resources, read_examples, {}, ZONE)

    class Learned:
        def has_seen(self, texts: list[str]) -> np.ndarray[Any, Any]:
            return np.array([text == PIT["text"] for text in texts])

    assert examples.unseen([Learned()], None).texts == [COLD["text"]]  # type: ignore[list-item]


async def test_the_newest_fifth_is_held_out_and_its_repeats_do_not_teach(resources: Resources, label: Label) -> None:
    messages = [{"text": f"Сообщение номер {number}", "topic": "Ямы"} for number in range(20)]
    messages[3]["text"] = messages[19]["text"].upper()
    await label(messages)
    split = split_by_time(await do(resources, read_examples, {}, ZONE))
    assert split is not None
    assert (len(split.taught.texts), len(split.held_out.texts)) == (15, 4)
    assert messages[3]["text"] not in split.taught.texts
    assert (split.taught_until, split.labels_until) == (NOW + timedelta(minutes=15), NOW + timedelta(minutes=19))


async def test_one_label_cannot_be_split(resources: Resources, label: Label) -> None:
    await label([COLD])
    assert split_by_time(await do(resources, read_examples, {}, ZONE)) is None


async def test_labels_of_another_model_are_as_if_not_given(resources: Resources, label: Label) -> None:
    await label([PIT, COLD])
    examples = await do(resources, read_examples, {}, ZONE)
    known = known_to(examples.corpus, {"topic": ["Отопление"]})
    assert known.names == {"topic": ["Отопление"]}
    assert known.numbers["topic"].tolist() == [-1, 0]
