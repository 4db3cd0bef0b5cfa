"""Times and durations as the office writes them: «2 ч 34 м», «сег. 17:10», «пт 20.11». Pure."""

from datetime import date, datetime, timedelta

WEEKDAYS = ("пн", "вт", "ср", "чт", "пт", "сб", "вс")
_MIDNIGHT_GRACE = timedelta(microseconds=1)


def duration_text(minutes: int) -> str:
    """«41 м», «2 ч 34 м», «4 ч»; from a hundred hours on the minutes go."""
    hours, rest = divmod(minutes, 60)
    if not hours:
        return f"{rest} м"
    return f"{hours} ч" if not rest or hours >= 100 else f"{hours} ч {rest:02} м"


def calendar_duration_text(minutes: int) -> str:
    """The same round the clock: from two days on «12 д 4 ч»."""
    if minutes < 2880:
        return duration_text(minutes)
    days, rest = divmod(minutes, 1440)
    return f"{days} д {rest // 60} ч" if rest >= 60 else f"{days} д"


def hour_text(minute_of_day: int) -> str:
    """«9», «13:30»."""
    hour, minute = divmod(minute_of_day, 60)
    return f"{hour}:{minute:02}" if minute else str(hour)


def clock_text(local: datetime) -> str:
    """«9:00»; midnight is the end of the day before: «24:00»."""
    return f"{local.hour}:{local.minute:02}" if local.hour or local.minute else "24:00"


def day_of(local: datetime) -> date:
    """The day a deadline belongs to: midnight ends a day, it does not begin one."""
    return (local - _MIDNIGHT_GRACE).date()


def day_text(day: date) -> str:
    """«пт 20.11»."""
    return f"{WEEKDAYS[day.weekday()]} {day:%d.%m}"


def due_text(due: datetime, now: datetime) -> str:
    """A due time as seen today: «сег. 17:10», «завтра 10:16», «вчера 9:00», «пт 20.11», «пт 20.11.2027».

    Both are local times of one zone.
    """
    day = day_of(due)
    near = {-1: "вчера", 0: "сег.", 1: "завтра"}.get((day - now.date()).days)
    if near:
        return f"{near} {clock_text(due)}"
    return day_text(day) + (f".{day.year}" if day.year != now.year else "")


def counted(number: int, one: str, few: str, many: str) -> str:
    """A number with its noun: 1 час, 2 часа, 5 часов, 11 часов."""
    if number % 10 == 1 and number % 100 != 11:
        return f"{number} {one}"
    if number % 10 in (2, 3, 4) and number % 100 not in (12, 13, 14):
        return f"{number} {few}"
    return f"{number} {many}"


def amount_text(amount: int, unit: str) -> str:
    """A span in words: «9 рабочих часов», «4 часа круглосуточно», «7 рабочих дней», «30 дней»."""
    if unit == "working_days":
        return counted(amount, "рабочий день", "рабочих дня", "рабочих дней")
    if unit == "calendar_days":
        return counted(amount, "день", "дня", "дней")
    is_working = unit == "working_minutes"
    if amount % 60:
        text = counted(amount, "рабочая минута", "рабочие минуты", "рабочих минут") if is_working else f"{amount} мин"
    elif is_working:
        text = counted(amount // 60, "рабочий час", "рабочих часа", "рабочих часов")
    else:
        text = counted(amount // 60, "час", "часа", "часов")
    return text if is_working else f"{text} круглосуточно"
