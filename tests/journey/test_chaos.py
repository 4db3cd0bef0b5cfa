"""Processes and servers die at the worst moment: nothing is lost, nothing is doubled."""

import os
import random
import signal
from collections import Counter
from typing import Any

import httpx
import psutil
import psycopg
import pytest

from app import embedded
from tests.journey.crowd import Crowd
from tests.journey.official import POST, Page, found, register
from tests.processes import Installation, Process, StandIn, eventually, free_port, responds

pytestmark = pytest.mark.journey

GROUP = 200000002
TERRITORY = "52654000"  # not that of the main job, whose report counts one appeal
DELIVERIES = 2000
FIRST_CITIZEN = 110000000
TEXTS = (
    "На улице Примерной третий день нет отопления, батареи холодные",
    "Во дворе дома не вывозят мусор вторую неделю, контейнеры переполнены",
    "Яма на дороге у остановки, машины выезжают на встречную полосу",
    "В поликлинике нет талонов к терапевту, не записаться уже месяц",
    "Автобус ходит раз в час, утром невозможно уехать на работу",
)


@pytest.fixture(scope="module")
def page(installation: Installation, stand_in: StandIn) -> Page:
    """A page that VK delivers to; the module's tests use numbers of comments that do not meet."""
    installation.running()
    page = register(installation, GROUP, TERRITORY)
    found(stand_in, page)
    return page


@pytest.fixture
def service(installation: Installation, database: "Database") -> Process:
    """`appeals up`, running, with both its processes and nothing left to do."""
    process = installation.running()
    start_servers(installation)  # should a test before have left them down
    eventually(lambda: {"serve", "worker"} <= set(process.children()), "web and worker run")
    eventually(installation.is_ready, "the service is ready")
    eventually(lambda: database.waiting() == 0, "nothing is left to do")
    return process


@pytest.fixture
def database(installation: Installation) -> "Database":
    """A look into the embedded PostgreSQL."""
    return Database(installation.database_url)


class Database:
    """Plain SQL, each time on a connection of its own: the server comes and goes here."""

    def __init__(self, url: str) -> None:
        self._url = url

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        with psycopg.connect(self._url) as connection:
            return connection.execute(query, values).fetchall()

    def do(self, statement: str) -> int:
        with psycopg.connect(self._url) as connection:
            return connection.execute(statement).rowcount

    def waiting(self) -> int:
        """Deliveries stored and not handled."""
        return int(self.rows("SELECT count(*) FROM inbox_event WHERE state = 'received'")[0][0])

    def messages(self, first: int, count: int) -> int:
        """How many of these comments have become messages."""
        query = "SELECT count(*) FROM message WHERE external_id::bigint BETWEEN %s AND %s AND NOT is_own"
        return int(self.rows(query, first, first + count - 1)[0][0])


def text(number: int) -> str:
    return f"{TEXTS[number % len(TEXTS)]}, дом {number}"


def comments(page: Page, first: int, count: int) -> list[bytes]:
    """Deliveries of comments numbered from `first`, each by a citizen of its own."""
    return [page.comment(first + n, FIRST_CITIZEN + first + n, text(n)) for n in range(count)]


def dialogs(page: Page, citizens: int, each: int) -> list[bytes]:
    """Deliveries of private messages: each citizen's first, each citizen's second …"""
    return [
        page.message(number, FIRST_CITIZEN + citizen, text(citizen))
        for number in range(each)
        for citizen in range(citizens)
    ]


def everything(api: httpx.Client, what: str, page: Page) -> list[dict[str, Any]]:
    """A whole list of the API, page by page."""
    items: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    while True:
        answer = api.get(what, params={"page": str(page.group_id), "limit": "200", **cursor}).raise_for_status().json()
        items += answer["items"]
        if answer["next"] is None:
            return items
        cursor = {"cursor": answer["next"]}


def numbers(items: list[dict[str, Any]], first: int, count: int) -> Counter[int]:
    """How often each comment of this range occurs."""
    return Counter(n for n in (int(item["external_id"]) for item in items) if first <= n < first + count)


def kill(process: Process, name: str) -> int:
    """SIGKILL a child of the supervisor; the number it had."""
    child = process.children()[name]
    child.kill()
    return child.pid


def pids(process: Process) -> dict[str, int]:
    return {name: child.pid for name, child in process.children().items()}


def test_two_thousand_deliveries_are_one_message_each_while_web_and_worker_are_killed(
    installation: Installation, service: Process, page: Page, database: Database, api: httpx.Client
) -> None:
    first = 10_000
    bodies = comments(page, first, DELIVERIES)
    bodies += bodies[::10]  # VK delivers at least once
    random.Random(8).shuffle(bodies)
    crowd = Crowd([installation.url + page.path], bodies)
    before = pids(service)

    done = crowd.send()
    eventually(lambda: crowd.acknowledged > 500, "deliveries flow")
    assert kill(service, "serve") == before["serve"]
    eventually(lambda: database.messages(first, DELIVERIES) > 0, "the worker is at it")
    assert kill(service, "worker") == before["worker"]
    done.result()
    eventually(lambda: database.waiting() == 0, "all is handled")

    after = pids(service)
    assert (after["serve"], after["worker"]) != (before["serve"], before["worker"])
    assert set(crowd.outcomes) - {"200 ok"}, "the kill was not in the middle"
    assert crowd.acknowledged == len(bodies)
    once = Counter(range(first, first + DELIVERIES))
    assert numbers(everything(api, "messages", page), first, DELIVERIES) == once
    assert numbers(everything(api, "appeals", page), first, DELIVERIES) == once
    assert (
        database.rows("SELECT state, count(*) FROM inbox_event WHERE state NOT IN ('handled', 'ignored') GROUP BY 1")
        == []
    )
    clocks = "SELECT count(*), count(DISTINCT appeal_id) FROM clock WHERE kind = 'first_answer'"
    received = "SELECT count(*), count(DISTINCT appeal_id) FROM history_entry WHERE action = 'received'"
    for query in (clocks, received):
        ((rows, appeals),) = database.rows(query)
        assert rows == appeals >= DELIVERIES


def test_deliveries_held_back_by_a_hung_worker_are_handled_by_the_next_one(
    installation: Installation, service: Process, page: Page, database: Database
) -> None:
    first, count = 20_000, 60
    hung = service.children()["worker"]
    hung.suspend()
    try:
        Crowd([installation.url + page.path], comments(page, first, count)).send().result()
        assert (database.waiting(), database.messages(first, count)) == (count, 0)
    finally:
        hung.kill()
    eventually(lambda: database.messages(first, count) == count, "the next worker handles what was held back")
    assert database.waiting() == 0


def test_two_webs_and_two_workers_share_one_database(
    installation: Installation, service: Process, page: Page, database: Database, api: httpx.Client
) -> None:
    citizens, each = 100, 6
    urls = [installation.url, f"http://127.0.0.1:{free_port()}"]
    second_web = apart(installation, "serve", APPEALS_PORT=urls[1].rpartition(":")[2])
    second_worker = apart(installation, "worker")
    try:
        eventually(lambda: responds(urls[1]), "the second web process answers")
        crowd = Crowd([url + page.path for url in urls], dialogs(page, citizens, each))
        crowd.send().result()
        eventually(lambda: database.waiting() == 0, "all is handled")
    finally:
        codes = [second_web.stop(), second_worker.stop()]

    # Uvicorn ends in good order and then, as the shell's convention is, by the very signal that it was sent.
    assert codes == [-signal.SIGTERM, 0], second_web.said + second_worker.said
    assert crowd.outcomes == {"200 ok": citizens * each}
    assert set(crowd.acknowledged_by) == {url + page.path for url in urls}
    said = [item for item in everything(api, "messages", page) if item["kind"] == "message"]
    assert Counter(item["author_external_id"] for item in said) == {
        str(FIRST_CITIZEN + citizen): each for citizen in range(citizens)
    }
    assert len({item["key"] for item in said}) == citizens * each
    assert {item["appeal_id"] for item in said} == {
        item["id"] for item in everything(api, "appeals", page) if item["kind"] == "message"
    }
    assert len({item["appeal_id"] for item in said}) == citizens, "a dialog is one appeal, whoever reads it"


def apart(installation: Installation, name: str, **settings: str) -> Process:
    """One more process of the service, as in production: `appeals serve` or `appeals worker` with addresses."""
    valkey = installation.folder / "data" / "valkey" / "valkey.sock"
    addresses = {"APPEALS_DATABASE_URL": installation.database_url, "APPEALS_REDIS_URL": f"unix://{valkey}"}
    environment = {**installation.environment, **addresses, **settings}
    return Process(
        [installation.executable, name], installation.folder, environment, installation.folder / f"{name}.log"
    )


def test_without_redis_webhooks_are_acknowledged_and_handled_when_it_is_back(
    installation: Installation, service: Process, page: Page, database: Database
) -> None:
    first, count = 40_000, 500
    before = pids(service)
    crowd = Crowd([installation.url + page.path], comments(page, first, count))
    done = crowd.send()
    eventually(lambda: database.messages(first, count) > 0, "the worker is at it")
    stop_server(installation, "valkey", signal.SIGTERM)
    late = installation.http.post(page.path, content=comments(page, first + count, 1)[0])
    done.result()
    assert (late.status_code, late.text) == (200, "ok")
    assert crowd.outcomes == {"200 ok": count}
    assert installation.http.get("/readyz").json()["checks"] == {
        "database": True, "schema": True, "redis": False, "model": True,
    }  # fmt: skip

    start_servers(installation)
    eventually(lambda: database.messages(first, count + 1) == count + 1, "all is handled once Redis is back")
    eventually(installation.is_ready, "the service is ready again")
    assert pids(service) == before, "nobody had to be restarted"


def test_without_database_webhooks_hear_503_and_all_goes_on_when_it_is_back(
    installation: Installation, service: Process, page: Page, database: Database, api: httpx.Client
) -> None:
    first, count = 50_000, 20
    before = pids(service)
    stop_server(installation, "postgres", signal.SIGINT)
    refused = installation.http.post(page.path, content=comments(page, first, 1)[0])
    assert refused.status_code == 503
    assert int(refused.headers["Retry-After"]) > 0
    assert installation.http.get("/healthz").status_code == 200
    assert installation.http.get("/readyz").status_code == 503
    assert api.get("appeals").status_code == 503
    assert installation.http.get("/queue", cookies={"appeals_session": "any"}).status_code in (303, 503)

    crowd = Crowd([installation.url + page.path], comments(page, first, count))
    done = crowd.send()
    eventually(lambda: crowd.outcomes.total() >= count, "every delivery is refused once")
    start_servers(installation)
    done.result()
    assert {outcome[:3] for outcome in crowd.outcomes} == {"503", "200"}
    eventually(lambda: database.messages(first, count) == count, "all is handled once PostgreSQL is back")
    assert api.get("appeals").status_code == 200
    assert pids(service) == before, "nobody had to be restarted"


def stop_server(installation: Installation, name: str, number: signal.Signals) -> None:
    os.kill(installation.server_pids()[name], number)
    eventually(lambda: name not in installation.server_pids(), f"{name} ends", 20)


def start_servers(installation: Installation) -> None:
    """As an administrator would; `appeals up` goes on to use them."""
    embedded.start(installation.folder / "data", needs_database=True, needs_redis=True).stop()


def test_answers_under_way_when_the_worker_is_killed_reach_each_citizen_once(
    installation: Installation, service: Process, stand_in: StandIn, database: Database, api: httpx.Client
) -> None:
    page, count = register(installation, GROUP + 1, TERRITORY), 6
    found(stand_in, page, callback=installation.url + page.path)
    for number in range(count):
        stand_in.order(
            "comments", group_id=page.group_id, user_id=FIRST_CITIZEN + number, post_id=POST, text=TEXTS[number % 5]
        )
    eventually(lambda: len(everything(api, "appeals", page)) == count, "the appeals are there")
    stand_in.order("misbehave", method="wall.createComment", delay_seconds=8, is_done=True, times=100)
    worker = service.children()["worker"]
    worker.suspend()  # so that it finds all answers at once
    for appeal in everything(api, "appeals", page):
        answer = {"text": f"Ответ на обращение {appeal['external_id']}"}
        assert api.post(f"appeals/{appeal['id']}/answers", json=answer).status_code == 201
    worker.resume()
    eventually(lambda: len(sent(stand_in, page)) == count, "VK has carried them out and has not yet said so")

    worker.kill()
    stand_in.behave()
    assert database.do("UPDATE answer SET next_attempt_at = now() WHERE state = 'sending'") == count  # the leases lapse

    eventually(lambda: {one["state"] for one in everything(api, "appeals", page)} == {"answered"}, "all are answered")
    assert Counter(call["is_repeat"] for call in sent(stand_in, page)) == {False: count, True: count}
    replies = stand_in.replies(page.group_id)
    assert replies == {number: [f"Ответ на обращение {number}"] for number in replies}
    assert len(replies) == count


def test_an_answer_that_hangs_does_not_hold_up_the_others(
    installation: Installation, service: Process, stand_in: StandIn, api: httpx.Client
) -> None:
    page = register(installation, GROUP + 2, TERRITORY)
    found(stand_in, page, callback=installation.url + page.path)
    for number in range(2):
        stand_in.order(
            "comments", group_id=page.group_id, user_id=FIRST_CITIZEN + number, post_id=POST, text=TEXTS[number]
        )
    eventually(lambda: len(everything(api, "appeals", page)) == 2, "the appeals are there")
    second, first = everything(api, "appeals", page)
    stand_in.order("misbehave", method="wall.createComment", delay_seconds=6, is_done=True)
    for appeal, deliveries in ((first, 1), (second, 2)):
        api.post(f"appeals/{appeal['id']}/answers", json={"text": "Сделаем до пятницы"}).raise_for_status()
        eventually(lambda: len(sent(stand_in, page)) == deliveries, "VK has it")  # noqa: B023  (called at once)
    eventually(lambda: api.get(f"appeals/{second['id']}").json()["state"] == "answered", "the second is answered")
    assert api.get(f"appeals/{first['id']}").json()["answers"][0]["state"] == "sending"
    eventually(lambda: api.get(f"appeals/{first['id']}").json()["state"] == "answered", "the first is answered")


def sent(stand_in: StandIn, page: Page) -> list[dict[str, Any]]:
    """The comments that VK was asked to write under this page's name."""
    return [call for call in stand_in.calls("wall.createComment") if call["group_id"] == page.group_id]


def test_after_a_kill_of_appeals_up_its_processes_end_and_the_next_start_finds_servers_and_data(
    installation: Installation, service: Process, page: Page, api: httpx.Client
) -> None:
    family = list(service.children().values())
    servers = installation.server_pids()
    newest = api.get("messages").json()
    service.kill()
    gone, alive = psutil.wait_procs(family, timeout=30)
    assert (len(gone), alive) == (len(family), [])
    assert installation.server_pids() == servers

    installation.start()
    assert installation.server_pids() == servers
    assert api.get("messages").json() == newest
    assert installation.http.post(page.path, content=comments(page, 60_000, 1)[0]).text == "ok"
