"""What other threads report, on its way to the loop."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable

from hpbandster_ng.backends.base import Clock, Context, config_directory
from hpbandster_ng.backends.evaluation import Call
from hpbandster_ng.engine.events import Happening, JobFinished, StartJob
from hpbandster_ng.engine.plain import plain
from hpbandster_ng.engine.records import Job, Outcome, OutcomeState
from hpbandster_ng.errors import NotPlainError

__all__ = ["Happenings"]


class Happenings:
    """A queue into which any thread reports, and from which the loop takes, in the order of time.

    Args:
        clock: stamps what is reported.

    Example:
        >>> from hpbandster_ng.engine.events import WorkerJoined
        >>> happenings = Happenings(clock=lambda: 100.0)
        >>> happenings.report(lambda at: WorkerJoined(at, "w"))
        >>> happenings.next(timeout=1.0), happenings.next(timeout=0.0)
        (WorkerJoined(at=100.0, worker='w'), None)
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._queue: queue.SimpleQueue[Happening] = queue.SimpleQueue()

    def report(self, happened: Callable[[float], Happening]) -> None:
        """Something happens now.

        Args:
            happened: called with the time.
        """
        with self._lock:  # who has the earlier time comes first
            self._queue.put(happened(self._clock()))

    def finish(self, start: StartJob, outcome: Outcome) -> None:
        """What was started has ended now."""
        job = (start.config_id, start.budget, start.attempt, start.worker, outcome)
        self.report(lambda at: JobFinished(at, *job))

    def call_for(self, start: StartJob, job: Job, context: Context, working_directory: str) -> Call | None:
        """What a job is to be called with in another process; None if it cannot be sent there, and so has failed.

        Args:
            context: what is around it there.
            working_directory: of the run.
        """
        try:
            config = plain(job.config, "config")
        except NotPlainError as error:
            self.finish(start, Outcome(OutcomeState.FAILED, error=str(error)))
            return None
        directory = config_directory(working_directory, job.config_id)
        return Call(job.config_id, config, job.budget, directory, start.previous_budget, context)

    def next(self, timeout: float) -> Happening | None:
        """What comes next, or None when ``timeout`` seconds have passed without it."""
        try:
            return self._queue.get(timeout=timeout) if timeout > 0 else self._queue.get_nowait()
        except queue.Empty:
            return None
