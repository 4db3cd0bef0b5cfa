"""How codes are called in sentences for operators."""

from __future__ import annotations

from routing_rules.model import PAGE_OWNER, Cell, Tables


class Names:
    """Names of departments, territories and matrix cells of one rule set."""

    def __init__(self, tables: Tables) -> None:
        self._departments = {department.code: department.short_name for department in tables.departments}
        self._territories = {territory.code: territory.name for territory in tables.territories}

    def department(self, code: str) -> str:
        """Short name of a department."""
        return self._departments.get(code, "владелец страницы" if code == PAGE_OWNER else code)

    def territory(self, code: str) -> str:
        """Name of a territory; a code that is not in the tree names itself."""
        return self._territories.get(code, code) if code else "вся территория"

    def cell(self, cell: Cell) -> str:
        """A cell as people say it: topic × territory × page."""
        parts = [
            cell.topic or (f"группа «{cell.group}»" if cell.group else "любая тема"),
            self.territory(cell.territory),
        ]
        if cell.page:
            parts.append(f"страница {cell.page}")
        if cell.sphere:
            parts.append(f"сфера {cell.sphere}")
        return " × ".join(parts)


def share(value: float) -> str:
    """A probability as operators read it: two digits, a decimal comma. Cut, not rounded: 0,799 must not read 0,80.

    Raises KeyError or ValueError for what is not a probability.
    """
    return _SHARES[int(value * 100 + 1e-9)]


_SHARES = {percent: f"{percent / 100:.2f}".replace(".", ",") for percent in range(101)}
