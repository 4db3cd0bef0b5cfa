"""An official page of the journeys: registered in the service by its command line, known to the stand-in."""

import json
from dataclasses import dataclass
from typing import Any

from tests.processes import Installation, StandIn

POST = 700


@dataclass(frozen=True, slots=True)
class Page:
    """A page with its webhook."""

    group_id: int
    path: str

    @property
    def secret(self) -> str:
        """What VK puts into every delivery."""
        return f"secret{self.group_id}"

    def delivery(self, event_id: str, event_type: str, content: dict[str, Any]) -> bytes:
        """A webhook as VK shapes it."""
        envelope = {"type": event_type, "group_id": self.group_id, "event_id": event_id, "v": "5.199"}
        return json.dumps({**envelope, "object": content, "secret": self.secret}, ensure_ascii=False).encode()

    def comment(self, number: int, author: int, text: str) -> bytes:
        """The delivery of a citizen's comment that the stand-in knows nothing of."""
        content = {
            "id": number, "from_id": author, "date": 1795312800, "text": text, "post_id": POST,
            "owner_id": -self.group_id, "parents_stack": [], "post_owner_id": -self.group_id,
        }  # fmt: skip
        return self.delivery(f"{self.group_id}-{number}", "wall_reply_new", content)

    def message(self, number: int, author: int, text: str) -> bytes:
        """The delivery of a citizen's private message, number `number` of the dialog."""
        content = {
            "id": number, "conversation_message_id": number, "peer_id": author, "from_id": author, "out": 0,
            "date": 1795312800, "text": text, "version": 1, "attachments": [],
        }  # fmt: skip
        return self.delivery(f"{self.group_id}-{author}-{number}", "message_new", {"message": content})


def register(installation: Installation, group_id: int, territory: str) -> Page:
    """`appeals pages add`: the webhook's path is the last line of its output."""
    said = installation.command(
        "pages", "add", "--platform", "vk", "--external-id", str(group_id), "--name", f"Администрация № {group_id}",
        "--secret", f"secret{group_id}", "--confirmation", "c0nf1rm", "--access-token", f"token{group_id}",
        "--territory", territory,
    )  # fmt: skip
    return Page(group_id, said.splitlines()[-1])


def found(stand_in: StandIn, page: Page, *, callback: str = "") -> None:
    """Let the page exist in VKontakte, with one post; with a `callback` VK delivers by itself."""
    stand_in.order(
        "communities", group_id=page.group_id, name="Администрация", access_token=f"token{page.group_id}",
        confirmation="c0nf1rm", secret=page.secret, callback_url=callback,
    )  # fmt: skip
    stand_in.order("posts", group_id=page.group_id, post_id=POST, text="Пишите, что случилось")


def create_token(installation: Installation, name: str) -> str:
    """`appeals token create`: the token alone is the last line of its output."""
    return installation.command("token", "create", "--name", name, "--role", "operator").splitlines()[-1]
