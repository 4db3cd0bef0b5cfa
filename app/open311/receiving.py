"""A posted request: checked, and made into a submission."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from starlette.datastructures import FormData

from app.open311.services import Service
from app.platforms.direct import LARGEST_LATITUDE, LARGEST_LONGITUDE, Submission, degrees, one_line
from app.platforms.untrusted import storable, web_url

LONGEST_DESCRIPTION = 4000
LONGEST_LINE = 300
MOST_ATTRIBUTES = 20
REPEAT_SECONDS = 3600
TOKEN_LENGTH = 32
ATTRIBUTE = re.compile(r"attribute\[([^\]]{1,64})\](?:\[\])?")
CODE = r"\1"


class Refused(Exception):
    """Why a call is refused: the status that GeoReport names, and a sentence."""

    def __init__(self, status: int, description: str) -> None:
        super().__init__(description)
        self.status = status
        self.description = description


def submission_of(form: FormData, services: Mapping[str, Service], repeat_key: str, now: datetime) -> Submission:
    """The request as it is to be stored. Raises Refused (400, 404).

    GeoReport has no key for repeats. An application that heard nothing and posts the same again within the hour gets
    the same token; so does one that names an `Idempotency-Key` of its own, whenever it repeats.
    """
    service = _service(form, services)
    latitude, longitude = _point(form)
    address = _line(form, "address_string") or _line(form, "address_id")
    if latitude is None and not address:
        raise Refused(400, "Не указано место: нужны lat и long, address_string или address_id")
    contacts = tuple(filter(None, (_line(form, "email"), _line(form, "phone"))))
    author = (_line(form, name) for name in ("account_id", "email", "phone", "device_id"))
    content = Submission(
        number="",
        submitted_at=0,
        text=_description(form),
        address=address,
        latitude=latitude,
        longitude=longitude,
        author_id=next(filter(None, author), ""),
        author_name=" ".join(filter(None, (_line(form, "first_name"), _line(form, "last_name")))),
        contacts=contacts,
        links=_links(form),
        service_code=service.code,
        service_name=service.name,
    )
    seconds = int(now.timestamp())
    moment = repeat_key or str(seconds // REPEAT_SECONDS)
    digest = hashlib.sha256(f"{moment}:".encode() + content.stored()).hexdigest()
    return replace(content, number=digest[:TOKEN_LENGTH], submitted_at=seconds)


def _service(form: FormData, services: Mapping[str, Service]) -> Service:
    code = _text(form, "service_code")
    if not code:
        raise Refused(400, "Не указан service_code")
    if code not in services:
        raise Refused(404, "Такого service_code нет: возьмите его из services")
    return services[code]


def _point(form: FormData) -> tuple[float | None, float | None]:
    given = _text(form, "lat"), _text(form, "long")
    latitude, longitude = degrees(given[0], LARGEST_LATITUDE), degrees(given[1], LARGEST_LONGITUDE)
    if any(given) and (latitude is None or longitude is None):
        raise Refused(400, "lat и long нужны оба, в градусах WGS 84")
    return latitude, longitude


def _links(form: FormData) -> tuple[str, ...]:
    media_url = _text(form, "media_url")
    if media_url and web_url(media_url) is None:
        raise Refused(400, "media_url не похож на адрес http или https")
    return (media_url,) if media_url else ()


def _description(form: FormData) -> str:
    """The author's words; answers to questions that none of our services asks are kept below them."""
    text = _text(form, "description")
    if len(text) > LONGEST_DESCRIPTION:
        raise Refused(400, f"description длиннее {LONGEST_DESCRIPTION} знаков")
    names = [name for name in form if ATTRIBUTE.fullmatch(name)]
    if len(names) > MOST_ATTRIBUTES:
        raise Refused(400, f"attribute больше {MOST_ATTRIBUTES}")
    attributes = [f"{ATTRIBUTE.sub(CODE, name)}: {', '.join(_values(form, name))}" for name in names]
    return "\n\n".join(part for part in (text, storable("\n".join(attributes))) if part)


def _values(form: FormData, name: str) -> list[str]:
    values = [one_line(storable(value)) for value in form.getlist(name) if isinstance(value, str)]
    if any(len(value) > LONGEST_LINE for value in values):
        raise Refused(400, f"attribute длиннее {LONGEST_LINE} знаков")
    return values


def _text(form: FormData, name: str) -> str:
    value = form.get(name)
    return storable(value).replace("\r\n", "\n").strip() if isinstance(value, str) else ""


def _line(form: FormData, name: str) -> str:
    text = one_line(_text(form, name))
    if len(text) > LONGEST_LINE:
        raise Refused(400, f"{name} длиннее {LONGEST_LINE} знаков")
    return text
