"""Logs that many processes share, in MongoDB."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime

from bson import ObjectId
from pymongo.errors import ConnectionFailure, DuplicateKeyError, PyMongoError

from hpbandster_ng.engine.events import Event
from hpbandster_ng.errors import LogError, StorageBusyError
from hpbandster_ng.storage.codec import decode
from hpbandster_ng.storage.mongo import documents
from hpbandster_ng.storage.mongo.database import Client, Database, Document
from hpbandster_ng.storage.mongo.turns import TRIES, MongoTurn, encoded, nap, seconds, short_nap
from hpbandster_ng.storage.shared import Ahead, Offer, OfferedError, Record, Taken, Turn, early_place

__all__ = ["MongoSharedLogs"]

_PROLONG_SECONDS = 1.0
"""How often turns are made to last on, which end by themselves after :data:`documents.TURN_SECONDS`."""


class MongoSharedLogs:
    """Keeps logs in a database of MongoDB 4.4 or later.

    Args:
        url: ``mongodb://USER:PASSWORD@HOST:PORT/DATABASE`` or ``mongodb+srv://...``, with any options of MongoDB's
            connection strings; those of the write concern have no effect, for a majority always keeps what is written.

    Raises:
        InvalidArgumentError: ``url`` is none, or names no database.

    Example:
        >>> logs = MongoSharedLogs("mongodb://user:sesame@127.0.0.1/experiments?authSource=admin")
        >>> logs
        MongoSharedLogs('mongodb://user:***@127.0.0.1/experiments')
    """

    def __init__(self, url: str) -> None:
        self._database = Database(url)
        self._shown = self._database.shown
        self._connections: dict[int, _Connection] = {}

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._shown!r})"

    def create(self, name: str, events: Sequence[Event]) -> bool:
        log = documents.new_log(name, ObjectId(), encoded(events))
        with self._database.failures("written"):
            connection = self._connected()
            connection.client.make()
            try:
                connection.kept_logs.insert_one(log)
            except DuplicateKeyError:
                return False
        return True

    def names(self) -> list[str]:
        with self._database.failures("read"):
            return sorted(log["_id"] for log in self._connected().kept_logs.find({}, {"_id": True}))

    def head(self, name: str) -> Record | None:
        with self._database.failures("read"):
            connection = self._connected()
            log = connection.kept_logs.find_one({"_id": name}, documents.reading_first())
            if log is None:
                return None
            if log["first"] > 1:
                log = {**log, "first": 2, "tail": []}
            return self._records(connection, log, 0)[0]

    def read(self, name: str, after: int = 0) -> list[Record]:
        with self._database.failures("read"):
            connection = self._connected()
            log = connection.kept_logs.find_one({"_id": name}, documents.reading(after))
            return [] if log is None else self._records(connection, log, after)

    @contextlib.contextmanager
    def turn(self, name: str, after: int, ahead: Ahead | None = None, unless_offered: bool = False) -> Iterator[Turn]:
        token = str(ObjectId())
        with self._database.failures("written"):
            connection = self._connected()
        try:
            with self._database.failures("written"):
                log, records = None, list[Record]()
                for known, log in connection.looks(name, after, token, unless_offered):
                    if unless_offered and log["num_offers"]:
                        raise OfferedError
                    records[known - after :] = self._records(connection, log, known)
                if log is None or log["holder"] != token:
                    raise LogError(f"there is no log {name!r} in {self._shown}; create it first, or see names()")
                connection.noted(log["now"])
                turn = MongoTurn(log, records)
            with connection.prolonging(name, token):
                yield turn
            with self._database.failures("written"):
                is_left = connection.leave(name, token, turn)
        except BaseException as error:
            if not isinstance(error.__cause__, ConnectionFailure):  # else it ends by itself
                with contextlib.suppress(PyMongoError):
                    connection.withdraw(name, token)
            raise
        if not is_left:
            raise StorageBusyError(
                f"a turn in log {name!r} of {self._shown} is over: it was not prolonged for {documents.TURN_SECONDS:g} "
                "s, or the log was deleted, or the server lost it in a crash; nothing was added: take another turn"
            )

    def take(
        self, name: str, holder: str, seconds: float, events: Callable[[Offer, float], Sequence[Event]]
    ) -> Taken | None:
        for _ in range(TRIES):
            with self._database.failures("written"):
                connection = self._connected()
                log = connection.logs.find_one({"_id": name}, documents.early_offer(early_place()))
            if log is None or (text := log.get("offer")) is None:
                return None
            at, offer = connection.noted(log["at"]), decode(text, f"{self._shown}, log {name!r}, an offer")
            if not (added := events(offer, at)):
                return None
            change = documents.short_addition(encoded(added), {holder: seconds}, (), text)
            with self._database.failures("written"):
                number = connection.add(documents.if_offered(name, text), change)
            if number is not None:
                return Taken(number, at, offer, log["left"])
            time.sleep(short_nap())
        return None

    def end(self, name: str, holder: str, events: Callable[[float], Sequence[Event]]) -> bool:
        for _ in range(TRIES):
            with self._database.failures("written"):
                connection = self._connected()
                change = documents.short_addition(encoded(events(connection.now())), {}, [holder])
                if connection.add(documents.if_held(name, holder), change) is not None:
                    return True
                log = connection.logs.find_one({"_id": name}, documents.held(holder))
            if log is None or log["queue"] or not log["is_held"]:
                return False
            time.sleep(short_nap())
        return False

    def renew(self, name: str, leases: Mapping[str, float]) -> set[str]:
        if not leases:
            return set()
        change, found = documents.renewal(leases)
        with self._database.failures("written"):
            log = self._connected().logs.find_one_and_update({"_id": name}, [change], found)
        return set() if log is None else set(log["found"])

    def delete(self, name: str) -> bool:
        with self._database.failures("written"):
            connection = self._connected()
            log = connection.kept_logs.find_one_and_delete({"_id": name}, {"key": True, "count": True})
            if log is not None:
                connection.texts.delete_many({"_id": documents.between(log["key"], 0, log["count"] + 1)})
        return log is not None

    def close(self) -> None:
        connection = self._connections.pop(os.getpid(), None)
        if connection is not None:
            connection.close()

    def _connected(self) -> _Connection:
        """This process's connection, which is made when it is first used: what a fork has copied is of no use.

        Raises:
            LogError: the database was made by a later version of this package.
            PyMongoError: it cannot be reached.
        """
        connection = self._connections.get(os.getpid())
        if connection is None:
            made = _Connection(self._database.client())
            connection = self._connections.setdefault(os.getpid(), made)
            if connection is not made:
                made.close()
        if not connection.is_checked:
            connection.is_checked = self._database.check(connection.client)
        return connection

    def _records(self, connection: _Connection, log: Document, after: int) -> list[Record]:
        """What a view of a log and the older texts hold beyond a number."""
        numbers = range(after + 1, log["count"] + 1)
        texts = log["tail"]
        if after + 1 < log["first"]:
            texts = [*connection.older_texts(log["key"], after, log["first"]), *texts]
        if len(texts) != len(numbers):
            raise LogError(f"a log in {self._shown} lacks records that it had; was it deleted meanwhile?")
        where = f"{self._shown}, log {log['_id']!r}, record"
        return [
            Record(number, tuple(decode(text, f"{where} {number},")))
            for number, text in zip(numbers, texts, strict=True)
        ]


class _Connection:
    """The collections, as one process reaches them, and the turns that it has."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.logs = client.place(documents.LOGS)
        self.kept_logs = client.kept(documents.LOGS)
        self.texts = client.place(documents.TEXTS)
        self.is_checked = False
        self._lead = 0.0
        self._turns: dict[str, str] = {}
        self._lock = threading.Lock()
        self._prolonger: threading.Thread | None = None
        self._closing = threading.Event()

    def close(self) -> None:
        self._closing.set()
        if self._prolonger is not None:
            self._prolonger.join()
        self.client.close()

    def now(self) -> float:
        """Unix seconds by the server's clock, as well as is known."""
        return time.time() + self._lead

    def noted(self, at: datetime) -> float:
        """Unix seconds of what the server has just told as its time."""
        self._lead = seconds(at) - time.time()
        return seconds(at)

    def add(self, log: Document, change: Document) -> int | None:
        """Make a change that adds a record; returns how many the log has then, or None if there is no such log."""
        sizes: Document | None = self.kept_logs.find_one_and_update(
            log, [change], documents.SIZES, return_document=True
        )
        if sizes is None:
            return None
        if documents.is_long(sizes):
            self.logs.aggregate(documents.copy_of_tail(sizes["_id"]))
            where, cut = documents.cutting(sizes)
            self.logs.update_one(where, [cut])
        return int(sizes["count"])

    def older_texts(self, key: ObjectId, after: int, before: int) -> list[str]:
        found = self.texts.find({"_id": documents.between(key, after, before)}).sort("_id")
        return [document["text"] for document in found]

    def looks(self, name: str, after: int, token: str, unless_offered: bool) -> Iterator[tuple[int, Document]]:
        """Wait for a turn, and see what is added meanwhile, so that little is left to be read in the turn.

        Who has to queue up again begins anew: if the server has crashed, what was seen may be lost.

        Returns:
            Views of the log, each with the number beyond which it has the records; the last one is that of the turn,
            unless there is no such log, or no longer.
        """
        log, known = self._queue_up(name, after, token, unless_offered), after
        last, moved = -1, time.monotonic()
        while log is not None:
            if "tail" in log:
                yield known, log
                if log["holder"] == token:
                    return
                known = log["count"]
            elif log["holder"] == token:
                log = self.logs.find_one({"_id": name}, documents.view(known, token))
                continue
            ahead = log["queue"].index(token) if token in log["queue"] else -1
            if ahead < 0 or log.get("has_ended"):
                log, known = self._queue_up(name, after, token, unless_offered), after
                continue
            has_moved = ahead != last
            if has_moved:
                last, moved = ahead, time.monotonic()
            time.sleep(nap(ahead, log["pace"], time.monotonic() - moved))
            asked = documents.GLANCE if ahead > 1 and has_moved else documents.view(known, token)
            log = self.logs.find_one({"_id": name}, asked)

    def _queue_up(self, name: str, after: int, token: str, unless_offered: bool) -> Document | None:
        """Take the turn if it is free, or else wait in the queue; one that ended by itself ends that of who waited.

        They come back when they look, unless they are gone, too.
        """
        change, view = documents.queueing(token, unless_offered), documents.view(after, token)
        return self.logs.find_one_and_update({"_id": name}, [change], view, return_document=True)

    def leave(self, name: str, token: str, turn: MongoTurn) -> bool:
        """Add what the turn adds, and give it to the next one; returns False, and changes nothing, if it is lost.

        Even one that adds nothing waits until the server has kept what it saw.
        """
        return self.add({"_id": name, "holder": token}, turn.change) is not None

    def withdraw(self, name: str, token: str) -> None:
        """End the turn, or the wait for it."""
        self.logs.update_one({"_id": name}, documents.withdrawal(token))

    @contextlib.contextmanager
    def prolonging(self, name: str, token: str) -> Iterator[None]:
        """Make a turn last as long as the block, if this process lives."""
        with self._lock:
            if self._prolonger is None:
                self._prolonger = threading.Thread(target=self._prolong, name="hpbandster_turns", daemon=True)
                self._prolonger.start()
        self._turns[token] = name
        try:
            yield
        finally:
            del self._turns[token]

    def _prolong(self) -> None:
        seen: set[str] = set()
        while not self._closing.wait(_PROLONG_SECONDS):
            turns = self._turns.copy()
            for token in seen & turns.keys():  # most turns have ended before they are seen twice
                with contextlib.suppress(PyMongoError):
                    self.logs.update_one({"_id": turns[token], "holder": token}, [documents.PROLONGATION])
            seen = set(turns)
