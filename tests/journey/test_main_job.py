"""The main job as a new user has it: one command, a page, a comment, an answer, a report."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from tests.journey.official import POST, Page, found, register
from tests.processes import Installation, StandIn, eventually

pytestmark = pytest.mark.journey

GROUP, CITIZEN = 200000001, 100000001
TERRITORY = "52701000"
TEXT = "На улице Примерной третий день нет отопления, батареи холодные, в квартире двенадцать градусов"
ANSWER = "Отопление восстановят сегодня к 18:00"


def appeals_of(api: httpx.Client, page: Page) -> list[dict[str, Any]]:
    """The page's appeals, newest first."""
    answer = api.get("appeals", params={"page": str(page.group_id)})
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


def judged(api: httpx.Client, page: Page) -> dict[str, Any] | None:
    """The page's first appeal once it has been understood and promised."""
    return next((one for one in appeals_of(api, page) if one["topic"] and one["next_due_at"]), None)


def messages_of(api: httpx.Client, page: Page) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = api.get("messages", params={"page": str(page.group_id)}).json()["items"]
    return items


def report(api: httpx.Client) -> dict[str, Any]:
    """The report on promised times around today, for the page's territory."""
    today = datetime.now(UTC).date()
    period = {"from": str(today - timedelta(days=1)), "to": str(today + timedelta(days=1))}
    answer = api.get("reports/sla", params={**period, "territory": TERRITORY})
    assert answer.status_code == 200, answer.text
    figures: dict[str, Any] = answer.json()["totals"]
    return figures


def comment_as_citizen(stand_in: StandIn, page: Page) -> dict[str, Any]:
    """Write the comment in VKontakte; the object that its webhook carries."""
    stand_in.order("users", user_id=CITIZEN, first_name="Мария", last_name="Примерова")
    content: dict[str, Any] = stand_in.order(
        "comments", group_id=page.group_id, user_id=CITIZEN, post_id=POST, text=TEXT
    )
    return content


def test_a_comment_becomes_an_answered_appeal_that_the_report_counts_and_a_restart_keeps(
    installation: Installation, stand_in: StandIn, api: httpx.Client
) -> None:
    page = register(installation, GROUP, TERRITORY)  # in a second process, while the service runs
    assert page.path.startswith("/webhooks/vk/")
    found(stand_in, page)

    content = comment_as_citizen(stand_in, page)
    for _ in range(2):  # VK repeats what it is not sure of
        delivered = installation.http.post(page.path, content=page.delivery("e1", "wall_reply_new", content))
        assert (delivered.status_code, delivered.text) == (200, "ok")

    appeal = eventually(lambda: judged(api, page), "the appeal shows topic, department and due time")
    assert appeal["external_id"] == str(content["id"])
    assert appeal["department"]
    assert datetime.fromisoformat(appeal["next_due_at"]) > datetime.now(UTC)
    assert (appeal["text"], appeal["author_external_id"]) == (TEXT, str(CITIZEN))
    assert report(api)["waiting"] == 1

    found(stand_in, page, callback=installation.url + page.path)  # from now on VK tells of our own comments as well
    written = api.post(f"appeals/{appeal['id']}/answers", json={"text": ANSWER})
    assert written.status_code == 201, written.text

    eventually(lambda: appeals_of(api, page)[0]["state"] == "answered", "the appeal is answered")
    eventually(lambda: len(messages_of(api, page)) == 2, "VK's event about our own comment is understood")
    own, citizens = messages_of(api, page)
    assert (own["is_own"], own["text"], own["appeal_id"]) == (True, ANSWER, appeal["id"])
    assert (citizens["is_own"], citizens["appeal_id"]) == (False, appeal["id"])
    assert_answered_once(stand_in, page, content["id"])
    figures = report(api)
    assert (figures["received"], figures["met"], figures["breached"], figures["waiting"]) == (1, 1, 0, 0)

    card = api.get(f"appeals/{appeal['id']}").json()
    process = installation.running()
    assert process.stop() == 0, process.said
    assert installation.server_pids() == {}
    installation.start()

    assert api.get(f"appeals/{appeal['id']}").json() == card
    assert report(api) == figures
    again = installation.http.post(page.path, content=page.delivery("e1", "wall_reply_new", content))
    assert again.text == "ok"
    another = page.comment(990, CITIZEN + 1, "Не вывозят мусор из контейнеров во дворе уже неделю")
    assert installation.http.post(page.path, content=another).text == "ok"
    eventually(lambda: len(appeals_of(api, page)) == 2, "the webhook works as before")
    assert len(messages_of(api, page)) == 3
    assert_answered_once(stand_in, page, content["id"])


def assert_answered_once(stand_in: StandIn, page: Page, comment_id: int) -> None:
    (call,) = [call for call in stand_in.calls("wall.createComment") if call["group_id"] == page.group_id]
    assert call["params"]["reply_to_comment"] == str(comment_id)
    assert not call["is_repeat"]
    assert stand_in.replies(page.group_id)[comment_id] == [ANSWER]
