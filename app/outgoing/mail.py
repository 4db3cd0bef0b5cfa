"""A letter to a department that has neither people in our workplace nor a system of its own. Plain text, over SMTP.

A letter carries a citizen's words, so it goes over TLS, or to this very machine. Its Message-ID is the delivery's
number: a letter that is sent twice after a lost confirmation is one for mail programs (RFC 5322, 3.6.4).
"""

import asyncio
import smtplib
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from typing import Any
from urllib.parse import unquote, urlsplit
from zoneinfo import ZoneInfo

from app.outgoing.models import Event
from app.outgoing.outcome import AWAY_PAUSE, NotTaken, Outcome, Taken

WHOLE_SECONDS = 30.0
NOT_SET_UP = "Почта не настроена: нужны APPEALS_SMTP_URL и APPEALS_MAIL_FROM"
LOOPBACK = {"127.0.0.1", "localhost", "::1"}
MAIL_TAKEN = 250
PERMANENT = 500
SUBJECTS = {
    Event.ROUTED: "Обращение № {id}: вам передано",
    Event.WITHDRAWN: "Обращение № {id}: передано другому отделу",
    Event.APPENDED: "Обращение № {id}: житель дописал",
    Event.EDITED: "Обращение № {id}: житель исправил сообщение",
    Event.DELETED: "Обращение № {id}: житель удалил сообщение",
    Event.ANSWERED: "Обращение № {id}: ответ доставлен",
    Event.CLOSED: "Обращение № {id}: закрыто",
    Event.DUE_CHANGED: "Обращение № {id}: изменился срок",
    Event.PART_ASKED: "Обращение № {id}: нужна ваша часть ответа",
    Event.PART_DROPPED: "Обращение № {id}: ваша часть ответа больше не нужна",
}
ABOUT_CITIZEN = {Event.ROUTED, Event.APPENDED, Event.EDITED, Event.PART_ASKED}


@dataclass(frozen=True, slots=True)
class Server:
    """Where letters are handed in. `smtps` speaks TLS from the first byte, `smtp` asks for it (STARTTLS)."""

    host: str
    port: int
    is_smtps: bool
    user: str
    password: str
    sender: str

    @classmethod
    def from_url(cls, url: str, sender: str) -> "Server | None":
        """`smtp://user:password@host:587` or `smtps://…`; None when server or sender is not set."""
        place = urlsplit(url)
        if not place.hostname or not sender:
            return None
        is_smtps = place.scheme == "smtps"
        port = place.port or (465 if is_smtps else 587)
        return cls(place.hostname, port, is_smtps, unquote(place.username or ""), unquote(place.password or ""), sender)

    def __repr__(self) -> str:
        return f"Server({self.host}:{self.port})"


@dataclass(frozen=True, slots=True)
class Place:
    """Where the center is: the address of its workplace, and its time zone."""

    base_url: str
    zone: str

    def local(self, moment: str | None) -> str:
        """A moment in ISO 8601 as people of the center write it."""
        return f"{datetime.fromisoformat(moment).astimezone(ZoneInfo(self.zone)):%d.%m.%Y %H:%M}" if moment else ""


def letter(
    server: Server, to: str, event: str, number: str, payload: Mapping[str, Any], place: "Place"
) -> EmailMessage:
    """What the department reads. The link leads into the workplace; who has no login answers through the center."""
    appeal: Mapping[str, Any] = payload.get("appeal", {})
    told = EmailMessage()
    told["From"], told["To"] = server.sender, to
    told["Subject"] = SUBJECTS.get(Event(event), "Обращение № {id}").format(id=appeal.get("id", ""))
    told["Date"] = formatdate(localtime=False)
    told["Message-ID"] = f"<{number}@{server.sender.rpartition('@')[2]}>"
    told["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody's absence assistant answers it
    told.set_content("\n".join(_lines(event, payload, appeal, place)))
    return told


def trial(server: Server, to: str) -> EmailMessage:
    """A letter that says nothing of any citizen."""
    told = EmailMessage()
    told["From"], told["To"], told["Subject"] = server.sender, to, "Проверка: письма об обращениях приходят сюда"
    told["Date"], told["Message-ID"] = formatdate(localtime=False), make_msgid(domain=server.sender.rpartition("@")[2])
    told["Auto-Submitted"] = "auto-generated"
    told.set_content("Сюда будут приходить обращения жителей, за которые отвечает ваш отдел.")
    return told


def _lines(event: str, payload: Mapping[str, Any], appeal: Mapping[str, Any], place: "Place") -> list[str]:
    lines = []
    if event in ABOUT_CITIZEN:
        message: Mapping[str, Any] = payload.get("message") or {}
        lines += [str(message.get("text") or appeal.get("text") or "Сообщение без текста"), ""]
    if "part" in payload:
        who = f"Жителю отвечает {appeal.get('department_name', '')}; от вас нужна часть ответа."
        lines += [who, f"Что нужно: {payload['part'].get('question', '')}", ""]
    facts = {
        "Тема": appeal.get("topic"),
        "Ответить до": place.local(appeal.get("next_due_at")),
        "Территория": (payload.get("place") or {}).get("territory"),
        "Сообщение": appeal.get("source_url"),
    }
    lines += [f"{name}: {value}" for name, value in facts.items() if value]
    if "answer" in payload:
        lines += ["", "Ответ:", str(payload["answer"].get("text", ""))]
    return [*lines, "", f"Карточка: {place.base_url}/appeals/{appeal.get('id', '')}"]


async def send(server: Server, message: EmailMessage) -> Outcome:
    """Hand one letter in. Never raises: what went wrong is the outcome."""
    try:
        async with asyncio.timeout(WHOLE_SECONDS + 5):
            await asyncio.to_thread(_hand_in, server, message)
    except (smtplib.SMTPRecipientsRefused, smtplib.SMTPResponseException) as error:
        return _refused(error)
    except (smtplib.SMTPException, OSError, TimeoutError) as error:
        return NotTaken(f"Почтовый сервер недоступен: {type(error).__name__}", pause=AWAY_PAUSE)
    return Taken(MAIL_TAKEN)


def _hand_in(server: Server, message: EmailMessage) -> None:
    context = ssl.create_default_context()
    is_here = server.host in LOOPBACK
    kind = smtplib.SMTP_SSL if server.is_smtps else smtplib.SMTP
    options: dict[str, Any] = {"context": context} if server.is_smtps else {}
    with kind(server.host, server.port, timeout=WHOLE_SECONDS, **options) as connection:
        if not server.is_smtps and not is_here:
            connection.starttls(context=context)  # a server without TLS gets no citizen's words
        if server.user:
            connection.login(server.user, server.password)
        connection.send_message(message)


def _refused(error: smtplib.SMTPRecipientsRefused | smtplib.SMTPResponseException) -> NotTaken:
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        code, _ = next(iter(error.recipients.values()))
    else:
        code = error.smtp_code
    is_final = code >= PERMANENT and not isinstance(error, smtplib.SMTPAuthenticationError)
    return NotTaken(f"Почтовый сервер отказал: {code}", code, is_final=is_final)
