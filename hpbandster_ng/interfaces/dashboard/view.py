"""What a dashboard knows of a run: the fold of its log so far."""

from __future__ import annotations

import math
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from hpbandster_ng.analysis.standing import Standing
from hpbandster_ng.engine.events import (
    Eliminate,
    EndJob,
    Event,
    JobFinished,
    OpenIteration,
    QueueJob,
    RunCancelled,
    RunDescribed,
    RunResumed,
    StartJob,
    WorkerJoined,
    WorkerLost,
)
from hpbandster_ng.engine.records import Config, ConfigId, Job, JobKey, JobReport, OutcomeState
from hpbandster_ng.engine.schedule import budget_text
from hpbandster_ng.interfaces.dashboard.columns import STATES, Attempts, RunColumns, Runs, State

__all__ = ["Best", "Configuration", "RunView", "Stay", "WorkerView"]

_REMEMBERED = 30
"""Happenings that the overview tells."""


class Best(NamedTuple):
    """A run that was better than all before it.

    Attributes:
        at: when it ended, in unix seconds.
        spent: the sum of the budgets of all runs that had ended by then, its own included.
    """

    at: float
    spent: float
    run: int
    budget: float
    loss: float


@dataclass(slots=True)
class Configuration:
    """A configuration.

    Attributes:
        runs: the numbers of its runs, in the order in which they were queued.
        is_out: whether it was eliminated.
    """

    config_id: ConfigId
    config: Config
    info: dict[str, Any]
    runs: list[int] = field(default_factory=list)
    is_out: bool = False


@dataclass(slots=True)
class Stay:
    """A worker from its coming to its going; ``left`` and ``reason`` are None while it is here."""

    joined: float
    left: float | None = None
    reason: str | None = None


@dataclass(slots=True)
class WorkerView:
    """A worker.

    Attributes:
        stays: empty in an experiment, whose workers come and go unnoticed.
        num_running: how many runs it has now.
    """

    name: str
    stays: list[Stay] = field(default_factory=list)
    num_running: int = 0

    @property
    def is_here(self) -> bool:
        return self.num_running > 0 or (bool(self.stays) and self.stays[-1].left is None)


class RunView:
    """The fold of a run's log; ask :meth:`fold` to take in each event.

    Args:
        is_experiment: whether workers of the log are holders of suggestions, ``WORKER.NUMBER``, which come and go with
            each of these.
        is_recorded: whether the events were made from a folder of results, which do not tell what was asked for.

    Attributes:
        num_events: how many were folded; the version of what there is to see.
        standing: what was asked for, and what is left of it.
        described: what the run is, or None.
        first_at, last_at: of the events, in unix seconds; None before the first.
        began: when the first request was made, or else ``first_at``.
        iterations: when each was opened, by number.
        configurations: by number.
        members: the numbers of the configurations that entered in each iteration.
        runs, attempts: see :mod:`hpbandster_ng.interfaces.dashboard.columns`.
        errors: why a run has no loss, by its number.
        infos: what ``compute`` returned besides the loss, by number of the run.
        measured: the values of an experiment's metrics, by number of the run.
        workers: by number.
        counts: of runs by state.
        spent: the sum of the budgets of all runs that have ended.
        incumbents: each run that took the place of the incumbent: a larger budget, or a lower loss on the same.
        best: by budget, each run that was better than all before it on that budget.
        happened: the last notable happenings, as ``(at, kind, text)``.

    Example:
        >>> view = RunView()
        >>> for event in [WorkerJoined(11.0, "w"), OpenIteration(12.0, 0)]:
        ...     view.fold(event)
        >>> view.began, list(view.iterations), view.workers[0].is_here
        (11.0, [0], True)
    """

    def __init__(self, is_experiment: bool = False, is_recorded: bool = False) -> None:
        self.is_experiment = is_experiment
        self.is_recorded = is_recorded
        self.num_events = 0
        self.standing = Standing()
        self.described: RunDescribed | None = None
        self.first_at: float | None = None
        self.last_at: float | None = None
        self.iterations: dict[int, float] = {}
        self.configurations: list[Configuration] = []
        self.members: dict[int, list[int]] = {}
        self.runs = Runs()
        self.attempts = Attempts()
        self.errors: dict[int, str] = {}
        self.infos: dict[int, Any] = {}
        self.measured: dict[int, dict[str, float]] = {}
        self.workers: list[WorkerView] = []
        self.counts: Counter[int] = Counter()
        self.spent = 0.0
        self.incumbents: list[Best] = []
        self.best: dict[float, list[Best]] = {}
        self.happened: deque[tuple[float, str, str]] = deque(maxlen=_REMEMBERED)
        self._config_numbers: dict[ConfigId, int] = {}
        self._run_numbers: dict[JobKey, int] = {}
        self._worker_numbers: dict[str, int] = {}
        self._open: dict[str, int] = {}  # the attempt of each worker that has one; of an experiment, of each holder
        self._columns: tuple[int, RunColumns] | None = None

    @property
    def began(self) -> float:
        """When the first request was made, in unix seconds; or else the first event."""
        requests = self.standing.requests
        first = requests[0].at if requests else self.first_at
        return 0.0 if first is None else first

    @property
    def num_open(self) -> int:
        """Runs that are queued or running."""
        return self.counts[State.QUEUED] + self.counts[State.RUNNING]

    def columns(self) -> RunColumns:
        """The runs as they are now."""
        if self._columns is None or self._columns[0] != self.num_events:
            self._columns = self.num_events, self.runs.columns()
        return self._columns[1]

    def number_of(self, config_id: ConfigId) -> int | None:
        """The number of a configuration; None if there is no such one."""
        return self._config_numbers.get(config_id)

    def fold(self, event: Event) -> None:
        """Take note of the next event of the log."""
        self.num_events += 1
        self.standing.handle(event)
        self.first_at = event.at if self.first_at is None else self.first_at
        self.last_at = event.at if self.last_at is None else max(event.at, self.last_at)
        match event:
            case QueueJob():
                self._run_of(event.job, event.at)
            case StartJob():
                self._start(event)
            case JobFinished():
                self._finish(event)
            case EndJob():
                self._end(event.report)
            case Eliminate():
                if (number := self.number_of(event.config_id)) is not None:
                    self.configurations[number].is_out = True
            case WorkerJoined():
                self._join(event)
            case WorkerLost():
                self._lose(event)
            case _:
                self._note_of_run(event)

    def _note_of_run(self, event: Event) -> None:
        match event:
            case RunDescribed():
                self.described = event
            case OpenIteration():
                self.iterations[event.iteration] = event.at
                self._tell(event.at, "iteration", f"iteration {event.iteration} begins")
            case RunResumed():
                self._resume(event.at)
            case RunCancelled():
                self._tell(event.at, "cancelled", f"the run was cancelled: {event.reason}")

    def _tell(self, at: float, kind: str, text: str) -> None:
        self.happened.append((at, kind, text))

    def _change(self, run: int, state: int) -> None:
        self.counts[self.runs.state[run]] -= 1
        self.counts[state] += 1
        self.runs.state[run] = state

    def _run_of(self, job: Job, at: float) -> int:
        """The number of the run of a job, which is new if it was not heard of before."""
        run = self._run_numbers.get(job.key)
        if run is not None:
            return run
        config = self._config_numbers.get(job.config_id)
        if config is None:
            config = self._config_numbers[job.config_id] = len(self.configurations)
            self.configurations.append(Configuration(job.config_id, job.config, dict(job.config_info)))
            self.members.setdefault(job.config_id[0], []).append(config)
        run = self._run_numbers[job.key] = self.runs.add(config, job.budget, at)
        self.configurations[config].runs.append(run)
        self.counts[State.QUEUED] += 1
        return run

    def _worker_of(self, name: str) -> int:
        if self.is_experiment:
            name = name.rpartition(".")[0] or name
        elif self.described is not None:
            name = name.removeprefix(f"hpbandster.run_{self.described.run_id}.worker.")
        number = self._worker_numbers.get(name)
        if number is None:
            number = self._worker_numbers[name] = len(self.workers)
            self.workers.append(WorkerView(name))
        return number

    def _start(self, event: StartJob) -> None:
        run = self._run_numbers.get(event.key)
        if run is None:
            return
        worker = self._worker_of(event.worker)
        self.runs.last_attempt[run] = attempt = self.attempts.add(worker, run, event.at, event.attempt)
        self.runs.started[run] = event.at
        self._open[event.worker] = attempt
        self.workers[worker].num_running += 1
        self._change(run, State.RUNNING)

    def _finish(self, event: JobFinished) -> None:
        attempt = self._open.get(event.worker)
        if attempt is None or self.attempts.number[attempt] != event.attempt:
            return
        if self.attempts.run[attempt] == self._run_numbers.get(event.key):
            self._close(event.worker, event.at, State.of(event.outcome.state))

    def _close(self, name: str, at: float, state: int) -> int | None:
        """The attempt of a worker ends; returns its number, or None if there is none."""
        attempt = self._open.pop(name, None)
        if attempt is not None:
            self.attempts.end(attempt, at, state)
            self.workers[self.attempts.worker[attempt]].num_running -= 1
        return attempt

    def _end(self, report: JobReport) -> None:
        run = self._run_of(report.job, report.submitted)
        outcome = report.outcome
        loss = math.nan if outcome.result is None else float(outcome.result["loss"])
        state, error = State.of(outcome.state), outcome.error
        if outcome.state is OutcomeState.SUCCEEDED and not math.isfinite(loss):
            state, error = State.FAILED, f"the loss is {loss}, which is no finite number"
        self._end_attempt(run, report, state)
        self._change(run, state)
        runs = self.runs
        runs.submitted[run], runs.finished[run] = report.submitted, report.finished
        runs.started[run] = math.nan if report.started is None else report.started
        if outcome.result is not None and outcome.result.get("info"):
            self.infos[run] = outcome.result["info"]
        if outcome.result is not None and outcome.result.get("metrics"):
            self.measured[run] = outcome.result["metrics"]
        if state == State.CANCELLED:
            return
        self.spent += report.job.budget
        if state == State.SUCCEEDED:
            runs.loss[run] = loss
            self._compete(Best(report.finished, self.spent, run, report.job.budget, loss))
            return
        self.errors[run] = error or STATES[state]
        self._tell(
            report.finished,
            "failed",
            f"{report.job.config_id} on budget {budget_text(report.job.budget)} {STATES[state]}",
        )

    def _end_attempt(self, run: int, report: JobReport, state: int) -> None:
        """The attempt ends with its run, if it has not; a compacted log tells of none before."""
        name, attempt = report.worker_name, self.runs.last_attempt[run]
        if name is not None and self._open.get(name, -1) == attempt >= 0:
            self._close(name, report.finished, state)
        elif name is not None and attempt < 0 and report.started is not None:
            attempt = self.attempts.add(self._worker_of(name), run, report.started, 1)
            self.attempts.end(attempt, report.finished, state)

    def _compete(self, run: Best) -> None:
        known = self.best.setdefault(run.budget, [])
        if not known or run.loss < known[-1].loss:
            known.append(run)
        last = self.incumbents[-1] if self.incumbents else None
        if last is None or run.budget > last.budget or (run.budget == last.budget and run.loss < last.loss):
            self.incumbents.append(run)
            config = self.configurations[self.runs.config[run.run]]
            text = f"new incumbent {config.config_id}: loss {run.loss:.6g} on budget {budget_text(run.budget)}"
            self._tell(run.at, "incumbent", text)

    def _join(self, event: WorkerJoined) -> None:
        worker = self.workers[self._worker_of(event.worker)]
        if not self.is_experiment and not worker.is_here:
            worker.stays.append(Stay(event.at))
            self._tell(event.at, "worker", f"worker {worker.name} joined")

    def _lose(self, event: WorkerLost) -> None:
        worker = self.workers[self._worker_of(event.worker)]
        is_hit = self._give_back(event.worker, event.at, State.HANDED_BACK if event.handed_back else State.LOST)
        if worker.stays and worker.stays[-1].left is None:
            worker.stays[-1].left, worker.stays[-1].reason = event.at, event.reason
        if is_hit or not self.is_experiment:
            kind = "lost" if is_hit and not event.handed_back else "worker"
            self._tell(event.at, kind, _farewell(worker.name, event))

    def _give_back(self, name: str, at: float, state: int) -> bool:
        """What a worker runs is queued again; returns whether there was anything."""
        attempt = self._close(name, at, state)
        if attempt is None:
            return False
        run = self.attempts.run[attempt]
        if self.runs.state[run] == State.RUNNING:
            self._change(run, State.QUEUED)
        return True

    def _resume(self, at: float) -> None:
        """Of the workers nothing is known: who lives joins anew."""
        for name in list(self._open):
            self._give_back(name, at, State.INTERRUPTED)
        for worker in self.workers:
            if worker.stays and worker.stays[-1].left is None:
                worker.stays[-1].left, worker.stays[-1].reason = at, "the run was taken up by another master"
        self._tell(at, "resumed", "the run was taken up again")


def _farewell(name: str, event: WorkerLost) -> str:
    return f"worker {name} {'left' if event.handed_back else 'was lost'}: {event.reason}"
