"""The demo city: its pages, its people with their logins, and ten days of appeals lived through on the real path."""

import json
import os
import secrets
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.accounts import service as accounts
from app.accounts.actor import Actor
from app.accounts.models import Role, User
from app.appeals.authors import fetch_authors
from app.appeals.breaches import mark_breaches
from app.departments.models import Department
from app.platforms.base import Credentials
from app.public_pages.models import PublicPage
from app.public_pages.service import add_page, open_credentials, webhook_path
from app.resources import Resources
from app.sandbox.citizens import Citizens
from app.sandbox.city import FIRST_CITIZEN_ID, City, CityPage, read_city
from app.sandbox.guests import credentials_of, invite, point_here
from app.sandbox.office import Office
from app.sandbox.process import reload_stand_in, state_file
from app.sandbox.stage import DemoPage, Stage
from app.sandbox.stand_ins import OTHERS
from app.sandbox.vk_stand_in import VkStandIn
from app.sandbox.world_file import save_world
from app.settings import Settings

PEOPLE = (
    ("demo-operator", "Анна Лесная", Role.OPERATOR),
    ("demo-department", "Марат Садыков", Role.DEPARTMENT),
    ("demo-manager", "Елена Ветрова", Role.MANAGER),
    ("demo-admin", "Павел Строев", Role.ADMIN),
)
DEPARTMENT_OF_DEMO_USER = "omsk-city"
PASSWORD_BYTES = 12


async def seed_demo(resources: Resources, now: datetime) -> dict[str, str]:
    """Found the demo city unless it stands; its logins with their passwords.

    The stand-in's world is written to its file, and read again by a stand-in that runs. Raises Invalid while the
    reference data is missing.
    """
    logins = await _people(resources, now)
    city = read_city()
    pages = await _known_pages(resources, city)
    if pages:
        _point_webhooks_here(resources.settings, pages)
        await reload_stand_in(resources.settings)
    else:
        await _found(resources, city, now)
    await _found_others(resources, city, now)
    return logins


async def _found_others(resources: Resources, city: City, now: datetime) -> None:
    """The pages of the other networks that do not stand yet; those that do are told where we are."""
    async with resources.database.transaction() as session:
        known = {(page.platform, page.external_id): page for page in await session.scalars(select(PublicPage))}
        others = [one for one in city.page if one.platform != "vk"]
        standing = [known[one.platform, one.id] for one in others if (one.platform, one.id) in known]
        missing = [one for one in others if (one.platform, one.id) not in known]
        rows = {one.key: await _add_page(session, resources, one, now) for one in missing}
    await point_here(resources, standing, now)
    if rows:
        await invite(resources, city, rows, now)
    for code in OTHERS:
        await reload_stand_in(resources.settings, code)


async def _found(resources: Resources, city: City, now: datetime) -> None:
    async with resources.database.transaction() as session:
        rows = {one.key: await _add_page(session, resources, one, now) for one in city.page if one.platform == "vk"}
    pages = {
        one.key: DemoPage(rows[one.key].id or 0, one, open_credentials(resources.vault, rows[one.key]))
        for one in city.page
        if one.key in rows
    }
    stage = Stage(resources, pages, now)
    post_ids = _found_in_stand_in(stage, city, {key: _webhook(resources.settings, row) for key, row in rows.items()})
    await _publish(stage, resources.settings)  # a worker that runs beside may ask the stand-in for names already
    Citizens(stage, city, Office(stage, await _actors(resources)), post_ids).plan_all()
    await stage.run()
    await fetch_authors(stage.resources)
    while await mark_breaches(resources, now):
        pass
    await _publish(stage, resources.settings)


async def _publish(stage: Stage, settings: Settings) -> None:
    """Let the running stand-in, or the next one, know what has happened on the stage."""
    save_world(stage.stand_in.world, state_file(settings))
    await reload_stand_in(settings)


async def _add_page(session: AsyncSession, resources: Resources, page: CityPage, now: datetime) -> PublicPage:
    owner = await session.scalar(select(col(Department.id)).where(col(Department.code) == page.department))
    return await add_page(
        session,
        resources.vault,
        platform=page.platform,
        credentials=credentials_of(page),
        name=page.name,
        territory_code=page.territory,
        now=now,
        sphere=page.sphere,
        department_id=owner,
        audience=page.audience,
    )


async def _known_pages(resources: Resources, city: City) -> list[tuple[PublicPage, Credentials]]:
    numbers = [page.id for page in city.page if page.platform == "vk"]
    query = select(PublicPage).where(col(PublicPage.platform) == "vk", col(PublicPage.external_id).in_(numbers))
    async with resources.database.transaction() as session:
        return [(page, open_credentials(resources.vault, page)) for page in await session.scalars(query)]


# The stand-in's side


def _webhook(settings: Settings, page: PublicPage) -> str:
    return settings.base_url + webhook_path(page)


def _found_in_stand_in(stage: Stage, city: City, webhooks: Mapping[str, str]) -> dict[tuple[str, int], int]:
    """Communities with their posts, and the people; the ids of the posts by page and number."""
    post_ids = {}
    for key, page in stage.pages.items():
        _add_community(stage.stand_in, page.city_page.name, page.credentials, webhooks[key])
        for number, text in enumerate(page.city_page.posts, start=1):
            post_ids[key, number] = stage.stand_in.add_post(page.city_page.number, text).id
    for number, citizen in enumerate(city.citizen):
        first, _, last = citizen.name.partition(" ")
        stage.stand_in.add_user(FIRST_CITIZEN_ID + number, first, last)
    return post_ids


def _add_community(stand_in: VkStandIn, name: str, credentials: Credentials, url: str) -> None:
    stand_in.add_community(
        int(credentials.external_id),
        name,
        access_token=credentials.access_token,
        confirmation=credentials.confirmation,
        callback_url=url,
        secret=credentials.secret,
    )


def _point_webhooks_here(settings: Settings, pages: list[tuple[PublicPage, Credentials]]) -> None:
    """The service may have moved to another address since the city was founded."""
    file = state_file(settings)
    stand_in = VkStandIn(file)
    for page, credentials in pages:
        _add_community(stand_in, page.name, credentials, _webhook(settings, page))


# People


async def _people(resources: Resources, now: datetime) -> dict[str, str]:
    """Logins with passwords; those that exist keep theirs, as remembered in the logins file."""
    file = resources.settings.data_dir / "demo-logins.json"
    logins: dict[str, str] = json.loads(file.read_text()) if file.exists() else {}
    async with resources.database.transaction() as session:
        known = set(await session.scalars(select(col(User.login)).where(col(User.login).in_([p[0] for p in PEOPLE]))))
        for login, name, role in PEOPLE:
            if login in known and login in logins:
                continue
            logins[login] = secrets.token_urlsafe(PASSWORD_BYTES)
            if login in known:
                await accounts.set_password(session, login, logins[login])
            else:
                department = DEPARTMENT_OF_DEMO_USER if role is Role.DEPARTMENT else ""
                await accounts.create_user(session, login, name, role, logins[login], department, now=now)
    _write_privately(file, json.dumps(logins, indent=2))
    return logins


async def _actors(resources: Resources) -> list[Actor]:
    """Those of the demo people who answer citizens."""
    query = select(User).where(col(User.login).in_(["demo-operator", "demo-manager"])).order_by(col(User.login))
    async with resources.database.transaction() as session:
        return [
            Actor(label=user.name, role=user.role, user_id=user.id, login=user.login)
            for user in await session.scalars(query)
        ]


def _write_privately(file: Path, text: str) -> None:
    """For the eyes of the service's own user only."""
    file.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as opened:
        opened.write(text)
