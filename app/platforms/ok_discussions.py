"""Topics of a group and their comments, as the REST API lists them.

Source: apiok.ru, discussions.getList, getComments, getComment. Shapes and paging are older than the rest of the API's
documentation, so whatever is missing in an answer is taken as nothing more to read.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from app.platforms.ok_api import Session, not_understood, rest
from app.platforms.ok_fields import TOPIC, bare, first_identifier, identifier, topic_id

COMMENTS_PER_CALL = 100
TOPICS_PER_CALL = 50
ANCHOR_LIMIT = 1000
# Fields are named because the group that a topic belongs to does not come by itself.
TOPIC_FIELDS = "discussion.OBJECT_ID,discussion.OBJECT_TYPE,discussion.TITLE,discussion.CREATION_DATE,group.UID"


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list: its objects, where to go on, whether there is more."""

    items: tuple[dict[str, Any], ...]
    anchor: str
    has_more: bool


@dataclass(frozen=True, slots=True)
class Discussions:
    """The REST API as an administrator of one group sees it. Methods raise SendFailed and nothing else."""

    client: httpx.AsyncClient
    api_url: str
    session: Session
    group_id: str

    async def topics(self, anchor: str = "") -> Page:
        """Topics of this group, those with the latest comments first; the administrator's other groups left out.

        `has_more` is whether some were left out: the page then shows less of this group than it seems.
        """
        params = {"types": TOPIC, "count": str(TOPICS_PER_CALL), "fields": TOPIC_FIELDS}
        answer = await self._call("discussions.getList", params, anchor)
        page = _page(answer, "discussions", "discussions.getList")
        ours = tuple(topic for topic in page.items if self._is_ours(topic))
        return Page(ours, page.anchor, len(ours) < len(page.items))

    async def comments(self, topic: str, anchor: str, direction: str) -> Page:
        """Comments of a topic from an anchor: FIRST and FORWARD for the oldest, LAST and BACKWARD for the newest."""
        params = {
            "discussionId": topic, "discussionType": TOPIC, "direction": direction, "count": str(COMMENTS_PER_CALL),
            "includeRemoved": "true", "mark_as_read": "false",
        }  # fmt: skip
        return _page(await self._call("discussions.getComments", params, anchor), "comments", "discussions.getComments")

    async def comment(self, topic: str, number: str) -> dict[str, Any]:
        """One comment, an empty object if there is none."""
        params = {"discussionId": topic, "discussionType": TOPIC, "comment_id": number}
        answer = await self._call("discussions.getComment", params)
        found = answer.get("comment", answer) if isinstance(answer, dict) else None
        return found if isinstance(found, dict) else {}

    async def _call(self, method: str, params: Mapping[str, str], anchor: str = "") -> Any:
        asked = {**params, "anchor": anchor} if anchor else params
        return await rest(self.client, self.api_url, self.session, method, asked)

    def _is_ours(self, topic: Mapping[str, Any]) -> bool:
        """A session sees the topics of every group of its owner. A topic that names no group at all is let in."""
        if topic_id(topic) is None or (topic.get("object_type") or TOPIC) != TOPIC:
            return False
        references = topic.get("ref_objects")
        groups = [
            bare(found)
            for item in (references if isinstance(references, list) else [])
            if isinstance(item, dict) and item.get("type") == "GROUP" and (found := first_identifier(item, "id", "uid"))
        ]
        return not groups or bare(self.group_id) in groups


def _page(answer: Any, name: str, method: str) -> Page:
    """A page, also where the list itself is left out because it is empty."""
    if not isinstance(answer, dict):
        raise not_understood(method, is_sending=False)
    listed = answer.get(name)
    items = tuple(item for item in listed if isinstance(item, dict)) if isinstance(listed, list) else ()
    return Page(items, _anchor(answer.get("anchor")), answer.get("has_more") in (True, 1, "true"))


def _anchor(value: object) -> str:
    """Where to go on, "" if that is not told."""
    text = identifier(value) if isinstance(value, int) else value
    return text if isinstance(text, str) and len(text) <= ANCHOR_LIMIT else ""
