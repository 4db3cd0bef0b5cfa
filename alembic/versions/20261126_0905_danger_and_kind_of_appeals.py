"""danger and kind of appeals, choices of people by time

New columns are empty for what was judged before: nothing is rewritten, and the indexes are built without a lock.
"""

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = 'fbf4b270f622'
down_revision = '9e4b4761f04c'
branch_labels = None
depends_on = None

IN_DANGER = sa.text('is_open AND danger IS NOT NULL')


def upgrade() -> None:
    op.add_column('appeal', sa.Column('danger', sqlmodel.sql.sqltypes.AutoString(length=100), nullable=True))
    op.add_column('appeal', sa.Column('message_kind', sqlmodel.sql.sqltypes.AutoString(length=20), nullable=True))
    with op.get_context().autocommit_block():
        op.create_index(
            'ix_appeal_danger', 'appeal', ['queue_at', 'id'], postgresql_where=IN_DANGER,
            postgresql_concurrently=True, if_not_exists=True,
        )  # fmt: skip
        op.create_index(
            'ix_appeal_message_kind', 'appeal', ['message_kind', 'id'],
            postgresql_concurrently=True, if_not_exists=True,
        )  # fmt: skip
        op.create_index(
            'ix_label_choice_kind_at', 'label_choice', ['label_kind', 'at'],
            postgresql_concurrently=True, if_not_exists=True,
        )  # fmt: skip


def downgrade() -> None:
    op.drop_index('ix_label_choice_kind_at', table_name='label_choice')
    op.drop_index('ix_appeal_message_kind', table_name='appeal')
    op.drop_index('ix_appeal_danger', table_name='appeal', postgresql_where=IN_DANGER)
    op.drop_column('appeal', 'message_kind')
    op.drop_column('appeal', 'danger')
