"""What every place of shared logs must hold, as tests: subclass :class:`SharedLogsContract` in a test module.

Example::

    class TestMyLogs(SharedLogsContract):
        def factory(self, tmp_path):
            return functools.partial(MyLogs, tmp_path)

and pytest runs them all. Logs that only the threads of this process can reach are held to :class:`LogsContract`.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

from hpbandster_ng.engine.events import OpenIteration, WorkerJoined
from hpbandster_ng.errors import LogError, NotPlainError
from hpbandster_ng.storage.shared import Offer, OfferedError, Record, SharedLogs
from hpbandster_ng.testing.helpers import numbered, raises

__all__ = ["LogsContract", "SharedLogsContract"]

_LIMIT = 60.0
"""Seconds after which a test fails in place of waiting."""


class LogsContract:
    """Tests of logs that many threads write; a subclass implements :meth:`factory`."""

    def factory(self, tmp_path: Path) -> Callable[[], SharedLogs]:
        """What opens one and the same place, which is empty at first, each time it is called."""
        raise NotImplementedError(f"{type(self).__name__} must implement factory(tmp_path)")

    def test_where_nothing_was_created_there_is_nothing(self, tmp_path: Path) -> None:
        with contextlib.closing(self.factory(tmp_path)()) as logs:
            assert logs.names() == []
            assert logs.read("a") == []
            assert logs.head("a") is None
            assert not logs.delete("a")
            with raises(LogError, "'a'"), logs.turn("a", 0):
                pass

    def test_a_log_is_created_once(self, tmp_path: Path) -> None:
        with contextlib.closing(self.factory(tmp_path)()) as logs:
            assert logs.create("b", numbered(0))
            assert logs.create("a", numbered(1))
            assert not logs.create("b", numbered(2))
            assert logs.names() == ["a", "b"]
            assert logs.read("b") == [_record(1, 0)]
            assert logs.read("a") == [_record(1, 1)]

    def test_a_turn_gets_what_is_new_and_adds_to_it(self, tmp_path: Path) -> None:
        make = self.factory(tmp_path)
        with contextlib.closing(make()) as logs, contextlib.closing(make()) as others:
            logs.create("a", numbered(0))
            with logs.turn("a", 0) as turn:
                assert list(turn.records) == [_record(1, 0)]
                assert turn.append(numbered(1, 2)) == _record(2, 1, 2)
            with others.turn("a", 1) as turn:
                assert list(turn.records) == [_record(2, 1, 2)]
                turn.append(numbered(3))
            with logs.turn("a", 3) as turn:
                assert list(turn.records) == []
            assert others.read("a", after=1) == [_record(2, 1, 2), _record(3, 3)]
            assert others.head("a") == _record(1, 0)

    def test_what_is_given_ahead_of_a_turn_and_in_it_is_all_that_is_new(self, tmp_path: Path) -> None:
        with contextlib.closing(self.factory(tmp_path)()) as logs:
            logs.create("a", numbered(0))
            with logs.turn("a", 0) as turn:
                turn.append(numbered(1))
            ahead: list[Record] = []
            with logs.turn("a", 1, ahead.extend) as turn:
                assert [*ahead, *turn.records] == [_record(2, 1)]
                turn.append(numbered(2))
            assert logs.read("a", 2) == [_record(3, 2)]

    def test_what_is_raised_in_a_turn_leaves_everything_as_it_was(self, tmp_path: Path) -> None:
        with contextlib.closing(self.factory(tmp_path)()) as logs:
            logs.create("a", numbered(0))
            with contextlib.suppress(KeyError), logs.turn("a", 0) as turn:
                turn.append(numbered(1), leases={"w": 0.0})
                raise KeyError
            with contextlib.suppress(NotPlainError), logs.turn("a", 0) as turn:
                turn.append([WorkerJoined(0.0, "\udcff")])
            with logs.turn("a", 1) as turn:
                assert (list(turn.records), list(turn.expired)) == ([], [])
                turn.append(numbered(2))
            assert logs.read("a", 1) == [_record(2, 2)]

    def test_a_lease_ends_unless_it_is_renewed(self, tmp_path: Path) -> None:
        with contextlib.closing(self.factory(tmp_path)()) as logs:
            logs.create("a", numbered(0))
            logs.create("b", numbered(0))
            with logs.turn("a", 1) as turn:
                turn.append(numbered(1), leases={"short": 0.0, "long": 1000.0, "renewed": 0.0})
            assert logs.renew("a", {"renewed": 1000.0, "unknown": 1000.0}) == {"renewed"}
            with logs.turn("b", 1) as turn:
                assert list(turn.expired) == []
            with logs.turn("a", 2) as turn:
                assert list(turn.expired) == ["short"]
                turn.append(numbered(2), ended=["short", "long", "unknown"])
            assert logs.renew("a", {"short": 0.0, "long": 0.0, "renewed": 0.0}) == {"renewed"}
            with logs.turn("a", 3) as turn:
                assert list(turn.expired) == ["renewed"]

    def test_each_offer_is_taken_once_and_recorded_with_a_lease(self, tmp_path: Path) -> None:
        make = self.factory(tmp_path)
        with contextlib.closing(make()) as logs, contextlib.closing(make()) as others:
            logs.create("a", numbered(0))
            assert logs.take("a", "w", 0.0, _as_offered) is None
            with logs.turn("a", 1) as turn:
                turn.append(numbered(1), offers=[numbered(10), numbered(11), numbered(12)])
            taken = [each.take("a", f"w{i}", 0.0, _as_offered) for i, each in enumerate((others, logs, others))]
            assert others.take("a", "w", 0.0, _as_offered) is None
            found = [each for each in taken if each is not None]
            assert [(each.number, each.left) for each in found] == [(3, 2), (4, 1), (5, 0)]
            offers = [list(each.offer) for each in found]
            assert sorted(offers, key=str) == [numbered(10), numbered(11), numbered(12)]
            assert logs.read("a", 2) == [Record(3 + i, tuple(offer)) for i, offer in enumerate(offers)]
            with logs.turn("a", 5) as turn:
                assert list(turn.expired) == ["w0", "w1", "w2"]

    def test_offers_that_are_refused_or_replaced_are_not_taken(self, tmp_path: Path) -> None:
        with contextlib.closing(self.factory(tmp_path)()) as logs:
            logs.create("a", numbered(0))
            with logs.turn("a", 1) as turn:
                turn.append(numbered(1), offers=[numbered(10)])
            assert logs.take("a", "w", 1000.0, _refused) is None
            with contextlib.suppress(OfferedError), logs.turn("a", 1, unless_offered=True):
                raise AssertionError("the offer would have done")
            with logs.turn("a", 2) as turn:
                turn.append(numbered(2), offers=[numbered(11)])
            taken = logs.take("a", "w", 1000.0, _as_offered)
            assert taken is not None
            assert list(taken.offer) == numbered(11)
            with logs.turn("a", 4, unless_offered=True) as turn:
                assert list(turn.expired) == []
                turn.append(numbered(3), offers=[numbered(12)])
            with logs.turn("a", 5) as turn:
                turn.append(numbered(4))
            assert logs.take("a", "w", 1000.0, _as_offered) is None
            assert logs.delete("a")

    def test_a_lease_ends_with_a_record_and_once(self, tmp_path: Path) -> None:
        make = self.factory(tmp_path)
        with contextlib.closing(make()) as logs, contextlib.closing(make()) as others:
            assert not logs.end("a", "w", _counted)
            logs.create("a", numbered(0))
            with logs.turn("a", 1) as turn:
                turn.append(numbered(1), leases={"w": 1000.0, "v": 1000.0})
                began = turn.at
            times: list[float] = []

            def ended(at: float) -> list[OpenIteration]:
                times.append(at)
                return numbered(5)

            assert others.end("a", "w", ended)
            assert abs(times[-1] - began) < _LIMIT
            assert not logs.end("a", "w", _counted)
            assert not logs.end("a", "unknown", _counted)
            with contextlib.suppress(NotPlainError):
                assert not logs.end("a", "v", lambda at: [WorkerJoined(at, "\udcff")])
            assert logs.read("a", 2) == [_record(3, 5)]
            assert logs.renew("a", {"w": 1000.0, "v": 1000.0}) == {"v"}

    def test_all_share_a_clock(self, tmp_path: Path) -> None:
        make = self.factory(tmp_path)
        with contextlib.closing(make()) as logs, contextlib.closing(make()) as others:
            logs.create("a", numbered(0))
            times = []
            for each in (logs, others, logs, others):
                with each.turn("a", 1) as turn:
                    times.append(turn.at)
            assert times == sorted(times)
            assert times[0] > 1e9

    def test_a_deleted_log_is_gone_with_its_leases(self, tmp_path: Path) -> None:
        with contextlib.closing(self.factory(tmp_path)()) as logs:
            logs.create("a", numbered(0))
            logs.create("b", numbered(1))
            with logs.turn("a", 1) as turn:
                turn.append(numbered(2), leases={"w": 0.0})
            assert logs.delete("a")
            assert logs.names() == ["b"]
            assert logs.read("a") == []
            logs.create("a", numbered(3))
            with logs.turn("a", 0) as turn:
                assert list(turn.records) == [_record(1, 3)]
                assert list(turn.expired) == []

    def test_it_can_be_used_after_it_was_closed(self, tmp_path: Path) -> None:
        logs = self.factory(tmp_path)()
        logs.close()
        assert logs.create("a", numbered(0))
        logs.close()
        logs.close()
        assert logs.read("a") == [_record(1, 0)]
        logs.close()

    def test_threads_take_turns(self, tmp_path: Path) -> None:
        with contextlib.closing(self.factory(tmp_path)()) as logs:
            logs.create("a", numbered(0))
            threads = [threading.Thread(target=_add, args=(logs, 25)) for _ in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(_LIMIT)
            _assert_counted(logs, 101)


class SharedLogsContract(LogsContract):
    """Tests of logs that many processes write.

    What :meth:`factory` returns must be picklable: other processes call it, too.
    """

    def test_processes_take_turns_and_one_that_is_killed_in_its_turn_holds_up_nobody(self, tmp_path: Path) -> None:
        make = self.factory(tmp_path)
        with contextlib.closing(make()) as logs:
            logs.create("a", numbered(0))
            context = multiprocessing.get_context("spawn")
            receiver, sender = context.Pipe(duplex=False)
            stuck = context.Process(target=_stay, args=(make, sender))
            stuck.start()
            assert receiver.poll(_LIMIT)
            processes = [context.Process(target=_add_from_elsewhere, args=(make, 25)) for _ in range(4)]
            for process in processes:
                process.start()
            stuck.kill()
            for process in [stuck, *processes]:
                process.join(_LIMIT)
            assert [process.exitcode for process in processes] == [0] * 4
            _assert_counted(logs, 101)

    def test_processes_take_each_offer_once(self, tmp_path: Path) -> None:
        make = self.factory(tmp_path)
        with contextlib.closing(make()) as logs:
            logs.create("a", numbered(0))
            offers = [numbered(number) for number in range(1, 101)]
            with logs.turn("a", 1) as turn:
                turn.append(numbered(0), offers=offers)
            context = multiprocessing.get_context("spawn")
            processes = [context.Process(target=_take_all, args=(make, str(i))) for i in range(4)]
            for process in processes:
                process.start()
            for process in processes:
                process.join(_LIMIT)
            assert [process.exitcode for process in processes] == [0] * 4
            records = logs.read("a", 2)
            assert [record.number for record in records] == list(range(3, 203))
            taken = sorted((list(record.events) for record in records), key=str)
            assert taken == sorted([*offers, *[numbered(0)] * 100], key=str)


def _record(number: int, *numbers: int) -> Record:
    return Record(number, tuple(numbered(*numbers)))


def _as_offered(offer: Offer, _: float) -> Offer:
    return offer


def _refused(_: Offer, __: float) -> Offer:
    return []


def _counted(_: float) -> list[OpenIteration]:
    return numbered(0)


def _add(logs: SharedLogs, count: int) -> None:
    """Count on: what is added rests on all that was there."""
    known = 0
    for _ in range(count):
        with logs.turn("a", known) as turn:
            known += len(turn.records)
            known = turn.append(numbered(known)).number


def _assert_counted(logs: SharedLogs, count: int) -> None:
    assert logs.read("a") == [_record(number, number - 1) for number in range(1, count + 1)]


def _add_from_elsewhere(make: Callable[[], SharedLogs], count: int) -> None:
    with contextlib.closing(make()) as logs:
        _add(logs, count)


def _take_all(make: Callable[[], SharedLogs], name: str) -> None:
    """Take offers and end their leases until there are no more."""
    with contextlib.closing(make()) as logs:
        while True:
            holder = f"{name}.{len(logs.read('a'))}"
            if logs.take("a", holder, 1000.0, _as_offered) is None:
                with contextlib.suppress(OfferedError), logs.turn("a", 0, unless_offered=True):
                    return
                continue
            while not logs.end("a", holder, _counted):
                pass


def _stay(make: Callable[[], SharedLogs], sender: Connection) -> None:
    with make().turn("a", 0) as turn:
        turn.append(numbered(1000))
        sender.send("in its turn")
        threading.Event().wait()
