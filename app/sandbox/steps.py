"""A journey as the steps that the sandbox shows. Every figure is a difference of two stored times."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo

from app import formats
from app.accounts.actor import Actor
from app.appeals.history import plain_label
from app.appeals.models import AnswerState, HistoryEntry
from app.appeals.service import CLOSE_REASONS, SYSTEM_CLOSE_REASONS
from app.intake.models import EventState
from app.resources import Resources
from app.sandbox.journey import Journey
from app.sla import face
from app.sla import service as sla
from app.triage.marks import Piece, marked

State = Literal["done", "now", "wait", "bad"]
MOST_WORDS = 6


@dataclass(frozen=True, slots=True)
class Step:
    """One step. `aside` is its time; `link` an address with its name."""

    state: State
    title: str
    aside: str = ""
    more: str = ""
    words: tuple[Piece, ...] = ()
    link: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Teller:
    """Tells one journey to one person."""

    journey: Journey
    resources: Resources
    actor: Actor
    since: datetime
    now: datetime

    def steps(self) -> list[Step]:
        """What has happened, what is going on, what is awaited."""
        if self.journey.event is None:
            return [Step("now", "Ждём доставки", more="Ненастоящая соцсеть отправляет событие на адрес страницы.")]
        if self.journey.event.state == EventState.FAILED:
            error = self.journey.event.error or ""
            return [self._stored(), Step("bad", "Разобрать не удалось", more=error, link=("/events", "Открыть сбои"))]
        if self.journey.appeal is None:
            return [
                self._stored(),
                Step("now", "Разбираем", more="Рабочий процесс читает, определяет тему и ищет отдел."),
            ]
        return [
            self._stored(),
            self._appended() or self._understood(),
            self._routed(),
            *self._promised(),
            *self._changes(is_after_answer=False),
            *self._answered(),
            *self._changes(is_after_answer=True),
        ]

    def _stored(self) -> Step:
        received_at = self.journey.event.received_at if self.journey.event else self.now
        passed = received_at - self.since
        is_exact = self.since.microsecond != 0 and timedelta(0) <= passed < timedelta(minutes=1)
        delay = (
            f"Принят через {formats.number(passed / timedelta(milliseconds=1))} мс после отправки. " if is_exact else ""
        )
        return Step(
            "done",
            "Доставлен и записан",
            self._clock_time(received_at),
            f"{delay}Платформа услышала «ok» только после записи на диск.",
        )

    def _understood(self) -> Step:
        appeal, judged = self.journey.appeal, self.journey.last("judged")
        if appeal is None or judged is None:
            return Step("now", "Понимаем")
        topic = str(judged.details.get("topic") or "")
        share = formats.percent(judged.details.get("confidence"))
        if appeal.is_talk:
            chance = formats.percent(appeal.judgement.get("appeal_probability"))
            more = f"Обращение с вероятностью {chance}: оператор найдёт его среди разговоров."
            return Step("done", "Похоже на разговор", self._after(judged), more)
        words = self._words(appeal.text, topic)
        more = f"{plain_label(topic)}, {share}." + (" Решили слова:" if words else "")
        return Step("done", "Понят", self._after(judged), more, words)

    def _words(self, text: str, topic: str) -> tuple[Piece, ...]:
        """The words that drove the topic, neighbours together, as on the card."""
        try:
            evidence = self.resources.judge.explain(text, "topic", topic)
        except KeyError:  # the topic was judged by an older model
            return ()
        return tuple(piece for piece in marked(text, evidence) if piece.strength)[:MOST_WORDS]

    def _appended(self) -> Step | None:
        """A second message of the same person under the same post belongs to his open appeal."""
        message, appeal = self.journey.message, self.journey.appeal
        for entry in self.journey.history:
            if entry.action == "appended" and message and appeal and entry.details.get("message_id") == message.id:
                more = f"Дополнил обращение № {formats.number(appeal.id)}: оно открыто, срок идёт от первого сообщения."
                return Step("done", "Понят", self._after(entry), more)
        return None

    def _routed(self) -> Step:
        appeal, department, routed = self.journey.appeal, self.journey.department, self.journey.last("routed")
        if appeal is None or department is None or routed is None:
            return Step("now", "Ищем ответственного")
        version = routed.details.get("rule_set_version", "")
        because = next((one["because"] for one in routed.details.get("steps", []) if one["outcome"] == "won"), "")
        more = f"{because.rstrip('.')}. Правило {routed.details.get('rule', '')}, таблицы {version}."
        link = (f"/appeals/{appeal.id}", "Почему сюда") if self._may_open() else None
        return Step("done", f"Направлен: {department.short_name}", self._after(routed), more, link=link)

    def _promised(self) -> list[Step]:
        clock, started = self.journey.clock, self.journey.last("clock_started")
        if (
            clock is None
            or started is None
            or clock.due_at is None
            or (self.journey.appeal and self.journey.appeal.is_talk)
        ):
            return []
        state, calendar = sla.state_of(clock), sla.calendar_of(clock)
        due = face.due_text(clock.due_at, self.now, calendar.zone)
        return [Step("done", f"Срок пошёл: до {due}", self._after(started), f"{face.formula(state, calendar)}.")]

    def _changes(self, *, is_after_answer: bool) -> list[Step]:
        """What its author did to the message, before or after it was answered."""
        names = {"edited": "Правка учтена", "deleted": "Удаление учтено", "restored": "Восстановление учтено"}
        message_id = self.journey.message.id if self.journey.message else None
        answered_at = self.journey.answer.created_at if self.journey.answer else self.now
        return [
            Step("done", names[entry.action], self._clock_time(entry.at))
            for entry in self.journey.history
            if entry.action in names
            and entry.details.get("message_id") == message_id
            and (entry.at > answered_at) is is_after_answer
        ]

    def _answered(self) -> list[Step]:
        appeal, answer = self.journey.appeal, self.journey.answer
        if appeal is None:
            return []
        if answer is not None:
            return self._on_its_way(appeal.id)
        by_hand = self.journey.last("answered_in_platform")
        if by_hand is not None:
            return [Step("done", "Ответили прямо в соцсети", self._clock_time(by_hand.at), "Срок остановлен.")]
        if not appeal.is_open:
            reasons = CLOSE_REASONS | SYSTEM_CLOSE_REASONS
            return [Step("done", "Закрыто без ответа", more=reasons.get(appeal.close_reason or "", ""))]
        return [self._your_turn(), Step("wait", "Ответ появится под сообщением")]

    def _your_turn(self) -> Step:
        appeal = self.journey.appeal
        if appeal is None or not self._may_open():
            return Step("now", "Теперь очередь отдела", more="Это обращение другого отдела: у вашей роли его нет.")
        return Step(
            "now",
            "Теперь вы оператор",
            more="Обращение уже в очереди.",
            link=(f"/appeals/{appeal.id}", "Открыть и ответить"),
        )

    def _on_its_way(self, appeal_id: int | None) -> list[Step]:
        answer = self.journey.answer
        if answer is None:
            return []
        kind = "Промежуточный ответ" if answer.is_interim else "Ответ"
        written = Step("done", f"{kind} написан", self._clock_time(answer.created_at), f"Автор: {answer.author_label}.")
        if answer.state == AnswerState.DELIVERED and answer.delivered_at:
            took = formats.number((answer.delivered_at - answer.created_at).total_seconds(), 2)
            more = f"Ушёл за {took} с; срок остановлен по подтверждению платформы."
            return [written, Step("done", f"{kind} доставлен", self._clock_time(answer.delivered_at), more)]
        reason = answer.error_reason or "Ждёт своей секунды: у страницы предел запросов."
        if answer.state in (AnswerState.PENDING, AnswerState.SENDING):
            return [
                written,
                Step("now", f"{kind} уходит", f"попытка {answer.attempts}" if answer.attempts else "", reason),
            ]
        return [
            written,
            Step("bad", f"{kind} не ушёл", more=reason, link=(f"/appeals/{appeal_id}", "Решить, что делать")),
        ]

    def _may_open(self) -> bool:
        """Whether this person sees the appeal: role `department` sees its own department's only."""
        appeal = self.journey.appeal
        return appeal is not None and self.actor.only_department_id in (None, appeal.department_id)

    def _after(self, entry: HistoryEntry) -> str:
        """«+0,31 с» since the webhook, or the time of day where that is long ago."""
        passed = entry.at - self.journey.event.received_at if self.journey.event else timedelta(0)
        if not timedelta(0) <= passed < timedelta(minutes=1):
            return self._clock_time(entry.at)
        return f"+{formats.number(passed.total_seconds(), 2)}{formats.NO_BREAK}с"

    def _clock_time(self, moment: datetime) -> str:
        zone = ZoneInfo(self.resources.settings.time_zone)
        return f"{moment.astimezone(zone):%H:%M:%S},{moment.microsecond // 10_000:02}"


def chip(journey: Journey) -> dict[str, Any] | None:
    """How quick it was, above the steps."""
    seconds = journey.seconds_to_drain
    if seconds is None or journey.appeal is None:
        return None
    return {"text": f"{formats.number(seconds, 2)}{formats.NO_BREAK}с до разбора"} if seconds < 60 else None
