"""Which departments a dialog offers first: those that usually answer for this territory and sphere. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from app.departments.models import Department


@dataclass(frozen=True, slots=True)
class OfferedGroup:
    """Departments under one heading, by name."""

    heading: str
    departments: Sequence[Department]


def offered(departments: Iterable[Department], path: Sequence[str], sphere: str | None) -> list[OfferedGroup]:
    """Those that fit first, then the rest, each by name; one group without a heading where nobody fits, or everybody.

    `path` leads from the region down to the territory of the appeal; it is empty where that is not known.
    """
    by_name = sorted(departments, key=lambda one: one.short_name.casefold().replace("ё", "е"))
    fitting = [one for one in by_name if fits(one, path, sphere)]
    rest = [one for one in by_name if not fits(one, path, sphere)]
    if not fitting or not rest:
        return [OfferedGroup("", by_name)]
    return [OfferedGroup("Подходят по территории и сфере", fitting), OfferedGroup("Остальные", rest)]


def fits(department: Department, path: Sequence[str], sphere: str | None) -> bool:
    """Whether all that the registry says of the department is true of the appeal; it must say something.

    Who names no territory answers for all of them, and likewise with spheres.
    """
    if not department.territories and not department.spheres:
        return False
    is_here = not department.territories or not set(department.territories).isdisjoint(path)
    return is_here and (not department.spheres or sphere in department.spheres)
