"""What became of the tables from version to version: old ones are made new ones in one transaction."""

from __future__ import annotations

from collections.abc import Callable

import sqlalchemy as sa

from hpbandster_ng.errors import MissingExtraError

try:
    from alembic.migration import MigrationContext
    from alembic.operations import Operations
except ImportError as error:
    raise MissingExtraError("A database that an older release made", "alembic", "sql") from error

__all__ = ["migrate"]


def migrate(connection: sa.Connection, old: int, new: int) -> None:
    """Take the tables from version ``old`` to ``new``, step by step, within the transaction of ``connection``."""
    operations = Operations(MigrationContext.configure(connection))
    for version in range(old + 1, new + 1):
        _STEPS[version](operations)
        operations.execute(sa.update(sa.table("hpbandster_schema", sa.column("version"))).values(version=version))


def _to_2(operations: Operations) -> None:
    """Shared logs, and the version itself."""
    operations.add_column("hpbandster_runs", sa.Column("shared", sa.Boolean, nullable=False, server_default=sa.false()))
    operations.create_table(
        "hpbandster_leases",
        sa.Column("run", sa.Text, primary_key=True),
        sa.Column("holder", sa.Text, primary_key=True),
        sa.Column("ends", sa.Double, nullable=False),
        sqlite_with_rowid=False,
    )
    operations.create_table(
        "hpbandster_offers",
        sa.Column("run", sa.Text, primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("text", sa.Text, nullable=False),
        sqlite_with_rowid=False,
    )
    schema = operations.create_table("hpbandster_schema", sa.Column("version", sa.Integer, nullable=False))
    operations.bulk_insert(schema, [{"version": 1}])


_STEPS: dict[int, Callable[[Operations], None]] = {2: _to_2}
"""By the version that they lead to. They describe the past, so they name no table of today's."""
