"""Production calendars, XML to JSON: ``python -m app.sla.defaults FOLDER`` with one ``<year>.xml`` a year.

The XML is that of the open data set of xmlcalendar.ru: ``<day d="MM.DD" t="1|2|3"/>``, where 1 is a day off, 2 a day
one hour shorter and 3 a day off turned into a working one. Only the dates are kept; they are facts of the yearly
resolutions of the Government of Russia.
"""

import json
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

KINDS = {"1": "off", "2": "short", "3": "working"}


def days_of(calendar: ElementTree.Element) -> dict[str, list[str]]:
    """The dates (MM-DD) of one year by kind."""
    days: dict[str, list[str]] = {kind: [] for kind in KINDS.values()}
    for day in calendar.iter("day"):
        days[KINDS[day.attrib["t"]]].append(day.attrib["d"].replace(".", "-"))
    return days


def main(folder: Path, target: Path) -> None:
    roots = [ElementTree.parse(path).getroot() for path in sorted(folder.glob("*.xml"))]  # noqa: S314  our own files
    years = {root.attrib["year"]: days_of(root) for root in roots}
    text = ",\n".join(f"  {json.dumps(year)}: {json.dumps(days)}" for year, days in years.items())
    target.write_text(f"{{\n{text}\n}}\n", "utf-8")
    print(f"{target.name}: {', '.join(years)}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(__file__).with_name("production_calendar.json"))
