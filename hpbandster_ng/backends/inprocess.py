"""One worker in the process of the master: jobs run one after the other, inside the loop, without any network."""

from __future__ import annotations

import copy
import time
from collections import deque

from hpbandster_ng.backends.base import NO_CONTEXT, Clock, Context, config_directory
from hpbandster_ng.backends.evaluation import Call, Compute
from hpbandster_ng.backends.evaluator import Evaluator
from hpbandster_ng.engine.events import Happening, JobFinished, StartJob, WorkerJoined
from hpbandster_ng.engine.records import Job

__all__ = ["InProcessBackend"]

_WORKER = "inprocess"


class InProcessBackend:
    """Evaluates by calling a function; in a child process, for which it must be pickled, what has a time limit.

    Args:
        compute: for example ``MyWorker(run_id="0").compute``.
        working_directory: of the run; ``compute`` gets a directory in it, its configuration's own.

    Example:
        >>> backend = InProcessBackend(lambda config, budget, **kwargs: {"loss": config["x"] / budget, "info": {}})
    """

    def __init__(self, compute: Compute, working_directory: str = ".") -> None:
        self.working_directory = working_directory
        self._evaluator = Evaluator(compute)
        self._submitted: deque[tuple[StartJob, Job, Context]] = deque()
        self._joined = False

    def start(self, clock: Clock) -> None:
        self._clock = clock
        self._joined = False

    def submit(self, start: StartJob, job: Job, context: Context = NO_CONTEXT) -> None:
        self._submitted.append((start, job, context))

    def next_event(self, timeout: float) -> Happening | None:
        if not self._joined:
            self._joined = True
            return WorkerJoined(self._clock(), _WORKER)
        if not self._submitted:
            time.sleep(timeout)
            return None
        # It stays there if the user interrupts: the next run takes it up again.
        start, job, context = self._submitted[0]
        directory = config_directory(self.working_directory, job.config_id)
        call = Call(job.config_id, copy.deepcopy(job.config), job.budget, directory, start.previous_budget, context)
        outcome = self._evaluator.evaluate(call, start.time_limit)
        self._submitted.popleft()
        return JobFinished(self._clock(), job.config_id, job.budget, start.attempt, start.worker, outcome)

    def acknowledge(self, happening: Happening) -> None:
        """Nobody waits for that here."""

    def close(self, shutdown_workers: bool) -> None:
        self._submitted.clear()
        self._evaluator.close()
