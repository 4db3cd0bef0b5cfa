"""What is promised: spans of time by clock and severity, escalation, pauses. Data, versioned, edited by managers.

Pure: no clock, no database.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, get_args

from app.sla.calendar import Roll

KINDS = {
    "registration": "регистрация",
    "routing": "передача исполнителю",
    "first_answer": "первый ответ",
    "final": "окончательный ответ",
    "moderation": "проверка ответа",
    "clarification": "уточнение у жителя",
}
"""Kinds of clock and what the office calls them."""

UNITS = ("working_minutes", "calendar_minutes", "working_days", "calendar_days")
ROLLS: tuple[Roll, ...] = get_args(Roll)
Choice = TypeVar("Choice", bound=str)
LONGEST_DAYS = 366
MOST_EXTENSIONS = 5
HIGHEST_SEVERITY = 5


class PolicyInvalid(ValueError):
    """The policy cannot be used; the message tells a manager why, in Russian."""


class NothingPromised(LookupError):
    """The policy has no target for that kind of clock."""


@dataclass(frozen=True, slots=True)
class Span:
    """An amount of time and its unit.

    Minutes run from the moment the clock starts. Days are counted from the next day and end with the working hours of
    the last one (Civil Code, art. 191 and 194); ``roll`` says where a calendar-day term goes that ends on a day off.
    """

    amount: int
    unit: str
    roll: Roll = "none"

    @property
    def is_working(self) -> bool:
        """Whether only working time counts."""
        return self.unit.startswith("working")

    @property
    def is_days(self) -> bool:
        return self.unit.endswith("days")

    def __add__(self, other: "Span") -> "Span":
        if other.unit != self.unit:
            raise ValueError(f"cannot add {other.unit} to {self.unit}")
        return Span(self.amount + other.amount, self.unit, self.roll)


@dataclass(frozen=True, slots=True)
class Target:
    """A promise: the clock it is about, its span, and to which appeals it applies."""

    kind: str
    span: Span
    severity_at_least: int = 0
    track: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True)
class EscalationStep:
    """Who learns of it when that share of the span is spent; above 1 the clock is past due.

    A step outside the office's hours waits for the next working minute, unless ``off_hours`` says it need not.
    """

    share: float
    to: str
    off_hours: bool = False


@dataclass(frozen=True, slots=True)
class Policy:
    """One version of one policy. A clock remembers both and keeps to them when a newer version appears."""

    code: str
    version: int
    title: str
    targets: tuple[Target, ...]
    escalation: tuple[EscalationStep, ...] = ()
    pauses: frozenset[str] = frozenset()
    clarification_cap: Span | None = None
    extension: Span | None = None
    max_extensions: int = 0
    reopen_days: int = 0
    reclassifying_extends: bool = False
    source: str = ""

    def target_for(self, kind: str, severity: int, track: str = "") -> Target:
        """The most special target that applies: of its track before the general ones, then of the highest severity.

        Raises ``NothingPromised``.
        """
        fitting = [
            target
            for target in self.targets
            if target.kind == kind and target.severity_at_least <= severity and target.track in ("", track)
        ]
        if not fitting:
            raise NothingPromised(f"policy {self.code} v{self.version} promises nothing for {kind}")
        return max(fitting, key=lambda target: (target.track != "", target.severity_at_least))

    def span_for(self, kind: str, severity: int, track: str = "") -> Span:
        """The span promised for a clock; raises ``NothingPromised``."""
        return self.target_for(kind, severity, track).span

    def promises(self, kind: str) -> bool:
        """Whether appeals under this policy have such a clock at all."""
        return any(target.kind == kind for target in self.targets)

    def allows_pause(self, reason: str) -> bool:
        """Whether the clock stands still for that reason (``clarification``, ``moderation``, ``postponed``)."""
        return reason in self.pauses


def policy_from_document(document: Mapping[str, Any]) -> Policy:
    """Build a policy from its data form (see ``defaults/policies.toml``).

    Raises ``PolicyInvalid`` with a sentence in Russian.
    """
    code = str(document.get("code", ""))
    try:
        return _policy(document)
    except KeyError as error:
        raise PolicyInvalid(f"Правило «{code}»: не указано поле «{error.args[0]}».") from error
    except (ValueError, TypeError, AttributeError) as error:
        raise PolicyInvalid(f"Правило «{code}»: {error}") from error


def _policy(document: Mapping[str, Any]) -> Policy:
    extension, cap = document.get("extension"), document.get("clarification_cap")
    return Policy(
        code=_text(document["code"], "code"),
        version=_number(document["version"], "version", range(1, 1_000_000)),
        title=_text(document["title"], "title"),
        targets=_targets(document["targets"]),
        escalation=_ladder(document.get("escalation", ())),
        pauses=frozenset(_text(reason, "pauses") for reason in document.get("pauses", ())),
        clarification_cap=_span(cap) if cap else None,
        extension=_span(extension) if extension else None,
        max_extensions=_number(document.get("max_extensions", 0), "max_extensions", range(MOST_EXTENSIONS + 1)),
        reopen_days=_number(document.get("reopen_days", 0), "reopen_days", range(LONGEST_DAYS + 1)),
        reclassifying_extends=document.get("reclassifying_extends", False) is True,
        source=str(document.get("source", "")),
    )


def _targets(documents: Sequence[Mapping[str, Any]]) -> tuple[Target, ...]:
    targets = tuple(_target(document) for document in documents)
    keys = [(target.kind, target.severity_at_least, target.track) for target in targets]
    if not targets:
        raise ValueError("нет ни одного срока.")
    if len(set(keys)) < len(keys):
        raise ValueError("два срока для одних и тех же обращений.")
    return targets


def _target(document: Mapping[str, Any]) -> Target:
    kind = _one_of(document["kind"], tuple(KINDS), "kind")
    severity = _number(document.get("severity_at_least", 0), "severity_at_least", range(HIGHEST_SEVERITY + 1))
    return Target(
        kind, _span(document["span"]), severity, str(document.get("track", "")), str(document.get("source", ""))
    )


def _span(document: Mapping[str, Any]) -> Span:
    span = Span(
        _number(document["amount"], "amount", range(1, LONGEST_DAYS * 1440 + 1)),
        _one_of(document["unit"], UNITS, "unit"),
        _one_of(document.get("roll", "none"), ROLLS, "roll"),
    )
    if span.is_days and span.amount > LONGEST_DAYS:
        raise ValueError("срок длиннее года.")
    return span


def _ladder(documents: Sequence[Mapping[str, Any]]) -> tuple[EscalationStep, ...]:
    steps = tuple(
        EscalationStep(float(step["share"]), _text(step["to"], "to"), step.get("off_hours", False) is True)
        for step in documents
    )
    if any(not 0 < step.share <= 10 for step in steps):
        raise ValueError("доля срока в лестнице оповещений должна быть больше 0 и не больше 10.")
    return tuple(sorted(steps, key=lambda step: step.share))


def _text(value: object, field: str) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError(f"поле «{field}» должно быть непустой строкой.")
    return value


def _number(value: object, field: str, allowed: range) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value not in allowed:
        raise ValueError(f"поле «{field}» должно быть целым числом от {allowed[0]} до {allowed[-1]}.")
    return value


def _one_of(value: object, allowed: tuple[Choice, ...], field: str) -> Choice:
    for choice in allowed:
        if choice == value:
            return choice
    raise ValueError(f"поле «{field}»: «{value}» не из списка {', '.join(allowed)}.")
