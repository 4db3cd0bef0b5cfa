"""The command line: what it makes stands alone on the last line, what goes wrong is one sentence and exit code 1."""

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest
from sqlalchemy import create_engine, select, text, update
from sqlalchemy.engine import Engine
from sqlmodel import SQLModel, col
from typer.testing import CliRunner, Result

import app.cli
import app.supervisor
from app.accounts.models import ApiToken, Role, User
from app.accounts.service import hash_of
from app.audit.models import AuditEntry
from app.db import Database, driver_url
from app.intake.models import EventState, InboxEvent
from app.platforms.base import Credentials
from app.public_pages.models import PublicPage
from app.public_pages.service import open_credentials
from app.settings import Settings, get_settings
from app.vault import open_vault
from classifier import ArtifactRejected, Judge
from routing_rules import RuleSet
from tests.conftest import FIXTURES, NOW, PASSWORD

PAGE = ["pages", "add", "--platform", "vk", "--external-id", "200000001", "--name", "Школа № 1", "--secret", "s3cret"]


@dataclass
class Machine:
    """Somebody at a terminal."""

    engine: Engine
    folder: Path

    def enter(self, *words: str, given: str = "") -> Result:
        return CliRunner().invoke(app.cli.app, list(words), input=given)

    def refused(self, *words: str, given: str = "") -> str:
        """The sentence on standard error."""
        result = self.enter(*words, given=given)
        assert result.exit_code == 1, result.output
        assert result.stdout == ""
        assert "Traceback" not in result.stderr
        return " ".join(result.stderr.split())

    def made(self, *words: str, given: str = "") -> str:
        """The last line of standard output."""
        result = self.enter(*words, given=given)
        assert result.exit_code == 0, result.output
        return result.stdout.splitlines()[-1] if result.stdout else ""

    def rows(self, model: type[SQLModel]) -> list[Any]:
        with self.engine.connect() as connection:
            return list(connection.execute(select(model).order_by(*model.__table__.primary_key)).all())  # type: ignore[attr-defined]


@pytest.fixture
def machine(
    database: Database, postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, judge: Judge,
    rule_set: RuleSet,
) -> Any:  # fmt: skip
    """Settings come from the environment alone; the model is read once for all commands."""
    monkeypatch.chdir(tmp_path)
    for name, value in {
        "DATABASE_URL": postgres_url, "REDIS_URL": "unix:///nowhere", "DATA_DIR": str(tmp_path / "data"),
    }.items():  # fmt: skip
        monkeypatch.setenv(f"APPEALS_{name}", value)
    monkeypatch.setattr("app.jobs.CLOSE_SECONDS", 0.05)
    monkeypatch.setattr(Judge, "load", lambda path: judge)
    get_settings.cache_clear()
    engine = create_engine(driver_url(postgres_url))
    yield Machine(engine, tmp_path)
    engine.dispose()
    get_settings.cache_clear()


@pytest.fixture
def setting(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    def change(name: str, value: str) -> None:
        monkeypatch.setenv(f"APPEALS_{name}", value)
        get_settings.cache_clear()

    return change


def test_adding_a_page_prints_its_webhook_path_alone(machine: Machine) -> None:
    path = machine.made(*PAGE, "--confirmation", "c0de", "--access-token", "t0ken", "--territory", "52701000")
    (page,) = machine.rows(PublicPage)
    assert path == f"/webhooks/vk/{page.key}"
    assert (page.name, page.territory_code, page.audience, page.sphere) == ("Школа № 1", "52701000", None, None)
    opened = open_credentials(open_vault(get_settings()), page)
    assert opened == Credentials("200000001", "s3cret", "c0de", "t0ken")


def test_a_page_may_name_its_sphere_and_audience(machine: Machine) -> None:
    result = machine.enter(*PAGE, "--sphere", "education", "--audience", "31900", "--user-token", "adm1n")
    (page,) = machine.rows(PublicPage)
    assert (page.sphere, page.audience) == ("education", 31900)
    assert f"http://127.0.0.1:8000/webhooks/vk/{page.key}" in result.stderr.replace("\n", "")
    assert "s3cret" not in result.output


def test_a_form_needs_no_secret_and_a_city_application_does(machine: Machine) -> None:
    given = ["--external-id", "site-1", "--name", "Сайт Примерска"]
    form = machine.made("pages", "add", "--platform", "web", *given)
    assert "секрет" in machine.refused("pages", "add", "--platform", "open311", *given)
    assert "секрет" in machine.refused("pages", "add", "--platform", "vk", *given)
    interface = machine.made("pages", "add", "--platform", "open311", *given, "--secret", "s3cret")
    first, second = machine.rows(PublicPage)
    assert (form, interface) == (f"/forms/{first.key}", f"/open311/v2/{second.key}")


def test_a_page_of_viber_has_a_token_and_no_secret(machine: Machine) -> None:
    viber = ["pages", "add", "--platform", "viber", "--external-id", "pa:1", "--name", "Школа № 1"]
    assert "ключ доступа" in machine.refused(*viber)
    assert "секретный ключ" in machine.refused(*viber[:2], "--platform", "vk", *viber[4:], "--access-token", "t")
    path = machine.made(*viber, "--access-token", "t0ken")
    (page,) = machine.rows(PublicPage)
    assert path == f"/webhooks/viber/{page.key}"
    assert open_credentials(open_vault(get_settings()), page) == Credentials("pa:1", access_token="t0ken")


def test_a_page_that_makes_no_sense_is_refused_in_words(machine: Machine) -> None:
    assert "99999999" in machine.refused(*PAGE, "--territory", "99999999")
    assert "myspace" in machine.refused(*PAGE[:2], "--platform", "myspace", *PAGE[4:])
    machine.made(*PAGE)
    assert "уже заведена" in machine.refused(*PAGE)


def test_a_token_is_printed_alone_and_stored_as_a_hash(machine: Machine) -> None:
    token = machine.made("token", "create", "--name", "Портал", "--role", "operator")
    (stored,) = machine.rows(ApiToken)
    assert (stored.name, stored.role, stored.token_hash) == ("Портал", "operator", hash_of(token))
    machine.made("token", "revoke", "--name", "Портал")
    assert machine.rows(ApiToken)[0].revoked_at is not None
    assert "нет" in machine.refused("token", "revoke", "--name", "Другой")
    assert "уже есть" in machine.refused("token", "create", "--name", "Портал", "--role", "admin")


def test_a_role_that_does_not_exist_is_a_wrong_use(machine: Machine) -> None:
    result = machine.enter("token", "create", "--name", "N", "--role", "king")
    assert (result.exit_code, machine.rows(ApiToken)) == (2, [])


def test_a_person_gets_the_password_from_standard_input(machine: Machine) -> None:
    create = ["user", "create", "--login", "Anna", "--name", "Анна", "--role", "operator"]
    machine.made(*create, given=f"{PASSWORD}\n")
    (person,) = machine.rows(User)
    assert (person.login, person.role) == ("anna", Role.OPERATOR)
    assert PASSWORD not in person.password_hash
    assert "занят" in machine.refused(*create, given=f"{PASSWORD}\n")
    machine.made("user", "password", "--login", "anna", given="another-long-password\n")
    assert machine.rows(User)[0].password_hash != person.password_hash
    assert "знаков" in machine.refused("user", "password", "--login", "anna", given="short\n")


def test_a_person_of_a_department_needs_one_that_exists(machine: Machine) -> None:
    create = ["user", "create", "--login", "x", "--name", "Икс", "--role", "department"]
    assert "Отдел" in machine.refused(*create, given=f"{PASSWORD}\n")
    assert "нет" in machine.refused(*create, "--department", "moon", given=f"{PASSWORD}\n")


def test_a_person_at_a_terminal_is_asked_twice_and_sees_nothing(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: dict[str, Any] = {}

    def prompt(words: str, **options: Any) -> str:
        asked.update(options, words=words)
        return PASSWORD

    class Terminal:
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr("typer.prompt", prompt)
    monkeypatch.setattr("sys.stdin", Terminal())
    assert app.cli._read_password() == PASSWORD
    assert asked == {"words": "Пароль", "hide_input": True, "confirmation_prompt": True, "err": True}


def fail_events(machine: Machine, count: int) -> None:
    machine.made(*PAGE)
    with machine.engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO inbox_event (page_id, delivery_key, event_type, payload, received_at, state, attempts,"
                " next_attempt_at) SELECT 1, number, 'wall_reply_new', '', :now, 'failed', 5, :now"
                " FROM generate_series(1, :count) AS number"
            ),
            {"now": NOW, "count": count},
        )


def test_failed_events_are_sent_again_one_or_all(machine: Machine) -> None:
    fail_events(machine, 3)
    assert "1" in machine.enter("events", "retry", "2").stderr
    assert [event.state for event in sorted(machine.rows(InboxEvent), key=lambda event: event.id)] == [
        EventState.FAILED, EventState.RECEIVED, EventState.FAILED,
    ]  # fmt: skip
    assert "2" in machine.enter("events", "retry").stderr
    assert {event.state for event in machine.rows(InboxEvent)} == {EventState.RECEIVED}
    assert {entry.actor for entry in machine.rows(AuditEntry)} == {"Командная строка"}
    assert "не ждёт" in machine.refused("events", "retry", "2")
    assert "нет" in machine.refused("events", "retry", "404")


def test_a_channel_is_opened_listed_stopped_and_resumed(machine: Machine) -> None:
    add = ["channels", "add", "--department", "omsk-city", "--url", "https://crm.example/hook?key=private"]
    assert len(machine.made(*add, "--event", "appeal.closed")) >= 32  # a secret of our own making
    assert machine.made(*add, "--secret", "a-secret-of-the-department") == "a-secret-of-the-department"
    assert machine.made(*add, "--kind", "open311", "--secret", "key", "--service", "=other") == ""
    assert "работает" in machine.made("channels", "list")
    machine.made("channels", "stop", "1", "--reason", "ремонт")
    listed = machine.enter("channels", "list").stdout
    assert "остановлен: ремонт" in listed
    assert "private" not in listed
    machine.made("channels", "resume", "1")
    machine.made("channels", "replay", "1")


def test_a_channel_that_makes_no_sense_is_refused_in_words(machine: Machine) -> None:
    add = ["channels", "add", "--department", "omsk-city"]
    assert "https" in machine.refused(*add, "--url", "http://crm.example/hook")
    assert "ТЕМА=код" in machine.refused(*add, "--url", "https://crm.example/", "--service", "roads")
    assert "Канала № 9 нет" in machine.refused("channels", "stop", "9")
    assert "Доставки № 9 нет" in machine.refused("channels", "replay", "1", "--delivery", "9")


def test_migrating_adds_what_the_rules_name_and_leaves_peoples_names(machine: Machine) -> None:
    desk = "UPDATE department SET name = :name WHERE kind = 'desk'"
    with machine.engine.begin() as connection:
        gone = connection.execute(text("SELECT code FROM department ORDER BY id DESC LIMIT 1")).scalar_one()
        connection.execute(text("DELETE FROM department WHERE code = :code"), {"code": gone})
        shipped = connection.execute(text("SELECT name FROM department WHERE kind = 'desk'")).scalar_one()
        connection.execute(text(desk), {"name": "Своё имя"})
    result = machine.enter("migrate")
    with machine.engine.begin() as connection:
        names = dict(connection.execute(text("SELECT code, name FROM department")).tuples().all())
        connection.execute(text(desk), {"name": shipped})  # departments outlive a test
    assert (result.exit_code, result.stdout) == (0, "")
    assert gone in names
    assert "Своё имя" in names.values()


def test_a_sample_is_delivered_to_its_page_over_http(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[httpx.Request] = []

    def hear(request: httpx.Request) -> httpx.Response:
        heard.append(request)
        return httpx.Response(200, text="ok")

    client = httpx.AsyncClient
    monkeypatch.setattr(httpx, "AsyncClient", lambda **options: client(transport=httpx.MockTransport(hear)))
    path = machine.made(*PAGE)
    sample = FIXTURES / "wall_reply_new.json"
    assert "200 ok" in machine.enter("replay", str(sample), "--page", "200000001").stderr
    (request,) = heard
    assert request.url.path == path
    sent = json.loads(request.content)
    assert (sent["group_id"], sent["secret"]) == (200000001, "s3cret")
    assert sent["object"] == json.loads(sample.read_text())["object"]


def test_what_cannot_be_replayed_is_said(machine: Machine) -> None:
    (machine.folder / "broken.json").write_text("[1, 2]")
    (machine.folder / "garbage.json").write_text("не JSON")
    sample = FIXTURES / "wall_reply_new.json"
    assert "не заведена" in machine.refused("replay", str(sample))
    machine.made(*PAGE)
    for name in ("broken.json", "garbage.json"):
        assert "нет доставки ВКонтакте" in machine.refused("replay", name, "--platform", "vk")
    assert "не заведена" in machine.refused("replay", str(sample), "--page", "школа")
    assert "Нет площадки" in machine.refused("replay", "broken.json")
    assert "запущен" in machine.refused("replay", str(sample))
    assert machine.enter("replay", "missing.json").exit_code == 2


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("DATABASE_URL", "mysql://host/db", "PostgreSQL"),
        ("DATABASE_URL", "postgresql://127.0.0.1:1/appeals", "База данных"),
        ("SECRET_KEY", "a2V5", "32 байта"),
        ("PORT", "порт", "APPEALS_PORT"),
        ("RULES_DIR", "/nowhere", "нет такого файла"),
    ],
)
def test_wrong_settings_are_one_sentence(
    machine: Machine, setting: Callable[[str, str], None], name: str, value: str, words: str
) -> None:
    setting(name, value)
    assert words in machine.refused(*PAGE)


def test_a_model_that_must_not_be_used_is_one_sentence(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path | None) -> Judge:
        raise ArtifactRejected("Файл модели [повреждён]")

    monkeypatch.setattr(Judge, "load", refuse)
    assert machine.refused(*PAGE) == "Файл модели [повреждён]"


@pytest.mark.parametrize("command", ["serve", "worker"])
def test_the_processes_need_servers_given(machine: Machine, setting: Callable[[str, str], None], command: str) -> None:
    setting("REDIS_URL", "")
    assert "APPEALS_REDIS_URL" in machine.refused(command)


def test_serving_means_uvicorn_on_the_chosen_port(
    machine: Machine, setting: Callable[[str, str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[str, Any] = {}
    monkeypatch.setattr(app.cli, "configure_logging", lambda: None)
    monkeypatch.setattr("uvicorn.run", lambda target, **options: seen.update(options, target=target))
    setting("PORT", "8123")
    machine.made("serve", "--workers", "3")
    assert (seen["target"], seen["factory"]) == ("app.main:create_app", True)
    assert (seen["host"], seen["port"], seen["workers"]) == ("127.0.0.1", 8123, 3)


def test_the_worker_command_works_until_it_ends(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Settings] = []

    async def work(settings: Settings) -> None:
        seen.append(settings)

    monkeypatch.setattr(app.cli, "configure_logging", lambda: None)
    monkeypatch.setattr(app.cli, "run_worker", work)
    machine.made("worker")
    assert seen == [get_settings()]


def test_everything_at_once_is_the_supervisors_work(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[bool] = []
    monkeypatch.setattr(app.supervisor, "run_everything", lambda settings, *, is_demo: seen.append(is_demo))
    machine.made("up")
    machine.made("up", "--demo")
    assert seen == [False, True]


def test_seeding_prints_the_logins(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    async def seed(resources: Any, now: Any) -> dict[str, str]:
        return {"anna": "пароль-1", "boris": "пароль-2"}

    monkeypatch.setattr("app.sandbox.demo.seed_demo", seed)
    assert machine.enter("seed").stdout == "anna  пароль-1\nboris  пароль-2\n"


def test_the_script_is_the_same_application(monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[bool] = []
    monkeypatch.setattr(app.cli, "app", lambda: called.append(True))
    app.cli.main()
    assert called == [True]


def test_credentials_of_another_installation_are_one_sentence(machine: Machine) -> None:
    machine.made(*PAGE)
    sample = machine.folder / "sample.json"
    sample.write_text(json.dumps({"type": "wall_reply_new", "group_id": 200000001, "object": {}}))
    with machine.engine.begin() as connection:
        connection.execute(update(PublicPage).where(col(PublicPage.id) == 1).values(credentials=b"x" * 40))
    assert "другим ключом" in machine.refused("replay", str(sample), "--platform", "vk")


def test_keys_of_a_page_are_changed_one_by_one(machine: Machine) -> None:
    machine.made(*PAGE, "--confirmation", "c0de", "--access-token", "t0ken")
    update = ["pages", "update", "--platform", "vk", "--external-id", "200000001"]
    assert "Школа № 1" in machine.enter(*update, "--confirmation", "n3w").stderr
    (page,) = machine.rows(PublicPage)
    assert open_credentials(open_vault(get_settings()), page) == Credentials("200000001", "s3cret", "n3w", "t0ken")
    assert "не заведена" in machine.refused(*update[:-1], "200000002", "--secret", "x")
    assert "изменить" in machine.refused(*update)


def test_a_channel_names_its_group_and_an_application_its_keys(machine: Machine) -> None:
    channel = ["--platform", "telegram", "--external-id", "-1001000000001"]
    machine.made("pages", "add", *channel, "--name", "Канал", "--secret", "s3cret", "--discussion-id", "-1001000000002")
    (page,) = machine.rows(PublicPage)
    assert page.discussion_id == "-1001000000002"
    machine.made("pages", "update", *channel, "--app-key", "K3Y", "--app-secret", "h1dden")
    machine.made("pages", "update", *channel, "--discussion-id", "-1001000000012")
    (page,) = machine.rows(PublicPage)
    opened = open_credentials(open_vault(get_settings()), page)
    assert (opened.secret, opened.app_key, opened.app_secret) == ("s3cret", "K3Y", "h1dden")
    assert opened.discussion_id == "-1001000000012"


def test_benchmarks_are_part_of_the_repository_only(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[bool] = []
    module = ModuleType("tests.bench.__main__")
    module.main = lambda: ran.append(True)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "tests.bench.__main__", module)
    machine.made("bench")
    assert ran == [True]
    monkeypatch.setitem(sys.modules, "tests.bench.__main__", None)  # as in an installed package
    assert "репозитория" in machine.refused("bench")
