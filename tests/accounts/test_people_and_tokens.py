"""Accounts as an administrator keeps them, and how long sessions live."""

import hashlib
from datetime import timedelta

import pytest
from account_people import NOW, PASSWORD, People
from sqlalchemy import text

from app.accounts import queries, service
from app.accounts.models import LoginSession, Role, User
from app.accounts.strangers import Strangers
from app.db import Database
from app.errors import Conflict, Invalid, NotFound


async def create(database: Database, **changes: object) -> User:
    wanted = {"login": "anna", "name": "Анна Л.", "role": Role.OPERATOR, "password": PASSWORD, "now": NOW, **changes}
    async with database.transaction() as session:
        return await service.create_user(session, **wanted)  # type: ignore[arg-type]


async def test_a_password_is_stored_as_argon2(database: Database) -> None:
    user = await create(database)
    assert user.password_hash.startswith("$argon2id$")
    assert PASSWORD not in user.password_hash


@pytest.mark.parametrize("password", ["", "eleven chars"[:11], "x" * 1001])
async def test_a_password_too_short_or_absurdly_long_is_refused(database: Database, password: str) -> None:
    with pytest.raises(Invalid, match="от 12 до 1000"):
        await create(database, password=password)


async def test_a_login_is_taken_whatever_its_case(database: Database) -> None:
    await create(database)
    with pytest.raises(Conflict, match="уже занят"):
        await create(database, login="ANNA")


@pytest.mark.parametrize("changes", [{"login": " "}, {"name": ""}, {"login": "x" * 121}, {"name": "x" * 121}])
async def test_a_person_needs_a_login_and_a_name(database: Database, changes: dict[str, object]) -> None:
    with pytest.raises(Invalid, match="от 1 до 120"):
        await create(database, **changes)


async def test_a_department_goes_with_its_role_and_only_with_it(database: Database) -> None:
    with pytest.raises(Invalid, match="Отдел указывается"):
        await create(database, role=Role.DEPARTMENT)
    with pytest.raises(Invalid, match="Отдел указывается"):
        await create(database, department_code="water")
    with pytest.raises(NotFound, match="Отдела «nowhere» нет"):
        await create(database, role=Role.DEPARTMENT, department_code="nowhere")


async def test_somebody_of_a_department_belongs_to_it(database: Database) -> None:
    async with database.transaction() as session:
        row = (await session.execute(text("SELECT id, code FROM department ORDER BY id LIMIT 1"))).one()
    user = await create(database, role=Role.DEPARTMENT, department_code=row.code)
    assert user.department_id == row.id


async def opened(database: Database, user: User, *, is_remembered: bool = False) -> str:
    async with database.transaction() as session:
        return (await service.open_session(session, user, now=NOW, is_remembered=is_remembered)).token


async def use(database: Database, token: str, after: timedelta) -> bool:
    """Whether the session is alive then; it slides, as with every request."""
    async with database.transaction() as session:
        found = await queries.open_login_session(session, service.hash_of(token), NOW + after)
        if found:
            service.extend_session(found[0], NOW + after)
    return found is not None


async def test_a_session_ends_after_twelve_idle_hours(database: Database, people: People) -> None:
    token = await opened(database, await people())
    assert await use(database, token, timedelta(hours=11))
    assert await use(database, token, timedelta(hours=22))
    assert not await use(database, token, timedelta(hours=34))


async def test_a_session_in_constant_use_ends_a_week_after_login(database: Database, people: People) -> None:
    token = await opened(database, await people())
    lived = [hours for hours in range(0, 200, 8) if await use(database, token, timedelta(hours=hours))]
    assert lived[-1] == 160  # the next use, at 168 hours, is the end of the week


async def test_a_remembered_session_lives_for_thirty_days_without_use(database: Database, people: People) -> None:
    token = await opened(database, await people(), is_remembered=True)
    assert await use(database, token, timedelta(days=1))
    assert await use(database, token, timedelta(days=29, hours=23))
    assert not await use(database, token, timedelta(days=30))


def test_a_session_is_not_written_at_every_request() -> None:
    session = LoginSession(
        token_hash="x", user_id=1, csrf_token="x", created_at=NOW, expires_at=NOW + timedelta(hours=12)
    )
    service.extend_session(session, NOW + timedelta(minutes=29))
    assert session.expires_at == NOW + timedelta(hours=12)
    service.extend_session(session, NOW + timedelta(minutes=30))
    assert session.expires_at == NOW + timedelta(hours=12, minutes=30)


async def test_expired_sessions_are_forgotten_and_live_ones_stay(database: Database, people: People) -> None:
    user = await people()
    await opened(database, user)
    remembered = await opened(database, user, is_remembered=True)
    async with database.transaction() as session:
        assert await service.purge_expired_sessions(session, NOW + timedelta(hours=12)) == 1
    assert await use(database, remembered, timedelta(hours=13))


async def test_a_new_password_ends_every_session_and_lifts_the_pause(database: Database, people: People) -> None:
    user = await people("anna")
    token = await opened(database, user)
    async with database.transaction() as session:
        for _ in range(5):
            await service.verify_login(session, "anna", "wrong", now=NOW)
    async with database.transaction() as session:
        await service.set_password(session, "Anna", "another long password")
    assert not await use(database, token, timedelta(minutes=1))
    async with database.transaction() as session:
        assert (await service.verify_login(session, "anna", "another long password", now=NOW)).user is not None


async def test_a_password_of_nobody_cannot_be_changed(database: Database) -> None:
    with pytest.raises(NotFound, match="Логина «ghost» нет"):
        async with database.transaction() as session:
            await service.set_password(session, "ghost", PASSWORD)


async def test_of_a_token_only_a_hash_is_stored(database: Database) -> None:
    async with database.transaction() as session:
        token = await service.create_token(session, " Витрина ", Role.ADMIN, now=NOW)
        stored = (await session.execute(text("SELECT name, role, token_hash FROM api_token"))).one()
    assert token.startswith("apt_")
    assert tuple(stored) == ("Витрина", "admin", hashlib.sha256(token.encode()).hexdigest())


@pytest.mark.parametrize(("name", "role"), [("", Role.ADMIN), ("x" * 121, Role.ADMIN), ("Отдел", Role.DEPARTMENT)])
async def test_a_token_needs_a_name_and_a_role_of_the_center(database: Database, name: str, role: Role) -> None:
    with pytest.raises(Invalid):
        async with database.transaction() as session:
            await service.create_token(session, name, role, now=NOW)


async def test_two_tokens_cannot_share_a_name(database: Database) -> None:
    async with database.transaction() as session:
        await service.create_token(session, "Витрина", Role.ADMIN, now=NOW)
        with pytest.raises(Conflict, match="уже есть"):
            await service.create_token(session, "Витрина", Role.ADMIN, now=NOW)


async def test_an_unknown_token_cannot_be_revoked(database: Database) -> None:
    with pytest.raises(NotFound, match="Ключа «нет» нет"):
        async with database.transaction() as session:
            await service.revoke_token(session, "нет", now=NOW)


def test_the_oldest_stranger_is_forgotten_first() -> None:
    strangers = Strangers(most=2)
    first = strangers.find("first")
    first.failed_attempts = 3
    strangers.find("second")
    assert strangers.find("first") is first
    strangers.find("third")
    assert strangers.find("first").failed_attempts == 3
    strangers.find("fourth")
    assert strangers.find("third").failed_attempts == 0
