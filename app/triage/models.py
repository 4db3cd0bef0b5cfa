"""Tables of what people said to the judge's labels."""

from datetime import datetime

from sqlalchemy import BigInteger, Index
from sqlmodel import Field

from app.db import utc_field
from app.rows import Row


class LabelChoice(Row, table=True):
    """A person accepted or corrected a label: a labelled example for the next training.

    `label_kind` is a kind of the model's labels, or "alarm": whether what the judge took for danger is any.
    """

    __tablename__ = "label_choice"
    __table_args__ = (Index("ix_label_choice_kind_at", "label_kind", "at"),)

    id: int | None = Field(default=None, sa_type=BigInteger, primary_key=True)
    appeal_id: int = Field(sa_type=BigInteger, foreign_key="appeal.id", index=True)
    label_kind: str = Field(max_length=20)
    judged: str | None = Field(default=None, max_length=300)
    probability: float | None = None
    chosen: str = Field(max_length=300)
    is_accepted: bool
    model_version: str = Field(max_length=80)
    user_id: int | None = Field(default=None, foreign_key="app_user.id")
    at: datetime = utc_field()
