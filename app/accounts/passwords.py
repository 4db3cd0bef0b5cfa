"""Passwords: argon2id (RFC 9106) in a thread, because one check takes tens of milliseconds of CPU."""

import functools
import secrets

from anyio import to_thread
from pwdlib import PasswordHash

from app.errors import Invalid

SHORTEST_PASSWORD = 12
LONGEST_PASSWORD = 1000
_argon2 = PasswordHash.recommended()


async def hash_password(password: str) -> str:
    """What to store. Raises Invalid for a password too short to be worth hashing, or absurdly long."""
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise Invalid(f"Пароль должен быть от {SHORTEST_PASSWORD} до {LONGEST_PASSWORD} знаков")
    return await to_thread.run_sync(_argon2.hash, password)


async def password_matches(password: str, password_hash: str | None) -> bool:
    """Whether the password is right. Without a hash (no such person) it takes as long and is never right."""
    return await to_thread.run_sync(_matches, password[: LONGEST_PASSWORD + 1], password_hash)


def _matches(password: str, password_hash: str | None) -> bool:
    nobody = _hash_of_nobody()  # asked for in both cases, so that its first making betrays nothing
    is_right = _argon2.verify(password, password_hash or nobody)
    return is_right and password_hash is not None


@functools.cache
def _hash_of_nobody() -> str:
    return _argon2.hash(secrets.token_urlsafe())
