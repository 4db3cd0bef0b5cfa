"""Alembic's environment: one synchronous connection, the metadata of every feature."""

from alembic import context
from sqlalchemy import create_engine, pool

from app.models import metadata

config = context.config
COMPARE = {"target_metadata": metadata, "compare_type": True, "compare_server_default": True}


def run() -> None:
    """Migrate online; offline SQL is not offered."""
    engine = create_engine(config.get_main_option("sqlalchemy.url"), poolclass=pool.NullPool)
    with engine.connect() as connection:
        context.configure(connection=connection, **COMPARE)
        with context.begin_transaction():
            context.run_migrations()


run()
