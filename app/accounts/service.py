"""People, their sessions, tokens of other systems. What a role may do: app/accounts/actor.py."""

import hashlib
import math
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import CursorResult, Integer, column, delete, func, select, table
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.accounts.models import ApiToken, LoginSession, Role, User
from app.accounts.passwords import hash_password, password_matches
from app.accounts.strangers import Stranger, Strangers
from app.db import NO_KEY_UPDATE
from app.errors import Conflict, Invalid, NotFound
from app.formats import plural

MOST_FAILED_ATTEMPTS = 5
LOCK_MINUTES = 15
IDLE_HOURS = 12
LONGEST_SLIDING_DAYS = 7
REMEMBERED_DAYS = 30
EXTEND_AFTER_MINUTES = 30
TOKEN_PREFIX = "apt_"  # noqa: S105  lets secret scanners recognise a leaked token
TOKEN_BYTES = 32
LONGEST_NAME = 120
STRANGERS = Strangers()


@dataclass(frozen=True, slots=True)
class LoginOutcome:
    """Either a person, or the sentence that says why not. `retry_after_seconds` is set while the login is locked."""

    user: User | None = None
    problem: str = ""
    retry_after_seconds: int = 0


@dataclass(frozen=True, slots=True)
class OpenedSession:
    """What the browser gets: the cookie, and for how long (None: until the browser is closed)."""

    token: str
    max_age_seconds: int | None


def hash_of(token: str) -> str:
    """What is stored of a cookie or a token. They are 256 random bits, so a plain hash is enough."""
    return hashlib.sha256(token.encode()).hexdigest()


def _normal(login: str) -> str:
    return login.replace("\x00", "").strip().lower()  # PostgreSQL is not even asked for a NUL


async def create_user(
    session: AsyncSession,
    login: str,
    name: str,
    role: Role,
    password: str,
    department_code: str = "",
    *,
    now: datetime,
) -> User:
    """A new person; role `department` needs a department. Raises Invalid, NotFound, Conflict (login is taken)."""
    login, name = _normal(login), name.strip()
    if not 0 < len(login) <= LONGEST_NAME or not 0 < len(name) <= LONGEST_NAME:
        raise Invalid(f"Логин и имя должны быть от 1 до {LONGEST_NAME} знаков")
    if (role == Role.DEPARTMENT) != bool(department_code):
        raise Invalid("Отдел указывается для роли department, и только для неё")
    if await _find_user(session, login):
        raise Conflict(f"Логин «{login}» уже занят")
    user = User(
        login=login,
        name=name,
        role=role.value,
        password_hash=await hash_password(password),
        department_id=await _department_id(session, department_code) if department_code else None,
        created_at=now,
    )
    session.add(user)
    await session.flush()
    return user


async def set_password(session: AsyncSession, login: str, password: str) -> None:
    """A new password; unlocks the login and ends every session of the person. Raises NotFound, Invalid."""
    user = await _find_user(session, _normal(login))
    if user is None:
        raise NotFound(f"Логина «{login}» нет")
    user.password_hash = await hash_password(password)
    user.failed_attempts, user.locked_until = 0, None
    await session.execute(delete(LoginSession).where(col(LoginSession.user_id) == user.id))


async def verify_login(session: AsyncSession, login: str, password: str, *, now: datetime) -> LoginOutcome:
    """Check a password and count failures: five in a row lock the login for a quarter of an hour.

    The row stays locked while the password is checked, so parallel guesses are counted one by one. A login that does
    not exist takes as long and answers the same. The outcome is returned, not raised: the count has to be committed.
    """
    login = _normal(login)
    user = await _find_user(session, login, is_locked=True)
    account = user or STRANGERS.find(login)
    if account.locked_until and account.locked_until > now:
        return _locked(account.locked_until - now)
    is_right = await password_matches(password, account.password_hash)
    if user and user.is_active and is_right:
        user.failed_attempts, user.locked_until = 0, None
        return LoginOutcome(user=user)
    return _count_failure(account, now)


def _count_failure(account: User | Stranger, now: datetime) -> LoginOutcome:
    account.failed_attempts += 1
    left = MOST_FAILED_ATTEMPTS - account.failed_attempts
    if left > 0:
        return LoginOutcome(problem=f"Имя или пароль не подошли. {_attempts_left(left)}")
    account.failed_attempts, account.locked_until = 0, now + timedelta(minutes=LOCK_MINUTES)
    return _locked(timedelta(minutes=LOCK_MINUTES))


def _attempts_left(left: int) -> str:
    left_word = plural(left, "Осталась", "Осталось", "Осталось")
    attempts = plural(left, "попытка", "попытки", "попыток")
    return f"{left_word} {left} {attempts}, затем пауза {LOCK_MINUTES} минут."


def _locked(rest: timedelta) -> LoginOutcome:
    minutes = math.ceil(rest.total_seconds() / 60)
    text = (
        f"Слишком много неудачных попыток. Войти можно через {minutes} {plural(minutes, 'минуту', 'минуты', 'минут')}."
    )
    return LoginOutcome(problem=text, retry_after_seconds=math.ceil(rest.total_seconds()))


async def open_session(
    session: AsyncSession, user: User, *, now: datetime, is_remembered: bool = False
) -> OpenedSession:
    """A new browser session: 30 days when remembered, otherwise 12 hours that slide with use (see extend_session)."""
    lifetime = timedelta(days=REMEMBERED_DAYS) if is_remembered else timedelta(hours=IDLE_HOURS)
    token = secrets.token_urlsafe(TOKEN_BYTES)
    session.add(
        LoginSession(
            token_hash=hash_of(token),
            user_id=user.id or 0,
            csrf_token=secrets.token_urlsafe(TOKEN_BYTES),
            created_at=now,
            expires_at=now + lifetime,
        )
    )
    await session.flush()
    return OpenedSession(token, int(lifetime.total_seconds()) if is_remembered else None)


def extend_session(login_session: LoginSession, now: datetime) -> None:
    """Slide the end to 12 hours from now, at most to a week after login. Never shortens a remembered session."""
    latest = login_session.created_at + timedelta(days=LONGEST_SLIDING_DAYS)
    extended = min(now + timedelta(hours=IDLE_HOURS), latest)
    if extended - login_session.expires_at >= timedelta(minutes=EXTEND_AFTER_MINUTES):
        login_session.expires_at = extended


async def close_session(session: AsyncSession, token: str) -> None:
    """End one browser session. An unknown one is ended already."""
    await session.execute(delete(LoginSession).where(col(LoginSession.token_hash) == hash_of(token)))


async def purge_expired_sessions(session: AsyncSession, now: datetime) -> int:
    """Forget sessions that have ended; how many."""
    gone = await session.execute(delete(LoginSession).where(col(LoginSession.expires_at) <= now))
    assert isinstance(gone, CursorResult)  # noqa: S101  a DELETE returns nothing else
    return gone.rowcount


async def create_token(session: AsyncSession, name: str, role: Role, *, now: datetime) -> str:
    """Access for another system. The token is returned here and never again: only its hash is stored.

    Raises Invalid, Conflict when the name is taken.
    """
    name = name.strip()
    if not 0 < len(name) <= LONGEST_NAME:
        raise Invalid(f"Имя ключа должно быть от 1 до {LONGEST_NAME} знаков")
    if role == Role.DEPARTMENT:
        raise Invalid("Ключ для роли department не выдаётся: у ключа нет отдела")
    if await session.scalar(select(col(ApiToken.id)).where(col(ApiToken.name) == name)):
        raise Conflict(f"Ключ «{name}» уже есть; отзовите его или выберите другое имя")
    token = TOKEN_PREFIX + secrets.token_urlsafe(TOKEN_BYTES)
    session.add(ApiToken(name=name, role=role.value, token_hash=hash_of(token), created_at=now))
    await session.flush()
    return token


async def revoke_token(session: AsyncSession, name: str, *, now: datetime) -> None:
    """Stop accepting a token; its name stays taken, so that old records keep their meaning. Raises NotFound."""
    token = await session.scalar(select(ApiToken).where(col(ApiToken.name) == name.strip()))
    if token is None:
        raise NotFound(f"Ключа «{name}» нет")
    token.revoked_at = token.revoked_at or now


async def _department_id(session: AsyncSession, code: str) -> int:
    # Named by its columns: accounts and departments do not import each other.
    statement = select(column("id", Integer)).select_from(table("department")).where(column("code") == code)
    department_id = await session.scalar(statement)
    if department_id is None:
        raise NotFound(f"Отдела «{code}» нет")
    return department_id


async def _find_user(session: AsyncSession, login: str, *, is_locked: bool = False) -> User | None:
    statement = select(User).where(func.lower(col(User.login)) == login)
    return await session.scalar(statement.with_for_update(**NO_KEY_UPDATE) if is_locked else statement)
