"""The citizens of the demo city: what they write, correct and add, in the stand-in of VKontakte."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from app.platforms.vk_events import comment_key, message_key
from app.sandbox.city import FIRST_CITIZEN_ID, City, Story
from app.sandbox.moments import begins_at
from app.sandbox.office import Office, Written
from app.sandbox.stage import Stage
from app.sla import service as sla

PHOTO_WIDTH, PHOTO_HEIGHT = 660, 440
MORE_AFTER_SHARE = 0.8
TRIFLES_MINUTES_AGO = 50


@dataclass(slots=True)
class Citizens:
    """Plans every story of the city on the stage."""

    stage: Stage
    city: City
    office: Office
    post_ids: dict[tuple[str, int], int]

    def plan_all(self) -> None:
        """Every story at its moment, and some events of no interest."""
        policy = sla.policy(self.stage.resources.settings.policy)
        calendar = sla.calendar(sla.OFFICE)
        for number, story in enumerate((*self.city.history, *self.city.fresh)):
            author_id = FIRST_CITIZEN_ID + number % len(self.city.citizen)
            moment = begins_at(story, policy, calendar, self.stage.now)
            self.stage.plan(moment, partial(self._write, story, author_id))
        self.stage.plan(self.stage.now - timedelta(minutes=TRIFLES_MINUTES_AGO), self._trifles)

    async def _write(self, story: Story, author_id: int, moment: datetime) -> None:
        page = self.stage.pages[story.page]
        group_id, post_id, stand_in = page.city_page.number, self.post_ids[story.page, story.post], self.stage.stand_in
        if story.kind == "message":
            message = stand_in.message(group_id, author_id, story.text)
            number, key = message.id, message_key(author_id, message.conversation_message_id)
        else:
            photos = self._photos(story)
            comment = stand_in.comment(group_id, author_id, story.text, post_id=post_id, attachments=photos)
            number, key = comment.id, comment_key("wall", None, comment.id)
        await self.stage.take_in(moment)
        appeal_id = await self.stage.appeal_of(page, key)
        written = Written(story, page, author_id, post_id, number, appeal_id, moment)
        if story.edit:
            self.stage.plan(moment + timedelta(minutes=story.edit_after), partial(self._edit, written))
        if story.more:
            later = moment + (self.stage.now - moment) * MORE_AFTER_SHARE
            self.stage.plan(later, partial(self._write_more, written))
        self.office.plan(written)

    async def _edit(self, written: Written, moment: datetime) -> None:
        self.stage.stand_in.edit_comment(written.page.city_page.number, written.number, written.story.edit)
        await self.stage.take_in(moment)

    async def _write_more(self, written: Written, moment: datetime) -> None:
        group_id, text = written.page.city_page.number, written.story.more
        self.stage.stand_in.comment(group_id, written.author_id, text, post_id=written.post_id, reply_to=written.number)
        await self.stage.take_in(moment)

    async def _trifles(self, moment: datetime) -> None:
        """Events of no interest, and one that cannot be understood: its author is missing."""
        publish = self.stage.stand_in.webhooks.publish
        for page in self.stage.pages.values():
            community = self.stage.stand_in.world.community(page.city_page.number)
            publish(community, "group_join", {"user_id": FIRST_CITIZEN_ID, "join_type": "join"})
            publish(community, "like_add", {"liker_id": FIRST_CITIZEN_ID, "object_type": "post"})
        roads = self.stage.stand_in.world.community(self.stage.pages["roads"].city_page.number)
        nameless = {
            "id": 88121,
            "date": int(moment.timestamp()),
            "text": "Когда починят остановку у рынка?",
            "post_id": self.post_ids["roads", 1],
            "owner_id": -roads.id,
        }
        publish(roads, "wall_reply_new", nameless)
        await self.stage.take_in(moment)

    def _photos(self, story: Story) -> list[dict[str, Any]]:
        if not story.photo:
            return []
        url = f"{self.stage.resources.settings.base_url}/static/img/demo/{story.photo}.jpg"
        size = {"type": "x", "url": url, "width": PHOTO_WIDTH, "height": PHOTO_HEIGHT}
        return [{"type": "photo", "photo": {"id": 1, "sizes": [size]}}]
