"""posts, contacts and answers in parts"""

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = '7a912e74a7d6'
down_revision = '78f952151ef0'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('contact',
    sa.Column('page_id', sa.Integer(), nullable=False),
    sa.Column('external_id', sqlmodel.sql.sqltypes.AutoString(length=200), nullable=False),
    sa.Column('can_be_written', sa.Boolean(), nullable=False),
    sa.Column('changed_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['page_id'], ['public_page.id'], ),
    sa.PrimaryKeyConstraint('page_id', 'external_id')
    )
    op.create_table('page_post',
    sa.Column('id', sa.BigInteger(), nullable=False),
    sa.Column('page_id', sa.Integer(), nullable=False),
    sa.Column('external_id', sqlmodel.sql.sqltypes.AutoString(length=200), nullable=False),
    sa.Column('thread_external_id', sqlmodel.sql.sqltypes.AutoString(length=200), nullable=True),
    sa.Column('text', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('source_url', sqlmodel.sql.sqltypes.AutoString(), nullable=True),
    sa.Column('published_at', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['page_id'], ['public_page.id'], ),
    sa.PrimaryKeyConstraint('id'),
    sa.UniqueConstraint('page_id', 'external_id')
    )
    op.create_index('ix_page_post_thread', 'page_post', ['page_id', 'thread_external_id'], unique=False)
    op.add_column('answer', sa.Column('chat_external_id', sqlmodel.sql.sqltypes.AutoString(length=200), nullable=True))
    op.add_column('answer', sa.Column('follows_id', sa.BigInteger(), nullable=True))
    op.add_column('answer', sa.Column('is_continued', sa.Boolean(), nullable=False, server_default=sa.false()))
    op.alter_column('answer', 'is_continued', server_default=None)
    op.add_column('answer', sa.Column('is_in_doubt', sa.Boolean(), nullable=False, server_default=sa.false()))
    op.alter_column('answer', 'is_in_doubt', server_default=None)
    op.alter_column('answer', 'recipient_external_id',
               existing_type=sa.VARCHAR(length=64),
               type_=sqlmodel.sql.sqltypes.AutoString(length=200),
               existing_nullable=False)
    op.alter_column('answer', 'post_external_id',
               existing_type=sa.VARCHAR(length=64),
               type_=sqlmodel.sql.sqltypes.AutoString(length=200),
               existing_nullable=True)
    op.alter_column('answer', 'reply_to_external_id',
               existing_type=sa.VARCHAR(length=64),
               type_=sqlmodel.sql.sqltypes.AutoString(length=200),
               existing_nullable=True)
    op.alter_column('answer', 'external_id',
               existing_type=sa.VARCHAR(length=64),
               type_=sqlmodel.sql.sqltypes.AutoString(length=200),
               existing_nullable=True)
    op.create_index(op.f('ix_answer_follows_id'), 'answer', ['follows_id'], unique=False)
    op.create_foreign_key('answer_follows_id_fkey', 'answer', 'answer', ['follows_id'], ['id'])
    op.add_column('appeal', sa.Column('chat_external_id', sqlmodel.sql.sqltypes.AutoString(length=200), nullable=True))
    op.alter_column('appeal', 'author_external_id',
               existing_type=sa.VARCHAR(length=64),
               type_=sqlmodel.sql.sqltypes.AutoString(length=200),
               existing_nullable=False)
    op.alter_column('appeal', 'external_id',
               existing_type=sa.VARCHAR(length=64),
               type_=sqlmodel.sql.sqltypes.AutoString(length=200),
               existing_nullable=False)
    op.alter_column('appeal', 'post_external_id',
               existing_type=sa.VARCHAR(length=64),
               type_=sqlmodel.sql.sqltypes.AutoString(length=200),
               existing_nullable=True)
    op.add_column('inbox_event', sa.Column('waits_for', sqlmodel.sql.sqltypes.AutoString(length=200), nullable=True))
    op.create_index('ix_inbox_event_waits', 'inbox_event', ['page_id', 'waits_for'], unique=False, postgresql_where=sa.text('waits_for IS NOT NULL'))
    op.add_column('message', sa.Column('chat_external_id', sqlmodel.sql.sqltypes.AutoString(length=200), nullable=True))
    op.alter_column('message', 'external_id',
               existing_type=sa.VARCHAR(length=64),
               type_=sqlmodel.sql.sqltypes.AutoString(length=200),
               existing_nullable=False)
    op.alter_column('message', 'post_external_id',
               existing_type=sa.VARCHAR(length=64),
               type_=sqlmodel.sql.sqltypes.AutoString(length=200),
               existing_nullable=True)
    op.alter_column('message', 'reply_to_external_id',
               existing_type=sa.VARCHAR(length=64),
               type_=sqlmodel.sql.sqltypes.AutoString(length=200),
               existing_nullable=True)
    op.alter_column('message', 'author_external_id',
               existing_type=sa.VARCHAR(length=64),
               type_=sqlmodel.sql.sqltypes.AutoString(length=200),
               existing_nullable=True)
    op.add_column('public_page', sa.Column('discussion_id', sqlmodel.sql.sqltypes.AutoString(length=64), nullable=True))
    op.add_column('public_page', sa.Column('connection_problem', sqlmodel.sql.sqltypes.AutoString(), nullable=True))
    op.add_column('public_page', sa.Column('sending_paused_until', sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    op.drop_column('public_page', 'sending_paused_until')
    op.drop_column('public_page', 'connection_problem')
    op.drop_column('public_page', 'discussion_id')
    op.alter_column('message', 'author_external_id',
               existing_type=sqlmodel.sql.sqltypes.AutoString(length=200),
               type_=sa.VARCHAR(length=64),
               existing_nullable=True)
    op.alter_column('message', 'reply_to_external_id',
               existing_type=sqlmodel.sql.sqltypes.AutoString(length=200),
               type_=sa.VARCHAR(length=64),
               existing_nullable=True)
    op.alter_column('message', 'post_external_id',
               existing_type=sqlmodel.sql.sqltypes.AutoString(length=200),
               type_=sa.VARCHAR(length=64),
               existing_nullable=True)
    op.alter_column('message', 'external_id',
               existing_type=sqlmodel.sql.sqltypes.AutoString(length=200),
               type_=sa.VARCHAR(length=64),
               existing_nullable=False)
    op.drop_column('message', 'chat_external_id')
    op.drop_index('ix_inbox_event_waits', table_name='inbox_event', postgresql_where=sa.text('waits_for IS NOT NULL'))
    op.drop_column('inbox_event', 'waits_for')
    op.alter_column('appeal', 'post_external_id',
               existing_type=sqlmodel.sql.sqltypes.AutoString(length=200),
               type_=sa.VARCHAR(length=64),
               existing_nullable=True)
    op.alter_column('appeal', 'external_id',
               existing_type=sqlmodel.sql.sqltypes.AutoString(length=200),
               type_=sa.VARCHAR(length=64),
               existing_nullable=False)
    op.alter_column('appeal', 'author_external_id',
               existing_type=sqlmodel.sql.sqltypes.AutoString(length=200),
               type_=sa.VARCHAR(length=64),
               existing_nullable=False)
    op.drop_column('appeal', 'chat_external_id')
    op.drop_constraint('answer_follows_id_fkey', 'answer', type_='foreignkey')
    op.drop_index(op.f('ix_answer_follows_id'), table_name='answer')
    op.alter_column('answer', 'external_id',
               existing_type=sqlmodel.sql.sqltypes.AutoString(length=200),
               type_=sa.VARCHAR(length=64),
               existing_nullable=True)
    op.alter_column('answer', 'reply_to_external_id',
               existing_type=sqlmodel.sql.sqltypes.AutoString(length=200),
               type_=sa.VARCHAR(length=64),
               existing_nullable=True)
    op.alter_column('answer', 'post_external_id',
               existing_type=sqlmodel.sql.sqltypes.AutoString(length=200),
               type_=sa.VARCHAR(length=64),
               existing_nullable=True)
    op.alter_column('answer', 'recipient_external_id',
               existing_type=sqlmodel.sql.sqltypes.AutoString(length=200),
               type_=sa.VARCHAR(length=64),
               existing_nullable=False)
    op.drop_column('answer', 'is_in_doubt')
    op.drop_column('answer', 'is_continued')
    op.drop_column('answer', 'follows_id')
    op.drop_column('answer', 'chat_external_id')
    op.drop_index('ix_page_post_thread', table_name='page_post')
    op.drop_table('page_post')
    op.drop_table('contact')
