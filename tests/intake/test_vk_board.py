"""On a discussion board only the words tell whom a moderator's answer by hand is for."""

from typing import Any

import pytest

from app.appeals.models import Appeal, State
from app.resources import Resources
from tests.conftest import GROUP, NOW, VK
from tests.office import HEATING, only

CITIZEN = 100000002


def post(text: str, number: int, author: int) -> dict[str, Any]:
    """A post on a board as VK shapes it."""
    told = {"id": number, "from_id": author, "date": int(NOW.timestamp()) - 60, "text": text}
    return {**told, "topic_id": 47000001, "topic_owner_id": -GROUP}


@pytest.mark.parametrize("mention", [f"[id{CITIZEN}:bp-{GROUP}_91|Анна], ", "[post91|Анна], "])
async def test_a_moderators_answer_on_a_board_closes_the_question_that_it_mentions(
    vk: VK, resources: Resources, mention: str
) -> None:
    await vk.deliver(vk.event("board_post_new", post(HEATING, 91, CITIZEN)))
    await vk.deliver(vk.event("board_post_new", post(mention + "тепло дадут сегодня.", 92, -GROUP)))
    await vk.drain()
    appeal = await only(resources, Appeal)
    assert (appeal.place, appeal.state) == ("board", State.ANSWERED)


async def test_words_to_everybody_close_no_question(vk: VK, resources: Resources) -> None:
    await vk.deliver(vk.event("board_post_new", post(HEATING, 91, CITIZEN)))
    await vk.deliver(vk.event("board_post_new", post("Уважаемые жители, отвечаем по будням.", 92, -GROUP)))
    await vk.drain()
    assert (await only(resources, Appeal)).is_open
