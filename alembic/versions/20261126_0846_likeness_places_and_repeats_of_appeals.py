"""likeness places and repeats of appeals"""

import sqlalchemy as sa
import sqlmodel
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '79ef407a2608'
down_revision = 'fbf4b270f622'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('appeal', sa.Column('territory_from', sqlmodel.sql.sqltypes.AutoString(length=10), nullable=True))
    op.add_column('appeal', sa.Column('places', postgresql.JSONB(astext_type=sa.Text()), server_default='[]', nullable=False))
    op.add_column('appeal', sa.Column('fingerprint', sa.BigInteger(), nullable=True))
    op.add_column('appeal', sa.Column('likeness', sa.ARRAY(sa.Integer()), server_default='{}', nullable=False))
    op.add_column('appeal', sa.Column('duplicate_of_id', sa.BigInteger(), nullable=True))
    op.create_index('ix_appeal_answered', 'appeal', ['topic', 'id'], unique=False, postgresql_where=sa.text("state = 'answered'"))
    op.create_index('ix_appeal_duplicates', 'appeal', ['duplicate_of_id', 'id'], unique=False, postgresql_where=sa.text('duplicate_of_id IS NOT NULL'))
    op.create_index('ix_appeal_fingerprint', 'appeal', ['fingerprint', 'id'], unique=False, postgresql_where=sa.text('fingerprint IS NOT NULL'))
    op.create_index('ix_appeal_likeness', 'appeal', ['likeness'], unique=False, postgresql_using='gin', postgresql_with={'fastupdate': 'off'})
    op.create_foreign_key('appeal_duplicate_of_id_fkey', 'appeal', 'appeal', ['duplicate_of_id'], ['id'])
    op.add_column('clock', sa.Column('own', postgresql.JSONB(astext_type=sa.Text()), nullable=True))


def downgrade() -> None:
    op.drop_column('clock', 'own')
    op.drop_constraint('appeal_duplicate_of_id_fkey', 'appeal', type_='foreignkey')
    op.drop_index('ix_appeal_likeness', table_name='appeal', postgresql_using='gin', postgresql_with={'fastupdate': 'off'})
    op.drop_index('ix_appeal_fingerprint', table_name='appeal', postgresql_where=sa.text('fingerprint IS NOT NULL'))
    op.drop_index('ix_appeal_duplicates', table_name='appeal', postgresql_where=sa.text('duplicate_of_id IS NOT NULL'))
    op.drop_index('ix_appeal_answered', table_name='appeal', postgresql_where=sa.text("state = 'answered'"))
    op.drop_column('appeal', 'duplicate_of_id')
    op.drop_column('appeal', 'likeness')
    op.drop_column('appeal', 'fingerprint')
    op.drop_column('appeal', 'places')
    op.drop_column('appeal', 'territory_from')
