"""`appeals rules …`: versions of the routing rules on the command line."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from sqlalchemy.ext.asyncio import AsyncSession

from app.formats import number, percent
from app.resources import Resources
from app.rules import service
from app.rules.checking import check_in_office
from app.rules.service import RulesRefused, read_rules
from app.rules.simulation import LAST, MOST_LAST, simulate
from app.rules.versions import list_versions, published_version, version_named
from app.rules.views import failed_text
from app.settings import get_settings
from app.terminal import COMMAND_LINE, change, console, fail, run
from app.time import utc_now
from routing_rules import Facts, RuleSet, read_texts, territory_path
from routing_rules.__main__ import describe
from routing_rules.differences import differences

rules_app = typer.Typer(no_args_is_help=True, help="Версии правил маршрутизации.")

Version = Annotated[str, typer.Argument(help="Имя версии, её номер или папка с файлами правил; пусто: действующая")]
AsJson = Annotated[bool, typer.Option("--json", help="Ответ в JSON")]
STATES = {"draft": "черновик", "published": "действует", "retired": "действовала"}


def _directory(named: str) -> dict[str, str] | None:
    return read_texts(Path(named)) if named and Path(named).is_dir() else None


async def _files_of(session: AsyncSession, named: str) -> dict[str, str]:
    """Files of a version or of a directory; without a name, of the version in force. Raises NotFound, OSError."""
    if files := _directory(named):
        return files
    if named:
        return (await version_named(session, named)).files
    found = await published_version(session)
    return found.files if found else read_texts(get_settings().shipped_rules)


def _reading(work: Callable[[AsyncSession, Resources], Awaitable[Any]]) -> Any:
    """Run one command in one transaction; problems of rules are shown line by line."""

    async def told(session: AsyncSession, resources: Resources) -> Any:
        try:
            return await work(session, resources)
        except RulesRefused as error:
            for problem in error.problems:
                console.print(str(problem), style="red", markup=False, highlight=False)
            raise

    return change(told)


@rules_app.command("list")
def rules_list() -> None:
    """Все версии, новые сверху."""
    for row in change(lambda session, _: list_versions(session)):
        published = f", опубликована {row.published_at:%d.%m.%Y %H:%M} UTC" if row.published_at else ""
        typer.echo(f"{row.id}  {row.version}  {STATES[row.state]}{published}  {row.author}: {row.note or '—'}")


@rules_app.command("import")
def rules_import(
    directory: Annotated[Path, typer.Argument(exists=True, file_okay=False, help="Папка с rules.toml и таблицами")],
    note: Annotated[str, typer.Option(help="О чём эта версия")] = "",
) -> None:
    """Завести черновик из папки. Последняя строка вывода: имя версии."""

    async def work(session: AsyncSession, _: Resources) -> str:
        files = read_texts(directory)
        return (await service.import_draft(session, files, COMMAND_LINE, note, now=utc_now())).version

    typer.echo(_reading(work))


@rules_app.command("export")
def rules_export(
    directory: Annotated[Path, typer.Argument(file_okay=False, help="Куда записать файлы")], version: Version = ""
) -> None:
    """Записать файлы версии в папку."""
    files = change(lambda session, _: _files_of(session, version))
    directory.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (directory / Path(name).name).write_text(content, "utf-8", newline="")
    console.print(f"Файлов записано: {len(files)}")


@rules_app.command("check")
def rules_check(version: Version = "", as_json: AsJson = False) -> None:
    """Проверить версию или папку. Код 1, если есть ошибки; замечания публикации не мешают."""

    async def work(session: AsyncSession, _: Resources) -> Any:
        return await check_in_office(session, read_rules(await _files_of(session, version)), utc_now())

    problems = _reading(work)
    if as_json:
        typer.echo(json.dumps([asdict(problem) for problem in problems], ensure_ascii=False, indent=1))
    else:
        for problem in problems:
            style = "yellow" if problem.is_warning else "red"
            console.print(str(problem), style=style, markup=False, highlight=False)
    errors = sum(not problem.is_warning for problem in problems)
    console.print(f"Ошибок: {errors}, замечаний: {len(problems) - errors}")
    if errors:
        raise typer.Exit(1)


@rules_app.command("diff")
def rules_diff(
    old: Annotated[str, typer.Argument(help="Прежняя версия или папка")], new: Version = "", as_json: AsJson = False
) -> None:
    """Чем отличаются две версии, словами."""

    async def work(session: AsyncSession, _: Resources) -> Any:
        was, now = [read_rules(await _files_of(session, named)) for named in (old, new)]
        return differences(was, now)

    changes = _reading(work)
    if as_json:
        typer.echo(json.dumps([asdict(one) for one in changes], ensure_ascii=False, indent=1))
        return
    for one in changes:
        typer.echo(str(one))
    console.print(f"Отличий: {len(changes)}")


@rules_app.command("simulate")
def rules_simulate(
    draft: Annotated[str, typer.Argument(help="Имя или номер версии, или папка с файлами правил")],
    last: Annotated[int, typer.Option(min=1, max=MOST_LAST, help="Сколько последних обращений прогнать")] = LAST,
    against: Annotated[str, typer.Option(help="С чем сравнить; пусто: действующая версия")] = "",
    as_json: AsJson = False,
) -> None:
    """Прогнать черновик по прошлым обращениям: что изменилось бы."""

    async def work(resources: Resources) -> dict[str, Any]:
        async with resources.database.transaction() as session:
            old, new = read_rules(await _files_of(session, against)), read_rules(await _files_of(session, draft))
        columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
        with Progress(*columns, console=console) as bar:
            task = bar.add_task("Прогон", total=1.0)
            return await simulate(
                resources.database, old, new, last, utc_now(), lambda share: bar.update(task, completed=share)
            )

    result = run(work)
    if as_json:
        typer.echo(json.dumps(result, ensure_ascii=False, indent=1))
    else:
        _show(result)


def _show(result: dict[str, Any]) -> None:
    for move in result["moves"]:
        before, after = result["names"][move["before"]], result["names"][move["after"]]
        typer.echo(
            f"{before} → {after}: {number(move['count'])}, лучше {number(move['better'])}, хуже {number(move['worse'])}"
            f"; например {', '.join(map(str, move['examples']))}"
        )
    for rule, count in result["touched"].items():
        typer.echo(f"Правило {rule}, новое или изменённое: решило {number(count)}")
    if result["failed"]:
        typer.echo(f"Сломались во время прогона и были пропущены: {failed_text(result['failed'])}")
    decided = result["decided"]
    was, now = (result[key] / decided if decided else None for key in ("agreed_before", "agreed_after"))
    typer.echo(
        f"{result['old']} → {result['new']}: обращений {number(result['total'])}, сменили бы отдел "
        f"{number(result['moved'])}, верных с первого раза {percent(was, 1)} → {percent(now, 1)} "
        f"из {number(decided)} решённых людьми, на стол центра +{number(result['to_desk'])} "
        f"−{number(result['from_desk'])}"
    )


@rules_app.command("publish")
def rules_publish(version: Annotated[str, typer.Argument(help="Имя или номер черновика")]) -> None:
    """Опубликовать черновик. Рабочие процессы возьмут его со следующей пачки."""

    async def work(session: AsyncSession, resources: Resources) -> str:
        draft = await version_named(session, version)
        needs_approval = resources.settings.rules_need_approval
        await service.publish(session, draft.id or 0, COMMAND_LINE, now=utc_now(), needs_approval=needs_approval)
        return draft.version

    console.print(f"Действует {_reading(work)}")


@rules_app.command("rollback")
def rules_rollback(version: Annotated[str, typer.Argument(help="Версия, которая уже действовала")]) -> None:
    """Вернуть правила прежней версии: они публикуются заново под новым именем."""

    async def work(session: AsyncSession, _: Resources) -> str:
        earlier = await version_named(session, version)
        return (await service.roll_back(session, earlier.id or 0, COMMAND_LINE, now=utc_now())).version

    console.print(f"Действует {_reading(work)}")


@rules_app.command("explain")
def rules_explain(
    territory: Annotated[str, typer.Option(help="Код ОКТМО")],
    topic: Annotated[str, typer.Option(help="Тема, как её называет классификатор")] = "",
    group: Annotated[str, typer.Option(help="Группа тем; без неё берётся группа темы")] = "",
    text: Annotated[str, typer.Option(help="Текст обращения")] = "",
    page: Annotated[str, typer.Option(help="Номер страницы на площадке")] = "",
    version: Annotated[str, typer.Option(help="Версия или папка; пусто: действующая")] = "",
) -> None:
    """Показать решение и почему оно такое, если метке верят полностью."""
    try:
        path = territory_path(territory)
    except ValueError as error:
        fail(str(error))

    async def work(session: AsyncSession, _: Resources) -> str:
        rules = read_rules(await _files_of(session, version))
        return describe(rules, rules.decide(certain_facts(rules, path, topic, group, text, page)))

    typer.echo(_reading(work))


def certain_facts(rules: RuleSet, path: tuple[str, ...], topic: str, group: str, text: str, page: str) -> Facts:
    """A comment in VKontakte whose labels are certain."""
    label = rules.label(topic) if topic else None
    known = group or (label.group if label else None)
    return Facts(
        platform="vk", kind="comment", page=page, sphere=None, territory=path, topic=topic or None,
        topic_confidence=1.0 if topic else 0.0, topic_group=known, group_confidence=1.0 if known else 0.0, agency=None,
        agency_confidence=0.0, severity=2, text=text, page_department=None,
    )  # fmt: skip
