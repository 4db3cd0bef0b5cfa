"""The page of quality in words and geometry: what templates/reports/quality.html shows. Pure."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from app.appeals.history import plain_label
from app.formats import number, percent
from app.reports import charts
from app.reports.quality import BEFORE_DAYS, NOW_DAYS, Kind, Quality
from app.reports.question import Period, short_day_text
from app.reports.scores import (
    CUTS,
    CalibrationPoint,
    Drift,
    Trust,
    calibration,
    calibration_error,
    class_scores,
    confusions,
    drift,
    trust_line,
)
from app.reports.sla import wilson
from classifier.artifact import Manifest

LEFT, RIGHT, TOP, BOTTOM = 44.0, 384.0, 24.0, 284.0
LEAST_CHECKED = 10
"""A threshold above which people have judged fewer is not drawn: its share right is chance."""
MOST_PAIRS = 8
MOST_CLASSES = 15
MOST_GROUPS = 8
NO_DATA = "нет данных"


@dataclass(frozen=True, slots=True)
class Tile:
    """One figure, and the same one as measured when the model was trained."""

    name: str
    value: str
    unit: str
    note: str
    meaning: str
    trained: str
    href: str = ""


@dataclass(frozen=True, slots=True)
class Dot:
    """A point of a chart; `r` grows with the number behind it."""

    x: float
    y: float
    r: float


@dataclass(frozen=True, slots=True)
class TrustChart:
    """Coverage and precision by threshold. `points` is what the script needs to move the mark, as JSON."""

    lowest: int
    grid: tuple[tuple[float, int], ...]
    path: str
    goal_y: float | None
    goal: int | None
    points: str
    at: Trust
    mark: Dot | None
    table: tuple[Trust, ...]


def choices_url(kind: Kind, period: Period, **wanted: str) -> str:
    """The corrections behind a number."""
    first, last = period.bounds()
    return f"/quality/choices?{urlencode({'label': kind.value, 'from': first, 'to': last, **wanted})}"


def view(quality: Quality, kind: Kind, period: Period, threshold: float, model: Manifest) -> dict[str, Any]:
    """What the template needs. `threshold` is the one that routing uses."""
    points, line = calibration(quality.checked), trust_line(quality.checked, quality.everything)
    at = line[min(round(threshold * CUTS), CUTS)]
    trained = _trained(model, kind)
    scores = class_scores(quality.pairs)
    return {
        "tiles": _tiles(quality, kind, period, points, at, trained),
        "checked": sum(pair.count for pair in quality.pairs),
        "calibration": [_calibration_dot(one) for one in points],
        "calibration_path": _path([_calibration_dot(one) for one in points]),
        "calibration_table": points,
        "trust": _trust_chart(line, at, model.targets.get(kind)),
        "pairs": [(pair, choices_url(kind, period, judged=pair.judged, chosen=pair.chosen),
                   pair.count / next(one.judged for one in scores if one.label == pair.judged))
                  for pair in confusions(quality.pairs)[:MOST_PAIRS]],
        "scores": scores,
        "most_classes": MOST_CLASSES,
        "steps": quality.steps,
        "chart": _chart(quality, period),
        "drift": _drift(quality),
        "plain_label": plain_label,
    }  # fmt: skip


def _trained(model: Manifest, kind: Kind) -> Mapping[str, Any]:
    """What the manifest says was measured, on rows that training never saw where there were any; with its threshold."""
    for measured in ("held_out", "out_of_fold"):
        found: Mapping[str, Any] = model.metrics.get(measured, {}).get(kind.value, {})
        if found:
            return {**found, "threshold": model.thresholds.get(kind)}
    return {}


def _tiles(
    quality: Quality, kind: Kind, period: Period, points: Sequence[CalibrationPoint], at: Trust,
    trained: Mapping[str, Any],
) -> list[Tile]:  # fmt: skip
    said = sum(pair.count for pair in quality.pairs)
    right = sum(pair.count for pair in quality.pairs if pair.judged == pair.chosen)
    error = calibration_error(points)
    corrected = choices_url(kind, period)
    alarms = quality.alarms
    return [
        Tile(
            "Первая догадка верна", *_percent(right / said if said else None), _interval(right, said),
            "Доля обращений, где человек оставил первую догадку модели, среди тех, о которых человек высказался. "
            "Считается последнее слово за период. Ниже — интервал Уилсона 95 %.",
            _was(trained, "accuracy"), corrected,
        ),
        Tile(
            "Выше порога", *_percent(at.coverage), f"n = {number(sum(one.count for one in quality.everything))}",
            f"Доля всех обращений периода (без разговоров), у которых вероятность не ниже порога {at.threshold} %, "
            "при котором маршрутизация верит модели. "
            "Больше 20 000 обращений смотрятся выборочно: каждое n-е.",
            _was(trained, "coverage"),
        ),
        Tile(
            "Из них верно", *_percent(at.precision), f"из {number(at.checked)} проверенных" if at.checked else NO_DATA,
            "Среди обращений не ниже порога, о которых человек высказался, — доля, где он согласился.",
            _was(trained, "precision"),
        ),
        Tile(
            "Честность вероятности", NO_DATA if error is None else number(error * 100, 1),
            "" if error is None else "п. п.", f"n = {number(sum(one.count for one in points))}",
            "Средняя разница между обещанной вероятностью и долей верных по десяти интервалам (ECE). До 5 — хорошо.",
            _was(trained, "ece"),
        ),
        Tile(
            "Исправили люди", number(said - right), "", f"из {number(said)} высказываний" if said else NO_DATA,
            "Сколько обращений, где человек заменил догадку модели. Каждое — пример для обучения.", "", corrected,
        ),
        Tile(
            "Тревоги", number(alarms.raised), "",
            f"неопасных {number(alarms.dismissed)}" + (
                f", {percent(alarms.dismissed / alarms.raised)}" if alarms.raised else ""),
            "Обращения периода, над которыми поднята тревога, и сколько из них человек назвал неопасными. "
            "Пропущенную опасность эти числа не показывают.", "", "/queue?tab=urgent",
        ),
    ]  # fmt: skip


def _percent(value: float | None) -> tuple[str, str]:
    return (NO_DATA, "") if value is None else (number(value * 100, 1), "%")


def _interval(right: int, said: int) -> str:
    if not said:
        return "n = 0"
    low, high = wilson(right, said)
    return f"{number(low * 100)}–{number(high * 100)} %, n = {number(said)}"


def _was(trained: Mapping[str, Any], name: str) -> str:
    """«при обучении 52,8 %, n = 3 532»."""
    if name not in trained:
        return ""
    text = f"{number(trained[name] * 100, 1)} {'п. п.' if name == 'ece' else '%'}"
    at = f" при пороге {percent(trained['threshold'])}" if name in ("coverage", "precision") else ""
    return f"при обучении {text}{at}, n = {number(trained.get('rows'))}"


def _calibration_dot(point: CalibrationPoint) -> Dot:
    return Dot(_x(point.promised), _y(point.kept), 3.0 + min(8.0, point.count**0.5 / 3))


def _x(value: float) -> float:
    return round(LEFT + (RIGHT - LEFT) * value, 1)


def _y(value: float, lowest: float = 0.0) -> float:
    return round(BOTTOM - (BOTTOM - TOP) * (value - lowest) / (1 - lowest), 1)


def _path(dots: Sequence[Dot]) -> str:
    return "".join(f"{'L' if at else 'M'}{dot.x} {dot.y}" for at, dot in enumerate(dots))


def _trust_chart(line: Sequence[Trust], at: Trust, goal: float | None) -> TrustChart | None:
    drawn = [one for one in line if one.checked >= LEAST_CHECKED and one.precision is not None and one.coverage]
    if not drawn:
        return None
    least = min([*(one.precision or 0.0 for one in drawn), goal or 1.0])
    lowest = min(int(least * 10) * 10, 90)
    dots = [_trust_dot(one, lowest) for one in drawn]
    return TrustChart(
        lowest=lowest,
        grid=tuple((_y(one / 100, lowest / 100), one) for one in range(lowest, 101, 10 if lowest < 70 else 5)),
        path=_path(dots),
        goal_y=_y(goal, lowest / 100) if goal else None,
        goal=round(goal * 100) if goal else None,
        points=json.dumps([_for_script(one, lowest) for one in line]),
        at=at,
        mark=_trust_dot(at, lowest) if at in drawn else None,
        table=tuple(line[::10]),
    )


def _trust_dot(one: Trust, lowest: int) -> Dot:
    return Dot(_x(one.coverage or 0.0), _y(max(one.precision or 0.0, lowest / 100), lowest / 100), 6.0)


def _for_script(one: Trust, lowest: int) -> dict[str, Any]:
    """What the mark says at this threshold, and where it stands."""
    is_drawn = one.checked >= LEAST_CHECKED and bool(one.coverage)
    dot = _trust_dot(one, lowest)
    return {"text": trust_text(one), "x": dot.x if is_drawn else None, "y": dot.y if is_drawn else None}


def trust_text(one: Trust) -> str:
    """«Порог 70 %: решает модель 26 %, из них верно 80 % (n = 931)»."""
    if one.coverage is None:
        return f"Порог {one.threshold} %: {NO_DATA}"
    right = f"из них верно {percent(one.precision)} (n = {number(one.checked)})" if one.checked else f"верно: {NO_DATA}"
    return f"Порог {one.threshold} %: решает модель {percent(one.coverage)} обращений, {right}"


def _chart(quality: Quality, period: Period) -> charts.LineChart | None:
    """Share of corrections, a point for each day, week or month."""
    if not quality.steps:
        return None
    by_day = {step.day: step for step in quality.steps}
    days = period.steps()
    shares = [100 * by_day[day].corrected / by_day[day].said if day in by_day else None for day in days]
    return charts.line_chart([short_day_text(day) for day in days], [shares], unit="%")


@dataclass(frozen=True, slots=True)
class DriftView:
    """Whether what is written to us, or how sure the model is of it, has moved."""

    found: Drift | None
    now: int
    before: int
    confidence_now: float | None
    confidence_before: float | None
    moved: tuple[tuple[str, float, float], ...]
    now_days: int = NOW_DAYS
    before_days: int = BEFORE_DAYS


def _drift(quality: Quality) -> DriftView:
    now, before = quality.now, quality.before
    moved = [
        (group, before.counts.get(group, 0) / (before.total or 1), now.counts.get(group, 0) / (now.total or 1))
        for group in {*now.counts, *before.counts}
    ]
    moved.sort(key=lambda one: -abs(one[2] - one[1]))
    return DriftView(
        drift(before.counts, now.counts), now.total, before.total, now.confidence, before.confidence,
        tuple(moved[:MOST_GROUPS]),
    )  # fmt: skip
