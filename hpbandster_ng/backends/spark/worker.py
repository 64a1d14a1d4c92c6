"""A worker is a thread of the driver, which waits for one job of Spark after the other."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable
from queue import SimpleQueue
from typing import Any, NamedTuple

from hpbandster_ng.backends.evaluation import Call
from hpbandster_ng.backends.happenings import Happenings
from hpbandster_ng.backends.spark.cluster import Cluster
from hpbandster_ng.engine.events import StartJob, WorkerJoined, WorkerLost
from hpbandster_ng.engine.records import Outcome
from hpbandster_ng.errors import HpbandsterError

__all__ = ["Farewell", "SparkWorker", "end"]

_CANCEL_INTERVAL = 1.0
"""Seconds after which a job is cancelled again, for it may have begun after the first time."""


class Farewell(NamedTuple):
    """How a worker takes its leave; see :class:`WorkerLost`."""

    reason: str
    handed_back: bool


class SparkWorker:
    """A thread that waits for one job of Spark's after the other.

    Attributes:
        farewell: given when it is to leave.
        has_ended: whether it takes no more jobs.
    """

    def __init__(
        self, name: str, cluster: Cluster, happenings: Happenings, give_up: Callable[[BaseException], Any]
    ) -> None:
        self.name = name
        self.farewell: Farewell | None = None
        self.has_ended = False
        self._cluster = cluster
        self._happenings = happenings
        self._give_up = give_up
        self._group: str | None = None
        self._is_cancelled = False
        self._orders: SimpleQueue[tuple[StartJob, Call] | None] = SimpleQueue()
        self._thread = cluster.thread(self._work, f"hpbandster-{name}")

    def start(self) -> None:
        self._thread.start()

    def submit(self, start: StartJob, call: Call) -> None:
        self._orders.put((start, call))

    def leave(self, farewell: Farewell | None) -> None:
        """Leave when the job in hand, if there is one, has ended."""
        self.farewell = farewell
        self._orders.put(None)

    def cancel(self, farewell: Farewell | None) -> None:
        """Leave at once; :meth:`join` waits for that."""
        self._is_cancelled = True
        self.leave(farewell)

    def join(self) -> None:
        while self._thread.is_alive():
            if group := self._group:
                self._cluster.cancel(group)
            self._thread.join(_CANCEL_INTERVAL)

    def _work(self) -> None:
        self._happenings.report(lambda at: WorkerJoined(at, self.name))
        try:
            while (order := self._orders.get()) is not None and not self._is_cancelled:
                start, call = order
                self._group = group = f"hpbandster_ng-{uuid.uuid4().hex}"
                answer = self._cluster.evaluate(group, start, call)
                self._group = None
                if isinstance(answer, Outcome):
                    self._happenings.finish(start, answer)
                elif not self._is_cancelled:
                    self._lose(answer)
                    self._happenings.report(lambda at: WorkerJoined(at, self.name))
        except HpbandsterError as error:
            if not self._is_cancelled:
                self.has_ended = True
                self._lose(str(error))
                self._give_up(error)
                return
        self.has_ended = True
        if self.farewell is not None:
            self._lose(*self.farewell)

    def _lose(self, reason: str, handed_back: bool = False) -> None:
        self._happenings.report(lambda at: WorkerLost(at, self.name, reason, handed_back))


def end(workers: Iterable[SparkWorker], farewell: Farewell | None) -> None:
    """Cancel what they run, and return when they have left."""
    living = [worker for worker in workers if not worker.has_ended]
    for worker in living:
        worker.cancel(farewell)
    for worker in living:
        worker.join()
