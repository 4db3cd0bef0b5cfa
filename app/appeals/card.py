"""Everything that the card of one appeal shows, as it is stored."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.actor import Actor
from app.accounts.models import User
from app.appeals.models import Answer, Appeal, Draft, HistoryEntry, Message, appeal_columns
from app.appeals.page_models import Contact, PagePost
from app.appeals.visibility import visible_to
from app.departments.models import Department, Territory
from app.errors import NotFound
from app.files.queries import Known, files_of
from app.public_pages.models import PublicPage
from app.sla.models import Clock

MOST_MESSAGES = 200
MOST_HISTORY = 300
MOST_OTHERS = 5
UNDER_POSTS = ("wall", "post")

_message = Message.__table__.c  # type: ignore[attr-defined]
_answer = Answer.__table__.c  # type: ignore[attr-defined]
_history = HistoryEntry.__table__.c  # type: ignore[attr-defined]
_clock = Clock.__table__.c  # type: ignore[attr-defined]
_page = PublicPage.__table__.c  # type: ignore[attr-defined]
_department = Department.__table__.c  # type: ignore[attr-defined]
_territory = Territory.__table__.c  # type: ignore[attr-defined]
_post_columns = PagePost.__table__.c  # type: ignore[attr-defined]
_user = User.__table__.c  # type: ignore[attr-defined]


@dataclass(frozen=True, slots=True)
class Card:
    """One appeal with all that belongs to it. `above` are the comments that its messages reply to."""

    appeal: Appeal
    page: PublicPage
    department: Department
    territory: str | None
    assignee: User | None
    messages: Sequence[Message]
    files: Known
    above: Sequence[Message]
    answers: Sequence[Answer]
    history: Sequence[HistoryEntry]
    clocks: Sequence[Clock]
    others: Sequence[tuple[Appeal, str]]
    post: PagePost | None
    is_blocked: bool
    draft: str


def texts_around(card: Card) -> dict[str, str]:
    """What the citizen wrote under, by its name in the genitive: the page's post, the comment that he answers."""
    texts = {
        "записи": card.post.text if card.post else "",
        "комментария выше": card.above[-1].text if card.above else "",
    }
    return {name: text for name, text in texts.items() if text}


async def read_card(session: AsyncSession, appeal_id: int, actor: Actor) -> Card:
    """The card. Raises NotFound, for appeals of other departments too."""
    appeal, page, department, territory, assignee = await _head(session, appeal_id, actor)
    messages = await _messages(session, appeal_id)
    return Card(
        appeal=appeal,
        page=page,
        department=department,
        territory=territory,
        assignee=assignee,
        messages=messages,
        files=await files_of(session, [message.id or 0 for message in messages]),
        above=await _above(session, appeal, messages),
        answers=await _all(session, select(Answer).where(_answer.appeal_id == appeal_id).order_by(_answer.id)),
        history=await _all(session, _history_of(appeal_id)),
        clocks=await _all(session, select(Clock).where(_clock.appeal_id == appeal_id).order_by(_clock.id)),
        others=await _others(session, appeal, actor),
        post=await _post(session, appeal),
        is_blocked=await _is_blocked(session, appeal),
        draft=await _draft(session, appeal_id, actor),
    )


async def _head(session: AsyncSession, appeal_id: int, actor: Actor) -> Any:
    found = await session.execute(
        select(Appeal, PublicPage, Department, _territory.name, User)
        .join(PublicPage, _page.id == appeal_columns.page_id)
        .join(Department, _department.id == appeal_columns.department_id)
        .outerjoin(Territory, _territory.code == _page.territory_code)
        .outerjoin(User, _user.id == appeal_columns.assignee_id)
        .where(appeal_columns.id == appeal_id, visible_to(actor))
    )
    head = found.one_or_none()
    if head is None:
        raise NotFound(f"Обращения № {appeal_id} нет")
    return head


async def _all(session: AsyncSession, statement: Any) -> Sequence[Any]:
    rows: Sequence[Any] = (await session.scalars(statement)).all()
    return rows


async def _messages(session: AsyncSession, appeal_id: int) -> Sequence[Message]:
    """The newest messages of the appeal, in the order they were received."""
    statement = select(Message).where(_message.appeal_id == appeal_id).order_by(_message.id.desc())
    return (await _all(session, statement.limit(MOST_MESSAGES)))[::-1]


async def _above(session: AsyncSession, appeal: Appeal, messages: Sequence[Message]) -> Sequence[Message]:
    """Comments of others that the citizen answered to, when they are known."""
    own = {message.external_id for message in messages}
    wanted = {message.reply_to_external_id for message in messages} - own - {None}
    if not wanted:
        return []
    statement = select(Message).where(
        _message.platform == appeal.platform, _message.external_id.in_(wanted), _message.page_id == appeal.page_id,
        _message.place == appeal.place,
    )  # fmt: skip
    return await _all(session, statement.order_by(_message.id).limit(MOST_OTHERS))


def _history_of(appeal_id: int) -> Any:
    return select(HistoryEntry).where(_history.appeal_id == appeal_id).order_by(_history.id).limit(MOST_HISTORY)


async def _others(session: AsyncSession, appeal: Appeal, actor: Actor) -> Sequence[tuple[Appeal, str]]:
    """The same citizen's other appeals on this page, the newest first, with their departments."""
    found = await session.execute(
        select(Appeal, _department.short_name)
        .join(Department, _department.id == appeal_columns.department_id)
        .where(
            appeal_columns.page_id == appeal.page_id,
            appeal_columns.author_external_id == appeal.author_external_id,
            appeal_columns.id != appeal.id,
            visible_to(actor),
        )
        .order_by(appeal_columns.id.desc())
        .limit(MOST_OTHERS)
    )
    return [(other, name) for other, name in found]


async def _post(session: AsyncSession, appeal: Appeal) -> PagePost | None:
    """The page's own post under which it was written, when it is known."""
    if appeal.post_external_id is None or appeal.place not in UNDER_POSTS:
        return None
    is_it = _post_columns.external_id == appeal.post_external_id
    found: PagePost | None = await session.scalar(
        select(PagePost).where(_post_columns.page_id == appeal.page_id, is_it)
    )
    return found


async def _is_blocked(session: AsyncSession, appeal: Appeal) -> bool:
    """Whether the citizen has forbidden the page to write to him."""
    contact = await session.get(Contact, (appeal.page_id, appeal.author_external_id))
    return contact is not None and not contact.can_be_written


async def _draft(session: AsyncSession, appeal_id: int, actor: Actor) -> str:
    if actor.user_id is None:
        return ""
    draft = await session.get(Draft, (appeal_id, actor.user_id))
    return draft.text if draft else ""
