"""The people of the demo city's control center: they take, accept, answer and close, as the buttons would."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from app.accounts.actor import Actor
from app.appeals import cycle
from app.appeals import service as appeals
from app.appeals.models import AnswerState, Appeal
from app.platforms.base import SendFailed
from app.sandbox.city import Story
from app.sandbox.stage import DemoPage, Stage
from app.sla import service as sla
from app.triage import service as triage

TAKEN_AFTER_SHARE = 0.5
FAILED_MINUTES_AGO = 20


@dataclass(frozen=True, slots=True)
class Written:
    """A story whose first message stands in the stand-in's world and in the database."""

    story: Story
    page: DemoPage
    author_id: int
    post_id: int
    number: int
    appeal_id: int
    at: datetime


@dataclass(slots=True)
class Office:
    """Plans what the people do with each story."""

    stage: Stage
    people: list[Actor]

    def plan(self, written: Written) -> None:
        """What becomes of this story. Times are counted in working minutes."""
        story, at, now = written.story, written.at, self.stage.now
        person = self.people[written.appeal_id % len(self.people)]
        calendar = sla.calendar(sla.OFFICE)
        if story.taken:
            self.stage.plan(at + (now - at) * TAKEN_AFTER_SHARE, partial(self._take, written, person))
        if story.accept:
            self.stage.plan(calendar.add_working(at, story.after // 3), partial(self._accept, written, person))
        if story.after:
            self.stage.plan(calendar.add_working(at, story.after), partial(self._react, written, person))
        if story.final_after:
            final = partial(self._answer, written, person, story.final_reply, False)
            self.stage.plan(calendar.add_working(at, story.final_after), final)
        if story.failing_reply:
            self.stage.plan(now - timedelta(minutes=FAILED_MINUTES_AGO), partial(self._answer_in_vain, written, person))

    async def _react(self, written: Written, person: Actor, moment: datetime) -> None:
        story = written.story
        if story.how == "hand":
            await self._answer_by_hand(written, moment)
        elif story.how == "closed":
            async with self.stage.resources.database.transaction() as session:
                await appeals.close(session, written.appeal_id, story.reason, person, now=moment)
        else:
            await self._answer(written, person, story.reply, story.how == "interim", moment)

    async def _take(self, written: Written, person: Actor, moment: datetime) -> None:
        async with self.stage.resources.database.transaction() as session:
            await appeals.take(session, written.appeal_id, person, now=moment)

    async def _accept(self, written: Written, person: Actor, moment: datetime) -> None:
        resources = self.stage.resources
        async with resources.database.transaction() as session:
            appeal = await session.get_one(Appeal, written.appeal_id)
            label = appeal.topic or ""
            await triage.choose_label(resources, session, written.appeal_id, "topic", label, person, now=moment)

    async def _answer_by_hand(self, written: Written, moment: datetime) -> None:
        """A moderator answers in the platform itself."""
        group_id, text = written.page.city_page.number, written.story.reply
        self.stage.stand_in.comment(group_id, -group_id, text, post_id=written.post_id, reply_to=written.number)
        await self.stage.take_in(moment)

    async def _answer(self, written: Written, person: Actor, text: str, is_interim: bool, moment: datetime) -> None:
        """Answer, and be told at once that it was delivered.

        In one transaction: a worker that runs beside must not see an answer of last week waiting, and send it itself.
        The platform is played in this process, so no network is waited for.
        """
        is_private = written.story.private_reply
        if is_private:
            self.stage.stand_in.refuse_messages(written.page.city_page.number, written.author_id, 0)
        async with self.stage.resources.database.transaction() as session:
            answer = await appeals.answer(
                session, written.appeal_id, text, person, now=moment, is_interim=is_interim, is_private=is_private
            )
            sent = await self.stage.send(answer, written.page)
            answer.state, answer.delivered_at, answer.attempts = AnswerState.DELIVERED, moment, 1
            answer.external_id, answer.echo_key = sent.external_id, sent.key
            appeal = await session.get_one(Appeal, written.appeal_id)
            cycle.record(session, written.appeal_id, "answer_delivered", cycle.SYSTEM, moment, answer_id=answer.id)
            await cycle.mark_answered(session, appeal, moment, moment, is_interim=is_interim)

    async def _answer_in_vain(self, written: Written, person: Actor, moment: datetime) -> None:
        """The comments were closed meanwhile: the platform says never, and a person must decide."""
        self.stage.stand_in.close_comments(written.page.city_page.number, written.post_id)
        async with self.stage.resources.database.transaction() as session:
            answer = await appeals.answer(session, written.appeal_id, written.story.failing_reply, person, now=moment)
            try:
                await self.stage.send(answer, written.page)
            except SendFailed as failure:
                answer.state, answer.attempts = AnswerState.FAILED, 1
                answer.error_code, answer.error_reason = failure.code, failure.reason
                cycle.record(
                    session, written.appeal_id, "answer_failed", cycle.SYSTEM, moment,
                    answer_id=answer.id, reason=failure.reason, code=failure.code,
                )  # fmt: skip
