"""Letters to departments: what they say, when they are repeated, and that they go nowhere without TLS."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest
from pydantic import SecretStr

from app.errors import Conflict, Invalid
from app.handling.parts import ask_part
from app.outgoing import mail
from app.outgoing.models import ChannelKind, DeliveryState, DepartmentDelivery
from app.outgoing.outcome import NotTaken
from app.outgoing.replaying import try_out
from app.outgoing.sending import tell_batch
from app.settings import Settings
from tests.conftest import NOW
from tests.office import ROAD, departments, do, only, other_department
from tests.outgoing.conftest import Desk
from tests.outgoing.mail_server import MailServer, mail_server

MAILBOX = "roads@primersk.example"
SENDER = "center@primersk.example"


@pytest.fixture
async def post() -> AsyncIterator[MailServer]:
    async with mail_server() as server:
        yield server


def with_mail(desk: Desk, url: str) -> Desk:
    settings = desk.resources.settings.model_copy(update={"smtp_url": SecretStr(url), "mail_from": SENDER})
    desk.resources = replace(desk.resources, settings=settings)
    return desk


async def told(desk: Desk) -> DepartmentDelivery:
    """A department with a mailbox, and an appeal that became its own."""
    department = await desk.department_of_appeals()
    await desk.channel(department, ChannelKind.EMAIL, url=MAILBOX, services={}, secret="")
    await desk.appeal(text=ROAD)
    await tell_batch(desk.resources, NOW + timedelta(minutes=1))
    return await only(desk.resources, DepartmentDelivery)


async def test_a_department_gets_a_letter_with_the_citizens_words_and_the_way_to_the_card(
    desk: Desk, post: MailServer
) -> None:
    with_mail(desk, f"smtp://127.0.0.1:{post.port}")
    delivery = await told(desk)
    assert (delivery.state, delivery.status_code) == (DeliveryState.DELIVERED, 250)
    (letter,) = post.letters
    words = letter.get_content()
    assert ROAD in words
    assert f"/appeals/{delivery.appeal_id}" in words
    assert "Ответить до" in words
    assert f"№ {delivery.appeal_id}: вам передано" in letter["Subject"]
    assert (letter["To"], letter["From"], letter["Auto-Submitted"]) == (MAILBOX, SENDER, "auto-generated")
    assert letter["Message-ID"] == f"<{delivery.number}@primersk.example>"
    assert post.recipients == [f"rcpt TO:<{MAILBOX}>"]


async def test_a_co_executor_gets_a_letter_that_says_what_is_asked_and_who_answers(
    desk: Desk, post: MailServer
) -> None:
    with_mail(desk, f"smtp://127.0.0.1:{post.port}")
    appeal = await desk.appeal(text=ROAD)
    other = await other_department(desk.resources, appeal)
    await desk.channel(other.id or 0, ChannelKind.EMAIL, url=MAILBOX, services={}, secret="")
    await do(desk.resources, ask_part, appeal.id, other.id, desk.operator, question="Когда фонари?", now=NOW)
    await tell_batch(desk.resources, NOW + timedelta(minutes=1))
    (letter,) = post.letters
    words = letter.get_content()
    named = next(one for one in (await departments(desk.resources)).values() if one.id == appeal.department_id)
    assert f"№ {appeal.id}: нужна ваша часть ответа" in letter["Subject"]
    assert (ROAD in words, "Что нужно: Когда фонари?" in words) == (True, True)
    assert f"Жителю отвечает {named.name}; от вас нужна часть ответа." in words


@pytest.mark.parametrize(
    ("verb", "reply", "state"),
    [
        ("RCPT", "550 no such mailbox", DeliveryState.FAILED),
        ("RCPT", "451 try later", DeliveryState.PENDING),
        (".", "452 no room", DeliveryState.PENDING),
        (".", "554 spam", DeliveryState.FAILED),
    ],
)
async def test_what_is_refused_for_good_is_shown_and_the_rest_is_tried_again(
    desk: Desk, post: MailServer, verb: str, reply: str, state: DeliveryState
) -> None:
    with_mail(desk, f"smtp://127.0.0.1:{post.port}")
    post.replies[verb] = reply
    delivery = await told(desk)
    assert (delivery.state, delivery.status_code) == (state, int(reply[:3]))
    assert post.letters == []


async def test_without_a_server_or_a_connection_letters_wait(desk: Desk) -> None:
    delivery = await told(desk)
    assert (delivery.state, delivery.error) == (
        DeliveryState.PENDING,
        "Почта не настроена: нужны APPEALS_SMTP_URL и APPEALS_MAIL_FROM",
    )


async def test_a_server_elsewhere_without_tls_gets_no_words(post: MailServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mail, "LOOPBACK", set())
    server = mail.Server.from_url(f"smtp://127.0.0.1:{post.port}", SENDER)
    assert server is not None
    outcome = await mail.send(server, mail.trial(server, MAILBOX))
    assert isinstance(outcome, NotTaken)
    assert post.letters == []


async def test_a_mailbox_is_tried_out_without_words_of_citizens(desk: Desk, post: MailServer) -> None:
    department = await desk.department_of_appeals()
    channel = await desk.channel(department, ChannelKind.EMAIL, url=MAILBOX, services={}, secret="")
    with pytest.raises(Conflict):
        await try_out(desk.resources, channel, NOW)
    with_mail(desk, f"smtp://127.0.0.1:{post.port}")
    assert "принял" in await try_out(desk.resources, channel, NOW)
    assert "Проверка" in post.letters[0]["Subject"]


async def test_what_is_no_mailbox_and_no_server_is_refused(desk: Desk) -> None:
    department = await desk.department_of_appeals()
    for wrong in ("отдел", "a@b@c", "Имя <a@b.example>", "a@b.example\nBcc: c@d.example"):
        with pytest.raises(Invalid, match="почтовый адрес"):
            await desk.channel(department, ChannelKind.EMAIL, url=wrong, services={}, secret="")
    for wrong in (
        {"smtp_url": "http://mail.example"},
        {"smtp_url": "mail.example"},
        {"mail_from": "Центр <a@b.example>"},
    ):
        with pytest.raises(ValueError, match=r"smtp|почтовый"):
            Settings(_env_file=None, **wrong)  # type: ignore[call-arg, arg-type]
    assert mail.Server.from_url("", SENDER) is None
    made = mail.Server.from_url("smtps://user:se%40cret@mail.example", SENDER)
    assert made is not None
    assert (made.port, made.password) == (465, "se@cret")
    assert "se@cret" not in repr(made)
