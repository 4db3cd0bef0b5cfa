from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.sla import clock, defaults
from app.sla.calendar import HoleNeverEnds, WorkCalendar, calendar_from_document
from app.sla.clock import ClockIsClosed, ClockState, ExtensionRefused
from app.sla.hours import Hole, spliced
from app.sla.policy import Span, policy_from_document

OMSK = ZoneInfo("Asia/Omsk")
office, duty = (calendar_from_document(document) for document in defaults.calendar_documents())
policies = {document["code"]: policy_from_document(document) for document in defaults.policy_documents()}
social = policies["social-default"]


def omsk(day: int, hour: int = 0, minute: int = 0, second: int = 0, month: int = 11) -> datetime:
    """A moment of November 2026; the 16th is a Monday."""
    return datetime(2026, month, day, hour, minute, second, tzinfo=OMSK)


def nine_hours(at: datetime = omsk(16, 16, 10), severity: int = 2) -> ClockState:
    return clock.start("first_answer", social, office, at, severity)


def spanning(span: Span, at: datetime = omsk(16, 16, 10), calendar: WorkCalendar = office) -> ClockState:
    return ClockState("first_answer", "test", 1, calendar.code, at, span, clock.due_after(span, calendar, at))


NINE, TEN, ELEVEN, NOON = (omsk(16, hour) for hour in (9, 10, 11, 12))


@pytest.mark.parametrize(
    ("before", "after", "whole"),
    [
        ([(NINE, TEN)], [(ELEVEN, NOON)], [(NINE, TEN)]),  # the first alone tells what was before noon
        ([(NINE, None)], [], [(NINE, NOON)]),
        ([(NINE, None)], [(TEN, None)], [(NINE, None)]),  # one pause that goes on
        ([(NINE, TEN)], [(ELEVEN, None)], [(NINE, TEN), (NOON, None)]),
        ([(NOON, None)], [(NOON, omsk(16, 13))], [(NOON, omsk(16, 13))]),
        ([], [(omsk(16, 13), None)], [(omsk(16, 13), None)]),
    ],
)
def test_pauses_are_those_of_one_clock_up_to_a_moment_and_of_another_from_then_on(
    before: list[Hole], after: list[Hole], whole: list[Hole]
) -> None:
    assert spliced(before, after, NOON) == tuple(whole)


# Semantics 1: a pause is a hole in the calendar, not minutes added to a date


def test_a_pause_over_night_moves_the_due_time_by_working_time_only() -> None:
    paused = clock.pause(nine_hours(), omsk(16, 17))
    resumed = clock.resume(paused, office, omsk(17, 10))
    assert resumed.due_at == omsk(18, 10, 10)  # two working hours later, not seventeen


def test_a_pause_on_a_day_off_moves_nothing() -> None:
    state = nine_hours(omsk(20, 16, 10))
    resumed = clock.resume(clock.pause(state, omsk(21, 10)), office, omsk(22, 20))
    assert resumed.due_at == state.due_at


def test_nobody_knows_the_due_time_while_a_pause_is_open() -> None:
    paused = clock.pause(nine_hours(), omsk(17, 10))
    assert paused.is_paused
    assert paused.due_at is None
    assert not clock.is_breached(paused, omsk(30, 10))
    assert clock.spent_minutes(paused, office, omsk(30, 10)) == 110 + 60
    with pytest.raises(HoleNeverEnds):
        clock.due_after(paused.span, office, paused.started_at, paused.holes)


def test_a_pause_does_not_save_a_clock_that_is_past_due() -> None:
    late = clock.pause(nine_hours(), omsk(17, 17, 30))
    assert late.due_at == omsk(17, 17, 10)
    assert clock.is_breached(late, omsk(17, 18))
    assert clock.resume(late, office, omsk(20, 10)).due_at == omsk(17, 17, 10)
    assert clock.band_of(late, office, omsk(17, 18)) == "over"


def test_a_pause_shifts_a_term_of_days_by_itself() -> None:
    state = clock.start("final", social, office, omsk(12, 15), 2)
    resumed = clock.resume(clock.pause(state, omsk(13, 10)), office, omsk(13, 12))
    assert (state.due_at, resumed.due_at) == (omsk(23, 18), omsk(24, 11))


moments = st.timedeltas(timedelta(0), timedelta(days=6))


@settings(max_examples=60, deadline=None)
@given(st.lists(moments, max_size=6), st.integers(0, 5))
def test_however_often_it_is_paused_a_clock_grants_its_span(steps: list[timedelta], severity: int) -> None:
    state, now = nine_hours(severity=severity), omsk(16, 16, 10)
    for i, step in enumerate(steps):
        now += step
        state = clock.resume(state, office, now) if i % 2 else clock.pause(state, now)
    if state.is_paused:
        state = clock.resume(state, office, now)
    assert state.due_at is not None
    granted = clock.allowance(state.span, office, state.started_at) / timedelta(minutes=1)
    assert clock.spent_minutes(state, office, state.due_at) == granted
    assert clock.share_left(state, office, state.due_at) == 0


# Semantics 2: zone, several intervals a weekday, overrides


def test_the_clock_of_the_mock_is_due_at_ten_past_five() -> None:
    assert nine_hours().due_at == omsk(17, 17, 10)


def test_high_importance_runs_round_the_clock() -> None:
    assert nine_hours(omsk(20, 19), severity=4).due_at == omsk(20, 23)


def test_the_short_day_before_a_holiday_is_an_hour_shorter_for_clocks_too() -> None:
    assert nine_hours(omsk(3, 9)).due_at == omsk(5, 11)  # 3 November is short, 4 November is a holiday


# Semantics 3: one sortable due time


def test_the_next_due_time_is_the_earliest_of_the_open_clocks() -> None:
    early, late = nine_hours(), nine_hours(omsk(17, 9))
    assert clock.next_due_at([late, early]) == early.due_at
    assert clock.next_due_at([late, clock.meet(early, omsk(16, 17))]) == late.due_at
    assert clock.next_due_at([clock.pause(late, omsk(17, 10)), clock.stop(early, omsk(17, 10), "spam")]) is None
    assert clock.next_due_at([]) is None


# Semantics 4: the policy version stays; due times change by events only


def test_a_clock_keeps_the_policy_version_it_started_with() -> None:
    state = nine_hours()
    assert (state.policy_code, state.policy_version) == ("social-default", 2)
    newer = replace(social, version=3, targets=(replace(social.targets[0], span=Span(60, "working_minutes")),))
    resumed = clock.resume(clock.pause(state, omsk(16, 17)), office, omsk(16, 17, 30))
    assert (resumed.policy_version, resumed.span) == (2, Span(540, "working_minutes"))
    assert clock.reclassify(state, newer, office, omsk(16, 17), 2).policy_version == 3


def test_reclassifying_upwards_shortens_the_span_from_its_start() -> None:
    assert clock.reclassify(nine_hours(), social, office, omsk(16, 17), 4).due_at == omsk(16, 20, 10)


def test_reclassifying_downwards_gives_no_extra_time() -> None:
    urgent = nine_hours(severity=5)
    calm = clock.reclassify(urgent, social, office, omsk(16, 17), 0)
    assert (calm.due_at, calm.span) == (urgent.due_at, urgent.span)


def test_reclassifying_downwards_gives_time_where_the_policy_says_so() -> None:
    generous = replace(social, reclassifying_extends=True)
    assert clock.reclassify(nine_hours(severity=5), generous, office, omsk(16, 17), 0).due_at == omsk(17, 17, 10)


def test_reclassifying_there_and_back_is_not_a_way_to_win_time() -> None:
    there = clock.reclassify(nine_hours(), social, office, omsk(16, 17), 5)
    back = clock.reclassify(there, social, office, omsk(16, 17, 1), 2)
    assert back.due_at == there.due_at


def test_a_paused_clock_that_is_reclassified_stays_paused() -> None:
    paused = clock.reclassify(clock.pause(nine_hours(), omsk(16, 17)), social, office, omsk(16, 17, 30), 4)
    assert paused.is_paused
    assert paused.due_at is None
    assert clock.resume(paused, office, omsk(16, 18)).due_at == omsk(16, 21, 10)


@pytest.mark.parametrize(
    ("started_at", "handed_over_at", "due_at"),
    [
        (omsk(16, 16, 10), omsk(16, 17), omsk(17, 1, 10)),  # nine hours round the clock
        (omsk(16, 16, 10), omsk(17, 1, 10), omsk(17, 17, 10)),  # by then it would be past due already
        (omsk(16, 16, 10), omsk(17, 18), omsk(17, 17, 10)),  # and now it is
    ],
)
def test_a_clock_adopts_a_calendar_that_ends_it_earlier_but_not_in_the_past(
    started_at: datetime, handed_over_at: datetime, due_at: datetime
) -> None:
    moved = clock.adopt(nine_hours(started_at), office, duty, handed_over_at)
    assert (moved.due_at, moved.calendar_code) == (
        due_at,
        "duty" if due_at.day == 17 and due_at.hour == 1 else "office",
    )


def test_a_calendar_that_gives_more_time_is_not_adopted() -> None:
    by_duty = clock.start("first_answer", social, duty, omsk(16, 16, 10), 2)
    assert clock.adopt(by_duty, duty, office, omsk(16, 17)) is by_duty


def test_a_paused_clock_that_adopts_a_calendar_stays_paused() -> None:
    moved = clock.adopt(clock.pause(nine_hours(), omsk(16, 17)), office, duty, omsk(16, 18))
    assert (moved.due_at, moved.is_paused, moved.calendar_code) == (None, True, "duty")
    assert clock.resume(moved, duty, omsk(16, 18)).due_at == omsk(17, 2, 10)


def test_a_changed_due_time_leaves_a_line_for_the_history() -> None:
    state = nine_hours()
    paused = clock.pause(state, omsk(17, 10))
    resumed = clock.resume(paused, office, omsk(18, 11))
    assert clock.change_text(state, paused, "задан вопрос", "Asia/Omsk") == "вт 17.11 17:10 → пауза: задан вопрос"
    assert clock.change_text(paused, resumed, "ответил", "Asia/Omsk") == "пауза → чт 19.11 9:10: ответил"


# Semantics 5: automatic replies


def test_an_automatic_reply_never_meets_a_clock() -> None:
    state = nine_hours()
    assert clock.meet(state, omsk(16, 16, 11), is_automatic=True) == state
    assert clock.meet(state, omsk(16, 16, 12)).met_at == omsk(16, 16, 12)


# Semantics 7: compliance


def test_compliance_of_nothing_is_no_data() -> None:
    assert clock.compliance(0, 0) is None
    assert clock.compliance(0, 3) == 0
    assert clock.compliance(3, 1) == 0.75


def test_open_and_past_due_is_breached_and_the_due_minute_itself_is_in_time() -> None:
    state = nine_hours()
    assert not clock.is_breached(state, omsk(17, 17, 10))
    assert clock.is_breached(state, omsk(17, 17, 10, 1))
    assert not clock.is_breached(clock.meet(state, omsk(17, 17, 10)), omsk(30))
    assert clock.is_breached(clock.meet(state, omsk(17, 17, 11)), omsk(30))
    assert not clock.is_breached(clock.stop(state, omsk(18), "spam"), omsk(30))


# Semantics 8: the ladder


def test_the_ladder_waits_for_the_next_working_minute() -> None:
    assert [(step.share, at) for step, at in clock.escalations(nine_hours(), social, office)] == [
        (0.5, omsk(17, 11, 40)), (0.8, omsk(17, 15, 22)), (1.0, omsk(17, 17, 10)), (1.5, omsk(18, 12, 40)),
    ]  # fmt: skip
    urgent = nine_hours(omsk(20, 17), severity=4)
    always = replace(social, escalation=tuple(replace(step, off_hours=True) for step in social.escalation))
    assert [at for _, at in clock.escalations(urgent, social, office)] == [omsk(23, 9)] * 4
    assert [at for _, at in clock.escalations(urgent, always, office)][:2] == [omsk(20, 19), omsk(20, 20, 12)]


def test_an_open_pause_holds_the_ladder_back() -> None:
    paused = clock.pause(nine_hours(), omsk(17, 12))
    assert [step.share for step, _ in clock.escalations(paused, social, office)] == [0.5]


# Closing


def test_what_was_met_first_stays_met() -> None:
    met = clock.meet(nine_hours(), omsk(17, 10))
    assert clock.meet(met, omsk(17, 11)) == met
    assert not met.is_open
    assert met.closed_at == omsk(17, 10)


def test_an_answer_during_a_pause_is_in_time() -> None:
    met = clock.meet(clock.pause(nine_hours(), omsk(17, 10)), omsk(25, 10))
    assert met.holes == ((omsk(17, 10), omsk(25, 10)),)
    assert not clock.is_breached(met, omsk(30))
    assert clock.countdown_text(met, office, omsk(30)) == "в срок"


def test_what_a_closed_clock_has_spent_is_frozen() -> None:
    met = clock.meet(nine_hours(), omsk(17, 10))
    assert clock.spent_minutes(met, office, omsk(30)) == 170
    assert clock.left_minutes(met, office, omsk(30)) == 370


def test_a_closed_clock_cannot_be_changed() -> None:
    met, stopped = clock.meet(nine_hours(), omsk(17, 10)), clock.stop(nine_hours(), omsk(17, 10), "duplicate")
    assert clock.stop(stopped, omsk(18), "spam") == stopped
    for change in (
        lambda: clock.pause(met, omsk(18)),
        lambda: clock.resume(met, office, omsk(18)),
        lambda: clock.reclassify(met, social, office, omsk(18), 4),
        lambda: clock.extend(met, social, office),
        lambda: clock.stop(met, omsk(18), "spam"),
        lambda: clock.meet(stopped, omsk(18)),
    ):
        with pytest.raises(ClockIsClosed):
            change()


def test_verbs_may_arrive_twice() -> None:
    paused = clock.pause(nine_hours(), omsk(16, 17))
    assert clock.pause(paused, omsk(16, 18)) == paused
    resumed = clock.resume(paused, office, omsk(17, 10))
    assert clock.resume(resumed, office, omsk(17, 11)) == resumed


def test_a_platform_whose_clock_is_slow_does_not_turn_time_back() -> None:
    state = nine_hours()
    assert clock.meet(state, omsk(16, 16)).met_at == state.started_at
    resumed = clock.resume(clock.pause(state, omsk(16, 17)), office, omsk(16, 16, 30))
    assert resumed.holes == ((omsk(16, 17), omsk(16, 17)),)
    assert resumed.due_at == state.due_at
    assert clock.pause(resumed, omsk(16, 16, 50)).holes[-1] == (omsk(16, 17), None)
    assert clock.stop(clock.pause(state, omsk(16, 17)), omsk(16, 16), "spam").stopped_at == omsk(16, 17)
    assert clock.spent_minutes(state, office, omsk(16, 16)) == 0


# Extensions


def test_an_answer_under_59_fz_is_extended_once_by_thirty_days() -> None:
    law = policies["fz59"]
    state = clock.start("first_answer", law, office, omsk(12, 15), 2)
    longer = clock.extend(state, law, office)
    assert state.due_at == omsk(11, 18, month=12)  # 12 December is a Saturday
    assert longer.due_at == datetime(2027, 1, 11, 18, tzinfo=OMSK)
    with pytest.raises(ExtensionRefused, match="разрешает продлений: 1"):
        clock.extend(longer, law, office)


def test_an_extension_of_another_unit_or_of_more_is_refused() -> None:
    law = policies["fz59"]
    state = clock.start("first_answer", law, office, omsk(12, 15), 2)
    assert clock.extend(state, law, office, Span(5, "calendar_days")).span.amount == 35
    for extra in (Span(31, "calendar_days"), Span(5, "working_days")):
        with pytest.raises(ExtensionRefused, match="на столько"):
            clock.extend(state, law, office, extra)
    with pytest.raises(ExtensionRefused, match="на столько"):
        clock.extend(nine_hours(), social, office)
    with pytest.raises(ExtensionRefused, match="разрешает продлений: 0"):
        clock.extend(nine_hours(), policies["pos"], office)


# Shipped norms


@pytest.mark.parametrize(
    ("code", "kind", "track", "due"),
    [
        ("social-default", "final", "", omsk(23, 18)),
        ("pos", "first_answer", "", omsk(11, 18, month=12)),
        ("pos", "first_answer", "fast", omsk(20, 18)),
        ("fz59", "registration", "", omsk(16, 18)),
        ("fz59", "routing", "", omsk(19, 18)),
        ("fz59", "first_answer", "", omsk(11, 18, month=12)),
    ],
)
def test_the_shipped_terms_of_days(code: str, kind: str, track: str, due: datetime) -> None:
    assert clock.start(kind, policies[code], office, omsk(12, 15), 2, track).due_at == due


# Bands and texts


@pytest.mark.parametrize(
    ("share", "band"),
    [
        (1, "ok"),
        (0.51, "ok"),
        (0.5, "watch"),
        (0.2, "watch"),
        (0.19, "risk"),
        (0, "risk"),
        (-0.01, "over"),
        (None, "pause"),
    ],
)
def test_bands_follow_the_share_of_time_left(share: float | None, band: str) -> None:
    assert clock.band(share) == band


def test_past_due_is_over_at_night_too() -> None:
    late = nine_hours(omsk(17, 17))
    assert late.due_at == omsk(18, 18)
    assert clock.band_of(late, office, omsk(18, 18)) == "risk"
    assert clock.band_of(late, office, omsk(18, 22)) == "over"
    assert clock.countdown_text(late, office, omsk(18, 22)) == "−1 м"
    assert clock.band_of(clock.pause(late, omsk(18, 9)), office, omsk(18, 22)) == "pause"


@pytest.mark.parametrize(
    ("now", "text"),
    [
        (omsk(17, 14, 36), "2 ч 34 м"), (omsk(17, 14, 36, 1), "2 ч 33 м"), (omsk(17, 14, 10), "3 ч"),
        (omsk(17, 14, 5), "3 ч 05 м"), (omsk(17, 16, 29), "41 м"), (omsk(17, 17, 45), "−35 м"),
        (omsk(18, 9, 20), "−1 ч 10 м"), (omsk(16, 16, 0), "9 ч"),
    ],
)  # fmt: skip
def test_the_countdown_counts_working_time(now: datetime, text: str) -> None:
    assert clock.countdown_text(nine_hours(), office, now) == text


def test_the_countdown_of_a_clock_that_does_not_run_says_why() -> None:
    state = nine_hours()
    assert clock.countdown_text(clock.pause(state, omsk(16, 17)), office, omsk(17, 9)) == "пауза"
    assert clock.countdown_text(clock.stop(state, omsk(16, 17), "spam"), office, omsk(17, 9)) == "снят"
    assert clock.countdown_text(clock.meet(state, omsk(18, 9, 20)), office, omsk(30)) == "опоздание 1 ч 10 м"


@pytest.mark.parametrize(
    ("span", "text"),
    [
        (Span(30, "calendar_days"), "30 д 1 ч"),
        (Span(3, "calendar_days"), "3 д 1 ч"),
        (Span(4 * 1440, "calendar_minutes"), "4 д"),
        (Span(240, "calendar_minutes"), "4 ч"),
        (Span(12, "working_days"), "97 ч 50 м"),
        (Span(13, "working_days"), "105 ч"),
    ],
)
def test_long_countdowns_name_days_only_where_a_day_is_a_day(span: Span, text: str) -> None:
    assert clock.countdown_text(spanning(span), office, omsk(16, 16, 10)) == text


@pytest.mark.parametrize(
    ("due", "text"),
    [
        (omsk(17, 17, 10), "сег. 17:10"), (omsk(18, 10, 16), "завтра 10:16"), (omsk(16, 9), "вчера 9:00"),
        (omsk(20, 18), "пт 20.11"), (omsk(18), "сег. 24:00"), (omsk(13, 10), "пт 13.11"),
        (datetime(2027, 1, 11, 18, tzinfo=OMSK), "пн 11.01.2027"),
    ],
)  # fmt: skip
def test_due_times_are_told_as_seen_from_today(due: datetime, text: str) -> None:
    assert clock.due_text(due.astimezone(UTC), omsk(17, 14, 36).astimezone(UTC), "Asia/Omsk") == text


# Formula


def in_days(amount: int, unit: str = "working_minutes", at: datetime = omsk(16, 16, 10)) -> str:
    return clock.formula(spanning(Span(amount, unit, "previous"), at), office)


def test_the_formula_of_the_mock() -> None:
    assert clock.formula(nine_hours(), office) == (
        "пн 16:10 + 9 рабочих часов = 1 ч 50 м (пн) + 4 ч (вт 9–13) + 3 ч 10 м (вт с 14:00)"
    )


@pytest.mark.parametrize(
    ("formula", "text"),
    [
        (in_days(60), "пн 16:10 + 1 рабочий час = 1 ч (пн 16:10–17:10)"),
        (in_days(120, at=omsk(16, 11, 15)), "пн 11:15 + 2 рабочих часа = 1 ч 45 м (пн 11:15–13) + 15 м (пн с 14:00)"),
        (in_days(110), "пн 16:10 + 110 рабочих минут = 1 ч 50 м (пн 16:10–18)"),
        (in_days(51, at=omsk(20, 17, 30)), "пт 17:30 + 51 рабочая минута = 30 м (пт) + 21 м (пн с 9:00)"),
        (
            in_days(41 * 60),
            "пн 16:10 + 41 рабочий час = 1 ч 50 м (пн 16.11) + 8 ч (вт 17.11) + 8 ч (ср 18.11) + 8 ч (чт 19.11)"
            " + 8 ч (пт 20.11) + 7 ч 10 м (пн 23.11)",
        ),
        (
            in_days(100 * 60),
            "пн 16:10 + 100 рабочих часов = 1 ч 50 м (пн 16.11) + 8 ч (вт 17.11) + 80 ч (ещё 10 дней)"
            " + 8 ч (ср 02.12) + 2 ч 10 м (чт 03.12)",
        ),
        (in_days(240, "calendar_minutes"), "пн 16:10 + 4 часа круглосуточно = пн 20:10"),
        (in_days(90, "calendar_minutes"), "пн 16:10 + 90 мин круглосуточно = пн 17:40"),
        (in_days(30, "calendar_days", omsk(12, 15)), "чт 15:00 + 30 дней = сб 12.12, выходной → пт 11.12, до 18:00"),
        (in_days(2, "calendar_days"), "пн 16:10 + 2 дня = ср 18.11, до 18:00"),
        (
            in_days(7, "working_days", omsk(12, 15)),
            "чт 15:00 + 7 рабочих дней = пт 13, пн 16, вт 17, ср 18, чт 19, пт 20, пн 23.11, до 18:00",
        ),
        (
            in_days(12, "working_days", omsk(12, 15)),
            "чт 15:00 + 12 рабочих дней = пт 13, пн 16, …, чт 26, пт 27, пн 30.11, до 18:00",
        ),
    ],
)
def test_a_formula_can_be_checked_by_hand(formula: str, text: str) -> None:
    assert formula == text


def test_the_formula_of_a_calendar_that_opens_at_midnight() -> None:
    week = {"mon": ["00:00-02:00"], "tue": ["00:00-24:00"]}
    night = calendar_from_document({"code": "night", "name": "Ночь", "zone": "Asia/Omsk", "weekly": week})
    monday = spanning(Span(180, "working_minutes"), omsk(16, 1), night)
    assert clock.formula(monday, night) == "пн 1:00 + 3 рабочих часа = 1 ч (пн) + 2 ч (вт с 0:00)"
    tuesday = spanning(Span(120, "working_minutes"), omsk(17, 22), night)
    assert clock.formula(tuesday, night) == "вт 22:00 + 2 рабочих часа = 2 ч (вт 22–24)"


def test_the_formula_leaves_pauses_out() -> None:
    paused = clock.pause(nine_hours(), omsk(17, 10))
    assert clock.formula(paused, office) == (
        "пн 16:10 + 9 рабочих часов = 1 ч 50 м (пн) + 1 ч (вт 9–10) + 6 ч 10 м после паузы"
        "; пауза не в счёт: вт 17.11 10:00 – сейчас"
    )
    twice = clock.pause(clock.resume(paused, office, omsk(17, 11)), omsk(17, 12))
    resumed = clock.resume(twice, office, omsk(17, 12, 30))
    assert clock.formula(resumed, office) == (
        "пн 16:10 + 9 рабочих часов = 1 ч 50 м (пн) + 1 ч (вт 9–10) + 1 ч (вт 11–12) + 30 м (вт 12:30–13)"
        " + 4 ч (вт 14–18) + 40 м (ср с 9:00); пауза не в счёт: вт 17.11 10:00 – вт 17.11 11:00,"
        " вт 17.11 12:00 – вт 17.11 12:30"
    )


def test_the_formula_leaves_out_what_a_pause_swallows_whole() -> None:
    over_the_morning = clock.resume(clock.pause(nine_hours(), omsk(16, 17)), office, omsk(17, 15))
    assert clock.formula(over_the_morning, office).startswith(
        "пн 16:10 + 9 рабочих часов = 50 м (пн 16:10–17) + 3 ч (вт 15–18) + 4 ч (ср 9–13) + 1 ч 10 м (ср с 14:00);"
    )


def test_the_formula_of_a_paused_term_of_days_tells_both_ends() -> None:
    paused = clock.pause(spanning(Span(1, "working_days")), omsk(17, 10))
    assert clock.formula(paused, office).endswith("до 18:00; пауза не в счёт: вт 17.11 10:00 – сейчас")
    resumed = clock.resume(paused, office, omsk(17, 12))
    assert clock.formula(resumed, office) == (
        "пн 16:10 + 1 рабочий день = вт 17.11, до 18:00; пауза не в счёт: вт 17.11 10:00 – вт 17.11 12:00"
        "; срок ср 18.11 11:00"
    )


# Bar


def test_the_bar_of_the_mock() -> None:
    bar = clock.timeline(nine_hours(), office, omsk(17, 14, 36))
    kinds = [segment.kind for segment in bar.segments]
    assert kinds == ["spent", "hole", "spent", "hole", "spent", "left"]
    assert [(mark.text, mark.kind) for mark in bar.ticks] == [("50 %", "tick"), ("80 %", "tick")]
    assert [(mark.text, mark.kind) for mark in bar.marks] == [
        ("пн 16:10", "start"), ("вт 9:00", "day"), ("сейчас 14:36", "now"), ("17:10", "due"),
    ]  # fmt: skip
    spent = sum(segment.width for segment in bar.segments if segment.kind == "spent")
    left = sum(segment.width for segment in bar.segments if segment.kind == "left")
    assert left / (spent + left) == pytest.approx(154 / 540)
    assert bar.now == bar.segments[-1].start
    assert bar.segments[-1].start + bar.segments[-1].width == pytest.approx(1)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 30_000), st.sampled_from(["working_minutes", "calendar_minutes"]), moments, moments)
def test_the_segments_of_a_bar_follow_each_other_from_0_to_1(
    minutes: int, unit: str, pause_after: timedelta, now_after: timedelta
) -> None:
    state = spanning(Span(minutes, unit))
    state = clock.pause(state, state.started_at + pause_after)
    bar = clock.timeline(state, office, state.started_at + now_after)
    ends = [segment.start + segment.width for segment in bar.segments]
    assert bar.segments[0].start == 0
    assert ends[-1] == pytest.approx(1)
    assert all(end <= following.start + 1e-9 for end, following in zip(ends, bar.segments[1:], strict=False))
    assert all(segment.width > 0 for segment in bar.segments)
    assert 0 <= bar.now <= 1


def test_a_bar_past_due_is_full() -> None:
    bar = clock.timeline(nine_hours(), office, omsk(20, 10))
    assert {segment.kind for segment in bar.segments} == {"spent", "hole"}
    assert bar.now == 1
    assert [mark.kind for mark in bar.marks] == ["start", "day", "due"]


def test_a_bar_in_a_pause_has_no_end_yet() -> None:
    bar = clock.timeline(clock.pause(nine_hours(), omsk(17, 10)), office, omsk(20, 10))
    assert [segment.kind for segment in bar.segments] == ["spent", "hole", "spent", "hole", "left"]
    assert [mark.kind for mark in bar.marks] == ["start", "now"]  # the day is too near to the present for a label


def test_a_bar_paused_at_once_is_all_still_to_come() -> None:
    bar = clock.timeline(clock.pause(nine_hours(), omsk(16, 16, 10)), office, omsk(16, 17))
    assert [segment.kind for segment in bar.segments] == ["left"]
    assert [(mark.at, mark.kind) for mark in bar.marks] == [(0.0, "now")]


def test_a_long_bar_leaves_its_gaps_out() -> None:
    state = spanning(Span(30, "working_days"))
    bar = clock.timeline(state, office, omsk(16, 17))
    assert {segment.kind for segment in bar.segments} == {"spent", "left"}
    month = clock.timeline(spanning(Span(30, "calendar_days")), office, omsk(20))
    assert [segment.kind for segment in month.segments] == ["spent", "left"]


def test_labels_of_a_bar_keep_their_distance() -> None:
    places = [mark.at for mark in clock.timeline(spanning(Span(7, "working_days")), office, omsk(17, 9)).marks[:-1]]
    assert all(abs(a - b) >= 0.15 for i, a in enumerate(places) for b in places[:i])
