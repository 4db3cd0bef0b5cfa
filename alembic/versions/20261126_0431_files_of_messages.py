"""files of messages"""

import sqlalchemy as sa
import sqlmodel
from alembic import op
from sqlalchemy.dialects import postgresql

revision = 'b05c286b7c85'
down_revision = '7960c50b612f'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('stored_file',
    sa.Column('sha256', sqlmodel.sql.sqltypes.AutoString(length=64), nullable=False),
    sa.Column('media_type', sqlmodel.sql.sqltypes.AutoString(length=100), nullable=False),
    sa.Column('size_bytes', sa.Integer(), nullable=False),
    sa.Column('width', sa.Integer(), nullable=True),
    sa.Column('height', sa.Integer(), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('fetched_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('removed_at', sa.DateTime(timezone=True), nullable=True),
    sa.PrimaryKeyConstraint('sha256')
    )
    op.create_index(op.f('ix_stored_file_fetched_at'), 'stored_file', ['fetched_at'], unique=False)
    op.create_table('message_file',
    sa.Column('message_id', sa.BigInteger(), nullable=False),
    sa.Column('position', sa.Integer(), nullable=False),
    sa.Column('page_id', sa.Integer(), nullable=False),
    sa.Column('source', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('state', sqlmodel.sql.sqltypes.AutoString(length=10), nullable=False),
    sa.Column('sha256', sqlmodel.sql.sqltypes.AutoString(length=64), nullable=True),
    sa.Column('reason', sqlmodel.sql.sqltypes.AutoString(), nullable=True),
    sa.Column('attempts', sa.Integer(), nullable=False),
    sa.Column('next_attempt_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['message_id'], ['message.id'], ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['page_id'], ['public_page.id'], ),
    sa.ForeignKeyConstraint(['sha256'], ['stored_file.sha256'], ),
    sa.PrimaryKeyConstraint('message_id', 'position')
    )
    op.create_index('ix_message_file_due', 'message_file', ['next_attempt_at'], unique=False, postgresql_where=sa.text("state = 'pending'"))
    op.create_index('ix_message_file_sha256', 'message_file', ['sha256'], unique=False, postgresql_where=sa.text('sha256 IS NOT NULL'))


def downgrade() -> None:
    op.drop_index('ix_message_file_sha256', table_name='message_file', postgresql_where=sa.text('sha256 IS NOT NULL'))
    op.drop_index('ix_message_file_due', table_name='message_file', postgresql_where=sa.text("state = 'pending'"))
    op.drop_table('message_file')
    op.drop_index(op.f('ix_stored_file_fetched_at'), table_name='stored_file')
    op.drop_table('stored_file')
