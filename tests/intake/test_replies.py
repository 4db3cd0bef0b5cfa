"""Replies to our answers, where the network names only the comment that is replied to."""

import json

import pytest
from sqlalchemy import update

from app.accounts.actor import Actor
from app.appeals import outbox
from app.appeals import service as appeals
from app.appeals.models import Answer, AnswerState, Appeal, State
from app.platforms import PLATFORMS
from app.platforms.incoming import Action, IncomingMessage, Kind, PageIdentity, Parsed
from app.resources import Resources
from tests.conftest import NOW, VK
from tests.office import ROAD, actions, do, rows

CITIZEN, NEIGHBOUR, ANSWER_KEY = "700000001", "700000002", "post:-100:50"


class Thread:
    """A network that names only the parent of a comment."""

    def __init__(self, vk: VK) -> None:
        self._vk = vk
        self._said: list[IncomingMessage] = []

    def parse(self, page: PageIdentity, body: bytes) -> tuple[Parsed, ...]:
        return (self._said[json.loads(body)["object"]],)

    async def say(self, number: int, text: str, author: str = CITIZEN, reply_to: str | None = None) -> None:
        """A comment, taken in at once."""
        self._said.append(
            IncomingMessage(
                Action.NEW,
                Kind.COMMENT,
                "post",
                f"post:-100:{number}",
                f"-100:{number}",
                thread_key=f"post:321:{number}:{author}",
                author_external_id=author,
                text=text,
                sent_at=NOW,
                post_external_id="321",
                reply_to_key=reply_to,
            )
        )
        await self._vk.deliver({**self._vk.event("message_new", {}), "object": len(self._said) - 1})
        await self._vk.drain()


@pytest.fixture
def thread(vk: VK, monkeypatch: pytest.MonkeyPatch) -> Thread:
    thread = Thread(vk)
    monkeypatch.setattr(PLATFORMS["vk"], "parse", thread.parse)
    return thread


async def answered(resources: Resources, operator: Actor, *, is_delivered: bool = True) -> None:
    """Our answer stands in the network under its key."""
    await do(resources, appeals.answer, 1, "Яму заделают завтра", operator, now=NOW)
    async with resources.database.transaction() as session:
        await session.execute(update(Answer).values(echo_key=ANSWER_KEY, state=AnswerState.UNKNOWN))
    if is_delivered:
        await do(resources, outbox.confirm_answer, 1, operator, now=NOW)


async def test_a_reply_to_our_answer_reopens_the_appeal_that_was_answered(
    resources: Resources, thread: Thread, operator: Actor
) -> None:
    await thread.say(1, ROAD)
    await answered(resources, operator)
    await thread.say(51, "Завтра прошло, яма на месте, когда отремонтируете дорогу?", reply_to=ANSWER_KEY)
    (appeal,) = await rows(resources, Appeal)
    assert (appeal.is_open, appeal.cycle) == (True, 2)
    assert "reopened" in await actions(resources)


async def test_more_words_under_an_open_appeal_belong_to_it(
    resources: Resources, thread: Thread, operator: Actor
) -> None:
    await thread.say(1, ROAD)
    await answered(resources, operator, is_delivered=False)
    await thread.say(51, "И ещё тротуар разбит", reply_to=ANSWER_KEY)
    await thread.say(52, "Вот здесь", reply_to="post:-100:51")
    (appeal,) = await rows(resources, Appeal)
    assert "тротуар разбит\nВот здесь" in appeal.search_text


async def test_a_neighbour_who_replies_there_has_an_appeal_of_his_own(
    resources: Resources, thread: Thread, operator: Actor
) -> None:
    await thread.say(1, ROAD)
    await answered(resources, operator)
    await thread.say(51, "А на нашей улице Садовой яма когда?", NEIGHBOUR, reply_to=ANSWER_KEY)
    first, second = await rows(resources, Appeal)
    assert (first.state, second.author_external_id) == (State.ANSWERED, NEIGHBOUR)


async def test_a_reply_to_nobody_we_know_opens_an_appeal(resources: Resources, thread: Thread) -> None:
    await thread.say(1, ROAD, reply_to="post:-100:999")
    assert len(await rows(resources, Appeal)) == 1
