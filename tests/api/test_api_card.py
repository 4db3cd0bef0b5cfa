"""GET /appeals/{id} and what can be done to an appeal over the API."""

import httpx
import pytest
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine

from app.appeals import cycle, service
from app.appeals.api_schema import NewClosure
from app.jobs import Job
from app.resources import Resources
from tests.api.conftest import HEATING
from tests.conftest import NOW, VK


async def test_a_card_tells_the_judgement_the_routing_the_clocks_and_the_history(
    api: httpx.AsyncClient, three_appeals: VK
) -> None:
    card = (await api.get("/appeals/1")).json()
    labels = card["judgement"]["labels"]
    assert labels["topic"][0]["label"] == card["topic"]
    assert len(labels["topic"]) == 5
    assert labels["topic"][0]["probability"] >= labels["topic"][1]["probability"]
    assert card["routing"]["department"] == card["department"]
    assert [step for step in card["routing"]["steps"] if step["outcome"] == "won"]
    (clock,) = card["clocks"]
    assert (clock["kind"], clock["policy_code"]) == ("first_answer", "social-default")
    assert clock["due_at"] == card["next_due_at"]
    assert [message["text"] for message in card["messages"]] == [HEATING]
    assert {"received", "judged", "routed", "clock_started"} <= {line["action"] for line in card["history"]}
    assert card["answers"] == []


async def test_a_card_costs_a_fixed_number_of_queries(
    api: httpx.AsyncClient, three_appeals: VK, engine: AsyncEngine
) -> None:
    statements: list[str] = []
    event.listen(engine.sync_engine, "before_cursor_execute", lambda *args: statements.append(args[2]))
    await api.get("/appeals/3")
    few = len(statements)
    for number in range(4):
        await three_appeals.message(f"Автобус так и не пришёл, минута {number}", 18 + number, author=100000003)
    await three_appeals.drain()
    statements.clear()
    card = (await api.get("/appeals/3")).json()
    assert len(card["messages"]) == 5
    assert len(statements) == few


@pytest.mark.parametrize("path", ["/appeals/77", f"/appeals/{2**63 - 1}"])
async def test_an_unknown_appeal_is_not_found(api: httpx.AsyncClient, path: str) -> None:
    answer = await api.get(path)
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "not_found"


@pytest.mark.parametrize("number", ["0", "-1", str(2**63), "1" * 40, "x", "1.5"])
async def test_what_cannot_be_a_number_of_an_appeal_is_refused(api: httpx.AsyncClient, number: str) -> None:
    assert (await api.get(f"/appeals/{number}")).status_code == 422


async def test_an_answer_is_taken_into_the_outbox(
    api: httpx.AsyncClient, three_appeals: VK, resources: Resources
) -> None:
    answer = await api.post("/appeals/1/answers", json={"text": "  Отопление включат сегодня. "})
    assert answer.status_code == 201
    assert answer.json()["state"] == "pending"
    assert answer.json()["text"] == "Отопление включат сегодня."
    assert Job.DELIVER_ANSWERS in resources.database.queue.nudges  # type: ignore[attr-defined]
    card = (await api.get(answer.headers["Location"].removeprefix("/api/v1"))).json()
    assert [written["id"] for written in card["answers"]] == [answer.json()["id"]]
    assert card["state"] == "in_work"
    assert card["history"][-1]["actor"] == "система operator"


async def test_a_private_answer_to_a_comment_goes_by_message(api: httpx.AsyncClient, three_appeals: VK) -> None:
    answer = await api.post("/appeals/1/answers", json={"text": "Напишите адрес", "is_private": True})
    assert answer.json()["kind"] == "message"


async def test_a_second_answer_on_its_way_is_a_conflict(api: httpx.AsyncClient, three_appeals: VK) -> None:
    await api.post("/appeals/1/answers", json={"text": "Первый"})
    second = await api.post("/appeals/1/answers", json={"text": "Второй"})
    assert second.status_code == 409
    assert second.json()["error"]["code"] == "conflict"


async def test_an_answer_to_what_has_changed_meanwhile_is_a_conflict(api: httpx.AsyncClient, three_appeals: VK) -> None:
    seen = {"text": "Ответ", "expected_version": (await api.get("/appeals/3")).json()["version"]}
    await three_appeals.message("Уже полтора часа жду", 18, author=100000003)
    await three_appeals.drain()
    assert (await api.post("/appeals/3/answers", json=seen)).status_code == 409
    seen["expected_version"] = (await api.get("/appeals/3")).json()["version"]
    assert (await api.post("/appeals/3/answers", json=seen)).status_code == 201


@pytest.mark.parametrize(
    "body",
    [
        {}, {"text": ""}, {"text": "   "}, {"text": "a\x00b"}, {"text": 5}, {"text": "я" * 20_001},
        {"text": "да", "is_interim": "perhaps"}, {"text": "да", "unknown": 1}, {"text": "да", "expected_version": 0},
        [], None,
    ],
)  # fmt: skip
async def test_a_senseless_answer_is_refused(api: httpx.AsyncClient, three_appeals: VK, body: object) -> None:
    answer = await api.post("/appeals/1/answers", json=body)
    assert answer.status_code == 422
    assert answer.json()["error"]["message"]


async def test_broken_json_is_refused(api: httpx.AsyncClient, three_appeals: VK) -> None:
    headers = {"Content-Type": "application/json"}
    for content, status in ((b"{", 422), (b'{"text": "\xff"}', 400), (b'{"text": "\\ud800"}', 422)):
        answer = await api.post("/appeals/1/answers", content=content, headers=headers)
        assert answer.status_code == status, content
        assert answer.json()["error"]["message"]


async def test_an_appeal_is_handed_to_another_department(
    api: httpx.AsyncClient, three_appeals: VK, resources: Resources
) -> None:
    before = (await api.get("/appeals/1")).json()
    other = next(entry.code for entry in resources.rulebook.shipped.departments if entry.code != before["department"])
    after = await api.post("/appeals/1/routing", json={"department": other, "reason": "Не наше"})
    assert after.status_code == 200
    assert after.json()["department"] == other
    assert after.json()["next_due_at"] == before["next_due_at"]
    assert after.json()["version"] > before["version"]
    assert (await api.post("/appeals/1/routing", json={"department": "no-such"})).status_code == 422


async def test_an_appeal_is_closed_for_a_reason_and_only_once(api: httpx.AsyncClient, three_appeals: VK) -> None:
    closed = await api.post("/appeals/2/closure", json={"reason": "duplicate"})
    assert closed.status_code == 200
    assert (closed.json()["state"], closed.json()["next_due_at"]) == ("closed", None)
    assert (await api.post("/appeals/2/closure", json={"reason": "duplicate"})).status_code == 409
    assert (await api.post("/appeals/1/closure", json={"reason": "lazy"})).status_code == 422


async def test_a_failed_answer_shows_the_reason(
    api: httpx.AsyncClient, three_appeals: VK, resources: Resources
) -> None:
    async with resources.database.transaction() as session:
        written = await service.answer(session, 1, "Ответ", cycle.SYSTEM, now=NOW)
        written.state, written.error_code, written.error_reason = "failed", "213", "Комментарии закрыты (213)"
    (answer,) = (await api.get("/appeals/1")).json()["answers"]
    assert (answer["state"], answer["error_code"]) == ("failed", "213")
    assert answer["error_reason"] == "Комментарии закрыты (213)"


def test_the_reasons_of_the_api_are_those_of_the_office() -> None:
    assert set(NewClosure.model_json_schema()["properties"]["reason"]["enum"]) == set(service.CLOSE_REASONS)
