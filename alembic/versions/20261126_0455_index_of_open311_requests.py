"""index of open311 requests"""

import sqlalchemy as sa
from alembic import op

revision = 'c31b8f0d42e7'
down_revision = 'bfc2e382cd41'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        'ix_appeal_open311', 'appeal', ['page_id', 'received_at', 'id'], unique=False,
        postgresql_where=sa.text("platform = 'open311'"),
    )


def downgrade() -> None:
    op.drop_index('ix_appeal_open311', table_name='appeal', postgresql_where=sa.text("platform = 'open311'"))
