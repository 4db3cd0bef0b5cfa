"""departments at work"""

import sqlalchemy as sa
import sqlmodel
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '5621499a2731'
down_revision = '337280dff4fa'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('absence',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('user_id', sa.Integer(), nullable=False),
    sa.Column('first_day', sa.Date(), nullable=False),
    sa.Column('last_day', sa.Date(), nullable=False),
    sa.Column('substitute_id', sa.Integer(), nullable=True),
    sa.ForeignKeyConstraint(['substitute_id'], ['app_user.id'], ),
    sa.ForeignKeyConstraint(['user_id'], ['app_user.id'], ),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_index(op.f('ix_absence_user_id'), 'absence', ['user_id'], unique=False)
    op.create_table('appeal_part',
    sa.Column('id', sa.BigInteger(), nullable=False),
    sa.Column('appeal_id', sa.BigInteger(), nullable=False),
    sa.Column('department_id', sa.Integer(), nullable=False),
    sa.Column('question', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('asked_by', sqlmodel.sql.sqltypes.AutoString(length=200), nullable=False),
    sa.Column('asked_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('text', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('given_by', sqlmodel.sql.sqltypes.AutoString(length=200), nullable=True),
    sa.Column('given_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('is_declined', sa.Boolean(), nullable=False),
    sa.ForeignKeyConstraint(['appeal_id'], ['appeal.id'], ),
    sa.ForeignKeyConstraint(['department_id'], ['department.id'], ),
    sa.PrimaryKeyConstraint('id'),
    sa.UniqueConstraint('appeal_id', 'department_id')
    )
    op.create_index('ix_appeal_part_owed', 'appeal_part', ['department_id', 'appeal_id'], unique=False, postgresql_where=sa.text('given_at IS NULL'))
    op.add_column('answer', sa.Column('is_question', sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column('appeal', sa.Column('return_count', sa.Integer(), nullable=False, server_default='0'))
    op.add_column('appeal', sa.Column('waits_for', sqlmodel.sql.sqltypes.AutoString(length=20), nullable=True))
    op.add_column('appeal', sa.Column('waits_until', sa.DateTime(timezone=True), nullable=True))
    op.create_index('ix_appeal_silent', 'appeal', ['waits_until'], unique=False, postgresql_where=sa.text('waits_until IS NOT NULL'))
    op.create_index('ix_appeal_waiting', 'appeal', ['waits_for', 'queue_at', 'id'], unique=False, postgresql_where=sa.text('waits_for IS NOT NULL'))
    op.add_column('department', sa.Column('is_checked', sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column('department', sa.Column('parent_id', sa.Integer(), nullable=True))
    op.create_foreign_key('department_parent_id_fkey', 'department', 'department', ['parent_id'], ['id'])
    for table, column in (('answer', 'is_question'), ('appeal', 'return_count'), ('department', 'is_checked')):
        op.alter_column(table, column, server_default=None)


def downgrade() -> None:
    op.drop_constraint('department_parent_id_fkey', 'department', type_='foreignkey')
    op.drop_column('department', 'parent_id')
    op.drop_column('department', 'is_checked')
    op.drop_index('ix_appeal_waiting', table_name='appeal', postgresql_where=sa.text('waits_for IS NOT NULL'))
    op.drop_index('ix_appeal_silent', table_name='appeal', postgresql_where=sa.text('waits_until IS NOT NULL'))
    op.drop_column('appeal', 'waits_until')
    op.drop_column('appeal', 'waits_for')
    op.drop_column('appeal', 'return_count')
    op.drop_column('answer', 'is_question')
    op.drop_index('ix_appeal_part_owed', table_name='appeal_part', postgresql_where=sa.text('given_at IS NULL'))
    op.drop_table('appeal_part')
    op.drop_index(op.f('ix_absence_user_id'), table_name='absence')
    op.drop_table('absence')
