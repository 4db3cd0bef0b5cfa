"""A new migration by autogenerate, against a scratch database of the embedded PostgreSQL."""

import sys
import tempfile
from pathlib import Path

from alembic import command

from app import embedded
from app.db import alembic_config


def main(message: str) -> None:
    """Write alembic/versions/YYYYMMDD_HHMM_slug.py with what models.py has and the migrations lack."""
    if not message:
        sys.exit('Скажите, что меняется: make migration NAME="what changes"')
    with tempfile.TemporaryDirectory() as folder:
        servers = embedded.start(Path(folder), needs_database=True, needs_redis=False)
        try:
            config = alembic_config(servers.database_url)
            config.set_main_option(
                "file_template", "%%(year)d%%(month).2d%%(day).2d_%%(hour).2d%%(minute).2d_%%(slug)s"
            )
            command.upgrade(config, "head")
            command.revision(config, message, autogenerate=True)
        finally:
            servers.stop()


if __name__ == "__main__":
    main(" ".join(sys.argv[1:]).strip())
