"""`appeals classifier …`: the judge learns, is compared, promoted and taken back."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from app.accounts.actor import Actor
from app.formats import number, percent
from app.learning import decisions, overview, registry
from app.learning.comparison import Comparison
from app.learning.files import new_folder, read_model
from app.learning.models import ModelState, ModelVersion
from app.learning.nightly import NIGHT
from app.learning.teaching import compare_with_champion, register_folder, teach_from_labels
from app.resources import Resources
from app.settings import get_settings
from app.terminal import COMMAND_LINE, change, console, fail, plain_errors, run
from app.time import utc_now
from app.triage.facts import CIRCUMSTANCES
from classifier import Judge
from classifier import commands as library
from classifier.__main__ import GivenColumns, Header, LabelColumns, Talk, columns_of
from classifier.__main__ import TextColumn as TextColumnName

classifier_app = typer.Typer(no_args_is_help=True, help="Модель: обучение, сравнение, замена, возврат.")
Data = Annotated[Path | None, typer.Option("--data", exists=True, dir_okay=False, help="CSV, CSV.GZ или XLSX.")]
KIND_NAMES = {"topic": "тема", "topic_group": "группа тем", "agency": "ведомство"}


@classifier_app.command()
def train(
    data: Data = None,
    text_column: TextColumnName = None,
    label: LabelColumns = None,
    given: GivenColumns = None,
    talk: Talk = None,
    header: Header = None,
    from_scratch: Annotated[bool, typer.Option("--from-scratch", help="Не опираться на поставляемую модель")] = False,
    nightly: Annotated[bool, typer.Option("--nightly", hidden=True)] = False,
) -> None:
    """Обучить претендента: на метках сотрудников или на выгрузке (--data). Последняя строка вывода: его версия."""
    actor = NIGHT if nightly else COMMAND_LINE
    if data is None:
        typer.echo(run(lambda resources: _teach(resources, actor)))
        return
    with plain_errors():
        columns = columns_of(text_column, label, header, given)
    strange = ", ".join(sorted(set(columns.given) - set(CIRCUMSTANCES)))
    if strange:
        fail(f"О сообщении служба не узнает {strange}: обстоятельства здесь называются {', '.join(CIRCUMSTANCES)}")
    if columns.labels and "topic" not in columns.labels:
        fail("Судить обращения может модель, которая знает темы: добавьте --label topic=СТОЛБЕЦ")

    async def work(resources: Resources) -> str:
        with new_folder(resources.settings) as (folder, place):
            found = await asyncio.to_thread(
                library.train, data, columns, talk, folder, console,
                from_scratch=from_scratch, held_out=True,
            )  # fmt: skip
            row = await register_folder(resources, folder, place, found.report, actor, utc_now())
        return row.version

    typer.echo(run(work))


async def _teach(resources: Resources, actor: Actor) -> str:
    from classifier.adaptation import STEPS

    with _steps("Обучение на метках сотрудников", STEPS) as step:
        row = await teach_from_labels(resources, actor, utc_now(), step)
    for sentence in row.report:
        console.print(sentence, markup=False, soft_wrap=True)
    _show_comparison(Comparison.from_stored((await _row(resources, row.version)).comparison))
    return row.version


@contextmanager
def _steps(words: str, count: int) -> Iterator[Callable[[str], None]]:
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed}/{task.total}"))
    with Progress(*columns, TimeElapsedColumn(), console=console) as bar:
        task = bar.add_task(words, total=count, completed=-1)
        yield lambda name: bar.update(task, advance=1, description=f"{words}: {name}")
        bar.update(task, completed=count, description=words)


async def _row(resources: Resources, version: str) -> ModelVersion:
    async with resources.database.transaction() as session:
        return await registry.find(session, version)


@classifier_app.command("first-judge")
def first_judge(
    labels: Annotated[Path, typer.Option(exists=True, dir_okay=False, help="Столбцы label и description")],
    kind: Annotated[str, typer.Option(help="Вид меток")] = "topic",
) -> None:
    """Первая модель из одних описаний меток, без истории. Последняя строка вывода: её версия."""

    async def work(resources: Resources) -> str:
        with new_folder(resources.settings) as (folder, place):
            found = await asyncio.to_thread(library.first_judge, labels, kind, folder, console)
            return (await register_folder(resources, folder, place, found.report, COMMAND_LINE, utc_now())).version

    typer.echo(run(work))


@classifier_app.command()
def evaluate(
    data: Annotated[Path, typer.Option(exists=True, dir_okay=False, help="CSV, CSV.GZ или XLSX с метками")],
    version: Annotated[str, typer.Option(help="Версия; пусто: работающая")] = "",
    text_column: TextColumnName = None,
    label: LabelColumns = None,
    given: GivenColumns = None,
    header: Header = None,
) -> None:
    """Измерить модель из реестра на размеченных строках."""

    async def work(resources: Resources) -> None:
        async with resources.database.transaction() as session:
            row = await registry.find(session, version) if version else await registry.champion(session)
        judge = Judge(*read_model(resources.settings, row))
        columns = columns_of(text_column, label, header, given)
        for figures in library.evaluate(judge, data, columns, None, console):
            typer.echo(f"{figures['label']}: " + ", ".join(_figure(name, figures[name]) for name in SHOWN))

    run(work)


SHOWN = ("n", "accuracy", "weighted_f1", "top3", "ece", "coverage_at_95")


def _figure(name: str, value: float) -> str:
    return f"{name} {value:.3f}" if isinstance(value, float) else f"{name} {value}"


@classifier_app.command()
def compare(
    version: Annotated[str, typer.Argument(help="Версия; пусто: новейший претендент")] = "",
    seed: Annotated[int, typer.Option(help="Зерно случайных выборок")] = 0,
) -> None:
    """Сравнить с работающей моделью на самых новых метках, которых обе не видели."""

    async def work(resources: Resources) -> Comparison | None:
        return await compare_with_champion(resources, version or await overview.newest_challenger(resources), seed)

    _show_comparison(run(work))


def _show_comparison(found: Comparison | None) -> None:
    if found is None:
        console.print("Сравнить не на чем: меток новее обучения нет")
        return
    table = Table("метка", "сообщений", "работает", "претендент", "разница, п. п.", "интервал 95 %")
    for kind, one in found.kinds.items():
        table.add_row(
            KIND_NAMES.get(kind, kind), number(one.rows), percent(one.champion, 1), percent(one.challenger, 1),
            f"{one.mean * 100:+.1f}", f"{one.low * 100:+.1f} … {one.high * 100:+.1f}",
        )  # fmt: skip
    console.print(table)
    console.print(found.verdict)


@classifier_app.command()
def promote(
    version: Annotated[str, typer.Argument(help="Версия из appeals classifier status")],
    force: Annotated[bool, typer.Option("--force", help="Принять, даже если не лучше")] = False,
    reason: Annotated[str, typer.Option(help="Почему; обязательно с --force")] = "",
) -> None:
    """Сделать модель работающей. Процессы возьмут её сами в течение минуты."""
    if force != bool(reason.strip()):
        fail("--force и --reason нужны вместе: причина останется в журнале")
    run(lambda resources: decisions.promote_model(resources, version, COMMAND_LINE, utc_now(), reason=reason.strip()))
    console.print(f"Работает модель {version}. Вернуть прежнюю: appeals classifier rollback")


@classifier_app.command()
def rollback(reason: Annotated[str, typer.Option(help="Почему")] = "") -> None:
    """Вернуть модель, которая работала до этой."""
    restored = change(lambda session, _: registry.rollback(session, COMMAND_LINE, now=utc_now(), reason=reason))
    console.print(f"Работает модель: {restored}")


@classifier_app.command()
def status() -> None:
    """Какая модель работает, кто ждёт решения, сколько новых меток и где людям приходится исправлять."""
    told = run(overview.read_overview)
    _show_models(told)
    console.print(f"Новых меток после последнего обучения: {number(told.new_labels)}")
    if told.corrections:
        table = Table("тема", "меток", "исправлено")
        for one in told.corrections:
            table.add_row(one.label, number(one.labels), percent(one.share))
        console.print(table)
    typer.echo(told.champion.version if told.champion else get_shipped_version())


def get_shipped_version() -> str:
    """The version of the model in the box."""
    return Judge.load(get_settings().model_path).version


def _show_models(told: "overview.Overview") -> None:
    if told.champion is None:
        console.print("Работает поставляемая модель")
    for row in told.rows:
        found = Comparison.from_stored(row.comparison)
        words = found.verdict if found and row.state == ModelState.CHALLENGER else row.note or ""
        console.print(
            f"{row.version}  {overview.STATE_NAMES[ModelState(row.state)]}  строк {number(row.rows)}  {words}",
            markup=False, highlight=False,
        )  # fmt: skip
        if row.problem:
            console.print(f"  {row.problem}", style="red", markup=False, highlight=False)
