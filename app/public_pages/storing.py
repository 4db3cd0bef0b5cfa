"""Rows of an imported table compared with what is stored, and written a batch at a time."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any

import msgspec
from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.jobs import Job, enqueue
from app.platforms.base import Credentials
from app.public_pages.bodies import Body
from app.public_pages.models import NUMBERLESS
from app.public_pages.rows import PageRow, Remark
from app.public_pages.service import KEY_BYTES, SEALED, open_sealed, seal_credentials
from app.public_pages.wording import COLUMN_NAMES
from app.vault import CannotDecrypt, Vault

# What a table may tell of a page; the rest of the row belongs to the service itself.
TOLD = (
    "name", "address", "body_id", "territory_code", "sphere", "level", "kind", "audience", "department_id",
    "department_from_id", "credentials", "credentials_changed_at", "discussion_id", "sending_stopped_reason",
)  # fmt: skip
_NEW = ("key", "platform", "external_id", "is_active", "failed_checks", "created_at", *TOLD)

_STORED = ", ".join(f"page.{name}" for name in ("id", "external_id", *TOLD))
_WANTED = (
    "jsonb_to_recordset(CAST(:wanted AS jsonb))"
    " AS wanted (place int, platform text, external_id text, numberless_id text, address text)"
)
# Locked in the order of their numbers, as everywhere, so that nobody waits in a circle.
_FIND_BY_NUMBER = (
    f"SELECT wanted.place, {_STORED} FROM {_WANTED} JOIN public_page AS page"  # noqa: S608 (names of ours)
    " ON page.platform = wanted.platform AND page.external_id = wanted.external_id ORDER BY page.id"
)
_FIND_BY_NAME = (
    f"SELECT found.place, {_STORED} FROM ("  # noqa: S608 (names of ours)
    f"SELECT wanted.place, named.id FROM {_WANTED} JOIN public_page AS named"
    " ON named.platform = wanted.platform AND named.external_id = wanted.numberless_id"
    f" UNION SELECT wanted.place, named.id FROM {_WANTED} JOIN public_page AS named"
    " ON named.platform = wanted.platform AND named.address = wanted.address"
    f" WHERE wanted.external_id LIKE '{NUMBERLESS}%'"
    ") AS found JOIN public_page AS page ON page.id = found.id ORDER BY page.id"
)
_LOCK = " FOR NO KEY UPDATE OF page"
_UPSERT = text(
    f"INSERT INTO public_page ({', '.join(_NEW)})"  # noqa: S608 (names of ours)
    f" SELECT {', '.join(_NEW)} FROM jsonb_populate_recordset(NULL::public_page, CAST(:rows AS jsonb))"
    " ON CONFLICT (platform, external_id) DO UPDATE SET "
    + ", ".join(f"{name} = excluded.{name}" for name in TOLD)
    + " RETURNING platform, external_id, id"
)
_GIVE_NUMBER = text("UPDATE public_page SET external_id = :external_id WHERE id = :id")
_COUNT_AUDIENCE = text(
    "INSERT INTO page_audience (page_id, on_date, count)"
    " SELECT page_id, CAST(:on_date AS date), count"
    " FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS told (page_id int, count int)"
    " ON CONFLICT (page_id, on_date) DO UPDATE SET count = excluded.count"
    " WHERE page_audience.count <> excluded.count"
)
_BODY = ("identity", "name", "ogrn", "inn", "territory_code", "department_id")
_ADD_BODIES = text(
    f"INSERT INTO official_body (id, {', '.join(_BODY)})"  # noqa: S608 (names of ours)
    f" SELECT id, {', '.join(_BODY)} FROM jsonb_populate_recordset(NULL::official_body, CAST(:rows AS jsonb))"
)
_CHANGE_BODIES = text(
    "UPDATE official_body AS body SET "  # noqa: S608 (names of ours)
    + ", ".join(f"{name} = told.{name}" for name in (*_BODY, "parent_id"))
    + " FROM jsonb_populate_recordset(NULL::official_body, CAST(:rows AS jsonb)) AS told WHERE body.id = told.id"
)
_SET_PAGE_PARENTS = text(
    "UPDATE public_page AS page SET parent_body_id = told.body_id"
    " FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS told (platform text, external_id text, body_id int)"
    " WHERE page.platform = told.platform AND page.external_id = told.external_id"
    " AND page.parent_body_id IS DISTINCT FROM told.body_id RETURNING page.platform, page.external_id"
)
_NEW_BODY_IDS = text("SELECT nextval(pg_get_serial_sequence('official_body', 'id')) FROM generate_series(1, :count)")

Identity = tuple[str, str]


async def write_bodies(session: AsyncSession, bodies: Sequence[Body]) -> None:
    """Add new bodies, then change those that are known; parents may be among the new ones."""
    new = [body for body in bodies if body.id < 0]
    if new:
        ids = await session.scalars(_NEW_BODY_IDS, {"count": len(new)})
        for body, number in zip(new, ids, strict=True):
            body.id = number
        await session.execute(_ADD_BODIES, {"rows": _bodies_json(new)})
    moved = [body for body in bodies if body.parent is not None or body not in new]
    if moved:
        await session.execute(_CHANGE_BODIES, {"rows": _bodies_json(moved)})


def _bodies_json(bodies: Sequence[Body]) -> str:
    rows = [
        {name: getattr(body, name) for name in ("id", *_BODY)} | {"parent_id": body.parent.id if body.parent else None}
        for body in bodies
    ]
    return _json(rows)


async def write_page_parents(session: AsyncSession, pages: Sequence[tuple[PageRow, Body]]) -> set[Identity]:
    """Parents that pages name without a body; the pages that this changed."""
    rows = [{"platform": row.platform, "external_id": row.external_id, "body_id": parent.id} for row, parent in pages]
    changed = await session.execute(_SET_PAGE_PARENTS, {"rows": _json(rows)})
    return {(platform, external_id) for platform, external_id in changed}


@dataclass(slots=True)
class PageStore:
    """Takes batches of rows; remembers what became of them. With `is_dry_run` it only compares."""

    vault: Vault
    departments: Mapping[str, int]
    on_date: date
    now: datetime
    is_dry_run: bool
    added: set[Identity] = field(default_factory=set)
    changed: set[Identity] = field(default_factory=set)
    unchanged: int = 0
    remarks: list[Remark] = field(default_factory=list)
    _rows_of: dict[int, int] = field(default_factory=dict)

    async def take(self, session: AsyncSession, batch: Sequence[tuple[PageRow, Body | None]]) -> None:
        """One batch. Two rows that mean one stored page, by number and by name, are one too many."""
        stored = await self._find(session, [row for row, _ in batch])
        to_write: list[dict[str, Any]] = []
        audience: dict[Identity, tuple[int | None, int]] = {}
        for place, (row, body) in enumerate(batch):
            page = stored.get(place)
            if page is not None and self._rows_of.setdefault(page.id, row.number) != row.number:
                text = f"эта страница уже названа в строке {self._rows_of[page.id]}"
                self.remarks.append(Remark(row.number, COLUMN_NAMES["external_id"], text))
                continue
            identity = (row.platform, row.external_id)
            if page is not None and page.external_id != row.external_id:
                identity = await self._give_number(session, row, page)
            values = self._values(row, body, page)
            before = {name: getattr(page, name) for name in TOLD} if page is not None else None
            if before is None:
                self.added.add(identity)
            elif before != values:
                self.changed.add(identity)
            elif identity not in self.changed:
                self.unchanged += 1
            if before != values:
                to_write.append(self._new(identity) | values | {"credentials": _hex(values["credentials"])})
            if row.audience is not None:
                audience[identity] = (page.id if page is not None else None, row.audience)
        if not self.is_dry_run:
            await self._write(session, to_write, audience)

    async def _find(self, session: AsyncSession, rows: Sequence[PageRow]) -> dict[int, Row[Any]]:
        """Stored pages by the place of their row: by number, else by the name in the address."""
        lock = "" if self.is_dry_run else _LOCK
        wanted = [
            {"place": place, "platform": row.platform, "external_id": row.external_id,
             "numberless_id": row.numberless_id, "address": row.address}
            for place, row in enumerate(rows)
        ]  # fmt: skip
        found = await session.execute(text(_FIND_BY_NUMBER + lock), {"wanted": _json(wanted)})
        stored = {row.place: row for row in found}
        unknown = [one for one in wanted if one["place"] not in stored and one["numberless_id"]]
        if unknown:
            for row in await session.execute(text(_FIND_BY_NAME + lock), {"wanted": _json(unknown)}):
                stored[row.place] = row
        return stored

    async def _give_number(self, session: AsyncSession, row: PageRow, page: Row[Any]) -> Identity:
        """A page known by name gets its number; one known by number keeps it when the table has only the name."""
        if row.external_id.startswith(NUMBERLESS):
            return row.platform, page.external_id
        self.changed.add((row.platform, row.external_id))
        if not self.is_dry_run:
            await session.execute(_GIVE_NUMBER, {"external_id": row.external_id, "id": page.id})
        return row.platform, row.external_id

    def _values(self, row: PageRow, body: Body | None, page: Row[Any] | None) -> dict[str, Any]:
        """The page after this row: what the row tells, else what is stored."""
        told: dict[str, Any] = {
            "name": row.name,
            "address": row.address,
            "body_id": body.id if body else None,
            "territory_code": row.territory_code,
            "sphere": row.sphere,
            "level": row.level and row.level.value,
            "kind": row.kind,
            "discussion_id": row.credentials.discussion_id if row.credentials else "",
        }
        values = {name: (getattr(page, name) if page is not None else None) for name in TOLD}
        values |= {name: value for name, value in told.items() if value}
        if row.audience is not None:
            values["audience"] = row.audience
        owner = body.owner() if body else None
        if row.department:
            values |= {"department_id": self.departments[row.department], "department_from_id": None}
        elif owner and (values["department_id"] is None or values["department_from_id"] is not None):
            values |= {"department_id": owner.department_id, "department_from_id": owner.id}
        if row.credentials is not None:
            self._seal(values, row.credentials)
        return values

    def _seal(self, values: dict[str, Any], given: Credentials) -> None:
        """New keys over the stored ones; answers that waited for them may go."""
        try:
            stored = open_sealed(self.vault, given.external_id, values["credentials"])
        except CannotDecrypt:
            stored = Credentials(given.external_id)
        merged = replace(stored, **{name: value for name in SEALED if (value := getattr(given, name))})
        if merged != stored:
            values |= {
                "credentials": seal_credentials(self.vault, merged),
                "credentials_changed_at": self.now,
                "sending_stopped_reason": None,
            }

    def _new(self, identity: Identity) -> dict[str, Any]:
        return {
            "key": secrets.token_urlsafe(KEY_BYTES),
            "platform": identity[0],
            "external_id": identity[1],
            "is_active": True,
            "failed_checks": 0,
            "created_at": self.now.isoformat(),
        }

    async def _write(
        self, session: AsyncSession, pages: Sequence[dict[str, Any]], audience: dict[Identity, tuple[int | None, int]]
    ) -> None:
        ids: dict[Identity, int] = {}
        if pages:
            written = await session.execute(_UPSERT, {"rows": _json(pages)})
            ids = {(row.platform, row.external_id): row.id for row in written}
        told = [{"page_id": number or ids[identity], "count": count} for identity, (number, count) in audience.items()]
        if told:
            await session.execute(_COUNT_AUDIENCE, {"rows": _json(told), "on_date": self.on_date})
        if any(page["credentials"] is not None for page in pages):
            enqueue(session, Job.DELIVER_ANSWERS)


def _json(rows: Sequence[Mapping[str, Any]]) -> str:
    return msgspec.json.encode(rows).decode()


def _hex(sealed: bytes | None) -> str | None:
    """Bytes as PostgreSQL reads them."""
    return None if sealed is None else f"\\x{sealed.hex()}"
