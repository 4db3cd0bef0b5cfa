"""A connection for single statements, each a transaction by itself: one round trip instead of four.

Only for statements that may be repeated without harm: one that fails with its connection is tried once more.
"""

import asyncio
from collections.abc import Mapping
from typing import Any, LiteralString

import psycopg
from sqlalchemy.engine import URL

CONNECT_SECONDS = 5
ANSWER_SECONDS = 10.0


class Lane:
    """Runs one statement at a time on a connection of its own; connects when first needed and after a failure."""

    def __init__(self, url: URL) -> None:
        self._url = url.set(drivername="postgresql").render_as_string(hide_password=False)
        self._connection: psycopg.AsyncConnection[Any] | None = None

    async def execute(self, statement: LiteralString, values: Mapping[str, Any]) -> int:
        """Run the statement, durable when this returns; rows affected. Raises psycopg.Error, TimeoutError."""
        is_fresh = self._connection is None
        try:
            return await self._execute(statement, values)
        except (psycopg.OperationalError, psycopg.InterfaceError):
            await self.close()
            if is_fresh:
                raise
            return await self._execute(statement, values)
        except BaseException as error:
            if not isinstance(error, psycopg.Error):  # timed out or cancelled half-way: the connection is in doubt
                await self.close()
            raise

    async def _execute(self, statement: LiteralString, values: Mapping[str, Any]) -> int:
        async with asyncio.timeout(ANSWER_SECONDS):
            if self._connection is None:
                self._connection = await psycopg.AsyncConnection.connect(
                    self._url, autocommit=True, connect_timeout=CONNECT_SECONDS
                )
            cursor = await self._connection.execute(statement, values, prepare=True)
            return cursor.rowcount

    async def close(self) -> None:
        """Give the connection back."""
        if self._connection is not None:
            connection, self._connection = self._connection, None
            await connection.close()
