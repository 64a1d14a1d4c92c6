"""What all logs in a database share: its url, its connections, and its tables, which are made, checked and migrated."""

from __future__ import annotations

import contextlib
import hashlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from hpbandster_ng.errors import InvalidArgumentError, LogError, MissingExtraError, StorageError
from hpbandster_ng.storage.files import WriterLock, sync_directory

__all__ = ["KEEPALIVES", "LEASES", "OFFERS", "RECORDS", "RUNS", "VERSION", "Database", "failure", "lock_key"]

VERSION = 2
"""Of the tables that this release makes. Version 1 had the first two, without ``shared``, and kept no version."""

_BUSY_SECONDS = 30
"""How long a writer waits for the writers of other logs in the same SQLite database."""

KEEPALIVES = {"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 4}
"""Who does not answer any more is noticed within half a minute, by this end and by PostgreSQL's."""

_POSTGRES = {"connect_timeout": 10, "tcp_user_timeout": 30_000, **KEEPALIVES}
"""For the driver, unless the url sets these otherwise."""

_METADATA = sa.MetaData()
RUNS = sa.Table(
    "hpbandster_runs",
    _METADATA,
    sa.Column("run", sa.Text, primary_key=True),
    sa.Column("writer", sa.Text, nullable=False),
    sa.Column("records", sa.Integer, nullable=False),
    sa.Column("shared", sa.Boolean, nullable=False, server_default=sa.false()),
)
RECORDS = sa.Table(
    "hpbandster_records",
    _METADATA,
    sa.Column("run", sa.Text, sa.ForeignKey(RUNS.c.run), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("text", sa.Text, nullable=False),
)
LEASES = sa.Table(
    "hpbandster_leases",
    _METADATA,
    sa.Column("run", sa.Text, primary_key=True),
    sa.Column("holder", sa.Text, primary_key=True),
    sa.Column("ends", sa.Double, nullable=False),
    sqlite_with_rowid=False,
)
OFFERS = sa.Table(
    "hpbandster_offers",
    _METADATA,
    sa.Column("run", sa.Text, primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("text", sa.Text, nullable=False),
    sqlite_with_rowid=False,
)
_SCHEMA = sa.Table("hpbandster_schema", _METADATA, sa.Column("version", sa.Integer, nullable=False))


class Database:
    """A database that logs live in; nothing is opened here.

    Args:
        url: ``sqlite:///FILE`` or ``postgresql://USER:PASSWORD@HOST/DATABASE``.

    Attributes:
        name: the url without its password and options, for messages.
        engine: of connections that are opened when needed and really closed.
        errors: what it raises.
        path: the file of SQLite; None for a server.

    Raises:
        InvalidArgumentError: ``url`` is none of the two.
        MissingExtraError: the driver is not installed.
    """

    def __init__(self, url: str) -> None:
        self.url = _checked(url)
        self.name = _shown(self.url)
        self.engine = _engine(self.url)
        self.errors = (sa.exc.SQLAlchemyError, self.engine.dialect.loaded_dbapi.Error)
        self.path = Path(str(self.url.database)) if self.url.drivername == "sqlite" else None

    @property
    def is_there(self) -> bool:
        """Whether there may be something to read: a file that is not there is not made by looking into it."""
        return self.path is None or self.path.exists()

    def version(self, connection: sa.Connection) -> int:
        """Of the tables; 0 if there are none of ours.

        Raises:
            LogError: they are those of a later release.
        """
        tables = sa.inspect(connection)
        if not tables.has_table(_SCHEMA.name):
            return int(tables.has_table(RUNS.name))
        found = connection.scalar(sa.select(_SCHEMA.c.version)) or 0
        if found > VERSION:
            raise LogError(
                f"{self.name} has tables of version {found}, and this release knows those up to {VERSION}; use the "
                "release that made them, or a later one, or another database"
            )
        return found

    def connect(self) -> sa.Connection:
        """A connection for writing, to tables of this version: made where there are none, migrated where they are old.

        Raises:
            StorageError: the database cannot be reached or written.
            LogError: they are those of a later release.
        """
        with self.reports(self.name, "written"):
            return self._connect()

    @contextlib.contextmanager
    def reports(self, name: str, action: str) -> Iterator[None]:
        """What goes wrong becomes the one error for a log of that name that cannot be ``action`` (read, written)."""
        try:
            yield
        except StorageError:
            raise
        except (OSError, *self.errors) as error:
            raise failure(name, action, error) from error

    def _connect(self) -> sa.Connection:
        if self.path is not None and not self.path.exists():
            self._make_file(self.path)
        connection = self.engine.connect()
        try:
            is_old = self.version(connection) != VERSION
            connection.rollback()
            if self.path is not None:
                connection.exec_driver_sql("PRAGMA journal_mode = WAL")
                connection.rollback()
            if is_old:
                with self._makers_turn(connection):
                    self._update(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _make_file(self, path: Path) -> None:
        """Make an SQLite database beside its place and put it there whole, unless one is there.

        Nobody may look at it while SQLite switches to its write-ahead log: that would fail at once, whatever the
        timeout.
        """
        with _makers_lock(path):
            if path.exists():
                return
            new = path.with_name(f"{path.name}.new")
            for stale in (f"{path}-wal", f"{path}-shm", new):  # of a database that was removed by hand, or not finished
                Path(stale).unlink(missing_ok=True)
            with _engine(self.url.set(database=str(new))).connect() as connection:
                connection.exec_driver_sql("PRAGMA journal_mode = WAL")
                connection.commit()
                with connection.begin():
                    self._update(connection)
            new.replace(path)
            sync_directory(path.parent)

    @contextlib.contextmanager
    def _makers_turn(self, connection: sa.Connection) -> Iterator[None]:
        """A transaction that nobody else makes or migrates tables in at the same time."""
        if self.path is None:
            with connection.begin():
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(lock_key("tables"))))
                yield
            return
        with _makers_lock(self.path), connection.begin():
            connection.exec_driver_sql("BEGIN IMMEDIATE")  # Python's driver begins none before tables are made
            yield

    def _update(self, connection: sa.Connection) -> None:
        version = self.version(connection)  # another process may have been faster
        if version == 0:
            _METADATA.create_all(connection)
            connection.execute(sa.insert(_SCHEMA).values(version=VERSION))
        elif version != VERSION:
            from hpbandster_ng.storage.sql.migrations import migrate  # noqa: PLC0415 - slow, and hardly ever needed

            migrate(connection, version, VERSION)


def failure(name: str, action: str, error: BaseException) -> StorageError:
    """The one error for a log of that name that cannot be ``action`` (read, written)."""
    reason = " ".join(str(getattr(error, "orig", None) or error).split())
    return StorageError(
        f"{name} cannot be {action}: {reason}; what was recorded before is kept: mend the database or the url, and "
        "start again"
    )


def lock_key(name: str) -> int:
    """The number of an advisory lock in PostgreSQL."""
    return int.from_bytes(hashlib.sha256(f"hpbandster_ng {name}".encode()).digest()[:8], "big", signed=True)


@contextlib.contextmanager
def _makers_lock(path: Path) -> Iterator[None]:
    lock = WriterLock(path.with_name(f"{path.name}.%.lock"), str(path))  # no run's: a quoted name has no such sign
    lock.take(wait=True)
    try:
        yield
    finally:
        lock.release()


def _checked(url: str) -> sa.URL:
    """The url of a database that can be used, with its driver and a path that is found from everywhere.

    Raises:
        InvalidArgumentError: it is none.
    """
    way_out = "use sqlite:///FILE or postgresql://USER:PASSWORD@HOST/DATABASE"
    try:
        parsed = sa.make_url(url)
    except sa.exc.ArgumentError:
        shown = url.partition(":")[0] + ":..."  # the rest may hold a password
        raise InvalidArgumentError("storage", shown, "must be the url of a database", way_out) from None
    if parsed.drivername in ("postgresql", "postgresql+psycopg"):
        return parsed.set(drivername="postgresql+psycopg")
    shown = _shown(parsed)
    if parsed.drivername != "sqlite":
        raise InvalidArgumentError("storage", shown, "must be a database of SQLite or PostgreSQL", way_out)
    if not parsed.database or parsed.database.startswith((":", "file:")):
        raise InvalidArgumentError("storage", shown, "must name a file", way_out)
    return parsed.set(database=str(Path(parsed.database).resolve()))


def _shown(url: sa.URL) -> str:
    """Options may be passwords, too."""
    return url.set(query={}).render_as_string(hide_password=True)


def _engine(url: sa.URL) -> sa.Engine:
    """Connections that are opened when needed and really closed; nothing is opened here."""
    if url.drivername == "sqlite":
        engine = _create_engine(url, {"timeout": _BUSY_SECONDS, "check_same_thread": False})
        sa.event.listen(engine, "connect", _ask_for_durability)
        return engine
    arguments = {name: value for name, value in _POSTGRES.items() if name not in url.query}
    try:
        return _create_engine(url, arguments)
    except ImportError as error:
        raise MissingExtraError("A log in PostgreSQL", "psycopg", "postgres") from error


def _ask_for_durability(connection: sqlite3.Connection, _: object) -> None:
    try:
        connection.execute("PRAGMA synchronous = FULL")
    except BaseException:
        connection.close()  # nobody else would: it belongs to no pool yet
        raise


def _create_engine(url: sa.URL, arguments: dict[str, Any]) -> sa.Engine:
    return sa.create_engine(url, connect_args=arguments, poolclass=sa.NullPool)
