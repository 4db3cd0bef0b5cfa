"""``python -m classifier train | first-judge | evaluate | predict``. What people read here is Russian."""

import json
import sys
from collections.abc import Iterable, Iterator
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from classifier import commands
from classifier.accurate import AccurateJudge
from classifier.artifact import ArtifactRejected
from classifier.circumstances import read_value
from classifier.dataset import Columns
from classifier.encoder import ExtraIsAbsent
from classifier.judge import BATCH, Judge, Judgement
from classifier.tables import DataIsWrong

cli = typer.Typer(help="Классификатор обращений: обучение, проверка, применение.", no_args_is_help=True)
screen = Console(stderr=True)
FIGURES = ("n", "accuracy", "weighted_f1", "macro_f1", "top3", "ece", "coverage_at_95", "texts_per_second")
RESERVED = {"text", "appeal", "appeal_probability", "abuse_probability"}


class Tier(StrEnum):
    """How much thought a message is worth."""

    DEFAULT = "default"
    ACCURATE = "accurate"


Data = Annotated[Path, typer.Option("--data", exists=True, dir_okay=False, help="CSV, CSV.GZ или XLSX.")]
TextColumn = Annotated[
    str | None, typer.Option("--text-column", help="Столбец текста: имя или номер от 0. По умолчанию — text.")
]
LabelColumns = Annotated[
    list[str] | None,
    typer.Option("--label", help="ИМЯ=СТОЛБЕЦ, имя или номер от 0; можно несколько раз. По умолчанию — метки модели."),
]
GivenColumns = Annotated[
    list[str] | None,
    typer.Option("--given", help="ИМЯ=СТОЛБЕЦ: что известно кроме текста, например territory; можно несколько раз."),
]
Header = Annotated[
    bool | None, typer.Option("--header/--no-header", help="Есть ли строка имён; по умолчанию видно само.")
]
Talk = Annotated[
    Path | None, typer.Option("--talk", exists=True, dir_okay=False, help="CSV(.GZ) со столбцом text: не обращения.")
]
ModelPath = Annotated[Path | None, typer.Option("--model", help="Папка или файл модели; по умолчанию — поставляемая.")]
TierChoice = Annotated[Tier, typer.Option("--tier", help="accurate требует pip install .[accurate].")]
AsJson = Annotated[bool, typer.Option("--json", help="По объекту JSON в строке.")]


@cli.command()
def train(
    data: Data,
    out: Annotated[Path, typer.Option("--out", help="Папка модели: model.npz, manifest.json, card.md.")],
    text_column: TextColumn = None,
    label: LabelColumns = None,
    given: GivenColumns = None,
    talk: Talk = None,
    header: Header = None,
    from_scratch: Annotated[
        bool, typer.Option("--from-scratch", help="Не опираться на знания поставляемой модели.")
    ] = False,
    tier: Annotated[Tier, typer.Option("--tier", help="accurate учит ещё и точный уровень.")] = Tier.DEFAULT,
    meanings: Annotated[bool, typer.Option("--meanings", help="Слова делятся смыслом: нужен make meanings.")] = False,
    held_out: Annotated[
        bool, typer.Option("--held-out/--no-held-out", help="Смесь и пороги — по четырём пятым; измерить на последней.")
    ] = False,
) -> None:
    """Обучает модель на всех строках и записывает её с паспортом и карточкой."""
    columns = columns_of(text_column, label, header, given)
    trained = commands.train(
        data, columns, talk, out, screen,
        from_scratch=from_scratch, held_out=held_out, accurate=tier is Tier.ACCURATE, meanings=meanings,
    )  # fmt: skip
    screen.print(f"Записано: {out / 'model.npz'}, версия {trained.manifest.version}; карточка — {out / 'card.md'}")


@cli.command("first-judge")
def first_judge(
    labels: Annotated[
        Path, typer.Option("--labels", exists=True, dir_okay=False, help="Столбцы label и description: CSV или XLSX.")
    ],
    out: Annotated[Path, typer.Option("--out", help="Папка модели: model.npz, manifest.json, card.md.")],
    kind: Annotated[str, typer.Option("--kind", help="Имя вида меток.")] = "topic",
) -> None:
    """Составляет первую модель из описаний меток, когда истории нет."""
    made = commands.first_judge(labels, kind, out, screen)
    screen.print(f"Записано: {out / 'model.npz'}, версия {made.manifest.version}")


@cli.command()
def evaluate(
    data: Data,
    text_column: TextColumn = None,
    label: LabelColumns = None,
    given: GivenColumns = None,
    talk: Talk = None,
    header: Header = None,
    model: ModelPath = None,
    tier: TierChoice = Tier.DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Измеряет качество готовой модели на размеченных строках."""
    judge = _judge(model, tier)
    columns = columns_of(text_column, label, header, given)
    figures = commands.evaluate(judge, data, columns, talk, screen)
    if as_json:
        for one in figures:
            print(json.dumps(one, ensure_ascii=False))
        return
    table = Table("метка", *FIGURES)
    for one in figures:
        if one["label"] in judge.kinds:
            table.add_row(
                one["label"], *(f"{one[name]:.3f}" if one[name] < 1 else f"{one[name]:.0f}" for name in FIGURES)
            )
        else:
            screen.print(one)
    Console().print(table)


@cli.command()
def predict(
    texts: Annotated[
        list[str] | None, typer.Argument(help="Сообщения; без них читаются строки стандартного ввода.")
    ] = None,
    model: ModelPath = None,
    tier: TierChoice = Tier.DEFAULT,
    given: Annotated[
        list[str] | None, typer.Option("--given", help="ИМЯ=ЗНАЧЕНИЕ обо всех сообщениях; можно несколько раз.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Судит сообщения. Строки стандартного ввода становятся строками JSON."""
    told = pairs_of("--given", "ИМЯ=ЗНАЧЕНИЕ", given)
    judge, known = _judge(model, tier), {name: read_value(name, value) or value for name, value in told.items()}
    for sentence in commands.circumstances_for(judge, known):
        screen.print(sentence, style="yellow", markup=False, soft_wrap=True)
    if texts and not as_json:
        for text, judgement in zip(texts, judge.judge(texts, [known] * len(texts)), strict=True):
            Console().print(_judgement_table(text, judgement))
        return
    for batch in _batches(texts or _lines()):
        for text, judgement in zip(batch, judge.judge(batch, [known] * len(batch)), strict=True):
            line = json.dumps({"text": text, **commands.as_plain(judgement)}, ensure_ascii=False)
            sys.stdout.buffer.write(line.encode("utf-8", errors="replace") + b"\n")
        sys.stdout.flush()


def columns_of(text: str | None, labels: list[str] | None, header: bool | None, given: list[str] | None) -> Columns:
    """The columns as they were typed. Raises ``DataIsWrong``."""
    circumstances = pairs_of("--given", "ИМЯ=СТОЛБЕЦ", given)
    return Columns(text, pairs_of("--label", "ИМЯ=СТОЛБЕЦ", labels) or None, header, circumstances)


def pairs_of(option: str, form: str, typed: list[str] | None) -> dict[str, str]:
    """``NAME=VALUE`` pairs; the first ``=`` divides. Raises ``DataIsWrong``."""
    pairs = [one.partition("=") for one in typed or ()]
    for name, _, value in pairs:
        if not name.replace("_", "a").replace("-", "a").isalnum() or not value or name in RESERVED:
            raise DataIsWrong(f"{option} ждёт {form}, а получено «{name}={value}»; имя — буквы, цифры, _ и -.")
    named = {name: value for name, _, value in pairs}
    if len(named) < len(pairs):
        raise DataIsWrong(f"{option} называет одно имя дважды.")
    return named


def _judge(model: Path | None, tier: Tier) -> Judge:
    return AccurateJudge.load(model) if tier is Tier.ACCURATE else Judge.load(model)


def _lines() -> Iterator[str]:
    """Lines of standard input, whatever their bytes are."""
    return (line.rstrip(b"\r\n").decode("utf-8", errors="replace") for line in sys.stdin.buffer)


def _batches(texts: Iterable[str]) -> Iterator[list[str]]:
    rest = iter(texts)
    while batch := list(islice(rest, BATCH)):
        yield batch


def _judgement_table(text: str, judgement: Judgement) -> Table:
    table = Table(title=text[:80], title_justify="left", caption=f"обращение: {judgement.appeal_probability:.0%}")
    table.add_column("что")
    table.add_column("метка")
    table.add_column("вероятность", justify="right")
    for kind, guesses in judgement.labels.items():
        for guess in guesses:
            table.add_row(kind, guess.label, f"{guess.probability:.1%}")
        table.add_section()
    return table


def main() -> None:
    """Runs the command line; refusals become one sentence and exit code 1."""
    try:
        cli()
    except (ArtifactRejected, DataIsWrong, ExtraIsAbsent) as error:
        screen.print(str(error), style="red", markup=False, soft_wrap=True)
        raise SystemExit(1) from error


if __name__ == "__main__":
    main()
