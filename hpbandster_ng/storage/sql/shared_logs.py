"""Logs in a database that many processes write in turn."""

from __future__ import annotations

import contextlib
import os
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

from hpbandster_ng.engine.events import Event
from hpbandster_ng.errors import LogError
from hpbandster_ng.storage.codec import decode, encode
from hpbandster_ng.storage.shared import Ahead, Offer, OfferedError, Record, Taken, early_place
from hpbandster_ng.storage.sql import statements as sql
from hpbandster_ng.storage.sql.database import VERSION, Database
from hpbandster_ng.storage.sql.sessions import PostgreSQLSession, Session, SQLiteSession, Statement

__all__ = ["SQLSharedLogs"]

_TRIES = 8

_NO_LEASES: Mapping[str, float] = {}

_INHERITED: list[Session] = []
"""Of the process that forked this one, which may use them still: they are not even closed here."""


class SQLSharedLogs:
    """Keeps logs that many processes write in turn in a database, beside those of runs.

    On SQLite all processes must be on one machine, with the file on a local disk. Its clock is that of the machine,
    PostgreSQL's that of the server. Threads may share an object; each that is in a call uses a connection of its own,
    which is kept for the next call.

    Args:
        url: ``sqlite:///FILE``, or ``postgresql://USER:PASSWORD@HOST/DATABASE``, which needs the extra ``postgres``.

    Raises:
        InvalidArgumentError: ``url`` is none of the two.
        MissingExtraError: the driver is not installed.

    Example:
        >>> import tempfile
        >>> from hpbandster_ng.engine.events import OpenIteration
        >>> logs = SQLSharedLogs(f"sqlite:///{tempfile.mkdtemp()}/runs.db")
        >>> logs.create("first", [OpenIteration(0.5, 0)])
        True
        >>> with logs.turn("first", after=0) as turn:
        ...     turn.append([OpenIteration(1.5, 1 + len(turn.records))], leases={"w": 60.0})
        Record(number=2, events=(OpenIteration(at=1.5, iteration=2),))
        >>> logs.names(), len(logs.read("first"))
        (['first'], 2)
        >>> logs.close()
    """

    def __init__(self, url: str) -> None:
        self._database = Database(url)
        self._idle: list[Session] = []

    def __repr__(self) -> str:
        return f"shared logs in {self._database.name}"

    def create(self, name: str, events: Sequence[Event]) -> bool:
        """Begin a log with a first record; returns False, and changes nothing, if there is one of that name.

        Raises:
            StorageError: the database cannot be reached or written.
            LogError: a run has that name, or the database was made by a later release.
            NotPlainError: an event holds a value that has no text form.
        """
        text = encode(events)
        with self._session(is_to_be_made=True) as session, self._reports(name, "written"):
            assert session is not None
            if self._is_there(name, session.begin(name, sql.IS_SHARED, {"log": name})):
                session.roll_back()
                return False
            log = {"run": name, "writer": "", "records": 0, "shared": True}
            session.commit([(sql.ADD_LOG, log), (sql.ADD_RECORD, {"run": name, "number": 1, "text": text})])
            return True

    def names(self) -> list[str]:
        """The shared logs that there are, in ascending order; none where nothing was ever created."""
        with self._session() as session, self._reports(None, "read"):
            return [] if session is None else sorted(name for (name,) in session.ask(sql.NAMES, {}))

    def head(self, name: str) -> Record | None:
        """The first record; None if there is no such log.

        Raises:
            StorageError, LogError: see :meth:`read`.
        """
        with self._session() as session, self._reports(name, "read"):
            rows = [] if session is None else session.ask(sql.HEAD, {"log": name})
        return next(iter(self._decoded(name, rows)), None)

    def read(self, name: str, after: int = 0) -> list[Record]:
        """The records with a larger number, in order; none if there is no such log.

        Raises:
            StorageError: the database cannot be reached or read.
            LogError: a record was not written by this package, or by a later version of it.
        """
        with self._session() as session, self._reports(name, "read"):
            rows = [] if session is None else session.ask(sql.NEW, {"log": name, "after": after})
        return self._decoded(name, rows)

    @contextlib.contextmanager
    def turn(self, name: str, after: int, ahead: Ahead | None = None, unless_offered: bool = False) -> Iterator[_Turn]:
        """Wait until nobody else has a turn in this log, and take one; see :meth:`SharedLogs.turn`.

        Raises:
            StorageError: the database cannot be reached or written.
            StorageBusyError: at the end of the block: it took more than a minute, and another process was given the
                next turn; nothing was added.
            LogError: there is no shared log of that name, or see :meth:`read`.
            OfferedError: see :meth:`SharedLogs.turn`.
        """
        with self._session() as session:
            if session is None:
                raise self._missing(name)
            with self._reports(name, "written"):
                turn = self._begun(session, name, after, ahead, unless_offered)
            if turn is not None:
                yield turn
                self._end(session, name, turn)
        if turn is None:
            raise OfferedError

    def _end(self, session: Session, name: str, turn: _Turn) -> None:
        with self._reports(name, "written"):
            if turn.statements:
                session.commit(turn.statements)
            else:
                session.roll_back()

    def take(
        self, name: str, holder: str, seconds: float, events: Callable[[Offer, float], Sequence[Event]]
    ) -> Taken | None:
        """Take an early offer, and add a record that follows from it; see :meth:`SharedLogs.take`.

        Raises:
            StorageError, LogError, NotPlainError: see :meth:`turn` and :meth:`create`.
        """
        with self._session() as session, self._reports(name, "written"):
            if session is None:
                return None
            for _ in range(_TRIES):
                found = session.ask(sql.EARLY_OFFER[self._kind], {"log": name, "skipped": early_place()})
                for at, place, text, count in found:
                    offer = decode(text, f"{self._shown(name)}, offer {place},")
                    lease = {"whom": holder, "seconds": seconds}
                    if not (added := events(offer, at)):
                        return None
                    change = {"log": name, "place": place, "offer": text, "text": encode(added), **lease}
                    for (number,) in session.change(name, sql.TAKE[self._kind], change):
                        return Taken(number, session.noted(at), offer, count - 1)
            return None

    def end(self, name: str, holder: str, events: Callable[[float], Sequence[Event]]) -> bool:
        """End a lease, and add a record with it; see :meth:`SharedLogs.end`.

        Raises:
            StorageError, NotPlainError: see :meth:`create`.
        """
        with self._session() as session, self._reports(name, "written"):
            if session is None:
                return False
            added = {"log": name, "whom": holder, "text": encode(events(session.now()))}
            return bool(session.change(name, sql.END[self._kind], added))

    def renew(self, name: str, leases: Mapping[str, float]) -> set[str]:
        """Make leases end so many seconds from now; of those that have ended or never were, nothing comes back.

        Returns:
            The holders whose leases were there to be renewed.
        """
        with self._session() as session, self._reports(name, "written"):
            if session is None:
                return set()
            rows = session.begin(name, sql.HOLDERS[self._kind], {"log": name})
            until = {holder: now + leases[holder] for holder, now in rows if holder in leases}
            renewed = [{"log": name, "whom": holder, "until": ends} for holder, ends in until.items()]
            session.commit([(sql.RENEW_LEASE, each) for each in renewed])
            return set(until)

    def delete(self, name: str) -> bool:
        """Remove a log with its leases; returns whether it was there.

        Raises:
            StorageError: the database cannot be reached or written.
            LogError: a run has that name.
        """
        with self._session() as session, self._reports(name, "written"):
            if session is None:
                return False
            is_there = self._is_there(name, session.begin(name, sql.IS_SHARED, {"log": name}))
            session.commit([(statement, {"log": name}) for statement in sql.DELETE] if is_there else [])
            return is_there

    def close(self) -> None:
        """Let go of connections that are not in use; may be called twice, and what is used again connects anew."""
        while (session := self._idle_session()) is not None:
            session.close()

    @property
    def _kind(self) -> str:
        return self._database.engine.dialect.name

    @contextlib.contextmanager
    def _session(self, is_to_be_made: bool = False) -> Iterator[Session | None]:
        """A session for one call, or None where no log was ever created; one that met an error is not used again."""
        session = self._idle_session()
        if session is not None and not session.is_usable():
            session.close()
            session = None
        if session is None and (is_to_be_made or self._is_made()):
            with self._reports(None, "written"):
                session = _SESSIONS[self._kind](self._database)
        try:
            yield session
        except BaseException:
            if session is not None:
                session.close()
            raise
        if session is not None:
            self._idle.append(session)

    def _idle_session(self) -> Session | None:
        while True:
            try:
                session = self._idle.pop()
            except IndexError:
                return None
            if session.process == os.getpid():
                return session
            _INHERITED.append(session)

    def _is_made(self) -> bool:
        """Whether the database has tables for shared logs; it is not made or migrated to find none in it."""
        if not self._database.is_there:
            return False
        with self._reports(None, "read"), self._database.engine.connect() as connection:
            return self._database.version(connection) == VERSION

    def _begun(
        self, session: Session, name: str, after: int, ahead: Ahead | None, unless_offered: bool
    ) -> _Turn | None:
        early = self._decoded(name, session.line_up(name, sql.NEW, {"log": name, "after": after}))
        known = early[-1].number if early else after
        if ahead is not None:
            ahead(early)
            early = []
        parts = defaultdict[str, list[Any]](list)
        for kind, *row in session.begin(name, sql.STATE[self._kind], {"log": name, "after": known}):
            parts[str(kind)].append(row)
        if not parts[sql.COUNTED]:
            self._is_there(name, session.ask(sql.IS_SHARED, {"log": name}))
            raise self._missing(name)
        has_offers = parts[sql.OFFERED][0][0] > 0
        if has_offers and unless_offered:
            session.roll_back()
            return None
        ((count, _, at),) = parts[sql.COUNTED]
        records = early + self._decoded(name, sorted((number, text) for number, text, _ in parts[sql.ADDED]))
        expired = sorted(holder for _, holder, _ in parts[sql.EXPIRED])
        session.noted(at)
        return _Turn(name, count, at, records, expired, has_offers)

    def _is_there(self, name: str, found: Sequence[Sequence[Any]]) -> bool:
        if found and not found[0][0]:
            raise LogError(
                f"{name!r} in {self._database.name} is the log of a run, which one process writes; use another name"
            )
        return bool(found)

    def _missing(self, name: str) -> LogError:
        return LogError(f"there is no shared log {name!r} in {self._database.name}; create it, or correct the name")

    def _decoded(self, name: str, rows: Sequence[Sequence[Any]]) -> list[Record]:
        where = self._shown(name)
        return [Record(number, tuple(decode(text, f"{where}, record {number},"))) for number, text in rows]

    def _reports(self, name: str | None, action: str) -> contextlib.AbstractContextManager[None]:
        return self._database.reports(self._shown(name), action)

    def _shown(self, name: str | None) -> str:
        return f"shared log {name!r} in {self._database.name}" if name is not None else repr(self)


class _Turn:
    """A turn in a log; what is added is written when it ends."""

    def __init__(
        self, log: str, count: int, at: float, records: list[Record], expired: list[str], has_offers: bool
    ) -> None:
        self.at = at
        self.records = records
        self.expired = expired
        self.statements: list[tuple[Statement, dict[str, Any]]] = []
        self._log = log
        self._count = count
        self._has_offers = has_offers

    def append(
        self,
        events: Sequence[Event],
        leases: Mapping[str, float] = _NO_LEASES,
        ended: Collection[str] = (),
        offers: Sequence[Offer] = (),
    ) -> Record:
        record = Record(self._count + 1, tuple(events))
        number, log = record.number, self._log
        self.statements += [
            (sql.ADD_RECORD, {"run": log, "number": number, "text": encode(events)}),
            *((sql.END_LEASE, {"log": log, "whom": holder}) for holder in ended),
            *((sql.ADD_LEASE, {"log": log, "whom": holder, "until": self.at + t}) for holder, t in leases.items()),
            *([(sql.REMOVE_OFFERS, {"log": log})] if self._has_offers else []),
            *(
                (sql.ADD_OFFER, {"run": log, "number": place, "text": encode(offer)})
                for place, offer in enumerate(offers)
            ),
        ]
        return record


_SESSIONS: dict[str, type[Session]] = {"sqlite": SQLiteSession, "postgresql": PostgreSQLSession}
