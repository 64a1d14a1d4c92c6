"""The log of one run in a database.

Who opens a run puts its own name into ``writer``, and every ``append`` is a transaction that begins with finding it
there still: a master that was cut off or paused, and replaced meanwhile, can add nothing. A second writer is refused
while the first one is there, by a lock that the system lets go of when its holder is gone: a lock on a file beside an
SQLite database, an advisory lock of the session in PostgreSQL. A master whose connection to a server broke is gone in
that sense, though it may go on until somebody else opens the run.
"""

from __future__ import annotations

import os
import socket
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

import sqlalchemy as sa

from hpbandster_ng.engine.events import Event
from hpbandster_ng.errors import LogError, StorageBusyError, StorageError
from hpbandster_ng.storage.base import News, news_since
from hpbandster_ng.storage.codec import decode, encode
from hpbandster_ng.storage.files import WriterLock
from hpbandster_ng.storage.sql.database import KEEPALIVES, RECORDS, RUNS, Database, failure, lock_key

__all__ = ["SQLStorage", "run_ids"]


def run_ids(url: str) -> list[str]:
    """The runs of a database, in ascending order; logs that many processes write in turn are none.

    Raises:
        InvalidArgumentError, MissingExtraError: see :class:`SQLStorage`.
        StorageError: the database cannot be reached or read.
        LogError: it was made by a later release.
    """
    database = Database(url)
    if not database.is_there:
        return []
    with database.reports(database.name, "read"), database.engine.connect() as connection:
        version = database.version(connection)
        if version == 0:
            return []
        query = sa.select(RUNS.c.run)
        return sorted(connection.scalars(query if version == 1 else query.where(~RUNS.c.shared)))


class _Record(NamedTuple):
    """What one ``append`` has added; the last one that was read is the bookmark of a reader."""

    number: int
    text: str


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
        self.run_id = run_id
        self._database = Database(url)
        self.url = self._database.url
        self._name = f"run {run_id!r} in {self._database.name}"
        self._writer = f"process {os.getpid()} on {socket.gethostname()} ({uuid.uuid4().hex})"
        self._connection: sa.Connection | None = None
        self._lock: WriterLock | None = None
        if self._database.path is not None:
            self._lock = WriterLock(Path(f"{self._database.path}.{quote(run_id, safe='')}.lock"), self._name)

    def __repr__(self) -> str:
        return self._name

    def open(self) -> None:
        """Become the one writer; does nothing while this is the writer.

        Raises:
            StorageBusyError: another process writes; the message says which.
            StorageError: the database cannot be reached or written.
            LogError: it was made by a later release, or this is a log that many processes write in turn.
        """
        if self._connection is not None:
            return
        try:
            if self._lock is not None:
                self._lock.take()
            self._connection = self._database.connect()
            with self._database.reports(self._name, "written"):
                self._take_over(self._connection)
        except BaseException:
            self.close()
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
        if not self._database.is_there:
            raise StorageError(f"{self._database.path} was removed while this process wrote to it; start the run again")
        text = encode(events)
        mine = sa.and_(RUNS.c.run == self.run_id, RUNS.c.writer == self._writer)
        count = sa.update(RUNS).where(mine).values(records=RUNS.c.records + 1)
        record = sa.select(RUNS.c.run, RUNS.c.records, sa.literal(text, sa.Text)).where(mine)
        try:
            with self._connection.begin():
                if self._connection.execute(count).rowcount != 1:
                    raise self._busy()
                self._connection.execute(sa.insert(RECORDS).from_select(["run", "number", "text"], record))
        except sa.exc.SQLAlchemyError as error:
            raise (self._busy() if self._is_replaced() else failure(self._name, "written", error)) from error

    def read(self) -> Iterator[Event]:
        """Every event from the first on, as they were when this was called.

        Raises:
            StorageError: the database cannot be reached or read.
            LogError: a record was not written by this package, or by a later version of it, which may have made the
                whole database.
        """
        return self._decoded(self._records(1))

    def read_on(self, bookmark: object = None) -> News:
        """Every event that was kept since the bookmark was taken; of a run that was replaced since, all.

        Raises:
            StorageError, LogError: as :meth:`read`.
        """
        known = bookmark if isinstance(bookmark, _Record) else None
        return news_since(known, self._records, self._decoded)

    def _records(self, first: int) -> list[_Record]:
        """The records from that number on, in order."""
        if not self._database.is_there:
            return []
        query = sa.select(RECORDS.c.number, RECORDS.c.text).where(
            RECORDS.c.run == self.run_id, RECORDS.c.number >= first
        )
        with self._database.reports(self._name, "read"), self._database.engine.connect() as connection:
            if self._database.version(connection) == 0:
                return []
            return [_Record(*row) for row in connection.execute(query.order_by(RECORDS.c.number))]

    def _decoded(self, records: Sequence[_Record]) -> Iterator[Event]:
        return (event for number, text in records for event in decode(text, f"{self._name}, record {number},"))

    def close(self) -> None:
        """Stop being the writer; may be called twice, and before ``open``."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
        if self._lock is not None:
            self._lock.release()

    def _take_over(self, connection: sa.Connection) -> None:
        mine = RUNS.c.run == self.run_id
        with connection.begin():
            if self._lock is None:
                self._lock_session(connection)
            if connection.scalar(sa.select(RUNS.c.shared).where(mine)):
                raise LogError(
                    f"{self._name} is a shared log, which many processes write in turn; open it with SQLSharedLogs, or "
                    "use another run_id"
                )
            if connection.execute(sa.update(RUNS).where(mine).values(writer=self._writer)).rowcount != 1:
                connection.execute(sa.insert(RUNS).values(run=self.run_id, writer=self._writer, records=0))

    def _lock_session(self, connection: sa.Connection) -> None:
        """Lock the run in PostgreSQL as long as this connection lives, which the server looks after."""
        for name, value in KEEPALIVES.items():
            connection.execute(sa.select(sa.func.set_config(f"tcp_{name}", str(value), False)))
        if not connection.scalar(sa.select(sa.func.pg_try_advisory_lock(lock_key(f"run {self.run_id}")))):
            writer = connection.scalar(sa.select(RUNS.c.writer).where(RUNS.c.run == self.run_id))
            raise self._busy(writer)

    def _is_replaced(self) -> bool:
        """Whether a database that failed still answers, and knows another writer by now."""
        try:
            with self._database.engine.connect() as connection:
                writer = connection.scalar(sa.select(RUNS.c.writer).where(RUNS.c.run == self.run_id))
        except sa.exc.SQLAlchemyError:
            return False
        return writer != self._writer

    def _busy(self, writer: str | None = None) -> StorageBusyError:
        who = "another process, which took over" if writer is None else writer.partition(" (")[0]
        return StorageBusyError(f"{self._name} is written by {who}; wait until that has ended, or use another run_id")
