"""What is known of a message besides its text, such as the territory of its page: observed, never judged.

Of each kind of labels and each circumstance the model holds how often labels and values met. From that comes the voice
ln P(value | label), which a fitted weight lets into the probabilities of the kind (:mod:`classifier.calibration`). A
message without the value, or with one the model does not know, hears no voice: it is judged by its text alone.
"""

import math
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from classifier.artifact import Arrays, Manifest, met_name
from classifier.calibration import Heard

Floats = npt.NDArray[np.float32]
Numbers = npt.NDArray[np.int64]
Known = Mapping[str, str]
"""What is known of one message: of each circumstance its value."""
NOTHING: Final = -1
NOTICEABLE: Final = math.log(2)
"""A circumstance that made a label twice as likely is worth a word."""
LENT: Final = tuple(2.0**power for power in range(11))
MONTH: Final = "month"
"""The time of year: snow is shovelled in winter. A column of dates is read as their months."""
MONTHS: Final = (
    "январь", "февраль", "март", "апрель", "май", "июнь", "июль", "август", "сентябрь", "октябрь", "ноябрь", "декабрь",
)  # fmt: skip
_DATE: Final = re.compile(r"\d{4}-(\d\d)-\d\d(?!\d)|\d\d?\.(\d\d)\.(?:\d{4}|\d\d)(?!\d)")
_SCHEMES: Final = ("https://", "http://")
_HOSTS: Final = ("www.", "m.")


class Witness(NamedTuple):
    """A circumstance that spoke for a label, its value as it was told, and what it added to ln p."""

    circumstance: str
    value: str
    voice: float


def plain(value: str) -> str:
    """A value as values are compared: case, «ё», spaces, and how the address of a page begins and ends do not count."""
    found = " ".join(unicodedata.normalize("NFC", value).casefold().replace("ё", "е").split())
    scheme = next((one for one in _SCHEMES if found.startswith(one)), "")
    if not scheme:
        return found
    address = found.removeprefix(scheme).rstrip("/")
    return next((address.removeprefix(one) for one in _HOSTS if address.startswith(one)), address)


def read_value(circumstance: str, cell: str) -> str:
    """A value as a file tells it. A month may be told by its name or by a date such as 2025-12-24 20:06 or 24.12.2025;
    what is neither is not known: empty.
    """
    if circumstance != MONTH:
        return cell
    if plain(cell) in MONTHS:
        return plain(cell)
    found = _DATE.match(cell.strip())
    number = int(found[1] or found[2]) if found else 0
    return MONTHS[number - 1] if 1 <= number <= len(MONTHS) else ""


def numbered(places: Mapping[str, int], values: Sequence[str]) -> Numbers:
    """Of each value its number among those the model knows, or −1."""
    found = {value: places.get(plain(value), NOTHING) if value else NOTHING for value in set(values)}
    return np.array([found[value] for value in values], dtype=np.int64)


def smoothed(counts: npt.NDArray[np.float64], lent: npt.NDArray[np.float64] | float) -> npt.NDArray[np.float64]:
    """P(column | row) out of counts; each row is ``lent`` so many messages spread as the columns are."""
    share = (counts.sum(axis=0) + 1e-3) / (max(counts.sum(), 1.0) + 1e-3 * counts.shape[1])
    return np.asarray((counts + lent * share) / (counts.sum(axis=1, keepdims=True) + lent))


def log_given(met: npt.NDArray[np.generic]) -> Floats:
    """ln P(value | label), label × value, out of how often they met; zeros for a value that met none.

    How much each label is lent the counts say themselves: with a single message hundreds of pages told next to nothing,
    for a frequent label was ruled out by any page it had not met yet, and a rare one by none.
    """
    counts = met.astype(np.float64)
    return np.where(counts.any(axis=0), np.log(smoothed(counts, lent_by(counts))), 0.0).astype(np.float32)


def lent_by(counts: npt.NDArray[np.float64]) -> float:
    """How many messages to lend each label: so many that the value of each message is likeliest by all others."""
    labels, values = np.nonzero(counts)
    times, of_label = counts[labels, values], counts.sum(axis=1)[labels]
    share = (counts.sum(axis=0) / max(counts.sum(), 1.0))[values]

    def likelihood(lent: float) -> float:
        return float(times @ np.log((times - 1 + lent * share) / (of_label - 1 + lent)))

    return max(LENT, key=likelihood)


def voice(log_of: Floats, numbers: Numbers) -> Floats:
    """What the values say of each label, a row a message; zeros where there is no value."""
    said = np.zeros((len(numbers), len(log_of)), dtype=np.float32)
    heard = np.flatnonzero(numbers != NOTHING)
    said[heard] = log_of.T[numbers[heard]]
    return said


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What a model knows of circumstances: the numbers of their values, and what these say of each kind's labels."""

    places: dict[str, dict[str, int]]
    logs: dict[tuple[str, str], Floats]
    shares: dict[tuple[str, str], Floats]
    """ln P(value) among the messages of each kind."""
    weights: dict[tuple[str, str], float]

    @classmethod
    def of(cls, manifest: Manifest, arrays: Arrays) -> "Circumstances":
        """Those of a model file."""
        places = {
            name: {value: number for number, value in enumerate(values)}
            for name, values in manifest.circumstances.items()
        }
        weights = {
            (kind, name): weight
            for kind, blend in manifest.blend.items()
            for name, weight in blend.circumstances.items()
        }
        met = {pair: arrays[met_name(manifest, *pair)] for pair in weights}
        logs = {pair: log_given(counts) for pair, counts in met.items()}
        shares = {pair: log_given(counts.sum(axis=0, keepdims=True))[0] for pair, counts in met.items()}
        return cls(places, logs, shares, weights)

    def heard(self, known: Sequence[Known]) -> Heard:
        """What is heard of these messages."""
        numbers = {name: numbered(places, [one.get(name, "") for one in known]) for name, places in self.places.items()}
        return {pair: voice(log_of, numbers[pair[1]]) for pair, log_of in self.logs.items()}

    def witnesses(self, known: Known, kind: str, label: int) -> list[Witness]:
        """The circumstances that spoke for a label noticeably, against how usual their values are; strongest first."""
        found = []
        for (of, name), weight in self.weights.items():
            number = self.places[name].get(plain(known.get(name, "")), NOTHING)
            if of == kind and number != NOTHING:
                raised = weight * float(self.logs[of, name][label, number] - self.shares[of, name][number])
                found.append(Witness(name, known[name], raised))
        return sorted((one for one in found if one.voice >= NOTICEABLE), key=lambda one: -one.voice)
