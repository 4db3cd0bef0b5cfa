"""What somebody has filled in, and what is wrong with it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from starlette.datastructures import FormData, UploadFile

from app.forms.photos import MOST_PHOTO_BYTES, MOST_PHOTOS
from app.forms.tokens import FormToken
from app.platforms.direct import LARGEST_LATITUDE, LARGEST_LONGITUDE, Submission, degrees, one_line
from app.platforms.untrusted import storable

LONGEST_TEXT = 4000
LONGEST_LINE = 200
LEAST_SECONDS = 3
LONGEST_SECONDS = 24 * 3600
CONSENT_EDITION = "26.11.2026"  # of templates/forms/consent.html; a new text is a new date
TRAP = "website"


@dataclass(frozen=True, slots=True)
class Filled:
    """The fields as text, and the photos. `trap` is a field that people do not see and programs fill in."""

    text: str = ""
    address: str = ""
    latitude: str = ""
    longitude: str = ""
    name: str = ""
    contact: str = ""
    is_agreed: bool = False
    trap: str = ""
    photos: list[UploadFile] = field(default_factory=list)


def read_filled(form: FormData) -> Filled:
    """Any form as `Filled`: what is missing or of the wrong kind is empty."""
    uploads = [one for one in form.getlist("photos") if isinstance(one, UploadFile) and (one.filename or one.size)]
    return Filled(
        text=_text(form, "text"),
        address=one_line(_text(form, "address")),
        latitude=_text(form, "latitude"),
        longitude=_text(form, "longitude"),
        name=one_line(_text(form, "name")),
        contact=one_line(_text(form, "contact")),
        is_agreed=_text(form, "consent") == "yes",
        trap=_text(form, TRAP),
        photos=uploads,
    )


def _text(form: FormData, name: str) -> str:
    value = form.get(name)
    return storable(value).replace("\r\n", "\n").strip() if isinstance(value, str) else ""


def problems_of(filled: Filled) -> dict[str, str]:
    """What a person has to put right, by field, in the order of the form."""
    problems = {}
    if not filled.text:
        problems["text"] = "Напишите, что случилось"
    elif len(filled.text) > LONGEST_TEXT:
        problems["text"] = f"Сократите текст до {LONGEST_TEXT} знаков, сейчас их {len(filled.text)}"
    for name, title in (("address", "Адрес"), ("name", "Имя"), ("contact", "Контакт")):
        if len(getattr(filled, name)) > LONGEST_LINE:
            problems[name] = f"{title} длиннее {LONGEST_LINE} знаков"
    if problem := _problem_of_photos(filled.photos):
        problems["photos"] = problem
    if not filled.is_agreed:
        problems["consent"] = "Без согласия на обработку данных обращение принять нельзя"
    return {
        name: problems[name] for name in ("text", "address", "photos", "name", "contact", "consent") if name in problems
    }


def _problem_of_photos(photos: list[UploadFile]) -> str:
    if len(photos) > MOST_PHOTOS:
        return f"Выберите не больше {MOST_PHOTOS} фото, сейчас их {len(photos)}"
    if any((photo.size or 0) > MOST_PHOTO_BYTES for photo in photos):
        return "Одно из фото больше 10 МБ"
    return ""


def problem_of_sending(filled: Filled, token: FormToken | None, page_id: int, now: datetime) -> str:
    """Why this looks like no person's doing, or like an old page; empty when all is well."""
    if token is None or is_stale(token, page_id, now):
        return "Страница была открыта слишком давно. Проверьте, что написано, и отправьте ещё раз."
    if now.timestamp() - token.issued_at < LEAST_SECONDS:
        return "Форма отправлена быстрее, чем её можно заполнить. Подождите несколько секунд и отправьте ещё раз."
    if filled.trap:
        return "Похоже, форму заполнила программа. Если это вы, просто отправьте её ещё раз."
    return ""


def is_stale(token: FormToken, page_id: int, now: datetime) -> bool:
    """Whether the form was opened too long ago, or is another page's."""
    return token.page_id != page_id or now.timestamp() - token.issued_at > LONGEST_SECONDS


def submission_of(filled: Filled, token: FormToken, photos: tuple[str, ...], now: datetime) -> Submission:
    """The appeal to be stored. Sent twice, it has the same number."""
    latitude, longitude = degrees(filled.latitude, LARGEST_LATITUDE), degrees(filled.longitude, LARGEST_LONGITUDE)
    content: Mapping[str, object] = {
        "text": filled.text,
        "address": filled.address,
        "latitude": latitude,
        "longitude": longitude,
        "author_name": filled.name,
        "author_id": filled.contact.casefold().replace(" ", ""),
        "contacts": (filled.contact,) if filled.contact else (),
        "photos": photos,
    }
    return Submission(
        number=token.number_of(repr(content).encode()),
        submitted_at=int(now.timestamp()),
        consent=f"на обработку персональных данных, редакция от {CONSENT_EDITION}",
        **content,  # type: ignore[arg-type]
    )
