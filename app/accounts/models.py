"""Tables of people, browser sessions and API tokens."""

from datetime import date, datetime
from enum import StrEnum

from sqlmodel import Field

from app.db import utc_field
from app.rows import Row


class Role(StrEnum):
    """What a person or a token may do; see accounts.service.RIGHTS."""

    OPERATOR = "operator"
    DEPARTMENT = "department"
    MANAGER = "manager"
    ADMIN = "admin"


class User(Row, table=True):
    """A person with a login. `department_id` is set for role `department` only."""

    __tablename__ = "app_user"  # "user" is a reserved word

    id: int | None = Field(default=None, primary_key=True)
    login: str = Field(unique=True, max_length=120)
    name: str = Field(max_length=200)
    role: str = Field(max_length=20)
    password_hash: str = Field(repr=False)
    department_id: int | None = Field(default=None, foreign_key="department.id")
    is_active: bool = True
    failed_attempts: int = 0
    locked_until: datetime | None = utc_field(default=None)
    created_at: datetime = utc_field()


class RosterKind(StrEnum):
    """What a person's days in the roster mean."""

    AWAY = "away"
    DUTY = "duty"  # suggested first


class RosterEntry(Row, table=True):
    """Days on which a person is away or on duty, both included, by the center's calendar; who stands in, if anybody."""

    __tablename__ = "roster_entry"

    id: int | None = Field(default=None, primary_key=True)
    kind: str = Field(max_length=10)
    user_id: int = Field(foreign_key="app_user.id", index=True)
    first_day: date
    last_day: date
    substitute_id: int | None = Field(default=None, foreign_key="app_user.id")


class LoginSession(Row, table=True):
    """One browser. Only a hash of the cookie is stored."""

    __tablename__ = "login_session"

    id: int | None = Field(default=None, primary_key=True)
    token_hash: str = Field(unique=True, max_length=64)
    user_id: int = Field(foreign_key="app_user.id", index=True)
    csrf_token: str = Field(max_length=64, repr=False)
    created_at: datetime = utc_field()
    expires_at: datetime = utc_field(index=True)


class ApiToken(Row, table=True):
    """Access of another system to /api/v1. Only a hash of the token is stored."""

    __tablename__ = "api_token"

    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(unique=True, max_length=120)
    role: str = Field(max_length=20)
    token_hash: str = Field(unique=True, max_length=64)
    created_at: datetime = utc_field()
    revoked_at: datetime | None = utc_field(default=None)
