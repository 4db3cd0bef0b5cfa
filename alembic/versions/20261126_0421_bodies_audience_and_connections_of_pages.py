"""bodies, audience and connections of pages"""

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = '7960c50b612f'
down_revision = '7a912e74a7d6'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute('CREATE EXTENSION IF NOT EXISTS pg_trgm')
    op.create_table('official_body',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('identity', sqlmodel.sql.sqltypes.AutoString(length=330), nullable=False),
    sa.Column('name', sqlmodel.sql.sqltypes.AutoString(length=300), nullable=False),
    sa.Column('ogrn', sqlmodel.sql.sqltypes.AutoString(length=15), nullable=True),
    sa.Column('inn', sqlmodel.sql.sqltypes.AutoString(length=12), nullable=True),
    sa.Column('territory_code', sqlmodel.sql.sqltypes.AutoString(length=11), nullable=True),
    sa.Column('parent_id', sa.Integer(), nullable=True),
    sa.Column('department_id', sa.Integer(), nullable=True),
    sa.Column('search_text', sa.Text(), sa.Computed('lower(name)', persisted=True), nullable=True),
    sa.ForeignKeyConstraint(['department_id'], ['department.id'], ),
    sa.ForeignKeyConstraint(['parent_id'], ['official_body.id'], ),
    sa.ForeignKeyConstraint(['territory_code'], ['territory.code'], ),
    sa.PrimaryKeyConstraint('id'),
    sa.UniqueConstraint('identity')
    )
    op.create_index(op.f('ix_official_body_parent_id'), 'official_body', ['parent_id'], unique=False)
    op.create_index('ix_official_body_search', 'official_body', ['search_text'], unique=False, postgresql_using='gin', postgresql_ops={'search_text': 'gin_trgm_ops'})
    op.create_table('page_audience',
    sa.Column('page_id', sa.Integer(), nullable=False),
    sa.Column('on_date', sa.Date(), nullable=False),
    sa.Column('count', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['page_id'], ['public_page.id'], ),
    sa.PrimaryKeyConstraint('page_id', 'on_date')
    )
    op.add_column('public_page', sa.Column('address', sqlmodel.sql.sqltypes.AutoString(length=300), nullable=True))
    op.add_column('public_page', sa.Column('body_id', sa.Integer(), nullable=True))
    op.add_column('public_page', sa.Column('parent_body_id', sa.Integer(), nullable=True))
    op.add_column('public_page', sa.Column('level', sqlmodel.sql.sqltypes.AutoString(length=20), nullable=True))
    op.add_column('public_page', sa.Column('kind', sqlmodel.sql.sqltypes.AutoString(length=80), nullable=True))
    op.add_column('public_page', sa.Column('department_from_id', sa.Integer(), nullable=True))
    op.add_column('public_page', sa.Column('connected_at', sa.DateTime(timezone=True), nullable=True))
    op.add_column('public_page', sa.Column('checked_at', sa.DateTime(timezone=True), nullable=True))
    op.add_column('public_page', sa.Column('next_check_at', sa.DateTime(timezone=True), nullable=True))
    op.add_column('public_page', sa.Column('failed_checks', sa.Integer(), nullable=False, server_default='0'))
    op.alter_column('public_page', 'failed_checks', server_default=None)
    op.add_column('public_page', sa.Column('check_failure', sqlmodel.sql.sqltypes.AutoString(), nullable=True))
    op.add_column('public_page', sa.Column('search_text', sa.Text(), sa.Computed('lower(name)', persisted=True), nullable=True))
    op.alter_column('public_page', 'credentials',
               existing_type=sa.LargeBinary(),
               nullable=True)
    op.create_index(op.f('ix_public_page_body_id'), 'public_page', ['body_id'], unique=False)
    op.create_index('ix_public_page_address', 'public_page', ['platform', 'address'], unique=False, postgresql_where=sa.text('address IS NOT NULL'))
    op.create_index('ix_public_page_name', 'public_page', ['search_text', 'id'], unique=False)
    op.create_index(op.f('ix_public_page_parent_body_id'), 'public_page', ['parent_body_id'], unique=False)
    op.create_index('ix_public_page_problem', 'public_page', ['id'], unique=False, postgresql_where=sa.text('connection_problem IS NOT NULL'))
    op.create_index('ix_public_page_search', 'public_page', ['search_text'], unique=False, postgresql_using='gin', postgresql_ops={'search_text': 'gin_trgm_ops'})
    op.create_index('ix_public_page_watch', 'public_page', ['platform', 'next_check_at'], unique=False, postgresql_where=sa.text('is_active AND credentials IS NOT NULL'))
    op.create_foreign_key('public_page_department_from_id_fkey', 'public_page', 'official_body', ['department_from_id'], ['id'])
    op.create_foreign_key('public_page_parent_body_id_fkey', 'public_page', 'official_body', ['parent_body_id'], ['id'])
    op.create_foreign_key('public_page_body_id_fkey', 'public_page', 'official_body', ['body_id'], ['id'])


def downgrade() -> None:
    op.drop_constraint('public_page_body_id_fkey', 'public_page', type_='foreignkey')
    op.drop_constraint('public_page_parent_body_id_fkey', 'public_page', type_='foreignkey')
    op.drop_constraint('public_page_department_from_id_fkey', 'public_page', type_='foreignkey')
    op.drop_index('ix_public_page_watch', table_name='public_page', postgresql_where=sa.text('is_active AND credentials IS NOT NULL'))
    op.drop_index('ix_public_page_search', table_name='public_page', postgresql_using='gin', postgresql_ops={'search_text': 'gin_trgm_ops'})
    op.drop_index('ix_public_page_problem', table_name='public_page', postgresql_where=sa.text('connection_problem IS NOT NULL'))
    op.drop_index(op.f('ix_public_page_parent_body_id'), table_name='public_page')
    op.drop_index('ix_public_page_address', table_name='public_page', postgresql_where=sa.text('address IS NOT NULL'))
    op.drop_index('ix_public_page_name', table_name='public_page')
    op.drop_index(op.f('ix_public_page_body_id'), table_name='public_page')
    op.execute("UPDATE public_page SET credentials = '' WHERE credentials IS NULL")
    op.alter_column('public_page', 'credentials',
               existing_type=sa.LargeBinary(),
               nullable=False)
    op.drop_column('public_page', 'search_text')
    op.drop_column('public_page', 'check_failure')
    op.drop_column('public_page', 'failed_checks')
    op.drop_column('public_page', 'next_check_at')
    op.drop_column('public_page', 'checked_at')
    op.drop_column('public_page', 'connected_at')
    op.drop_column('public_page', 'department_from_id')
    op.drop_column('public_page', 'kind')
    op.drop_column('public_page', 'level')
    op.drop_column('public_page', 'parent_body_id')
    op.drop_column('public_page', 'body_id')
    op.drop_column('public_page', 'address')
    op.drop_table('page_audience')
    op.drop_index('ix_official_body_search', table_name='official_body', postgresql_using='gin', postgresql_ops={'search_text': 'gin_trgm_ops'})
    op.drop_index(op.f('ix_official_body_parent_id'), table_name='official_body')
    op.drop_table('official_body')
