"""Bring both databases to this version's schema; refuse newer ones."""

import pathlib

import alembic.command
import alembic.config
import alembic.migration
import alembic.script
import sqlalchemy as sa

from trackside.errors import UsageError
from trackside.server.store.database import engine_for

_HERE = pathlib.Path(__file__).parent / "migrations"


def upgrade(engine: sa.Engine, branch: str) -> None:
    """Apply what is missing of `branch` (`main` or `events`).

    Raises:
        UsageError: the database was written by a newer Trackside; it is left untouched.
    """
    config = alembic.config.Config()
    config.set_main_option("script_location", str(_HERE))
    config.set_main_option("version_locations", str(_HERE / branch))
    config.set_main_option("path_separator", "os")
    known = alembic.script.ScriptDirectory.from_config(config)
    with engine.connect() as connection:
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        else:
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(7453101)")
        current = alembic.migration.MigrationContext.configure(connection).get_current_revision()
        revisions = {script.revision for script in known.walk_revisions()}
        if current is not None and current not in revisions:
            raise UsageError(
                f"the {branch} database is at version {current}, which this Trackside does not know; "
                "start the newer Trackside that wrote it, or restore a backup"
            )
        if current != known.get_current_head():
            config.attributes["connection"] = connection
            alembic.command.upgrade(config, "head")
        connection.exec_driver_sql("COMMIT")


def upgrade_url(url: str, branch: str, schema: str | None) -> None:
    """`upgrade` on an engine of its own; makes the PostgreSQL schema when it is missing."""
    engine = engine_for(url, schema=schema)
    try:
        if schema and engine.dialect.name == "postgresql":
            with engine.begin() as connection:
                connection.execute(sa.schema.CreateSchema(schema, if_not_exists=True))
        upgrade(engine, branch)
    finally:
        engine.dispose()
