"""The story of a run for a log: who came and went, what began, what failed and why."""

from __future__ import annotations

import logging
from collections import Counter

from hpbandster_ng.engine.events import EndJob, Event, JobFinished, OpenIteration, StartJob, WorkerJoined, WorkerLost
from hpbandster_ng.engine.records import JobKey, JobReport, OutcomeState

__all__ = ["RunLog"]


class RunLog:
    """An observer that tells a logger.

    What goes as planned is told at level INFO. The first failure is a warning with its whole traceback, since a mistake
    in ``compute`` fails every run; each further one is told in a line at level INFO, and how many there were of each
    kind, as a warning, when the run is closed. A worker lost in the middle of a job is a warning, too.

    Args:
        logger: where to tell.
    """

    def __init__(self, logger: logging.Logger) -> None:
        self.logger = logger
        self._running: dict[str, JobKey] = {}
        self._num_workers = 0
        self._num_ended = 0
        self._failures: Counter[OutcomeState] = Counter()

    def __call__(self, event: Event) -> None:
        match event:
            case WorkerJoined():
                self._num_workers += 1
                self.logger.info("worker %s joined; there are %d", event.worker, self._num_workers)
            case WorkerLost():
                self._lost(event)
            case OpenIteration():
                self.logger.info("iteration %d begins", event.iteration)
            case StartJob():
                self._running[event.worker] = event.key
                self.logger.debug("%s starts on budget %g at worker %s", event.config_id, event.budget, event.worker)
            case JobFinished():
                if self._running.get(event.worker) == event.key:
                    del self._running[event.worker]
            case EndJob():
                self._ended(event.report)

    def close(self) -> None:
        """Sum up, if anything failed."""
        if self._failures:
            kinds = ", ".join(f"{count} {state.value}" for state, count in self._failures.items())
            self.logger.warning("of %d evaluations: %s", self._num_ended, kinds)
        self._num_ended = 0
        self._failures.clear()

    def _lost(self, event: WorkerLost) -> None:
        self._num_workers -= 1
        job = self._running.pop(event.worker, None)
        if job is None:
            self.logger.info("worker %s is gone (%s); there are %d", event.worker, event.reason, self._num_workers)
        else:
            self.logger.warning(
                "worker %s is gone (%s) in the middle of %s on budget %g", event.worker, event.reason, *job
            )

    def _ended(self, report: JobReport) -> None:
        state, worker = report.outcome.state, report.worker_name
        if worker is not None and self._running.get(worker) == report.job.key:  # it was cancelled
            del self._running[worker]
        if state is OutcomeState.CANCELLED:
            return
        self._num_ended += 1
        if report.result is not None:
            self.logger.info("%s on budget %g: loss %g", report.id, report.job.budget, report.result["loss"])
            return
        self._failures[state] += 1
        error = (report.exception or "").rstrip()
        if self._failures.total() == 1:
            self.logger.warning("%s on budget %g: %s:\n%s", report.id, report.job.budget, state.value, error)
        else:
            last_line = error.rpartition("\n")[2]
            self.logger.info("%s on budget %g: %s: %s", report.id, report.job.budget, state.value, last_line)
