"""`appeals pages …`: commands over the whole registry."""

import asyncio
import csv
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from app.audit.service import audit
from app.errors import NotFound
from app.formats import number
from app.platforms import UnknownPlatform
from app.public_pages.connection import CannotConnect, connect_page, pages_to_connect
from app.public_pages.importing import ImportCounts, import_pages
from app.public_pages.rotation import RotationCounts, rotate_keys
from app.public_pages.rows import Remark
from app.public_pages.sheets import open_sheet
from app.resources import Resources
from app.settings import get_settings
from app.terminal import COMMAND_LINE, console, fail, run
from app.time import utc_now
from app.vault import CannotDecrypt

pages_app = typer.Typer(no_args_is_help=True, help="Официальные страницы.")

MOST_SHOWN = 10
PAGES_AT_ONCE = 8
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


@pages_app.command("connect")
def pages_connect(
    platform: Annotated[str, typer.Option(help="Площадка; с --all только её страницы")] = "",
    external_id: Annotated[str, typer.Option(help="Номер сообщества на платформе")] = "",
    everything: Annotated[bool, typer.Option("--all", help="Все включённые страницы с ключами доступа")] = False,
) -> None:
    """Подключить вебхук страницы на площадке и получить её строку подтверждения."""
    if everything == bool(external_id):
        fail("Назовите одну страницу (--platform и --external-id) или все (--all)")

    async def work(resources: Resources) -> tuple[int, list[str]]:
        async with resources.database.transaction() as session:
            pages = await pages_to_connect(session, platform, external_id)
        if external_id and len(pages) != 1:
            raise NotFound(f"Страница {platform} {external_id} не заведена".replace("  ", " "))
        with progress("Подключаю") as show:
            return len(pages), await _connect_all(resources, pages, show)

    count, problems = run(work)
    for problem in problems:
        console.print(problem, style="red", markup=False, highlight=False)
    console.print(f"Подключено страниц: {count - len(problems)} из {count}")
    if problems:
        raise typer.Exit(1)


async def _connect_all(
    resources: Resources, pages: Sequence[tuple[int, str]], on_share: Callable[[float], None]
) -> list[str]:
    """Connect these pages, some at a time; a sentence for each that could not be."""
    gate, done, problems = asyncio.Semaphore(PAGES_AT_ONCE), 0, list[str]()

    async def connect(page_id: int, name: str) -> None:
        nonlocal done
        async with gate:
            try:
                problem = await connect_page(resources, page_id)
            except (CannotConnect, CannotDecrypt, UnknownPlatform) as error:
                problem = str(error)
        if problem:
            problems.append(f"{name}: {problem}")
        done += 1
        on_share(done / len(pages))

    await asyncio.gather(*(connect(page_id, name) for page_id, name in pages))
    async with resources.database.transaction() as session:
        audit(session, COMMAND_LINE.label, "pages_connected", utc_now(), tried=len(pages), failed=len(problems))
    return problems


@pages_app.command("rotate-keys")
def pages_rotate_keys() -> None:
    """Запечатать ключи доступа всех страниц новым ключом. Прежние перечислите в APPEALS_OLD_SECRET_KEYS."""

    async def work(resources: Resources) -> RotationCounts:
        with progress("Запечатываю") as show:
            counts = await rotate_keys(resources, show)
        async with resources.database.transaction() as session:
            audit(session, COMMAND_LINE.label, "keys_rotated", utc_now(), sealed=counts.sealed,
                  unreadable=len(counts.unreadable))  # fmt: skip
        return counts

    counts = run(work)
    console.print(f"Запечатано заново страниц: {counts.sealed}")
    if counts.old_deliveries:
        days = get_settings().payload_retention_days
        console.print(
            f"Исходников доставок под прежними ключами: {counts.old_deliveries}. Они удалятся сами за {days} дн.,"
            " до тех пор не убирайте прежние ключи."
        )
    for name in counts.unreadable:
        console.print(f"Ни один ключ не открывает: {name}", style="red", markup=False, highlight=False)
    if counts.unreadable:
        raise typer.Exit(1)
