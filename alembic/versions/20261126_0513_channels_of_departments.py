"""channels of departments"""

import sqlalchemy as sa
import sqlmodel
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '5893d0c617b3'
down_revision = 'c31b8f0d42e7'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('department_channel',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('department_id', sa.Integer(), nullable=False),
    sa.Column('kind', sqlmodel.sql.sqltypes.AutoString(length=10), nullable=False),
    sa.Column('url', sqlmodel.sql.sqltypes.AutoString(length=2000), nullable=False),
    sa.Column('secret', sa.LargeBinary(), nullable=False),
    sa.Column('events', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('services', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('is_active', sa.Boolean(), nullable=False),
    sa.Column('stopped_reason', sqlmodel.sql.sqltypes.AutoString(), nullable=True),
    sa.Column('paused_until', sa.DateTime(timezone=True), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['department_id'], ['department.id'], ),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_index(op.f('ix_department_channel_department_id'), 'department_channel', ['department_id'], unique=False)
    op.create_table('channel_appeal',
    sa.Column('channel_id', sa.Integer(), nullable=False),
    sa.Column('appeal_id', sa.BigInteger(), nullable=False),
    sa.Column('is_held', sa.Boolean(), nullable=False),
    sa.Column('service_request_id', sqlmodel.sql.sqltypes.AutoString(length=200), nullable=True),
    sa.Column('token', sqlmodel.sql.sqltypes.AutoString(length=200), nullable=True),
    sa.Column('remote_status', sqlmodel.sql.sqltypes.AutoString(length=40), nullable=True),
    sa.Column('remote_notes', sqlmodel.sql.sqltypes.AutoString(), nullable=True),
    sa.Column('next_poll_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('handed_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['appeal_id'], ['appeal.id'], ),
    sa.ForeignKeyConstraint(['channel_id'], ['department_channel.id'], ),
    sa.PrimaryKeyConstraint('channel_id', 'appeal_id')
    )
    op.create_index(op.f('ix_channel_appeal_appeal_id'), 'channel_appeal', ['appeal_id'], unique=False)
    op.create_index('ix_channel_appeal_poll', 'channel_appeal', ['next_poll_at'], unique=False, postgresql_where=sa.text('next_poll_at IS NOT NULL'))
    op.create_table('department_delivery',
    sa.Column('id', sa.BigInteger(), nullable=False),
    sa.Column('number', sqlmodel.sql.sqltypes.AutoString(length=36), nullable=False),
    sa.Column('channel_id', sa.Integer(), nullable=False),
    sa.Column('appeal_id', sa.BigInteger(), nullable=False),
    sa.Column('event', sqlmodel.sql.sqltypes.AutoString(length=40), nullable=False),
    sa.Column('payload', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('state', sqlmodel.sql.sqltypes.AutoString(length=10), nullable=False),
    sa.Column('attempts', sa.Integer(), nullable=False),
    sa.Column('next_attempt_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('give_up_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('status_code', sa.Integer(), nullable=True),
    sa.Column('error', sqlmodel.sql.sqltypes.AutoString(), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('delivered_at', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['appeal_id'], ['appeal.id'], ),
    sa.ForeignKeyConstraint(['channel_id'], ['department_channel.id'], ),
    sa.PrimaryKeyConstraint('id'),
    sa.UniqueConstraint('number')
    )
    op.create_index(op.f('ix_department_delivery_appeal_id'), 'department_delivery', ['appeal_id'], unique=False)
    op.create_index('ix_department_delivery_channel', 'department_delivery', ['channel_id', 'id'], unique=False)
    op.create_index('ix_department_delivery_created', 'department_delivery', ['created_at'], unique=False)
    op.create_index('ix_department_delivery_due', 'department_delivery', ['next_attempt_at'], unique=False, postgresql_where=sa.text("state IN ('pending', 'sending')"))
    op.create_index('ix_department_delivery_order', 'department_delivery', ['channel_id', 'appeal_id', 'id'], unique=False, postgresql_where=sa.text("state IN ('pending', 'sending')"))


def downgrade() -> None:
    op.drop_index('ix_department_delivery_order', table_name='department_delivery', postgresql_where=sa.text("state IN ('pending', 'sending')"))
    op.drop_index('ix_department_delivery_due', table_name='department_delivery', postgresql_where=sa.text("state IN ('pending', 'sending')"))
    op.drop_index('ix_department_delivery_created', table_name='department_delivery')
    op.drop_index('ix_department_delivery_channel', table_name='department_delivery')
    op.drop_index(op.f('ix_department_delivery_appeal_id'), table_name='department_delivery')
    op.drop_table('department_delivery')
    op.drop_index('ix_channel_appeal_poll', table_name='channel_appeal', postgresql_where=sa.text('next_poll_at IS NOT NULL'))
    op.drop_index(op.f('ix_channel_appeal_appeal_id'), table_name='channel_appeal')
    op.drop_table('channel_appeal')
    op.drop_index(op.f('ix_department_channel_department_id'), table_name='department_channel')
    op.drop_table('department_channel')
