"""The journal of an appeal in Russian sentences: one function per action, all in one table."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from app.appeals.gone import change_too_late, words_gone
from app.appeals.models import HistoryEntry
from app.appeals.service import CLOSE_REASONS, SYSTEM_CLOSE_REASONS

Details = Mapping[str, Any]


class TellsTime(Protocol):
    """Writes a moment for people: «сегодня, 08:47»."""

    def __call__(self, at: datetime) -> str: ...


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that happened."""

    at: datetime
    actor: str
    sentence: str


def lines_of(entries: "list[HistoryEntry] | Any", tell_time: TellsTime) -> list[Line]:
    """The journal, the newest first."""
    return [Line(entry.at, entry.actor, sentence_of(entry, tell_time)) for entry in reversed(entries)]


def sentence_of(entry: HistoryEntry, tell_time: TellsTime) -> str:
    """What happened, as a sentence; an action of a newer version of the program is named by its code."""
    tell = SENTENCES.get(entry.action)
    return tell(_Told(entry.details, tell_time)) if tell else f"Действие «{entry.action}»"


class _Told:
    """Details of an entry, read with care: what is missing is left out of the sentence."""

    def __init__(self, details: Details, tell_time: TellsTime) -> None:
        self._details = details
        self._tell_time = tell_time

    def __getitem__(self, name: str) -> Any:
        return self._details.get(name)

    def quoted(self, name: str) -> str:
        return f"«{plain_label(str(self[name]))}»" if self[name] else "не определена"

    def moment(self, name: str) -> str:
        return self._tell_time(datetime.fromisoformat(self[name])) if self[name] else "не определён"

    def percent(self, name: str) -> str:
        return f", {round(100 * self[name])} %" if isinstance(self[name], int | float) else ""

    def after(self, sign: str, name: str) -> str:
        return f"{sign} {self[name]}" if self[name] else ""


def plain_label(label: str) -> str:
    """A label without the mark that the region's classifier puts before some topics."""
    return label.removeprefix("★").strip()


CLOCK_NAMES = {
    "first_answer": "первого ответа",
    "final": "окончательного ответа",
    "moderation": "проверки ответа",
}
KIND_NAMES = {"topic": "Тема", "topic_group": "Группа тем", "agency": "Ведомство"}


def _clock(told: _Told) -> str:
    return CLOCK_NAMES.get(str(told["kind"]), str(told["kind"] or ""))


def _received(_: _Told) -> str:
    return "Сообщение получено"


def _judged(told: _Told) -> str:
    version = told.after(" · модель", "model_version")
    return f"Модель определила тему {told.quoted('topic')}{told.percent('confidence')}{version}"


def _routed(told: _Told) -> str:
    department = told["department_name"] or told["department"] or ""
    rules = told.after(" · правила", "rule_set_version")
    return f"Направлено по правилу {told['rule'] or 'без номера'}: {department}{rules}"


def _clock_started(told: _Told) -> str:
    return f"Пошёл срок {_clock(told)}: до {told.moment('due_at')}"


def _due_changed(told: _Told) -> str:
    return f"Срок {_clock(told)}: {told.moment('from')} → {told.moment('to')}{told.after(',', 'because')}"


def _appended(_: _Told) -> str:
    return "Житель дописал ещё"


def _edited(_: _Told) -> str:
    return "Автор исправил сообщение"


def _deleted(_: _Told) -> str:
    return "Автор удалил сообщение"


def _restored(_: _Told) -> str:
    return "Автор вернул удалённое сообщение"


def _label_accepted(told: _Told) -> str:
    return f"{KIND_NAMES.get(told['label_kind'], 'Метка')} подтверждена: {told.quoted('label')}"


def _label_corrected(told: _Told) -> str:
    return f"{KIND_NAMES.get(told['label_kind'], 'Метка')} исправлена: {told.quoted('from')} → {told.quoted('to')}"


def _alarm_raised(told: _Told) -> str:
    words = "; ".join(f"«{word['text']}»" for word in told["words"] or [])
    why = "" if told["words"] is None else f" · {words or 'по мнению модели'}"  # words may be gone with all others
    return f"Тревога: {', '.join(told['themes'] or [])}{why}"


def _alarm_dismissed(told: _Told) -> str:
    return f"Признано неопасным: {', '.join(told['themes'] or [])}"


def _alarm_restored(told: _Told) -> str:
    return f"Тревога возвращена: {', '.join(told['themes'] or [])}"


def _called_talk(_: _Told) -> str:
    return "Признано разговором"


def _place_chosen(told: _Told) -> str:
    return f"Место: {told['from'] or 'территория страницы'} → {told['to'] or 'территория страницы'}"


def _merged(told: _Told) -> str:
    return f"Повтор обращения № {told['parent'] or '?'}: своего срока больше нет"


def _joined(told: _Told) -> str:
    return f"Присоединён повтор № {told['duplicate'] or '?'}"


def _separated(told: _Told) -> str:
    other = told["parent"] or told["duplicate"]
    return f"Больше не повтор: отсоединено от № {other}" if told["parent"] else f"Отсоединён повтор № {other or '?'}"


def _rerouted(told: _Told) -> str:
    return f"Передано: {told['from'] or '?'} → {told['to'] or '?'}{told.after(' ·', 'reason')}. Срок прежний"


def _taken(_: _Told) -> str:
    return "Взято в работу"


def _noted(told: _Told) -> str:
    return f"Заметка{told.after(':', 'text')}"


def _answer_written(told: _Told) -> str:
    if told["is_question"]:
        return "Уточняющий вопрос жителю написан и отправляется"
    kind = "Промежуточный" if told["is_interim"] else "Окончательный"
    return f"{kind} ответ написан и отправляется"


def _answer_submitted(_: _Told) -> str:
    return "Ответ написан и ждёт проверки центра"


def _answer_approved(told: _Told) -> str:
    return "Центр поправил ответ и отправил" if told["is_changed"] else "Центр проверил ответ, он отправляется"


def _answer_sent_back(told: _Told) -> str:
    return f"Центр вернул ответ на доработку{told.after(':', 'reason')}"


def _answer_withdrawn(_: _Told) -> str:
    return "Ответ не успел пройти проверку, его слова остались черновиком"


def _returned(told: _Told) -> str:
    proposed = f" · предложено: {told['proposed']}" if told["proposed"] else ""
    return f"Возвращено «не наше»: {told['from'] or '?'} → {told['to'] or '?'}{told.after(' ·', 'reason')}{proposed}"


def _citizen_replied(_: _Told) -> str:
    return "Житель ответил на уточняющий вопрос, срок идёт дальше"


def _part_asked(told: _Told) -> str:
    return f"Запрошена часть ответа: {told['department'] or '?'}{told.after(' ·', 'question')}"


def _part_given(told: _Told) -> str:
    return f"Часть ответа готова: {told['department'] or '?'}"


def _part_declined(told: _Told) -> str:
    return f"От части ответа отказались: {told['department'] or '?'}{told.after(' ·', 'reason')}"


def _assigned(told: _Told) -> str:
    return f"Назначен исполнитель: {told['to'] or '?'}{told.after(', ', 'because')}"


def _answer_delivered(_: _Told) -> str:
    return "Ответ доставлен: площадка подтвердила"


def _answer_failed(told: _Told) -> str:
    return f"Ответ не доставлен{told.after(':', 'reason')}"


def _answer_cancelled(_: _Told) -> str:
    return "Недоставленный ответ отменён"


def _answered_in_platform(_: _Told) -> str:
    return "Модератор ответил вручную в соцсети"


def _confirmed(_: _Told) -> str:
    return "Признано обращением"


def _closed(told: _Told) -> str:
    names = CLOSE_REASONS | SYSTEM_CLOSE_REASONS
    return f"Закрыто: {names.get(str(told['reason']), 'без причины').lower()}"


def _reopened(told: _Told) -> str:
    return f"Житель написал снова, обращение открыто заново{told.after(' · круг', 'cycle')}"


def _breached(told: _Told) -> str:
    return f"Просрочен срок {_clock(told)}: был до {told.moment('due_at')}"


SENTENCES: dict[str, Callable[[_Told], str]] = {
    "received": _received,
    "judged": _judged,
    "routed": _routed,
    "clock_started": _clock_started,
    "due_changed": _due_changed,
    "appended": _appended,
    "edited": _edited,
    "deleted": _deleted,
    "restored": _restored,
    "label_accepted": _label_accepted,
    "label_corrected": _label_corrected,
    "alarm_raised": _alarm_raised,
    "alarm_dismissed": _alarm_dismissed,
    "alarm_restored": _alarm_restored,
    "called_talk": _called_talk,
    "place_chosen": _place_chosen,
    "merged": _merged,
    "joined": _joined,
    "separated": _separated,
    "rerouted": _rerouted,
    "taken": _taken,
    "noted": _noted,
    "answer_written": _answer_written,
    "answer_submitted": _answer_submitted,
    "answer_approved": _answer_approved,
    "answer_sent_back": _answer_sent_back,
    "answer_withdrawn": _answer_withdrawn,
    "returned": _returned,
    "citizen_replied": _citizen_replied,
    "part_asked": _part_asked,
    "part_given": _part_given,
    "part_declined": _part_declined,
    "assigned": _assigned,
    "answer_delivered": _answer_delivered,
    "answer_failed": _answer_failed,
    "answer_cancelled": _answer_cancelled,
    "answered_in_platform": _answered_in_platform,
    "confirmed": _confirmed,
    "closed": _closed,
    "reopened": _reopened,
    "breached": _breached,
    "depersonalised": words_gone,
    "came_late": change_too_late,
}
