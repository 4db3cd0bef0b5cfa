"""Which departments a dialog offers first."""

import pytest

from app.departments.models import Department
from app.handling.offering import fits, offered
from routing_rules import territory_path

CITY, DISTRICT = "52701000", "52644000"


def department(name: str, territories: tuple[str, ...] = (), spheres: tuple[str, ...] = ()) -> Department:
    return Department(
        code=name, name=name, short_name=name, kind="municipal", territories=list(territories), spheres=list(spheres)
    )


@pytest.mark.parametrize(
    ("territories", "spheres", "place", "sphere", "is_fit"),
    [
        ((CITY,), ("housing",), CITY, "housing", True),
        ((CITY,), ("housing",), CITY, "health", False),
        ((CITY,), ("housing",), DISTRICT, "housing", False),
        ((CITY,), ("housing",), CITY, None, False),
        ((CITY,), ("housing",), "", "housing", False),
        (("52000000",), (), CITY, None, True),  # the whole region
        ((CITY,), (), "52000000", None, False),  # somewhere in the region is not in the city
        ((CITY, DISTRICT), (), DISTRICT, "housing", True),
        ((), ("housing", "health"), DISTRICT, "health", True),
        ((), ("housing",), "", "housing", True),
        ((), (), CITY, "housing", False),  # the registry says nothing of it
    ],
)
def test_a_department_fits_when_all_that_is_said_of_it_is_true(
    territories: tuple[str, ...], spheres: tuple[str, ...], place: str, sphere: str | None, is_fit: bool
) -> None:
    path = territory_path(place) if place else ()
    assert fits(department("Дороги", territories, spheres), path, sphere) == is_fit


def test_those_that_fit_come_first_and_each_group_is_by_name() -> None:
    known = [
        department("Ясли"), department("жилье", (CITY,)), department("Ёлки", (CITY,)), department("Дворы"),
        department("Дороги", (DISTRICT,)),
    ]  # fmt: skip
    groups = offered(known, territory_path(CITY), None)
    assert [(group.heading, [one.short_name for one in group.departments]) for group in groups] == [
        ("Подходят по территории и сфере", ["Ёлки", "жилье"]),
        ("Остальные", ["Дворы", "Дороги", "Ясли"]),
    ]


@pytest.mark.parametrize("names", [["Дворы", "Дороги"], []])
def test_where_nobody_fits_there_are_no_headings(names: list[str]) -> None:
    (group,) = offered([department(name) for name in names], territory_path(CITY), None)
    assert (group.heading, [one.short_name for one in group.departments]) == ("", names)
