"""What all tables have in common."""

from functools import cache
from typing import TYPE_CHECKING, Any

from sqlmodel import SQLModel


class Row(SQLModel):
    """A row of a table. Tables validate nothing (whoever fills a row has), so nothing is done but to keep the values.

    SQLModel sets every field of a new row one by one through SQLAlchemy's events and again through pydantic. For the
    seven rows that an appeal brings, that was a third of all the work of taking it in.
    """

    if not TYPE_CHECKING:

        def __init__(self, **values: Any) -> None:
            """Raises TypeError for a name that the table does not have, as it would for any class."""
            defaults, made, names = _blank(type(self))
            if not values.keys() <= names:
                raise TypeError(f"{type(self).__name__} has no {', '.join(sorted(values.keys() - names))}")
            row = self.__dict__
            row.update(defaults)
            row.update({name: make() for name, make in made if name not in values})
            row.update(values)  # a new row needs no events: all of it is written
            object.__setattr__(self, "__pydantic_fields_set__", set(values))
            object.__setattr__(self, "__pydantic_extra__", None)
            object.__setattr__(self, "__pydantic_private__", None)

        __setattr__ = object.__setattr__  # SQLAlchemy's own attributes note the change


@cache
def _blank(table: type[SQLModel]) -> tuple[dict[str, Any], list[tuple[str, Any]], frozenset[str]]:
    """Of a new row: default values, makers of default values, all names."""
    optional = {name: field for name, field in table.model_fields.items() if not field.is_required()}
    made = [(name, field.default_factory) for name, field in optional.items() if field.default_factory]
    plain = {name: field.default for name, field in optional.items() if not field.default_factory}
    return plain, made, frozenset(table.model_fields)
