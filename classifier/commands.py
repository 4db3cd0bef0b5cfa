"""What the commands do, apart from how they are typed: training with its report and card, measuring a ready model."""

import time
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from classifier.artifact import FILE_NAME, Manifest, write_artifact
from classifier.circumstances import plain
from classifier.companion import FILE_NAME as COMPANION
from classifier.companion import write_companion
from classifier.dataset import Columns, Corpus, Source, Talk, is_held_out, read_corpus, read_talk
from classifier.encoder import encoder
from classifier.judge import Judge, Judgement
from classifier.tables import DataIsWrong, read_table

if TYPE_CHECKING:
    from classifier.meanings import WordEncoder
    from classifier.training import Learnt, Model


@dataclass(frozen=True, slots=True)
class Trained:
    """What a training has left: the manifest, and what was said of the data."""

    manifest: Manifest
    report: list[str]


SEEN_TOO_MUCH: Final = 0.01
"""A base that has seen so many of the messages would flatter every figure measured upon it."""


def train(
    data: Path,
    columns: Columns,
    talk: Path | None,
    out: Path,
    screen: Console,
    *,
    from_scratch: bool,
    held_out: bool,
    accurate: bool = False,
    meanings: bool = False,
) -> Trained:
    """Trains on a file and writes the model with its card.

    Raises ``DataIsWrong``, ``ArtifactRejected``, and ``ExtraIsAbsent`` where the accurate tier is wanted without it.
    """
    from classifier.card import card
    from classifier.meanings import word_encoder
    from classifier.survey import survey
    from classifier.training import resigned

    if accurate:
        encoder()  # better to refuse now than after the training
    of_words = word_encoder() if meanings else None
    corpus, chatter = read_corpus(data, columns), read_talk(talk) if talk else None
    base = None if from_scratch else Judge.load()
    found = survey(corpus, base)
    for sentence in found.sentences():
        screen.print(sentence, markup=False, soft_wrap=True)
    if found.seen_by_base > SEEN_TOO_MUCH:
        screen.print("Основа училась на этих же сообщениях: обучаем с нуля, иначе оценка завышена.", soft_wrap=True)
        base = None
    sources = [Source.of(data, len(corpus.texts)), *([Source.of(talk, len(chatter.texts))] if talk and chatter else [])]
    lesson = _Lesson(corpus, chatter, sources, base, of_words)
    most, figures = _most_rows(lesson, screen) if held_out else (None, None)
    learnt = most.learnt if most and not accurate else None  # the companion wants every row judged unseen
    model = _trained(lesson, screen, "Обучение на всех строках", learnt)
    if figures:
        manifest = replace(model.manifest, metrics={**model.manifest.metrics, "held_out": figures})
        model = resigned(replace(model, manifest=manifest))
    if accurate:
        model = _with_companion(model, corpus, out, screen)
    write_artifact(out / FILE_NAME, model.manifest, model.arrays)
    written = card(model.manifest, found)
    (out / "card.md").write_text(written, encoding="utf-8")
    screen.print(written, markup=False, soft_wrap=True)
    return Trained(model.manifest, found.sentences())


def first_judge(labels: Path, kind: str, out: Path, screen: Console) -> Trained:
    """Makes a model from labels and their descriptions alone, and writes it with its card. Raises ``DataIsWrong``."""
    from classifier.card import card_of_first_judge
    from classifier.first_judge import first_judge as make

    table = read_table(labels)
    names, words = (table.cells(table.column(column), 1) for column in ("label", "description"))
    described = {name: text for name, text in zip(names, words, strict=True) if name}
    if len(described) < sum(map(bool, names)):
        raise DataIsWrong(f"{labels.name}: одна метка описана дважды.")
    created = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    model = make(kind, described, Source.of(labels, len(described)), created, Judge.load())
    silent = sum(not text for text in described.values())
    report = [f"Меток {len(described)}, из них без описания {silent}."]
    write_artifact(out / FILE_NAME, model.manifest, model.arrays)
    written = card_of_first_judge(model.manifest, report)
    (out / "card.md").write_text(written, encoding="utf-8")
    screen.print(written, markup=False, soft_wrap=True)
    return Trained(model.manifest, report)


def _with_companion(model: "Model", corpus: Corpus, out: Path, screen: Console) -> "Model":
    """Writes the companion; the model it is bound to carries the figures of both."""
    from classifier.accurate_training import train_companion
    from classifier.training import resigned

    screen.print("Точный уровень: векторы сообщений, затем шесть моделей над ними")
    arrays, figures = train_companion(corpus, encoder().vectors_of(corpus.texts), model.unseen)
    metrics = {**model.manifest.metrics, "accurate_out_of_fold": figures}
    model = resigned(replace(model, manifest=replace(model.manifest, metrics=metrics)))
    out.mkdir(parents=True, exist_ok=True)
    write_companion(out / COMPANION, model.manifest.labels, encoder().seal, arrays)
    return model


def evaluate(judge: Judge, data: Path, columns: Columns, talk: Path | None, screen: Console) -> list[dict[str, Any]]:
    """Figures of a ready model, an object a kind of labels. Raises ``DataIsWrong``."""
    from classifier.evaluation import judge_figures

    corpus = read_corpus(data, columns)
    shared = [kind for kind in judge.kinds if kind in corpus.names]
    if not shared:
        raise DataIsWrong(f"Модель знает метки {', '.join(judge.kinds)}, в файле таких нет: назовите их --label.")
    if judge.share_seen(corpus.texts) > SEEN_TOO_MUCH:
        screen.print("[yellow]Модель обучена на этих сообщениях: цифры завышены.[/yellow]")
    for sentence in _unheard(judge, corpus.given):
        screen.print(sentence, style="yellow", markup=False, soft_wrap=True)
    judge.chances([""])  # the first call only wakes memory up; no word is known beforehand
    start = time.process_time()
    judged = judge.chances(corpus.texts, corpus.known)
    speed = len(corpus.texts) / max(time.process_time() - start, 1e-9)
    figures = judge_figures(judge, corpus, read_talk(talk).texts if talk else [], judged)
    return [_spoken(kind, values, speed) for kind, values in figures.items()]


def _unheard(judge: Judge, given: Collection[str]) -> list[str]:
    """Which circumstances the model would heed and is not told, and which it is told and does not heed."""
    heeded = judge.manifest.circumstances
    wanted, idle = ", ".join(sorted(set(heeded) - set(given))), ", ".join(sorted(set(given) - set(heeded)))
    told = [f"Модель учитывает и {wanted}, а столбец не назван (--given): судим без этого."] if wanted else []
    return told + ([f"Обстоятельств {idle} модель не учитывает."] if idle else [])


def circumstances_for(judge: Judge, given: Mapping[str, str]) -> Iterator[str]:
    """What to tell whoever names circumstances by hand. Raises ``DataIsWrong`` for one the model does not heed."""
    for name, value in given.items():
        values = judge.manifest.circumstances.get(name)
        if values is None:
            known = ", ".join(judge.manifest.circumstances) or "никаких"
            raise DataIsWrong(f"Обстоятельства «{name}» модель не учитывает; учитывает: {known}.")
        if plain(value) not in values:
            yield f"Значения «{value}» ({name}) модель не знает: судит по тексту."


def _spoken(kind: str, values: dict[str, Any], speed: float) -> dict[str, Any]:
    if kind == "appeal":
        return {"label": kind, **values}
    names = {"rows": "n", "coverage95": "coverage_at_95"}
    plain = {names.get(name, name): value for name, value in values.items()}
    return {"label": kind, **plain, "texts_per_second": round(speed, 1)}


def as_plain(judgement: Judgement) -> dict[str, Any]:
    """A judgement as one line of JSON tells it."""
    labels = {kind: [guess._asdict() for guess in guesses] for kind, guesses in judgement.labels.items()}
    chances = {"appeal_probability": judgement.appeal_probability, "abuse_probability": judgement.abuse_probability}
    return chances | labels


@dataclass(frozen=True, slots=True)
class _Lesson:
    """What a model is taught."""

    corpus: Corpus
    talk: Talk | None
    sources: list[Source]
    base: Judge | None
    of_words: "WordEncoder | None"

    def parted(self) -> tuple["_Lesson", Corpus, list[str]]:
        """Four fifths to learn from; the messages and the talk of the last one."""
        out = is_held_out(self.corpus.texts)
        rest = replace(self, corpus=self.corpus.where(~out))
        if self.talk is None:
            return rest, self.corpus.where(out), []
        talk_out = is_held_out(self.talk.texts)
        rest = replace(rest, talk=self.talk.where(~talk_out))
        return rest, self.corpus.where(out), self.talk.where(talk_out).texts


def _most_rows(lesson: _Lesson, screen: Console) -> tuple["Model", dict[str, Any]]:
    """Trains on four fifths, through pruning and rounding as in the shipped file, and judges the last fifth."""
    from classifier.evaluation import judge_figures

    most, unseen, talk = lesson.parted()
    model = _trained(most, screen, "Обучение на четырёх пятых")
    return model, judge_figures(Judge(model.manifest, model.arrays), unseen, talk)


def _trained(lesson: _Lesson, screen: Console, title: str, learnt: "Learnt | None" = None) -> "Model":
    from classifier.training import STEPS
    from classifier.training import train as train_model

    created = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed}/{task.total}"))
    with Progress(*columns, TimeElapsedColumn(), console=screen) as progress:
        task = progress.add_task(title, total=STEPS, completed=-1)

        def step(name: str) -> None:
            progress.update(task, advance=1, description=f"{title}: {name}")

        model = train_model(
            lesson.corpus, lesson.talk, lesson.sources, created, step, lesson.base, lesson.of_words, learnt
        )
        progress.update(task, completed=STEPS, description=title)
    return model
