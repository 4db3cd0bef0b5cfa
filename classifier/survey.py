"""What is wrong with a training file, said before it teaches a model: small classes, repeats, contradictions, leaks."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Final

from classifier.circumstances import plain as as_compared
from classifier.dataset import UNLABELLED, Corpus
from classifier.judge import Judge
from classifier.normalise import pieces, token
from classifier.observed import LEAST_MET, least_values, usual_values

SMALL_CLASS: Final = 10
"""A label with fewer messages is hardly ever guessed."""
SHOWN: Final = 8
SETTLED: Final = 0.98
"""A circumstance that tells the label in more rows than this may have been written together with it."""
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
class CircumstanceSurvey:
    """Of what is known besides the text."""

    values: int
    usual: int
    """Values that were met often enough to teach something."""
    missing: int
    rare: int
    """Rows with a value that teaches nothing."""
    settles: dict[str, float]
    """Kinds of labels that it all but equals: in which share of the rows the value alone tells the label."""

    def sentences(self, name: str) -> list[str]:
        """In words for whoever trains."""
        told = [
            f"Обстоятельство {name}: разных значений {self.values}, из них учат {self.usual}; "
            f"строк без значения {self.missing}, с редким {self.rare}."
        ]
        if self.usual < (least := least_values(name)):
            told.append(f"  {name} ничему не учит: разных значений хотя бы по {LEAST_MET} строк нужно {least}.")
        told += [
            f"  Возможна утечка: {name} определяет метку {kind} в {share:.1%} строк. Если значение появляется только "
            "вместе с меткой, уберите его: до разбора оно неизвестно, и оценка завышена."
            for kind, share in self.settles.items()
        ]
        return told


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
    circumstances: dict[str, CircumstanceSurvey] = field(default_factory=dict)

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
        for name, circumstance in self.circumstances.items():
            told += circumstance.sentences(name)
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
        circumstances={name: _survey_circumstance(corpus, values) for name, values in corpus.given.items()},
    )


def _survey_circumstance(corpus: Corpus, values: list[str]) -> CircumstanceSurvey:
    spelt = [as_compared(value) for value in values]
    usual = set(usual_values(values))
    shares = {kind: _share_settled(corpus, kind, spelt, usual) for kind in corpus.names}
    return CircumstanceSurvey(
        values=len(set(spelt) - {""}),
        usual=len(usual),
        missing=spelt.count(""),
        rare=sum(value != "" and value not in usual for value in spelt),
        settles={kind: share for kind, share in shares.items() if share > SETTLED},
    )


def _share_settled(corpus: Corpus, kind: str, spelt: list[str], usual: set[str]) -> float:
    """In which share of the rows the label is the usual one of the value; 0 where one label is nearly everywhere."""
    pairs = zip(spelt, corpus.numbers[kind].tolist(), strict=True)
    met = Counter(pair for pair in pairs if pair[0] in usual and pair[1] != UNLABELLED)
    best, labels = Counter[str](), Counter[int]()
    for (value, number), count in met.items():
        best[value] = max(best[value], count)
        labels[number] += count
    total = met.total()
    if not total or max(labels.values()) > SETTLED * total:
        return 0.0
    return best.total() / total


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
