"""`appeals departments …` and `appeals territories …`: registries that people keep in tables."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

from app.handling.importing import Imported, OnShare, import_departments, import_territories
from app.resources import Resources
from app.terminal import COMMAND_LINE, console, run
from app.time import utc_now

departments_app = typer.Typer(no_args_is_help=True, help="Отделы.")
territories_app = typer.Typer(no_args_is_help=True, help="Территории.")
Table = Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="CSV или XLSX, колонки: docs/departments.md")]
MOST_SHOWN = 20


@departments_app.command("import")
def departments_import(file: Table) -> None:
    """Завести и обновить отделы из таблицы. Последняя строка вывода: сколько взято."""
    _take(lambda resources, share: import_departments(resources, file, COMMAND_LINE, now=utc_now(), on_share=share))


@territories_app.command("import")
def territories_import(file: Table) -> None:
    """Завести и переименовать территории из таблицы. Последняя строка вывода: сколько взято."""
    _take(lambda resources, share: import_territories(resources, file, COMMAND_LINE, now=utc_now(), on_share=share))


def _take(work: Callable[[Resources, OnShare], Awaitable[Imported]]) -> None:
    async def take(resources: Resources) -> Imported:
        columns = (TextColumn("Читаю таблицу"), BarColumn(), TaskProgressColumn())
        with Progress(*columns, console=console) as bar:
            task = bar.add_task("", total=1.0)
            return await work(resources, lambda share: bar.update(task, completed=share))

    done = run(take)
    for number, problem in done.problems[:MOST_SHOWN]:
        console.print(f"Строка {number}: {problem}", markup=False, highlight=False)
    if len(done.problems) > MOST_SHOWN:
        console.print(f"И ещё плохих строк: {len(done.problems) - MOST_SHOWN}")
    typer.echo(f"Взято: {done.taken}, с ошибками: {len(done.problems)}")
    if done.problems:
        raise typer.Exit(1)
