"""`appeals pages …`: commands over the whole registry."""

import csv
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from app.audit.service import audit
from app.formats import number
from app.public_pages.importing import ImportCounts, import_pages
from app.public_pages.rows import Remark
from app.public_pages.sheets import open_sheet
from app.resources import Resources
from app.terminal import COMMAND_LINE, console, run
from app.time import utc_now

pages_app = typer.Typer(no_args_is_help=True, help="Официальные страницы.")

MOST_SHOWN = 10
STARTS_A_FORMULA = ("=", "+", "-", "@")


@contextmanager
def remark_file(path: Path | None) -> Iterator[list[Remark]]:
    """Collects remarks; at the end they are in the file, for Russian Excel."""
    remarks: list[Remark] = []
    try:
        yield remarks
    finally:
        if path is not None:
            _write_remarks(path, remarks)


def _write_remarks(path: Path, remarks: list[Remark]) -> None:
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file, delimiter=";")
        writer.writerow(["Строка", "Колонка", "Что не так", "Строка взята"])
        for one in sorted(remarks, key=lambda remark: remark.row):
            writer.writerow([one.row, _plain(one.column), _plain(one.text), "нет" if one.is_error else "да"])


def _plain(text: str) -> str:
    """Text of a stranger must not run as a formula."""
    return f"'{text}" if text.startswith(STARTS_A_FORMULA) else text


@contextmanager
def progress(words: str) -> Iterator[Callable[[float], None]]:
    """A bar on standard error, told how much is done as a share of one."""
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as bar:
        task = bar.add_task(words, total=1.0)
        yield lambda share: bar.update(task, completed=share)


@pages_app.command("import")
def pages_import(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="CSV или XLSX, колонки: docs/pages.md")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Только проверить: ничего не записывать")] = False,
    report: Annotated[Path | None, typer.Option(help="Куда записать замечания к строкам, CSV")] = None,
) -> None:
    """Завести и обновить страницы из таблицы. Последняя строка вывода: сколько чего."""

    async def work(resources: Resources) -> tuple[ImportCounts, list[Remark]]:
        now = utc_now()
        with remark_file(report) as remarks, open_sheet(file) as sheet, progress("Читаю таблицу") as show:
            counts = await import_pages(
                resources, sheet, now, is_dry_run=dry_run, on_remark=remarks.append, on_share=show
            )
        if not dry_run:
            async with resources.database.transaction() as session:
                audit(session, COMMAND_LINE.label, "pages_imported", now, file=file.name, added=counts.added,
                      changed=counts.changed, unchanged=counts.unchanged, bad=counts.bad)  # fmt: skip
        return counts, remarks

    counts, remarks = run(work)
    for one in remarks[:MOST_SHOWN]:
        console.print(f"Строка {one.row}, {one.column}: {one.text}", markup=False, highlight=False)
    if len(remarks) > MOST_SHOWN and report is None:
        console.print(f"И ещё {number(len(remarks) - MOST_SHOWN)}: полный список пишет --report", markup=False)
    if dry_run:
        console.print("Проверка: в реестр ничего не записано")
    typer.echo(
        f"Добавлено: {counts.added}, изменено: {counts.changed}, без изменений: {counts.unchanged},"
        f" с ошибками: {counts.bad}, с замечаниями: {counts.notes}, новых органов: {counts.bodies}"
    )
