"""What every storage must hold, as tests: subclass :class:`FollowedStorageContract` in a test module.

Example::

    class TestMyStorage(FollowedStorageContract):
        def factory(self, directory):
            return functools.partial(MyStorage, directory)

and pytest runs them all. A storage without ``read_on`` is held to :class:`SharedStorageContract`, one that only this
process can reach to :class:`StorageContract`.
"""

from __future__ import annotations

import contextlib
import itertools
import math
import multiprocessing
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import TypeVar

from hpbandster_ng.engine.events import (
    Eliminate,
    EndJob,
    EndRequest,
    Event,
    JobFinished,
    OpenIteration,
    QueueJob,
    RunCancelled,
    RunDescribed,
    RunRequested,
    RunResumed,
    StartJob,
    WorkerJoined,
    WorkerLost,
)
from hpbandster_ng.engine.records import Job, JobReport, Outcome, OutcomeState
from hpbandster_ng.errors import NotPlainError, StorageBusyError, StorageError
from hpbandster_ng.storage.base import FollowedStorage, Storage
from hpbandster_ng.testing.helpers import numbered, raises

__all__ = ["FollowedStorageContract", "SharedStorageContract", "StorageContract"]

_S = TypeVar("_S", bound=Storage)

_LIMIT = 30.0
"""Seconds that anything may take on a busy machine."""

_JOB = Job(
    (0, 1, 2),
    1 / 3,
    {"x": 0.1, "n": 2**70, "kind": "ü\n\0", "flag": True, "none": None, "raw": b"\0\xff", "pair": (1, 2.0)},
    {"model_based_pick": False, "values": [math.nan, math.inf, -math.inf, -0.0], "pairs": {(1, "key"): {3}}},
)
_SUCCESS = Outcome(OutcomeState.SUCCEEDED, {"loss": 1e-300, "info": {"curve": [0.5, 0.25]}})
_FAILURE = Outcome(OutcomeState.FAILED, error='Traceback\n  "…"\u2028')

_EVENTS: list[Event] = [
    RunDescribed(0.5, "run", {"seed": 1, "space": "x, Type: UniformFloat"}),
    WorkerJoined(1.0, "w"),
    RunRequested(1.5, 0, 99.5, 27.0, is_open_ended=True, call=2, planned_runs=7, planned_budget=72.5),
    OpenIteration(2.0, 0),
    QueueJob(2.5, _JOB),
    StartJob(3.0, _JOB.config_id, _JOB.budget, 1, "w", time_limit=60.0, previous_budget=3),
    JobFinished(3.5, _JOB.config_id, _JOB.budget, 1, "w", _SUCCESS),
    EndJob(4.0, JobReport(_JOB, _SUCCESS, "w", 2.5, 3.0, 3.5)),
    EndJob(4.5, JobReport(_JOB, _FAILURE, None, 2.5, None, 4.5)),
    Eliminate(4.5, _JOB.config_id),
    EndRequest(5.0),
    RunResumed(5.0),
    WorkerLost(5.5, "w", "fell silent"),
    RunCancelled(6.0, "enough"),
]


class StorageContract:
    """Tests of a storage that may live in this process alone."""

    def factory(self, directory: Path) -> Callable[[], Storage]:
        """Makes storages of one and the same log.

        Args:
            directory: is there, and empty at first; each test has another one.
        """
        raise NotImplementedError(f"{type(self).__name__} must implement factory(directory)")

    def test_there_is_nothing_to_read_at_first(self, tmp_path: Path) -> None:
        storage = self.factory(tmp_path)()
        assert list(storage.read()) == []
        with _open(storage):
            assert list(storage.read()) == []

    def test_every_event_is_read_as_it_was_appended_and_in_order(self, tmp_path: Path) -> None:
        with _open(self.factory(tmp_path)()) as storage:
            storage.append(_EVENTS)
            for event in _EVENTS:
                storage.append([event])
            assert repr(list(storage.read())) == repr(_EVENTS * 2)
            assert repr(list(storage.read())) == repr(_EVENTS * 2)

    def test_a_reader_gets_what_was_there_when_it_began(self, tmp_path: Path) -> None:
        with _open(self.factory(tmp_path)()) as storage:
            storage.append(numbered(0))
            reader = storage.read()
            storage.append(numbered(1))
            assert list(reader) == numbered(0)

    def test_it_can_be_opened_and_closed_again_and_twice(self, tmp_path: Path) -> None:
        storage = self.factory(tmp_path)()
        storage.close()
        for number in range(3):
            storage.open()
            storage.open()
            storage.append(numbered(number))
            storage.close()
            storage.close()
            assert list(storage.read()) == numbered(*range(number + 1))

    def test_nothing_is_appended_to_what_was_closed(self, tmp_path: Path) -> None:
        storage = self.factory(tmp_path)()
        with _open(storage):
            storage.append(numbered(0))
        with raises(StorageError, "open()"):
            storage.append(numbered(1))
        assert list(storage.read()) == numbered(0)


class SharedStorageContract(StorageContract):
    """Tests of a storage that outlives its process and is reached from others.

    What :meth:`factory` returns must be picklable: other processes call it, too.
    """

    def test_nothing_is_appended_before_it_is_open(self, tmp_path: Path) -> None:
        storage = self.factory(tmp_path)()
        with raises(StorageError, "open()"):
            storage.append(numbered(0))
        assert list(storage.read()) == []

    def test_an_append_keeps_all_of_its_events_or_none(self, tmp_path: Path) -> None:
        with _open(self.factory(tmp_path)()) as storage:
            storage.append(numbered(0))
            with raises(NotPlainError, "WorkerJoined"):
                storage.append([OpenIteration(1.0, 1), WorkerJoined(1.0, "\udcff")])
            storage.append(numbered(1))
            assert list(storage.read()) == numbered(0, 1)

    def test_others_read_it_and_continue_it(self, tmp_path: Path) -> None:
        make = self.factory(tmp_path)
        with _open(make()) as storage:
            storage.append(_EVENTS)
            assert repr(list(make().read())) == repr(_EVENTS)
        with _open(make()) as storage:
            storage.append(numbered(0))
        assert repr(list(make().read())) == repr([*_EVENTS, *numbered(0)])

    def test_a_second_writer_is_refused_and_does_no_harm(self, tmp_path: Path) -> None:
        make = self.factory(tmp_path)
        with _open(make()) as storage:
            with raises(StorageBusyError, "writ"):
                make().open()
            with _writer(make) as (_, acknowledged):
                assert acknowledged.recv() == "StorageBusyError"
            storage.append(numbered(0))
        second = make()
        with _open(second):
            second.append(numbered(1))
            with raises(StorageBusyError, "writ"):
                storage.open()
        assert list(make().read()) == numbered(0, 1)

    def test_what_was_acknowledged_outlives_the_sudden_end_of_the_writer(self, tmp_path: Path) -> None:
        make = self.factory(tmp_path)
        for _ in range(2):
            begin = len(list(make().read()))
            with _writer(make) as (process, acknowledged):
                numbers = [acknowledged.recv() for _ in range(20)]
                process.kill()
                process.join(_LIMIT)
                with contextlib.suppress(EOFError):
                    while True:
                        numbers.append(acknowledged.recv())
            kept = list(make().read())[begin:]
            assert len(numbers) <= len(kept) <= len(numbers) + 1
            assert kept == numbered(*range(len(kept)))
            _open_when_free(make())

    def test_it_can_be_read_while_another_process_writes(self, tmp_path: Path) -> None:
        make = self.factory(tmp_path)
        with _writer(make) as (_, acknowledged):
            for _ in range(20):
                number = acknowledged.recv()
                kept = list(make().read())
                assert len(kept) > number
                assert kept == numbered(*range(len(kept)))


class FollowedStorageContract(SharedStorageContract):
    """Tests of a storage that a reader can follow while another process writes."""

    def factory(self, directory: Path) -> Callable[[], FollowedStorage]:
        raise NotImplementedError(f"{type(self).__name__} must implement factory(directory)")

    def test_a_follower_gets_every_event_once_and_in_order(self, tmp_path: Path) -> None:
        make = self.factory(tmp_path)
        follower = make()
        news = follower.read_on()
        assert (list(news.events), news.is_anew) == ([], True)
        with _open(make()) as storage:
            storage.append(_EVENTS)
            news = follower.read_on(news.bookmark)
            assert repr(list(news.events)) == repr(_EVENTS)
            for number in range(3):
                storage.append(numbered(number))
                storage.append(numbered(number + 10))
                news = follower.read_on(news.bookmark)
                assert (list(news.events), news.is_anew) == (numbered(number, number + 10), False)
            news = follower.read_on(news.bookmark)
            assert (list(news.events), news.is_anew) == ([], False)
        again = make().read_on()
        assert again.is_anew
        assert repr(list(again.events)) == repr(list(storage.read()))

    def test_a_follower_gets_what_was_there_when_it_looked(self, tmp_path: Path) -> None:
        with _open(self.factory(tmp_path)()) as storage:
            storage.append(numbered(0))
            news = storage.read_on()
            storage.append(numbered(1))
            assert list(news.events) == numbered(0)
            assert list(storage.read_on(news.bookmark).events) == numbered(1)

    def test_a_follower_goes_on_when_another_writer_takes_over(self, tmp_path: Path) -> None:
        make = self.factory(tmp_path)
        follower = make()
        bookmark: object = None
        followed: list[Event] = []
        for number in range(3):
            with _open(make()) as storage:
                storage.append(numbered(number))
            news = follower.read_on(bookmark)
            bookmark, followed = news.bookmark, [*([] if news.is_anew else followed), *news.events]
        assert followed == numbered(0, 1, 2)

    def test_it_can_be_followed_while_another_process_writes(self, tmp_path: Path) -> None:
        make = self.factory(tmp_path)
        follower = make()
        bookmark: object = None
        followed: list[Event] = []
        with _writer(make) as (_, acknowledged):
            for _ in range(20):
                number = acknowledged.recv()
                news = follower.read_on(bookmark)
                bookmark, followed = news.bookmark, [*followed, *news.events]
                assert len(followed) > number
        assert followed == numbered(*range(len(followed)))


@contextlib.contextmanager
def _open(storage: _S) -> Iterator[_S]:
    storage.open()
    try:
        yield storage
    finally:
        storage.close()


@contextlib.contextmanager
def _writer(make: Callable[[], Storage]) -> Iterator[tuple[BaseProcess, Connection]]:
    """Another process that appends numbered events one by one, and sends the number of each that is kept."""
    context = multiprocessing.get_context("spawn")
    acknowledged, sender = context.Pipe(duplex=False)
    process = context.Process(target=_append_for_ever, args=(make, sender))
    process.start()
    sender.close()
    try:
        assert acknowledged.poll(_LIMIT), "the writer should have begun"
        yield process, acknowledged
    finally:
        process.kill()
        process.join(_LIMIT)
        acknowledged.close()


def _append_for_ever(make: Callable[[], Storage], sender: Connection) -> None:
    storage = make()
    try:
        storage.open()
    except StorageBusyError as error:
        sender.send(type(error).__name__)
        return
    for number in itertools.count():
        storage.append(numbered(number))
        sender.send(number)


def _open_when_free(storage: Storage) -> None:
    """A server may need a moment to notice that a writer is gone."""
    deadline = time.monotonic() + _LIMIT
    while True:
        try:
            storage.open()
        except StorageBusyError:
            assert time.monotonic() < deadline, "a writer that is gone should be noticed"
            time.sleep(0.05)
        else:
            storage.close()
            return
