"""How times, numbers and names are written for a Russian reader. Pure: zone and now are handed in."""

import zlib
from datetime import datetime, tzinfo

NO_BREAK = "\u00a0"
NOTHING = "—"
MONTHS = ("янв.", "февр.", "марта", "апр.", "мая", "июня", "июля", "авг.", "сент.", "окт.", "нояб.", "дек.")
WEEKDAYS = ("пн", "вт", "ср", "чт", "пт", "сб", "вс")
TONES = 4


def local_time(moment: datetime, zone: tzinfo) -> str:
    """«17:10»"""
    return moment.astimezone(zone).strftime("%H:%M")


def local_date(moment: datetime, zone: tzinfo, now: datetime) -> str:
    """«14 окт.», with the year when it is another one: «14 окт. 2025»"""
    day, today = moment.astimezone(zone), now.astimezone(zone)
    text = f"{day.day}{NO_BREAK}{MONTHS[day.month - 1]}"
    return text if day.year == today.year else f"{text} {day.year}"


def day_text(moment: datetime, zone: tzinfo, now: datetime) -> str:
    """When something happened: «сегодня, 08:47», «вчера, 16:10», «14 окт., 09:12»"""
    days = _days_from_today(moment, zone, now)
    names = {0: "сегодня", -1: "вчера", 1: "завтра"}
    return f"{names.get(days) or local_date(moment, zone, now)}, {local_time(moment, zone)}"


def due_text(moment: datetime, zone: tzinfo, now: datetime) -> str:
    """When something is due, short enough for a row: «сег. 17:10», «завтра 10:16», «пт 20.11»"""
    days = _days_from_today(moment, zone, now)
    names = {0: "сег.", -1: "вчера", 1: "завтра"}
    if days in names:
        return f"{names[days]} {local_time(moment, zone)}"
    day = moment.astimezone(zone)
    return f"{WEEKDAYS[day.weekday()]} {day:%d.%m}"


def number(value: float | None, digits: int = 0) -> str:
    """«1 286», «94,1»; «—» when there is none."""
    if value is None:
        return NOTHING
    return f"{value:,.{digits}f}".replace(",", NO_BREAK).replace(".", ",").replace("-", "−")


def percent(share: float | None, digits: int = 0) -> str:
    """A share of one as «64 %»; «—» when there is none."""
    return NOTHING if share is None else f"{number(share * 100, digits)}{NO_BREAK}%"


def plural(count: int, one: str, few: str, many: str) -> str:
    """The form of a noun that goes with a count: 1 обращение, 2 обращения, 5 обращений."""
    tens, units = count % 100, count % 10
    if 11 <= tens <= 14 or units == 0 or units >= 5:
        return many
    return one if units == 1 else few


def initials(name: str) -> str:
    """«Ирина К.» → «ИК»; «?» for a name without a letter."""
    letters = [word[0] for word in name.split() if word[0].isalnum()]
    return "".join(letters[:2]).upper() or "?"


def tone(name: str) -> int:
    """One of the four colours of people, always the same for one name."""
    return zlib.crc32(name.encode()) % TONES + 1


def _days_from_today(moment: datetime, zone: tzinfo, now: datetime) -> int:
    return (moment.astimezone(zone).date() - now.astimezone(zone).date()).days
