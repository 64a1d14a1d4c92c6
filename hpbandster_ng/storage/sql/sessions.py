"""Connections that take turns: who writes waits for whoever came before, and wakes as soon as that has ended.

There are two places to wait at. Who leads the line reads and decodes what is there already while another one has its
turn, so that little is left to be read when its own turn begins; all others wait behind it. So as many as two work at a
time, and a turn is short however many there are.
"""

from __future__ import annotations

import contextlib
import functools
import os
import selectors
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from hpbandster_ng.errors import StorageBusyError, StorageError
from hpbandster_ng.storage.files import Queue
from hpbandster_ng.storage.sql.database import KEEPALIVES, Database, lock_key

__all__ = ["TURN_SECONDS", "PostgreSQLSession", "SQLiteSession", "Session", "Statement"]

Statement = sa.sql.ClauseElement
Parameters = Mapping[str, Any]
Row = Sequence[Any]

TURN_SECONDS = 60
"""How long a turn may take in PostgreSQL, whose server lets the next one begin then."""


class Session:
    """One connection, for one thread at a time, and for no process but the one that made it.

    After an error it can only be closed.

    Args:
        database: with tables of this version.
    """

    def __init__(self, database: Database) -> None:
        self.database = database
        self.process = os.getpid()
        self.lead = 0.0
        self.driver: Any = _driver_of(database.connect())
        try:
            self._prepare()
        except BaseException:
            self.driver.close()
            raise

    def _prepare(self) -> None:
        """Set up the new connection."""
        raise NotImplementedError

    def is_usable(self) -> bool:
        """Whether it still leads to the database, as far as one can tell without asking."""
        return True

    def ask(self, statement: Statement, parameters: Parameters) -> list[Row]:
        """Read, within a turn or outside of any."""
        raise NotImplementedError

    def line_up(self, log: str, statement: Statement, parameters: Parameters) -> list[Row]:
        """Wait until this is the next one to have a turn in this log, and read."""
        raise NotImplementedError

    def begin(self, log: str, statement: Statement, parameters: Parameters) -> list[Row]:
        """Wait until nobody else has a turn in this log, begin one, and read."""
        raise NotImplementedError

    def commit(self, statements: Sequence[tuple[Statement, Parameters]]) -> None:
        """Write, and end the turn; when this returns, it is kept."""
        raise NotImplementedError

    def roll_back(self) -> None:
        """End a turn in which nothing was written."""
        raise NotImplementedError

    def change(self, log: str, statements: Sequence[Statement], parameters: Parameters) -> list[Row]:
        """Take a turn that is over before this returns.

        Returns:
            The answer to the last statement; none, and nothing is changed, unless the first one changes anything.
        """
        raise NotImplementedError

    def noted(self, at: float) -> float:
        """What the shared clock has just told, in unix seconds."""
        self.lead = at - time.time()
        return at

    def now(self) -> float:
        """Unix seconds by the shared clock, as well as is known."""
        return time.time() + self.lead

    def close(self) -> None:
        """Let go of the connection, and with it of a turn and of what was not committed."""
        with contextlib.suppress(*self.database.errors):
            self.driver.close()


class SQLiteSession(Session):
    """Waits for files beside the database, as its own locks are polled; time is the machine's.

    Changes are visible to others before they are on the disk, and :meth:`commit` returns after that: whoever comes next
    need not wait for the disk as well. Who adds to what is not on the disk yet is not kept without it, since SQLite
    recovers its log of changes from the beginning up to the first flaw.
    """

    def _prepare(self) -> None:
        self.path = Path(str(self.database.path))
        self.next = Queue(self.path.with_name(f"{self.path.name}.%next.lock"))
        self.turn = Queue(self.path.with_name(f"{self.path.name}.%turn.lock"))
        self.driver.isolation_level = None  # transactions begin where they are said to
        self.driver.execute("PRAGMA synchronous = NORMAL")
        self.driver.execute("SELECT count(*) FROM hpbandster_schema").fetchall()  # makes the file below
        self.inode = self.path.stat().st_ino
        self.changes = os.open(f"{self.path}-wal", os.O_RDWR)

    def is_usable(self) -> bool:
        try:
            return self.path.stat().st_ino == self.inode
        except OSError:
            return False

    def ask(self, statement: Statement, parameters: Parameters) -> list[Row]:
        told = {"now": time.time(), **parameters}
        rows: list[Row] = self.driver.execute(_named(statement), told).fetchall()
        return rows

    def line_up(self, log: str, statement: Statement, parameters: Parameters) -> list[Row]:
        self.next.enter()
        return self.ask(statement, parameters)

    def begin(self, log: str, statement: Statement, parameters: Parameters) -> list[Row]:
        self._enter()
        return self.ask(statement, parameters)

    def commit(self, statements: Sequence[tuple[Statement, Parameters]]) -> None:
        for statement, parameters in statements:
            self.driver.execute(_named(statement), parameters)
        if not self.is_usable():
            raise StorageError(f"{self.path} was removed while this process wrote to it; start again")
        self.driver.execute("COMMIT")
        self.turn.leave()
        getattr(os, "fdatasync", os.fsync)(self.changes)  # macOS has only the latter

    def roll_back(self) -> None:
        self.driver.execute("ROLLBACK")
        self.turn.leave()

    def change(self, log: str, statements: Sequence[Statement], parameters: Parameters) -> list[Row]:
        first, *others, last = statements
        told = {**parameters, "now": time.time()}
        self._enter()
        if self.driver.execute(_named(first), told).rowcount == 0:
            self.roll_back()
            return []
        for statement in others:
            self.driver.execute(_named(statement), told)
        rows: list[Row] = self.driver.execute(_named(last), told).fetchall()
        self.commit([])
        return rows

    def _enter(self) -> None:
        if not self.next.is_entered:  # so that no more than one waits for a turn, and gets the next
            self.next.enter()
        self.turn.enter()
        self.next.leave()
        self.driver.execute("BEGIN IMMEDIATE")

    def close(self) -> None:
        super().close()
        os.close(self.changes)
        self.turn.leave()
        self.next.leave()


class PostgreSQLSession(Session):
    """Waits for locks of the server, whose time it is; each step is one journey to the server and back.

    So several statements go together, which PostgreSQL only takes with their values written into them; what costs most,
    to plan them, is done before, once a connection.
    """

    def _prepare(self) -> None:
        self.driver.autocommit = True  # transactions begin where they are said to
        self.driver.prepare_threshold = None  # else the driver may forget all that is prepared, ours too
        self.prepared: dict[Statement, str] = {}
        self.leads = False
        self.cursor = self.database.engine.dialect.loaded_dbapi.ClientCursor(self.driver)
        self.goodbye = selectors.DefaultSelector()
        self.goodbye.register(self.driver.fileno(), selectors.EVENT_READ)
        settings = {f"tcp_{name}": value for name, value in KEEPALIVES.items()}
        for name, value in {**settings, "idle_in_transaction_session_timeout": int(TURN_SECONDS * 1000)}.items():
            self.driver.execute("SELECT set_config(%s, %s, false)", (name, str(value)))

    def is_usable(self) -> bool:
        return not self.goodbye.select(0)  # what a server says without being asked

    def ask(self, statement: Statement, parameters: Parameters) -> list[Row]:
        return self._last_of(self._written(statement, parameters))

    def line_up(self, log: str, statement: Statement, parameters: Parameters) -> list[Row]:
        self.leads = True
        return self._last_of(f"SELECT pg_advisory_lock({_key('next', log)})", self._written(statement, parameters))

    def begin(self, log: str, statement: Statement, parameters: Parameters) -> list[Row]:
        steps = ["BEGIN", f"SELECT pg_advisory_xact_lock({_key('turn', log)})"]
        if self.leads:
            steps.append(f"SELECT pg_advisory_unlock({_key('next', log)})")
            self.leads = False
        return self._last_of(*steps, self._written(statement, parameters))

    def commit(self, statements: Sequence[tuple[Statement, Parameters]]) -> None:
        try:
            self._send(*(self._written(*each) for each in statements), "COMMIT")
        except self.database.errors as error:
            if getattr(error, "sqlstate", None) == _TIMED_OUT:
                raise StorageBusyError(
                    f"a turn in {self.database.name} took more than {TURN_SECONDS} s, and another process was given "
                    "the next one; nothing was written: try again"
                ) from error
            raise

    def roll_back(self) -> None:
        self._send("ROLLBACK")

    def change(self, log: str, statements: Sequence[Statement], parameters: Parameters) -> list[Row]:
        (statement,) = statements
        change = self._written(statement, parameters)
        self._send("BEGIN", f"SELECT pg_advisory_xact_lock({_key('turn', log)})", change, "COMMIT")
        for _ in range(2):
            self.cursor.nextset()
        rows: list[Row] = self.cursor.fetchall()
        while self.cursor.nextset():
            pass
        return rows

    def close(self) -> None:
        self.goodbye.close()
        super().close()

    def _written(self, statement: Statement, parameters: Parameters) -> str:
        text, names = _numbered(statement)
        name = self.prepared.get(statement)
        if name is None:
            name = self.prepared[statement] = f"hpbandster_{len(self.prepared)}"
            self._send(f"PREPARE {name} AS {text}")
        if not names:
            return f"EXECUTE {name}"
        values = ", ".join(["%s"] * len(names))
        written: str = self.cursor.mogrify(f"EXECUTE {name} ({values})", [parameters[each] for each in names])
        return written

    def _send(self, *statements: str) -> None:
        self.cursor.execute("; ".join(statements))

    def _last_of(self, *statements: str) -> list[Row]:
        """The answer to the last statement."""
        self._send(*statements)
        while self.cursor.nextset():
            pass
        rows: list[Row] = self.cursor.fetchall()
        return rows


_TIMED_OUT = "25P03"
"""PostgreSQL's idle_in_transaction_session_timeout."""


def _driver_of(connection: sa.Connection) -> Any:
    """The driver's own connection; SQLAlchemy's would cost a turn more than the database does."""
    driver = connection.connection.driver_connection
    connection.detach()
    return driver


@functools.cache
def _key(place: str, log: str) -> int:
    return lock_key(f"{place} {log}")


@functools.cache
def _named(statement: Statement) -> str:
    """A statement for SQLite, its parameters by their names."""
    return str(_compiled(statement, "sqlite", "named"))


@functools.cache
def _numbered(statement: Statement) -> tuple[str, list[str]]:
    """A statement for PostgreSQL, its parameters by numbers, and their names."""
    compiled = _compiled(statement, "postgresql+psycopg", "numeric_dollar")
    return str(compiled), list(compiled.positiontup or ())


def _compiled(statement: Statement, driver: str, style: str) -> Any:
    dialect: Any = sa.make_url(f"{driver}://").get_dialect()
    return statement.compile(dialect=dialect(paramstyle=style))
