"""Tables of departments and territories."""

from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from app.rows import Row


class Department(Row, table=True):
    """A body that answers citizens. `code` is what routing rules name.

    Answers of a department with `is_checked` are looked at by the center before they go out. `territories` (ОКТМО) and
    `spheres` say what it usually answers for: it is offered first there; what it must answer for is in the rules.
    """

    id: int | None = Field(default=None, primary_key=True)
    code: str = Field(unique=True, max_length=80)
    name: str = Field(max_length=300)
    short_name: str = Field(max_length=120)
    kind: str = Field(max_length=40)
    calendar_code: str = Field(default="office", max_length=80)
    is_active: bool = True
    is_checked: bool = False
    territories: list[str] = Field(default_factory=list, sa_type=JSONB)
    spheres: list[str] = Field(default_factory=list, sa_type=JSONB)
    parent_id: int | None = Field(default=None, foreign_key="department.id")


class Territory(Row, table=True):
    """A territory of the ОКТМО tree. `path` holds the codes from the region down to this one, joined by "/"."""

    code: str = Field(primary_key=True, max_length=11)
    name: str = Field(max_length=200)
    parent_code: str | None = Field(default=None, foreign_key="territory.code", max_length=11)
    path: str = Field(max_length=200)
