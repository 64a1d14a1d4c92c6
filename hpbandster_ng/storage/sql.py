"""Logs in a database: SQLite for one machine, PostgreSQL for many, each with any number of runs.

Two tables, made on the first use:

======================  ===============================================================================================
``hpbandster_runs``     ``run`` (its run_id), ``writer`` (who may append), ``records`` (how many there are)
``hpbandster_records``  ``run``, ``number`` (from 1), ``text``: one ``append``, see :mod:`hpbandster_ng.storage.codec`
======================  ===============================================================================================

Who opens a run puts its own name into ``writer``, and every ``append`` is a transaction that begins with finding it
there still: a master that was cut off or paused, and replaced meanwhile, can add nothing. A second writer is refused
while the first one is there, by a lock that the system lets go of when its holder is gone: a lock on a file beside an
SQLite database, an advisory lock of the session in PostgreSQL. A master whose connection to a server broke is gone in
that sense, though it may go on until somebody else opens the run.
"""

from __future__ import annotations

import hashlib
import os
import socket
import sqlite3
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from hpbandster_ng.engine.events import Event
from hpbandster_ng.errors import InvalidArgumentError, MissingExtraError, StorageBusyError, StorageError
from hpbandster_ng.storage.codec import decode, encode
from hpbandster_ng.storage.files import WriterLock, sync_directory

try:
    import sqlalchemy as sa
except ImportError as error:
    raise MissingExtraError("SQLStorage", "SQLAlchemy", "sql") from error

__all__ = ["SQLStorage"]

_BUSY_SECONDS = 30
"""How long a writer waits for the writers of other runs in the same SQLite database."""

_POSTGRES = {
    "connect_timeout": 10,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 4,
    "tcp_user_timeout": 30_000,
}
"""A server that does not answer any more is noticed within half a minute, unless the url sets these otherwise."""

_METADATA = sa.MetaData()
_RUNS = sa.Table(
    "hpbandster_runs",
    _METADATA,
    sa.Column("run", sa.Text, primary_key=True),
    sa.Column("writer", sa.Text, nullable=False),
    sa.Column("records", sa.Integer, nullable=False),
)
_RECORDS = sa.Table(
    "hpbandster_records",
    _METADATA,
    sa.Column("run", sa.Text, sa.ForeignKey(_RUNS.c.run), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("text", sa.Text, nullable=False),
)


class SQLStorage:
    """Keeps the log of one run in a database.

    Args:
        url: ``sqlite:///FILE``, or ``postgresql://USER:PASSWORD@HOST/DATABASE``, which needs the extra ``postgres``.
        run_id: the run's name; a database may hold many runs.

    Raises:
        InvalidArgumentError: ``url`` is none of the two.
        MissingExtraError: the driver is not installed.

    Example:
        >>> import tempfile
        >>> from hpbandster_ng.engine.events import WorkerJoined
        >>> url = f"sqlite:///{tempfile.mkdtemp()}/runs.db"
        >>> storage = SQLStorage(url, "first")
        >>> storage.open()
        >>> storage.append([WorkerJoined(0.5, "w")])
        >>> storage.close()
        >>> list(SQLStorage(url, "first").read()), list(SQLStorage(url, "second").read())
        ([WorkerJoined(at=0.5, worker='w')], [])
    """

    def __init__(self, url: str, run_id: str) -> None:
        self.url = _checked(url)
        self.run_id = run_id
        self._name = f"run {run_id!r} in {self.url.render_as_string(hide_password=True)}"
        self._engine = _engine(self.url)
        self._path = Path(str(self.url.database))
        self._is_sqlite = self._engine.dialect.name == "sqlite"
        self._writer = f"process {os.getpid()} on {socket.gethostname()} ({uuid.uuid4().hex})"
        self._connection: sa.Connection | None = None
        self._lock: WriterLock | None = None
        if self._is_sqlite:
            self._lock = WriterLock(Path(f"{self._path}.{quote(run_id, safe='')}.lock"), self._name)

    def __repr__(self) -> str:
        return self._name

    def open(self) -> None:
        """Become the one writer; does nothing while this is the writer.

        Raises:
            StorageBusyError: another process writes; the message says which.
            StorageError: the database cannot be reached or written.
        """
        if self._connection is not None:
            return
        try:
            if self._lock is not None:
                self._lock.take()
                _make_sqlite(self.url, self._path)
            self._connection = self._engine.connect()
            _make_tables(self._connection)
            self._take_over(self._connection)
        except BaseException as error:
            self.close()
            if isinstance(error, sa.exc.SQLAlchemyError) or (
                isinstance(error, OSError) and not isinstance(error, StorageError)
            ):
                raise self._failure("written", error) from error
            raise

    def append(self, events: Sequence[Event]) -> None:
        """Add events at the end, as one record; when this returns, the database has committed them.

        Raises:
            StorageBusyError: another process has become the writer.
            StorageError: they cannot be written, or the storage is not open.
            NotPlainError: an event holds a value that has no text form.
        """
        if self._connection is None:
            raise StorageError(f"{self._name} is not open for writing; call open() before append()")
        if self._is_sqlite and not self._path.exists():
            raise StorageError(f"{self._path} was removed while this process wrote to it; start the run again")
        text = encode(events)
        mine = sa.and_(_RUNS.c.run == self.run_id, _RUNS.c.writer == self._writer)
        count = sa.update(_RUNS).where(mine).values(records=_RUNS.c.records + 1)
        record = sa.select(_RUNS.c.run, _RUNS.c.records, sa.literal(text, sa.Text)).where(mine)
        try:
            with self._connection.begin():
                if self._connection.execute(count).rowcount != 1:
                    raise self._busy()
                self._connection.execute(sa.insert(_RECORDS).from_select(["run", "number", "text"], record))
        except sa.exc.SQLAlchemyError as error:
            raise (self._busy() if self._is_replaced() else self._failure("written", error)) from error

    def read(self) -> Iterator[Event]:
        """Every event from the first on, as they were when this was called.

        Raises:
            StorageError: the database cannot be reached or read.
            LogError: a record was not written by this package, or by a later version of it.
        """
        if self._is_sqlite and not self._path.exists():
            return iter(())
        query = sa.select(_RECORDS.c.number, _RECORDS.c.text).where(_RECORDS.c.run == self.run_id)
        try:
            with self._engine.connect() as connection:
                is_there = sa.inspect(connection).has_table(_RECORDS.name)
                records = connection.execute(query.order_by(_RECORDS.c.number)).all() if is_there else []
        except sa.exc.SQLAlchemyError as error:
            raise self._failure("read", error) from error
        return (event for number, text in records for event in decode(text, f"{self._name}, record {number},"))

    def close(self) -> None:
        """Stop being the writer; may be called twice, and before ``open``."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
        if self._lock is not None:
            self._lock.release()

    def _take_over(self, connection: sa.Connection) -> None:
        mine = _RUNS.c.run == self.run_id
        with connection.begin():
            if not self._is_sqlite:
                self._lock_session(connection)
            if connection.execute(sa.update(_RUNS).where(mine).values(writer=self._writer)).rowcount != 1:
                connection.execute(sa.insert(_RUNS).values(run=self.run_id, writer=self._writer, records=0))

    def _lock_session(self, connection: sa.Connection) -> None:
        """Lock the run in PostgreSQL as long as this connection lives, which the server looks after."""
        for name in ("keepalives_idle", "keepalives_interval", "keepalives_count"):
            connection.execute(sa.select(sa.func.set_config(f"tcp_{name}", str(_POSTGRES[name]), False)))
        if not connection.scalar(sa.select(sa.func.pg_try_advisory_lock(_key(f"run {self.run_id}")))):
            writer = connection.scalar(sa.select(_RUNS.c.writer).where(_RUNS.c.run == self.run_id))
            raise self._busy(writer)

    def _is_replaced(self) -> bool:
        """Whether a database that failed still answers, and knows another writer by now."""
        try:
            with self._engine.connect() as connection:
                writer = connection.scalar(sa.select(_RUNS.c.writer).where(_RUNS.c.run == self.run_id))
        except sa.exc.SQLAlchemyError:
            return False
        return writer != self._writer

    def _busy(self, writer: str | None = None) -> StorageBusyError:
        who = "another process, which took over" if writer is None else writer.partition(" (")[0]
        return StorageBusyError(f"{self._name} is written by {who}; wait until that has ended, or use another run_id")

    def _failure(self, what: str, error: Exception) -> StorageError:
        reason = " ".join(str(getattr(error, "orig", None) or error).split())
        return StorageError(
            f"{self._name} cannot be {what}: {reason}; what was recorded before is kept: mend the database or the url, "
            "and start the run again"
        )


def _checked(url: str) -> sa.URL:
    """The url of a database that can be used, with its driver; of a file the one path that all who open it find.

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
    shown = parsed.render_as_string(hide_password=True)
    if parsed.drivername != "sqlite":
        raise InvalidArgumentError("storage", shown, "must be a database of SQLite or PostgreSQL", way_out)
    if not parsed.database or parsed.database.startswith((":", "file:")):
        raise InvalidArgumentError("storage", shown, "must name a file", way_out)
    return parsed.set(database=str(Path(parsed.database).resolve()))


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


def _make_sqlite(url: sa.URL, path: Path) -> None:
    """Make a database beside its place and put it there whole, unless one is there.

    Nobody may look at it while SQLite switches to its write-ahead log: that would fail at once, whatever the timeout.
    """
    lock = WriterLock(path.with_name(f"{path.name}.%.lock"), str(path))  # no run's: a quoted name has no such sign
    lock.take(wait=True)
    try:
        if path.exists():
            return
        new = path.with_name(f"{path.name}.new")
        for stale in (f"{path}-wal", f"{path}-shm", new):  # of a database that was removed by hand, or not finished
            Path(stale).unlink(missing_ok=True)
        with _engine(url.set(database=str(new))).connect() as connection:
            _make_tables(connection)
        new.replace(path)
        sync_directory(path.parent)
    finally:
        lock.release()


def _make_tables(connection: sa.Connection) -> None:
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA journal_mode = WAL")
        connection.commit()
    with connection.begin():
        if connection.dialect.name != "sqlite":  # two that make a table at once would fail
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_key("tables"))))
        for table in _METADATA.sorted_tables:
            connection.execute(sa.schema.CreateTable(table, if_not_exists=True))


def _key(name: str) -> int:
    """The number of an advisory lock."""
    return int.from_bytes(hashlib.sha256(f"hpbandster_ng {name}".encode()).digest()[:8], "big", signed=True)
