"""``python -m classifier train | evaluate | predict``. What people read here is Russian."""

import json
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from classifier.artifact import ArtifactRejected, write_artifact
from classifier.dataset import LABEL_KINDS, Corpus, DataIsWrong, Source, is_held_out, read_corpus, read_talk
from classifier.judge import STARTER, Judge, Judgement

cli = typer.Typer(help="Классификатор обращений: обучение, проверка, применение.", no_args_is_help=True)
screen = Console(stderr=True)
KIND_NAMES = {"topic_group": "группа тем", "topic": "тема", "agency": "ведомство"}

Data = Annotated[
    Path, typer.Option("--data", exists=True, help="CSV(.GZ) со столбцами text, topic_group, topic, agency.")
]
Talk = Annotated[Path, typer.Option("--talk", exists=True, help="CSV(.GZ) со столбцом text: разговоры, не обращения.")]
ModelFile = Annotated[Path, typer.Option("--model", help="Файл модели; по умолчанию — поставляемая.")]


@cli.command()
def train(
    data: Data,
    talk: Talk,
    out: Annotated[Path, typer.Option("--out", help="Папка, куда записать model.npz и manifest.json.")],
    held_out: Annotated[bool, typer.Option(help="Сначала измерить качество на отложенной пятой части.")] = True,
) -> None:
    """Обучает модель на всех строках и записывает её."""
    from classifier.training import resigned

    corpus, chatter = read_corpus(data), read_talk(talk)
    sources = [Source.of(data, len(corpus.texts)), Source.of(talk, len(chatter))]
    figures = _held_out_figures(corpus, chatter, sources) if held_out else None
    model = _trained(corpus, chatter, sources, "Обучение на всех строках")
    if figures:
        manifest = replace(model.manifest, metrics={**model.manifest.metrics, "held_out": figures})
        model = resigned(replace(model, manifest=manifest))
    write_artifact(out / "model.npz", model.manifest, model.arrays)
    screen.print(f"Записано: {out / 'model.npz'}, версия {model.manifest.version}")
    _show(model.manifest.metrics)


@cli.command()
def evaluate(
    data: Data,
    talk: Talk,
    model: Annotated[Path | None, typer.Option("--model", help="Готовая модель вместо обучения на 4/5 строк.")] = None,
) -> None:
    """Измеряет качество: без --model обучает на четырёх пятых и судит оставшуюся пятую."""
    corpus, chatter = read_corpus(data), read_talk(talk)
    sources = [Source.of(data, len(corpus.texts)), Source.of(talk, len(chatter))]
    if model is None:
        _show({"held_out": _held_out_figures(corpus, chatter, sources)})
        return
    judge = Judge.load(model)
    known = {source["sha256"] for source in judge.manifest.provenance["sources"]}
    if sources[0].sha256 in known:
        screen.print("[yellow]Модель обучена на этом файле: цифры ниже завышены.[/yellow]")
    _show({"given_model": _figures(judge, corpus, chatter)})


@cli.command()
def predict(
    texts: Annotated[
        list[str] | None, typer.Argument(help="Сообщения; без них читаются строки стандартного ввода.")
    ] = None,
    model: ModelFile = STARTER,
    as_json: Annotated[bool, typer.Option("--json", help="По строке JSON на сообщение.")] = False,
) -> None:
    """Судит сообщения: о чём, чьё и обращение ли это."""
    judge = Judge.load(model)
    messages = texts or [line.rstrip("\n") for line in sys.stdin]
    for text, judgement in zip(messages, judge.judge(messages), strict=True):
        if as_json:
            print(json.dumps({"text": text, **asdict(judgement)}, ensure_ascii=False))
        else:
            Console().print(_judgement_table(text, judgement))


def _judgement_table(text: str, judgement: Judgement) -> Table:
    table = Table(title=text[:80], title_justify="left", caption=f"обращение: {judgement.appeal_probability:.0%}")
    table.add_column("что")
    table.add_column("метка")
    table.add_column("вероятность", justify="right")
    for kind in LABEL_KINDS:
        for guess in getattr(judgement, kind):
            table.add_row(KIND_NAMES[kind], guess.label, f"{guess.probability:.1%}")
        table.add_section()
    return table


def _trained(corpus: Corpus, talk: list[str], sources: list[Source], title: str) -> Any:
    from classifier.training import STEPS
    from classifier.training import train as train_model

    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed}/{task.total}"))
    with Progress(*columns, TimeElapsedColumn(), console=screen) as progress:
        task = progress.add_task(title, total=STEPS, completed=-1)

        def step(name: str) -> None:
            progress.update(task, advance=1, description=f"{title}: {name}")

        model = train_model(corpus, talk, sources, time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), step)
        progress.update(task, completed=STEPS, description=title)
    return model


def _held_out_figures(corpus: Corpus, talk: list[str], sources: list[Source]) -> dict[str, Any]:
    """Trains on four fifths, through pruning and rounding as in the shipped file, and judges the last fifth."""
    out, talk_out = is_held_out(corpus.texts), is_held_out(talk)
    talk_in = [text for text, held in zip(talk, talk_out, strict=True) if not held]
    model = _trained(corpus.where(~out), talk_in, sources, "Обучение на четырёх пятых")
    rest = [text for text, held in zip(talk, talk_out, strict=True) if held]
    return _figures(Judge(model.manifest, model.arrays), corpus.where(out), rest)


def _figures(judge: Judge, corpus: Corpus, talk: list[str]) -> dict[str, Any]:
    from classifier.evaluation import judge_figures

    return judge_figures(judge, corpus, talk)


def _show(metrics: dict[str, Any]) -> None:
    for protocol, figures in metrics.items():
        table = Table(title=protocol)
        table.add_column("метка")
        for name in ("weighted_f1", "macro_f1", "accuracy", "top3", "ece", "coverage95"):
            table.add_column(name, justify="right")
        for kind in LABEL_KINDS:
            values = figures[kind]
            table.add_row(KIND_NAMES[kind], *(f"{values[column.header]:.3f}" for column in table.columns[1:]))
        screen.print(table)
        screen.print(f"обращение или разговор: {figures['appeal']}")


def main() -> None:
    """Runs the command line; refusals become one sentence and exit code 1."""
    try:
        cli()
    except (ArtifactRejected, DataIsWrong) as error:
        screen.print(f"[red]{error}[/red]")
        raise SystemExit(1) from error


if __name__ == "__main__":
    main()
