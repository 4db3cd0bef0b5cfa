"""The six figures at the top of the report on promised times, each with its change, its definition and its list."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from app.formats import number, percent
from app.reports.question import Question
from app.reports.sla import Figures, SlaReport

_MINUTES_IN_AN_HOUR = 60


@dataclass(frozen=True, slots=True)
class Change:
    """How a figure moved against the period before; `tone` is good, bad or flat, `direction` up or down."""

    text: str
    tone: str
    direction: str = "up"


@dataclass(frozen=True, slots=True)
class Tile:
    """One figure: what it is, how it moved, what it means, where its list is."""

    name: str
    value: str
    unit: str
    change: Change | None
    note: str
    meaning: str
    href: str


def hours_text(minutes: float | None) -> str:
    """«2:48»; «—» when there is none. What took less than a minute took one."""
    if minutes is None:
        return "—"
    whole = max(1, round(minutes)) if minutes > 0 else 0
    return f"{number(whole // 60)}:{whole % 60:02}"


def list_url(question: Question, outcome: str, **changes: Any) -> str:
    """The address of the appeals behind a number."""
    return f"/reports/sla/appeals?{question.query(outcome=outcome, **changes)}"


def queue_url(question: Question, tab: str | None = None) -> str:
    """The queue with the same conditions; for numbers that are about this moment and not about a period."""
    wanted = {
        "tab": tab,
        "platform": question.platform,
        "department": question.department_id,
        "territory": question.territory,
    }
    query = urlencode({name: value for name, value in wanted.items() if value})
    return f"/queue?{query}" if query else "/queue"


def tiles(report: SlaReport, norm: float | None) -> list[Tile]:
    """The six figures at the top."""
    question, before, current = report.question, report.previous, report.totals
    return [
        Tile(
            "Поступило", number(current.received), "", _growth(current.received, before.received),
            f"было {number(before.received)}",
            "Обещания ответа, начатые за период: новое обращение или новый круг, когда житель написал снова. "
            "Спам, повторы, удалённое и разговоры не входят.",
            list_url(question, "received"),
        ),
        Tile(
            "Ответ в срок", _share(current), "%" if current.settled else "", points(current, before),
            f"{number(current.met)} из {number(current.settled)}" if current.settled else "нет данных",
            "В срок ÷ (в срок + с нарушением). Открытые с прошедшим сроком считаются нарушением. Ответ дан, когда "
            "соцсеть подтвердила доставку. Нет данных, если делить не на что.",
            list_url(question, "breached"),
        ),
        Tile(
            "Медиана ответа", hours_text(current.p50_minutes), "ч" if current.answered else "",
            _speed(current.p50_minutes, before.p50_minutes), _was(current, before.p50_minutes),
            "Половина ответов быстрее этого времени (p50). Рабочие часы, по календарю обещания, без пауз.",
            list_url(question, "answered"),
        ),
        Tile(
            "90 % ответов", hours_text(current.p90_minutes), "ч" if current.answered else "",
            _speed(current.p90_minutes, before.p90_minutes),
            f"норма {hours_text(norm)}" if norm and current.answered else _was(current, before.p90_minutes),
            "Девять ответов из десяти быстрее этого времени (p90). Рабочие часы, по календарю обещания, без пауз.",
            list_url(question, "answered"),
        ),
        Tile(
            "Просрочено сейчас", number(report.now.overdue), "", None,
            f"в среднем на {hours_text(report.now.delay_minutes)}" if report.now.overdue else "ничего не просрочено",
            "Открытые обращения, у которых прошёл ближайший срок, за любой период. Опоздание — по обычным часам.",
            queue_url(question, "overdue"),
        ),
        Tile(
            "Срок за 4 часа", number(report.now.due_in_4_hours), "", None,
            f"за 24 часа {number(report.now.due_in_24_hours)}",
            "Открытые обращения, у которых ближайший срок наступит в следующие 4 часа по обычным часам.",
            queue_url(question),
        ),
    ]  # fmt: skip


def _share(figures: Figures) -> str:
    if figures.compliance is None:
        return "—"
    return number(figures.compliance * 100, 0 if figures.compliance in {0.0, 1.0} else 1)


def _growth(current: int, before: int) -> Change | None:
    if not before:
        return None
    share = (current - before) / before
    return Change(f"{'+' if share > 0 else ''}{percent(share)}", "flat")


def points(current: Figures, before: Figures) -> Change | None:
    """Percentage points of compliance."""
    if current.compliance is None or before.compliance is None:
        return None
    points = round((current.compliance - before.compliance) * 100, 1)
    if not points:
        return Change("без изменений", "flat")
    return Change(f"{number(abs(points), 1)} п. п.", *(("good", "up") if points > 0 else ("bad", "down")))


def _speed(current: float | None, before: float | None) -> Change | None:
    """Minutes faster or slower."""
    if current is None or before is None:
        return None
    minutes = round(current - before)
    if not minutes:
        return Change("без изменений", "flat")
    text = f"{abs(minutes)} мин" if abs(minutes) < _MINUTES_IN_AN_HOUR else f"{hours_text(abs(minutes))} ч"
    return Change(text, *(("good", "down") if minutes < 0 else ("bad", "up")))


def _was(current: Figures, minutes: float | None) -> str:
    if not current.answered:
        return "нет данных"
    return f"было {hours_text(minutes)}" if minutes is not None else "раньше нет данных"
