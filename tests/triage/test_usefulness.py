"""What a label would teach: doubt, many messages, few labels; stored when an appeal is judged."""

from hypothesis import given
from hypothesis import strategies as st

from app.resources import Resources
from app.triage.models import LabelChoice
from app.triage.usefulness import FRESH_FOR, Needs, read_needs, usefulness
from classifier import Guess
from tests.conftest import NOW, VK
from tests.office import ROAD, THANKS, do, opened

NEEDS = Needs({"Ямы": 90, "Мосты": 10}, {"Ямы": 9})


def value(*chances: float, topics: tuple[str, ...] = ("Ямы", "Мосты"), appeal: float = 1.0) -> float:
    return usefulness([Guess(topic, chance) for topic, chance in zip(topics, chances, strict=False)], appeal, NEEDS)


def test_a_label_is_worth_more_where_the_judge_wavers() -> None:
    assert value(0.5, 0.5) > value(0.7, 0.3) > value(0.95, 0.05)


def test_a_label_is_worth_more_where_messages_are_many_and_labels_few() -> None:
    assert Needs({"Ямы": 90, "Мосты": 10}).of("Ямы") > Needs({"Ямы": 90, "Мосты": 10}).of("Мосты")
    assert NEEDS.of("Ямы") < Needs({"Ямы": 90, "Мосты": 10}).of("Ямы")
    assert NEEDS.of("Чего не было") > 0


def test_talk_is_worth_little_and_nothing_guessed_is_worth_nothing() -> None:
    assert value(0.5, 0.5, appeal=0.1) < value(0.5, 0.5)
    assert usefulness([], 1.0, NEEDS) == 0.0


@given(st.lists(st.floats(0, 1), min_size=1, max_size=5), st.floats(0, 1))
def test_a_value_is_a_number_from_nought_to_two(chances: list[float], appeal: float) -> None:
    ordered = sorted(chances, reverse=True)
    total = max(sum(ordered), 1.0)
    worth = value(*[chance / total for chance in ordered], topics=("а", "б", "в", "г", "д"), appeal=appeal)
    assert 0 <= worth <= 2


async def test_every_judged_appeal_keeps_its_value(vk: VK) -> None:
    appeal = await opened(vk, ROAD)
    assert appeal.label_value > 0
    talk = await opened(vk, THANKS, comment_id=732, author=100000003)
    assert talk.label_value < appeal.label_value


async def test_needs_are_counted_from_appeals_and_labels_and_kept_for_ten_minutes(resources: Resources, vk: VK) -> None:
    appeal = await opened(vk, ROAD)
    after = NOW + FRESH_FOR
    needs = await do(resources, read_needs, after)
    assert needs == Needs({appeal.topic or "": 1}, {})
    async with resources.database.transaction() as session:
        session.add(
            LabelChoice(
                appeal_id=appeal.id or 0, label_kind="topic", chosen="Мосты", is_accepted=False, model_version="x",
                at=after,
            )
        )  # fmt: skip
    assert await do(resources, read_needs, after) is needs
    assert (await do(resources, read_needs, after + FRESH_FOR)).labels == {"Мосты": 1}
