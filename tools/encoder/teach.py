"""Teaches the encoder: the lower layers of the base stay and are computed once, the upper ones learn our labels."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from classifier.artifact import Arrays
from classifier.dataset import UNLABELLED
from classifier.encoder import PREFIX, READ_CHARACTERS, READ_PIECES
from classifier.unigram import START_OF_WORD, Unigram
from tools.encoder.base import BEGIN, END, LAYERS, SPECIAL, TINY_NORM, UNKNOWN, WIDTH, Base, Floats
from tools.encoder.graph import build
from tools.encoder.network import Layer, Network

FROZEN = 9
"""Layers that stay as they are; three learn."""
LEAST_MESSAGES = 3
"""A piece that fewer messages hold is left out: it would tell more of them than it teaches."""
CROP = 64
"""Of a longer text so many pieces are learnt at a time, half the time from another place than the beginning."""
BATCH, POOL, WARM_UP = 32, 1_600, 80
RATE, HEAD_RATE, DECAY, HEAD_DECAY, LAST_RATE = 2e-4, 4e-3, 0.01, 0.05, 0.03
SMOOTHING, CLIP, SMOOTH_STEPS = 0.05, 1.0, 0.99
IMPORTANCE = {"topic_group": 0.6}
"""Of a kind of labels in the loss; others count 1."""
SAMPLE = 384
"""Texts that tell the mean and the spread of each number of a vector before teaching begins."""
Numbers = npt.NDArray[np.int64]
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The pieces kept of the base's, in its order, with their scores and vectors; the last two vectors are the ends."""

    pieces: list[str]
    scores: list[float]
    words: Floats

    def numbers(self, texts: Sequence[str]) -> list[list[int]]:
        """As :class:`classifier.encoder.Encoder` reads a text."""
        unigram = Unigram(self.pieces, self.scores)
        begin, end = [len(self.pieces) + 1, *unigram.cut(PREFIX)], len(self.pieces) + 2
        return [[*[*begin, *unigram.cut(text[:READ_CHARACTERS])][: READ_PIECES - 1], end] for text in texts]


def vocabulary(base: Base, texts: Sequence[str]) -> Vocabulary:
    """The pieces that enough of the texts hold, and all single characters of Russian and English."""
    whole = Unigram(base.pieces[SPECIAL:], base.scores[SPECIAL:].tolist())
    held: Counter[int] = Counter()
    for text in texts:
        held.update(set(whole.cut(text[:READ_CHARACTERS])))
    needed = set(whole.cut(PREFIX)) | {number for number, count in held.items() if count >= LEAST_MESSAGES and number}
    single = {place + 1 for place, piece in enumerate(base.pieces[SPECIAL:]) if _is_character(piece)}
    kept = [number + SPECIAL - 1 for number in sorted(needed | single)]
    vectors = base.tensors["emb.word"].reshape(-1, WIDTH)[[UNKNOWN, *kept, BEGIN, END]]
    return Vocabulary([base.pieces[one] for one in kept], base.scores[kept].tolist(), vectors)


def _is_character(piece: str) -> bool:
    return len(piece) == 1 and (
        "\u0400" <= piece <= "\u04ff" or " " < piece < "\x7f" or piece in START_OF_WORD + "«»—–№…“”€₽°"
    )


class States:
    """What the frozen layers make of each text, computed once, in half precision."""

    def __init__(self, base: Base, words: Floats, numbers: Sequence[Sequence[int]], say: Say) -> None:
        self.lengths = np.array([len(one) for one in numbers], dtype=np.int64)
        self._found: list[npt.NDArray[np.float16]] = [np.zeros((0, WIDTH), np.float16)] * len(numbers)
        layers = nn.ModuleList([Layer(base.layer(number)) for number in range(FROZEN)]).eval()
        order = np.argsort(self.lengths, kind="stable")
        for start in range(0, len(order), BATCH):
            rows = order[start : start + BATCH]
            with torch.no_grad():
                state, lengths = _embedded(base, words, [numbers[row] for row in rows])
                inside = torch.arange(state.shape[1])[None] < lengths[:, None]
                for layer in layers:
                    state = layer(state, inside)
            for row, one in zip(rows.tolist(), state.numpy().astype(np.float16), strict=True):
                self._found[row] = one[: self.lengths[row]].copy()
            if start % (BATCH * 50) == 0:
                say(f"нижние слои: {start} из {len(order)} сообщений")

    def batch(self, rows: Numbers, chance: np.random.Generator | None = None) -> tuple[Tensor, Tensor]:
        """States of some texts and their lengths; with ``chance`` long texts are cropped."""
        lengths = self.lengths[rows] if chance is None else np.minimum(self.lengths[rows], CROP)
        state = np.zeros((len(rows), int(lengths.max()), WIDTH), dtype=np.float32)
        for place, (row, length) in enumerate(zip(rows.tolist(), lengths.tolist(), strict=True)):
            spare = int(self.lengths[row]) - length
            start = int(chance.integers(0, spare + 1)) if chance is not None and spare and chance.random() < 0.5 else 0
            state[place, :length] = self._found[row][start : start + length]
        return torch.from_numpy(state), torch.from_numpy(lengths)


def _embedded(base: Base, words: Floats, numbers: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
    lengths = [len(one) for one in numbers]
    padded = torch.zeros((len(numbers), max(lengths)), dtype=torch.int64)
    for row, one in zip(padded, numbers, strict=True):
        row[: len(one)] = torch.tensor(one)
    state = torch.from_numpy(words)[padded] + torch.from_numpy(places(base))[: padded.shape[1]]
    norm = [torch.tensor(base.tensors[f"emb.ln.{part}"]) for part in "wb"]
    return functional.layer_norm(state, (WIDTH,), *norm, TINY_NORM), torch.tensor(lengths)


def places(base: Base) -> Floats:
    """What is added to a piece's vector for its place in the text."""
    found = base.tensors["emb.pos"].reshape(-1, WIDTH)[:READ_PIECES] + base.tensors["emb.type"][:WIDTH]
    return np.asarray(found, dtype=np.float32)


def teach(
    base: Base, states: States, labels: dict[str, Numbers], widths: Sequence[int], rows: Numbers, steps: int, say: Say
) -> Network:
    """The network after so many batches, its weights averaged over the last hundred or so."""
    torch.manual_seed(0)
    chance = np.random.default_rng(1)
    network = Network([base.layer(number) for number in range(FROZEN, LAYERS)], sum(widths))
    _begin(network, states, labels, widths, chance.choice(rows, min(SAMPLE, len(rows)), replace=False), rows)
    average = {name: value.clone() for name, value in network.named_parameters()}
    optimiser = _optimiser(network)
    rates = [group["lr"] for group in optimiser.param_groups]
    for step, part in enumerate(_batches(states.lengths, rows, steps, chance)):
        for group, rate in zip(optimiser.param_groups, rates, strict=True):
            group["lr"] = rate * min((step + 1) / WARM_UP, 1) * max(LAST_RATE, 1 - step / steps)
        loss = _loss(network(*states.batch(part, chance)), labels, widths, part)
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), CLIP)
        optimiser.step()
        with torch.no_grad():
            kept = min(SMOOTH_STEPS, (step + 1) / (step + 10))
            for name, value in network.named_parameters():
                average[name].lerp_(value, 1 - kept)
        if step % 20 == 0:
            say(f"шаг {step} из {steps}, потери {loss.item():.3f}")
    network.load_state_dict(average, strict=False)
    return network.eval()


def _begin(
    network: Network, states: States, labels: dict[str, Numbers], widths: Sequence[int], sample: Numbers, rows: Numbers
) -> None:
    """Even units for the vectors, and the share of each label as its first score."""
    with torch.no_grad():
        vectors = torch.cat(
            [network.eval().vectors(*states.batch(part)) for part in np.array_split(sample, len(sample) // BATCH or 1)]
        )
        network.mean.copy_(vectors.mean(dim=0))
        network.spread.copy_(vectors.std(dim=0, correction=0))
        shares = [np.bincount(one[rows][one[rows] != UNLABELLED], minlength=width) + 0.5
                  for one, width in zip(labels.values(), widths, strict=True)]  # fmt: skip
        network.head.bias.copy_(torch.from_numpy(np.concatenate([np.log(one / one.sum()) for one in shares])))
    network.train()


def _optimiser(network: Network) -> torch.optim.Optimizer:
    layers = list(network.layers.parameters())
    groups = [
        {"params": [one for one in layers if one.ndim > 1], "lr": RATE, "weight_decay": DECAY},
        {"params": [one for one in layers if one.ndim == 1], "lr": RATE, "weight_decay": 0.0},
        {"params": list(network.head.parameters()), "lr": HEAD_RATE, "weight_decay": HEAD_DECAY},
    ]
    return torch.optim.AdamW(groups, betas=(0.9, 0.98))


def _batches(lengths: Numbers, rows: Numbers, steps: int, chance: np.random.Generator) -> Iterator[Numbers]:
    """Texts of like length together, in an order that changes with every round."""
    done = 0
    while True:
        shuffled = chance.permutation(rows)
        for start in range(0, len(shuffled), POOL):
            pool = shuffled[start : start + POOL]
            pool = pool[np.argsort(np.minimum(lengths[pool], CROP) + chance.random(len(pool)))]
            parts = [pool[place : place + BATCH] for place in range(0, len(pool), BATCH)]
            for number in chance.permutation(len(parts)):
                if done == steps:
                    return
                done += 1
                yield parts[number]


def _loss(scores: Tensor, labels: dict[str, Numbers], widths: Sequence[int], rows: Numbers) -> Tensor:
    losses = [
        IMPORTANCE.get(kind, 1.0)
        * functional.cross_entropy(
            part, torch.from_numpy(one[rows]), label_smoothing=SMOOTHING, ignore_index=UNLABELLED
        )
        for (kind, one), part in zip(labels.items(), scores.split(list(widths), dim=1), strict=True)
    ]
    return torch.stack(losses).sum()


def graph_of(base: Base, words: Floats, network: Network) -> bytes:
    """The taught encoder: lower layers in the 4 bits they came in, upper ones in 8."""
    lower = [base.layer(number) for number in range(FROZEN)]
    upper = [layer.tensors() for layer in network.layers]
    norm = (base.tensors["emb.ln.w"], base.tensors["emb.ln.b"])
    return build(words, places(base), norm, [*lower, *upper], [4] * FROZEN + [8] * len(upper))


def head_of(network: Network) -> Arrays:
    """The linear layer as a companion holds it."""
    arrays = {"mean": network.mean, "spread": network.spread, "weights": network.head.weight.T,
              "intercepts": network.head.bias}  # fmt: skip
    return {name: np.ascontiguousarray(value.detach().numpy()) for name, value in arrays.items()}
