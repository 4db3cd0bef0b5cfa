"""The bodies behind pages, in memory while a table is imported: found again, added, set under each other. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from app.public_pages.rows import BodyName, PageRow, Remark
from app.public_pages.wording import COLUMN_NAMES

MOST_PARENTS = 10  # a body whose parents go up further than this stands in a circle, or the table is wrong


@dataclass(slots=True, eq=False)
class Body:
    """A body as it is stored or will be; `id` is below zero until it is."""

    id: int
    name: str
    ogrn: str | None = None
    inn: str | None = None
    territory_code: str | None = None
    parent: "Body | None" = None
    department_id: int | None = None

    @property
    def identity(self) -> str:
        """What tells it apart from others, see OfficialBody."""
        return identity_of(self.name, self.ogrn, self.inn, self.territory_code)

    def owner(self) -> "Body | None":
        """The nearest body, itself included, that has a department."""
        return next((body for body in (self, *self.above()) if body.department_id is not None), None)

    def above(self) -> Iterator["Body"]:
        """The bodies above, nearest first."""
        body, count = self.parent, 0
        while body is not None and count < MOST_PARENTS:
            yield body
            body, count = body.parent, count + 1


def identity_of(name: str, ogrn: str | None, inn: str | None, territory_code: str | None) -> str:
    """By ОГРН, else by ИНН, else by territory and name."""
    if ogrn:
        return f"ogrn:{ogrn}"
    return f"inn:{inn}" if inn else f"name:{territory_code or ''}:{name.lower()}"


@dataclass(frozen=True, slots=True)
class WantedParent:
    """A parent that a row names; looked for at the end, since the row of the parent itself may come later."""

    row: PageRow
    body: Body | None


class BodyDirectory:
    """Every body. What is new or changed since the last `take_changes` waits there to be written."""

    def __init__(
        self, bodies: Iterable[Body], departments: Mapping[str, int], territory_paths: Mapping[str, tuple[str, ...]]
    ) -> None:
        self._departments = departments
        self._paths = territory_paths
        self._by_ogrn: dict[str, Body] = {}
        self._by_inn: dict[str, Body] = {}
        self._by_name: dict[str, list[Body]] = {}
        self._changed: dict[int, Body] = {}
        self._wanted: list[WantedParent] = []
        self._next_id = -1
        for body in bodies:
            self._index(body)

    def of_row(self, row: PageRow) -> Body | None:
        """The body that a row names, found or made. A parent not met yet is remembered for `settle_parents`."""
        body = self._found_or_made(row) if row.body else None
        if row.parent and not (body is not None and self._is_soon_settled(row, body)):
            self._wanted.append(WantedParent(row, body))
        if body is not None and row.body_department:
            self._set(body, department_id=self._departments[row.body_department])
        return body

    def take_changes(self) -> list[Body]:
        """New and changed bodies, once."""
        changed, self._changed = list(self._changed.values()), {}
        return changed

    def settle_parents(self) -> tuple[list[tuple[PageRow, Body]], list[Remark]]:
        """Set bodies under their parents; pages whose row names a parent but no body, and what could not be done."""
        pages: list[tuple[PageRow, Body]] = []
        remarks: list[Remark] = []
        for wanted in self._wanted:
            parent, problem = self._parent(wanted.row)
            if parent is not None and wanted.body is None:
                pages.append((wanted.row, parent))
            elif parent is not None and wanted.body is not None:
                if parent is wanted.body or wanted.body in parent.above():
                    problem = f"«{parent.name}» не может быть выше самого себя"
                else:
                    self._set(wanted.body, parent=parent)
            if problem:
                remarks.append(
                    Remark(wanted.row.number, COLUMN_NAMES["parent"], f"{problem}; связь не записана", False)
                )
        self._wanted = []
        return pages, remarks

    def _is_soon_settled(self, row: PageRow, body: Body) -> bool:
        """Whether the body could be set under its parent at once, as nearly all can: the owner is then known too."""
        parent = self._near_parent(row)
        if parent is None and row.parent.name.lower() in self._departments and not row.parent.ogrn:
            parent = self._make(row.parent, row.parent.name, None)
        if parent is None or parent is body or body in parent.above():
            return False
        self._set(body, parent=parent)
        return True

    def _found_or_made(self, row: PageRow) -> Body:
        asked, territory = row.body, row.territory_code or None
        body = self._by_ogrn.get(asked.ogrn) or self._by_inn.get(asked.inn) or self._of_name(row)
        if body is None or self._is_another(body, asked):
            return self._make(asked, row.name, territory)
        told = {"name": asked.name, "ogrn": asked.ogrn, "inn": asked.inn}
        self._set(body, **{name: value for name, value in told.items() if value})
        if body.territory_code is None and territory and body.ogrn:
            self._set(body, territory_code=territory)
        return body

    def _of_name(self, row: PageRow) -> Body | None:
        same = self._by_name.get(row.body.name.lower(), [])
        return next((body for body in same if body.territory_code == (row.territory_code or None)), None)

    @staticmethod
    def _is_another(body: Body, asked: BodyName) -> bool:
        """Branches share an ИНН, and schools a name: a different number is a different body."""
        return bool(asked.ogrn and body.ogrn and asked.ogrn != body.ogrn) or bool(
            not asked.ogrn and asked.inn and body.inn and asked.inn != body.inn
        )

    def _near_parent(self, row: PageRow) -> Body | None:
        """By number, else by name in the territories from the row's own up, then among bodies of no territory."""
        asked = row.parent
        if asked.ogrn:
            return self._by_ogrn.get(asked.ogrn)
        same = self._by_name.get(asked.name.lower(), [])
        for code in (*reversed(self._paths.get(row.territory_code, ())), None):
            near = [body for body in same if body.territory_code == code]
            if len(near) == 1:
                return near[0]
        return None

    def _parent(self, row: PageRow) -> tuple[Body | None, str]:
        """A near one, else one of this name anywhere if there is only one, else a new one; or what is wrong."""
        asked, near = row.parent, self._near_parent(row)
        if near is not None:
            return near, ""
        if asked.ogrn and not asked.name:
            return None, f"органа с ОГРН {asked.ogrn} в таблице и в реестре нет"
        same = self._by_name.get(asked.name.lower(), []) if not asked.ogrn else []
        if len(same) > 1:
            return None, f"органов «{asked.name}» несколько, укажите ОГРН"
        return same[0] if same else self._make(asked, asked.name, None), ""

    def _make(self, asked: BodyName, other_name: str, territory_code: str | None) -> Body:
        name = asked.name or other_name
        body = Body(
            self._next_id, name, asked.ogrn or None, asked.inn or None, territory_code,
            department_id=self._departments.get(name.lower()),
        )  # fmt: skip
        self._next_id -= 1
        self._changed[id(body)] = body
        self._index(body)
        return body

    def _set(self, body: Body, **values: object) -> None:
        told = {name: value for name, value in values.items() if getattr(body, name) != value}
        for name, value in told.items():
            setattr(body, name, value)
            self._changed[id(body)] = body
        if told.keys() & {"name", "ogrn", "inn"}:
            self._index(body)

    def _index(self, body: Body) -> None:
        same = self._by_name.setdefault(body.name.lower(), [])
        if body not in same:
            same.append(body)
        if body.ogrn:
            self._by_ogrn[body.ogrn] = body
        if body.inn:
            self._by_inn.setdefault(body.inn, body)
