"""`appeals …`: the command line. The last line of a command that makes something is that thing alone."""

import asyncio
import sys
from pathlib import Path
from typing import Annotated

import typer
import uvicorn
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts import service as accounts
from app.accounts.models import Role
from app.audit.service import audit
from app.cli_channels import channels_app
from app.cli_classifier import classifier_app
from app.cli_departments import departments_app, territories_app
from app.cli_pages import pages_app
from app.cli_personal_data import forget
from app.cli_rules import rules_app
from app.installation import migrate_database, with_servers
from app.intake import service as intake
from app.logs import configure_logging
from app.platforms.base import Credentials
from app.public_pages import service as public_pages
from app.resources import Resources, require_servers
from app.settings import get_settings
from app.terminal import COMMAND_LINE, change, console, fail, plain_errors, run
from app.time import utc_now
from app.worker import run_worker

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Маршрутизация обращений из соцсетей.")
token_app = typer.Typer(no_args_is_help=True, help="Токены доступа к /api/v1.")
user_app = typer.Typer(no_args_is_help=True, help="Сотрудники.")
events_app = typer.Typer(no_args_is_help=True, help="Доставки, которые не удалось разобрать.")
for name, group in (("token", token_app), ("user", user_app), ("pages", pages_app), ("events", events_app)):
    app.add_typer(group, name=name)
app.add_typer(channels_app, name="channels")
app.add_typer(classifier_app, name="classifier")
app.add_typer(departments_app, name="departments")
app.add_typer(territories_app, name="territories")
app.add_typer(rules_app, name="rules")
app.command()(forget)


@app.command()
def up(
    demo: Annotated[bool, typer.Option("--demo", help="Показать на демонстрационном городе с песочницей")] = False,
) -> None:
    """Всё сразу: встроенные серверы, схема, веб и рабочий процесс. Остановить: Ctrl+C."""
    from app.supervisor import run_everything

    with plain_errors():
        run_everything(get_settings(), is_demo=demo)


@app.command()
def serve(
    workers: Annotated[int, typer.Option(min=1, help="Веб-процессов на этом порту")] = 1,
) -> None:
    """Веб-процесс: приём вебхуков, рабочее место, API."""
    with plain_errors():
        settings = require_servers(get_settings())
    configure_logging()
    uvicorn.run(
        "app.main:create_app", factory=True, host=settings.host, port=settings.port, workers=workers,
        access_log=False, log_level="warning", timeout_graceful_shutdown=5, server_header=False,
        proxy_headers=False,  # who asks is told by our own list of proxies
    )  # fmt: skip


@app.command()
def worker() -> None:
    """Рабочий процесс: разбор доставок, отправка ответов, сроки."""
    configure_logging()
    with plain_errors():
        asyncio.run(run_worker(get_settings()))


@app.command()
def migrate() -> None:
    """Привести схему базы к этой версии и обновить справочники отделов и территорий."""
    with plain_errors(), with_servers(get_settings()) as settings:
        migrate_database(settings)
    console.print("Схема и справочники обновлены")


@app.command()
def seed() -> None:
    """Завести демонстрационный город: страницы, сотрудников и историю обращений."""
    from app.sandbox.demo import seed_demo

    async def work(resources: Resources) -> dict[str, str]:
        with console.status("Завожу демонстрационный город…"):
            return await seed_demo(resources, utc_now())

    for login, password in run(work).items():
        typer.echo(f"{login}  {password}")


@token_app.command("create")
def token_create(name: Annotated[str, typer.Option()], role: Annotated[Role, typer.Option()]) -> None:
    """Выпустить токен. Последняя строка вывода: сам токен, больше его никто не покажет."""
    token = change(lambda session, _: accounts.create_token(session, name, role, now=utc_now()))
    console.print(f"Токен «{name}», роль {role}. Сохраните его: в базе остаётся только хеш.")
    typer.echo(token)


@token_app.command("revoke")
def token_revoke(name: Annotated[str, typer.Option()]) -> None:
    """Отозвать токен."""
    change(lambda session, _: accounts.revoke_token(session, name, now=utc_now()))
    console.print(f"Токен «{name}» отозван")


@user_app.command("create")
def user_create(
    login: Annotated[str, typer.Option()],
    name: Annotated[str, typer.Option()],
    role: Annotated[Role, typer.Option()],
    department: Annotated[str, typer.Option(help="Код отдела для роли department")] = "",
) -> None:
    """Завести сотрудника. Пароль спрашивается или читается со стандартного ввода."""
    password = _read_password()

    change(lambda session, _: accounts.create_user(session, login, name, role, password, department, now=utc_now()))
    console.print(f"Сотрудник {login} заведён, роль {role}")


@user_app.command("password")
def user_password(login: Annotated[str, typer.Option()]) -> None:
    """Задать новый пароль. Все открытые входы этого сотрудника закроются."""
    password = _read_password()
    change(lambda session, _: accounts.set_password(session, login, password))
    console.print(f"Пароль {login} изменён")


def _read_password() -> str:
    if sys.stdin.isatty():
        password: str = typer.prompt("Пароль", hide_input=True, confirmation_prompt=True, err=True)
        return password
    return sys.stdin.readline().rstrip("\n")


DiscussionId = Annotated[str, typer.Option(help="Telegram: номер группы обсуждений, связанной с каналом")]
AppKey = Annotated[str, typer.Option(help="Одноклассники: открытый ключ приложения")]
AppSecret = Annotated[str, typer.Option(help="Одноклассники: секретный ключ приложения")]


@pages_app.command("add")
def pages_add(
    platform: Annotated[str, typer.Option()],
    external_id: Annotated[str, typer.Option(help="Номер сообщества, канала или бота")],
    name: Annotated[str, typer.Option()],
    secret: Annotated[
        str, typer.Option(help="Секретный ключ вебхука; Viber и форме не нужен, Open311 его api_key")
    ] = "",
    confirmation: Annotated[str, typer.Option(help="Строка подтверждения сервера")] = "",
    access_token: Annotated[str, typer.Option(help="Ключ сообщества или токен бота")] = "",
    user_token: Annotated[str, typer.Option(help="Ключ администратора: ответы под фото, видео, товарами")] = "",
    discussion_id: DiscussionId = "",
    app_key: AppKey = "",
    app_secret: AppSecret = "",
    territory: Annotated[str, typer.Option(help="ОКТМО")] = "",
    sphere: Annotated[str, typer.Option()] = "",
    audience: Annotated[int, typer.Option(min=0)] = 0,
) -> None:
    """Завести страницу. Последняя строка вывода: путь вебхука, формы или интерфейса."""
    keys = Credentials(external_id, secret, confirmation, access_token, user_token, app_key, app_secret, discussion_id)

    async def work(session: AsyncSession, resources: Resources) -> str:
        page = await public_pages.add_page(
            session, resources.vault, platform=platform, credentials=keys, name=name,
            territory_code=territory or None, sphere=sphere or None, audience=audience or None, now=utc_now(),
        )  # fmt: skip
        return public_pages.webhook_path(page)

    path = change(work)
    console.print(f"Страница «{name}» заведена. Адрес для приёма: {get_settings().base_url}{path}")
    typer.echo(path)


@pages_app.command("update")
def pages_update(
    platform: Annotated[str, typer.Option()],
    external_id: Annotated[str, typer.Option(help="Номер сообщества, канала или бота")],
    secret: Annotated[str, typer.Option(help="Секретный ключ вебхука")] = "",
    confirmation: Annotated[str, typer.Option(help="Строка подтверждения сервера")] = "",
    access_token: Annotated[str, typer.Option(help="Ключ сообщества или токен бота")] = "",
    user_token: Annotated[str, typer.Option(help="Ключ администратора")] = "",
    discussion_id: DiscussionId = "",
    app_key: AppKey = "",
    app_secret: AppSecret = "",
) -> None:
    """Сменить ключи страницы: что не названо, остаётся. Остановленная отправка ответов возобновится."""
    keys = Credentials(external_id, secret, confirmation, access_token, user_token, app_key, app_secret, discussion_id)

    async def work(session: AsyncSession, resources: Resources) -> str:
        page = await public_pages.change_credentials(session, resources.vault, platform, keys, utc_now())
        audit(session, COMMAND_LINE.label, "page_keys_changed", utc_now(), page_id=page.id)
        return page.name

    console.print(f"Ключи страницы «{change(work)}» изменены")


@events_app.command("retry")
def events_retry(
    event_id: Annotated[int | None, typer.Argument(help="Номер события; без него повторяются все")] = None,
) -> None:
    """Разобрать неудавшиеся события ещё раз."""

    async def work(resources: Resources) -> int:
        async with resources.database.transaction() as session:
            if event_id is None:
                return await intake.retry_all_events(session, COMMAND_LINE, now=utc_now())
            await intake.retry_event(session, event_id, COMMAND_LINE, now=utc_now())
            return 1

    console.print(f"Событий отправлено на разбор: {run(work)}")


@app.command()
def replay(
    fixture: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="JSON доставки")],
    platform: Annotated[str, typer.Option(help="Площадка; пусто: как называется папка образца")] = "",
    page: Annotated[str, typer.Option(help="Номер страницы; пусто: первая страница площадки")] = "",
) -> None:
    """Доставить образец на заведённую страницу так, как это сделала бы площадка."""
    from app.intake.replay import deliver_fixture

    async def work(resources: Resources) -> str:
        return await deliver_fixture(resources, platform or fixture.parent.name, fixture.read_bytes(), page)

    console.print(run(work))


@app.command()
def bench() -> None:
    """Измерить скорость (нужен репозиторий с tests/bench). Итог: build/bench.json."""
    try:
        from tests.bench.__main__ import main as run_benchmarks
    except ImportError:
        fail("Запускайте из репозитория: tests/bench не входит в установленный пакет")
    run_benchmarks()


def main() -> None:
    """Entry point of the `appeals` script."""
    app()


if __name__ == "__main__":
    main()
