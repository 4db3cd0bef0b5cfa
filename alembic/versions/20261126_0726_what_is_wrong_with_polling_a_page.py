"""what is wrong with polling a page"""

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = '337280dff4fa'
down_revision = '5893d0c617b3'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('public_page', sa.Column('polling_problem', sqlmodel.sql.sqltypes.AutoString(), nullable=True))
    op.drop_index('ix_public_page_problem', table_name='public_page')
    op.create_index('ix_public_page_problem', 'public_page', ['id'], postgresql_where=sa.text('connection_problem IS NOT NULL OR polling_problem IS NOT NULL'))


def downgrade() -> None:
    op.drop_index('ix_public_page_problem', table_name='public_page')
    op.create_index('ix_public_page_problem', 'public_page', ['id'], postgresql_where=sa.text('connection_problem IS NOT NULL'))
    op.drop_column('public_page', 'polling_problem')
