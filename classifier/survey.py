"""What is wrong with a training file, said before it teaches a model: small classes, repeats, contradictions, leaks."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Final

from classifier.dataset import UNLABELLED, Corpus
from classifier.judge import Judge
from classifier.normalise import pieces, token

SMALL_CLASS: Final = 10
"""A label with fewer messages is hardly ever guessed."""
SHOWN: Final = 8
SHORT_NAME: Final = 8
"""Names of labels shorter than this stand in messages by chance."""


@dataclass(frozen=True, slots=True)
class KindSurvey:
    """Of one kind of labels."""

    rows: int
    labels: int
    small: dict[str, int]
    """Labels with fewer than ten messages, smallest first."""
    conflicts: int
    """Messages whose words equal another's that bears a different label: no model can be right about both."""
    named_in_text: int
    """Messages that hold the name of their own label: perhaps the text was put together from the labels."""


@dataclass(frozen=True, slots=True)
class Survey:
    """Of a whole file."""

    rows: int
    empty: int
    duplicates: int
    """Messages whose words repeat an earlier message; both always fall on the same side of a split."""
    seen_by_base: float
    """Share of messages that the model built upon was trained on: it would flatter every estimate."""
    kinds: dict[str, KindSurvey] = field(default_factory=dict)

    def sentences(self) -> list[str]:
        """The survey in words for whoever trains."""
        told = [f"Строк с метками: {self.rows}; без слов: {self.empty}; повторов дословно: {self.duplicates}."]
        if self.seen_by_base:
            told.append(f"Основа уже видела {self.seen_by_base:.1%} этих сообщений.")
        for kind, found in self.kinds.items():
            told.append(
                f"{kind}: размечено {found.rows}, меток {found.labels}, из них меньше {SMALL_CLASS} строк у "
                f"{len(found.small)}; противоречий у одинаковых сообщений: {found.conflicts}; "
                f"название своей метки содержат {found.named_in_text}."
            )
            if found.small:
                few = ", ".join(f"«{name}» — {count}" for name, count in list(found.small.items())[:SHOWN])
                rest = len(found.small) - SHOWN
                told.append(f"  редкие: {few}{f' и ещё {rest}' if rest > 0 else ''}.")
        return told


def survey(corpus: Corpus, base: Judge | None = None) -> Survey:
    """Looks through labelled messages."""
    plain = [" ".join(map(token, pieces(text))) for text in corpus.texts]
    repeats = Counter(plain)
    return Survey(
        rows=len(plain),
        empty=repeats[""],
        duplicates=sum(count - 1 for words, count in repeats.items() if words),
        seen_by_base=base.share_seen(corpus.texts) if base else 0.0,
        kinds={kind: _survey_kind(corpus, kind, plain) for kind in corpus.names},
    )


def _survey_kind(corpus: Corpus, kind: str, plain: list[str]) -> KindSurvey:
    names = corpus.names[kind]
    rows = [
        (words, int(number)) for words, number in zip(plain, corpus.numbers[kind], strict=True) if number != UNLABELLED
    ]
    counts = Counter(number for _, number in rows)
    small = sorted((count, names[number]) for number, count in counts.items() if count < SMALL_CLASS)
    spelt = [" ".join(map(token, pieces(name))) for name in names]
    return KindSurvey(
        rows=len(rows),
        labels=len(counts),
        small={name: count for count, name in small},
        conflicts=_conflicts(rows),
        named_in_text=sum(len(spelt[number]) >= SHORT_NAME and spelt[number] in words for words, number in rows),
    )


def _conflicts(rows: list[tuple[str, int]]) -> int:
    bearing: dict[str, Counter[int]] = defaultdict(Counter)
    for words, number in rows:
        bearing[words][number] += 1
    return sum(labels.total() for words, labels in bearing.items() if words and len(labels) > 1)
