"""The reference of the intake benchmark: the plain way to write it well, FastAPI and SQLModel, a commit a request."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from fastapi import Depends, FastAPI, HTTPException, Response
from pydantic import BaseModel
from sqlalchemy import Column, DateTime, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlmodel import Field, SQLModel

engine = create_async_engine(os.environ["BENCH_DATABASE_URL"], pool_size=20, max_overflow=20)
sessions = async_sessionmaker(engine, expire_on_commit=False)


class PlainEvent(SQLModel, table=True):
    __tablename__ = "plain_event"
    __table_args__ = (UniqueConstraint("group_id", "event_id"),)
    id: int | None = Field(default=None, primary_key=True)
    group_id: int
    event_id: str
    type: str
    payload: dict[str, Any] = Field(sa_column=Column(JSONB))
    received_at: datetime = Field(sa_column=Column(DateTime(timezone=True)))


class Envelope(BaseModel):
    type: str
    group_id: int
    event_id: str
    v: str
    object: dict[str, Any]
    secret: str


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with engine.begin() as connection:
        await connection.run_sync(lambda sync: PlainEvent.__table__.create(sync, checkfirst=True))
    yield


async def session() -> AsyncIterator[AsyncSession]:
    async with sessions() as session:
        yield session


app = FastAPI(lifespan=lifespan)


@app.post("/plain")
async def plain(envelope: Envelope, session: AsyncSession = Depends(session)) -> Response:
    if envelope.secret != "bench-secret":
        raise HTTPException(403)
    session.add(
        PlainEvent(
            group_id=envelope.group_id,
            event_id=envelope.event_id,
            type=envelope.type,
            payload=envelope.model_dump(),
            received_at=datetime.now(UTC),
        )
    )
    try:
        await session.commit()
    except IntegrityError:
        await session.rollback()
    return Response("ok", media_type="text/plain")


@app.post("/bare")
async def bare(envelope: Envelope) -> Response:
    return Response("ok", media_type="text/plain")
