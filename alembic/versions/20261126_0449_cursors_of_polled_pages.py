"""cursors of polled pages"""

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = 'bfc2e382cd41'
down_revision = 'b05c286b7c85'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('page_poll',
    sa.Column('page_id', sa.Integer(), nullable=False),
    sa.Column('cursor', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('polled_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('next_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('lease', sa.Integer(), nullable=False),
    sa.Column('failures', sa.Integer(), nullable=False),
    sa.Column('error', sqlmodel.sql.sqltypes.AutoString(), nullable=True),
    sa.ForeignKeyConstraint(['page_id'], ['public_page.id'], ),
    sa.PrimaryKeyConstraint('page_id')
    )
    op.create_index(op.f('ix_page_poll_next_at'), 'page_poll', ['next_at'], unique=False)


def downgrade() -> None:
    op.drop_index(op.f('ix_page_poll_next_at'), table_name='page_poll')
    op.drop_table('page_poll')
