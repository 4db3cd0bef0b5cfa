"""All networks misbehave at once: every citizen is heard once, and reads the answer once."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import httpx
import psycopg
import pytest

from tests.processes import Installation, StandIn, eventually

pytestmark = pytest.mark.journey

CITIZENS = 6
POST = 900
TEXT = "Во дворе дома {} не вывозят мусор вторую неделю, контейнеры переполнены"
FAULTS: tuple[dict[str, Any], ...] = (
    {"http_status": 429},
    {"http_status": 500},
    {"delay_seconds": 2.0},
    {"http_status": 500, "is_done": True},
)
SHOWN_TWICE = {"telegram", "viber"}  # a lost confirmation there is for a person to see, ADR 8


@dataclass(frozen=True)
class Town:
    """An official page in one network, spoken to by the common controls of the stand-ins."""

    code: str
    page: str
    sending: str
    credentials: Mapping[str, str]
    stand_in: StandIn
    post: str = ""

    def register(self, installation: Installation) -> None:
        """`appeals pages add`, then the network is told where to deliver."""
        options = [part for name, value in self.credentials.items() for part in (f"--{name}", value)]
        said = installation.command(
            "pages", "add", "--platform", self.code, "--external-id", self.page, "--name", f"Примерск, {self.code}",
            "--territory", "52654000", *options,
        )  # fmt: skip
        keys = {name.replace("-", "_"): value for name, value in self.credentials.items()}
        address = installation.url + said.splitlines()[-1]
        if self.code == "vk":
            keys["group_id"] = int(self.page)  # type: ignore[assignment]
            self.stand_in.order("communities", name="Примерск", callback_url=address, **keys)
        else:
            self.stand_in.order("pages", page=self.page, name="Примерск", callback_url=address, **keys)

    def publish(self) -> "Town":
        """A post to comment on; Viber has none."""
        if self.code == "viber":
            return self
        if self.code == "vk":
            self.stand_in.order("posts", group_id=int(self.page), post_id=POST, text="Пишите")
            return replace(self, post=str(POST))
        made = self.stand_in.order("posts", page=self.page, text="Пишите")
        return replace(self, post=str(made["post"]))

    def write(self, number: int) -> None:
        """A citizen of his own writes."""
        user, text = 150_000_000 + number, TEXT.format(number)
        if self.code == "vk":
            self.stand_in.order("users", user_id=user, first_name="Анна")
            self.stand_in.order("comments", group_id=int(self.page), user_id=user, post_id=POST, text=text)
            return
        self.stand_in.order("users", user_id=str(user), first_name="Анна")
        if self.code == "viber":
            self.stand_in.order("messages", page=self.page, user_id=str(user), text=text)
        else:
            self.stand_in.order("comments", page=self.page, post=self.post, user_id=str(user), text=text)

    def answers_seen(self) -> Counter[str]:
        """What citizens read from the page, each text as often as it stands there."""
        if self.code == "viber":
            return Counter(
                one["text"]
                for number in range(CITIZENS)
                for one in self._view("dialog", user_id=str(150_000_000 + number))["messages"]
                if one["is_page"]
            )
        posts = self._view("feed")["posts"]
        return Counter(reply["text"] for post in posts for one in post["comments"] for reply in one["replies"])

    def _view(self, what: str, **whose: str) -> Any:
        page = {"group_id": self.page} if self.code == "vk" else {"page": self.page}
        return self.stand_in.http.get(what, params={**page, **whose}).raise_for_status().json()


@pytest.fixture(scope="module")
def towns(installation: Installation, networks: Mapping[str, StandIn]) -> Iterator[list[Town]]:
    """One page in each network, registered and published on."""
    installation.running()
    made = [
        Town("vk", "200000009", "wall.createComment",
             {"access-token": "vk-token", "secret": "vk-secret", "confirmation": "c0nf1rm"}, networks["vk"]),
        Town("ok", "70000000000009", "discussions.addDiscussionComment",
             {"access-token": "group", "user-token": "admin", "app-key": "APPKEY", "app-secret": "app-secret"},
             networks["ok"]),
        Town("max", "-70000000000009", "sendComment", {"access-token": "max-token", "secret": "max-secret"},
             networks["max"]),
        Town("telegram", "-1001000000009", "sendMessage",
             {"access-token": "600000019:token", "secret": "telegram-secret", "discussion-id": "-1001000000010"},
             networks["telegram"]),
        Town("viber", "примерск-9", "send_message", {"access-token": "viber-token"}, networks["viber"]),
    ]  # fmt: skip
    for town in made:
        town.register(installation)
    yield [town.publish() for town in made]
    for town in made:
        town.stand_in.behave()


def appeals_of(api: httpx.Client, town: Town) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = api.get("appeals", params={"page": town.page, "limit": "200"}).json()["items"]
    return items


def answers_of(api: httpx.Client, town: Town) -> list[dict[str, Any]]:
    """The answers of a page, with their fates."""
    cards = [api.get(f"appeals/{one['id']}").json() for one in appeals_of(api, town)]
    return [answer for card in cards for answer in card["answers"]]


def settle(api: httpx.Client, town: Town) -> None:
    """What a person does with answers of unknown fate: he looks, and confirms them or sends them again."""
    seen = town.answers_seen()
    for answer in answers_of(api, town):
        if answer["state"] == "unknown":
            verdict = "confirmation" if answer["text"] in seen else "retry"
            assert api.post(f"answers/{answer['id']}/{verdict}").status_code == 200


def all_have_their_fate(api: httpx.Client, town: Town) -> bool:
    return not {"pending", "sending"} & {answer["state"] for answer in answers_of(api, town)}


def hurry(installation: Installation) -> None:
    """Odnoklassniki is asked twice a minute; the test does not wait for it."""
    with psycopg.connect(installation.database_url) as connection:
        connection.execute("UPDATE page_poll SET next_at = now() WHERE next_at > now() AND polled_at IS NOT NULL")


def test_every_citizen_is_heard_once_and_answered_once_while_all_networks_misbehave(
    installation: Installation, towns: list[Town], api: httpx.Client
) -> None:
    for town in towns:
        town.stand_in.order("webhook-faults", doubled=3, mixed_up=2)
        for number in range(CITIZENS):
            town.write(number)
    hurry(installation)
    for town in towns:
        eventually(lambda: len(appeals_of(api, town)) >= CITIZENS, f"all of {town.code} are heard")  # noqa: B023
        texts = Counter(one["text"] for one in appeals_of(api, town))
        assert texts == Counter(TEXT.format(number) for number in range(CITIZENS)), town.code

    for town in towns:
        for fault in FAULTS:
            town.stand_in.order("misbehave", method=town.sending, **fault)
        for number, appeal in enumerate(appeals_of(api, town)):
            answer = {"text": f"Вывезем сегодня, {town.code}, {number}"}
            assert api.post(f"appeals/{appeal['id']}/answers", json=answer).status_code == 201

    for town in towns:
        expected = Counter(f"Вывезем сегодня, {town.code}, {number}" for number in range(CITIZENS))
        eventually(lambda: all_have_their_fate(api, town), f"every answer of {town.code} has its fate")  # noqa: B023
        assert town.answers_seen() <= expected, f"{town.code}: nothing is doubled"
        unknown = {answer["id"] for answer in answers_of(api, town) if answer["state"] == "unknown"}
        assert bool(unknown) == (town.code in SHOWN_TWICE), town.code
        settle(api, town)
        eventually(lambda: all_have_their_fate(api, town), f"a person has settled {town.code}")  # noqa: B023
        assert town.answers_seen() == expected, town.code
        assert {answer["state"] for answer in answers_of(api, town)} == {"delivered"}, town.code
