"""Every feature's tables in one import, for Alembic and the tests."""

from sqlmodel import SQLModel

from app.accounts.models import ApiToken, LoginSession, User
from app.appeals.models import Answer, Appeal, Draft, HistoryEntry, Message
from app.appeals.page_models import Contact, PagePost
from app.audit.models import AuditEntry
from app.departments.models import Department, Territory
from app.files.models import MessageFile, StoredFile
from app.intake.models import InboxEvent, PagePoll
from app.learning.models import ModelVersion
from app.outgoing.models import ChannelAppeal, DepartmentChannel, DepartmentDelivery
from app.public_pages.models import OfficialBody, PageAudience, PublicPage
from app.rules.models import RuleHit, RuleSetVersion, RuleSimulation
from app.sla.models import Clock
from app.triage.models import LabelChoice

metadata = SQLModel.metadata

__all__ = [
    "Answer", "ApiToken", "Appeal", "AuditEntry", "ChannelAppeal", "Clock", "Contact", "Department",
    "DepartmentChannel", "DepartmentDelivery", "Draft", "HistoryEntry", "InboxEvent", "LabelChoice", "LoginSession",
    "Message", "MessageFile", "ModelVersion", "OfficialBody", "PageAudience", "PagePoll", "PagePost", "PublicPage",
    "RuleHit", "RuleSetVersion", "RuleSimulation", "StoredFile", "Territory", "User", "metadata",
]  # fmt: skip
