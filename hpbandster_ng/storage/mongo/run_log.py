"""The log of one run in MongoDB.

Who opens a run holds it for some seconds by the server's clock, and a thread makes that last on. A second writer is
refused as soon as it sees this happen; if it does not, the first one was killed or cut off, and the second takes over.
To be replaced is noticed by the next ``append``, which finds a record of somebody else where its own should be, and
adds nothing: so it is for a master that was paused, too.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import pymongo
from bson import ObjectId
from pymongo.errors import DuplicateKeyError, PyMongoError

from hpbandster_ng.engine.events import Event
from hpbandster_ng.errors import StorageBusyError, StorageError
from hpbandster_ng.storage.base import News, news_since
from hpbandster_ng.storage.codec import decode
from hpbandster_ng.storage.mongo import documents
from hpbandster_ng.storage.mongo.database import Client, Database
from hpbandster_ng.storage.mongo.turns import encoded

__all__ = ["MongoStorage", "run_ids"]

_PROLONG_SECONDS = 1.0
"""How often a run is held for another :data:`documents.TURN_SECONDS`."""

_LOOK_SECONDS = 0.1
"""How often who wants to take over looks whether it is."""


def run_ids(url: str) -> list[str]:
    """The runs of a database, in ascending order.

    Raises:
        InvalidArgumentError: see :class:`MongoStorage`.
        StorageError: the database cannot be reached or read.
        LogError: it was made by a later release.
    """
    database = Database(url)
    with contextlib.closing(database.client()) as client, database.failures("read"):
        database.check(client)
        return sorted(str(run["_id"]) for run in client.kept(documents.RUNS).find({}, {"_id": True}))


class _Record(NamedTuple):
    """What one ``append`` has added; the last one that was read is the bookmark of a reader.

    Attributes:
        number: 1 for the first of a run.
        writer: a key of who has written it; a run that was removed may leave its name to another one.
        text: the events.
    """

    number: int
    writer: object
    text: str


class MongoStorage:
    """Keeps the log of one run in a database of MongoDB 4.4 or later.

    Args:
        url: ``mongodb://USER:PASSWORD@HOST:PORT/DATABASE`` or ``mongodb+srv://...``, with any options of MongoDB's
            connection strings; those of the write concern have no effect, for a majority always keeps what is written.
        run_id: the run's name; a database may hold many runs.

    Raises:
        InvalidArgumentError: ``url`` is none, or names no database.

    Example:
        >>> MongoStorage("mongodb://user:sesame@127.0.0.1/runs?authSource=admin", "first")
        run 'first' in mongodb://user:***@127.0.0.1/runs
    """

    def __init__(self, url: str, run_id: str) -> None:
        self.run_id = run_id
        self._database = Database(url)
        self._name = f"run {run_id!r} in {self._database.shown}"
        self._writer: _Writer | None = None

    def __repr__(self) -> str:
        return self._name

    def open(self) -> None:
        """Become the one writer; does nothing while this is the writer.

        Where the last one was killed, this waits for up to five seconds after its death.

        Raises:
            StorageBusyError: another process writes; the message says which.
            StorageError: the database cannot be reached or written.
            LogError: it was made by a later release.
        """
        if self._writer is not None:
            return
        writer = self._writer = _Writer(self._database.client(), self.run_id)
        try:
            with self._reports("written"):
                self._database.check(writer.client)
                writer.client.make()
                holder = writer.take_over()
            if holder is not None:
                raise self._busy(holder)
        except BaseException:
            self.close()
            raise

    def append(self, events: Sequence[Event]) -> None:
        """Add events at the end, as one record; when this returns, a majority of the servers has it in its journal.

        Raises:
            StorageBusyError: another process has become the writer.
            StorageError: they cannot be written, or the storage is not open.
            NotPlainError: an event holds a value that has no text form, or they are too large for a document of
                MongoDB.
        """
        if self._writer is None:
            raise StorageError(f"{self._name} is not open for writing; call open() before append()")
        text = encoded(events)
        with self._reports("written"):
            is_added = self._writer.add(text)
        if not is_added:
            raise self._busy("another process, which took over")

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
        place = documents.texts_of_run(self.run_id, first - 1)
        with self._client() as client, self._reports("read"):
            self._database.check(client)
            found = list(client.kept(documents.RUN_TEXTS).find({"_id": place}).sort("_id"))
        return [_Record(each["_id"]["number"], each["writer"], each["text"]) for each in found]

    def _decoded(self, records: Sequence[_Record]) -> Iterator[Event]:
        return (event for number, _, text in records for event in decode(text, f"{self._name}, record {number},"))

    def close(self) -> None:
        """Stop being the writer; may be called twice, and before ``open``."""
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.close()

    def _reports(self, what: str) -> contextlib.AbstractContextManager[None]:
        return self._database.failures(what, self._name)

    @contextlib.contextmanager
    def _client(self) -> Iterator[Client]:
        """The writer's, if there is one, or else one for the block."""
        if self._writer is not None:
            yield self._writer.client
            return
        with contextlib.closing(self._database.client()) as client:
            yield client

    def _busy(self, who: str) -> StorageBusyError:
        return StorageBusyError(f"{self._name} is written by {who}; wait until that has ended, or use another run_id")


class _Writer:
    """Who may append to a run, until it closes or another one takes over."""

    def __init__(self, client: Client, run_id: str) -> None:
        self.client = client
        self._run_id = run_id
        self._key = ObjectId()
        self._mine = {"_id": run_id, "writer": self._key}
        self._num_records = 0
        self._closing = threading.Event()
        self._prolonger = threading.Thread(target=self._prolong, name="hpbandster_writer", daemon=True)

    def take_over(self) -> str | None:
        """Become the writer; returns who is, if another one lives.

        Raises:
            PyMongoError: the server does not answer, or refuses.
        """
        runs, texts = self.client.kept(documents.RUNS), self.client.place(documents.RUN_TEXTS)
        runs.update_one({"_id": self._run_id}, documents.NEW_RUN, upsert=True)
        change = documents.writing(self._key, f"process {os.getpid()} on {socket.gethostname()}")
        seen = None
        while (run := runs.find_one_and_update({"_id": self._run_id}, [change], return_document=True)) is not None:
            if run["writer"] == self._key:
                break
            if seen is not None and run != seen:
                return str(run["process"])
            seen = run
            time.sleep(_LOOK_SECONDS)
        self._prolonger.start()
        nothing = encoded([])
        is_mine = False
        while not is_mine:  # the last one may still append
            last = texts.find_one({"_id": documents.texts_of_run(self._run_id)}, {"_id": True}, sort=[("_id", -1)])
            self._num_records = 0 if last is None else last["_id"]["number"]
            is_mine = self.add(nothing)
        return None

    def add(self, text: str) -> bool:
        """Add a record after the last one; returns False, and changes nothing, if another one has become the writer.

        Raises:
            PyMongoError: the server does not answer, or refuses; the record may be there, or come later.
        """
        texts = self.client.kept(documents.RUN_TEXTS)
        while True:
            place = {"run": self._run_id, "number": self._num_records + 1}
            try:
                texts.insert_one({"_id": place, "writer": self._key, "text": text})
            except DuplicateKeyError:
                if self.client.place(documents.RUN_TEXTS).find_one({"_id": place, "writer": self._key}) is None:
                    return False
                self._num_records += 1  # one that this writer was not told of, when the connection broke
            else:
                self._num_records += 1
                return True

    def close(self) -> None:
        self._closing.set()
        if self._prolonger.is_alive():
            self._prolonger.join()
            with contextlib.suppress(PyMongoError), pymongo.timeout(documents.TURN_SECONDS):  # then it is free anyway
                self.client.place(documents.RUNS).update_one(self._mine, [documents.FREE_RUN])
        self.client.close()

    def _prolong(self) -> None:
        runs = self.client.place(documents.RUNS)
        while not self._closing.wait(_PROLONG_SECONDS):
            with contextlib.suppress(PyMongoError), pymongo.timeout(documents.TURN_SECONDS):
                runs.update_one(self._mine, [documents.PROLONGATION])
