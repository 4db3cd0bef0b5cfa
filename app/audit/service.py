"""Writing down administrative actions."""

from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.models import AuditEntry


def audit(session: AsyncSession, actor: str, action: str, now: datetime, **details: Any) -> None:
    """Remember who did what, in the transaction that does it."""
    session.add(AuditEntry(at=now, actor=actor, action=action, details=details))
