"""A pure simulator: feeds a planner with happenings in any order and keeps watch over what must always hold."""

from __future__ import annotations

import copy
import dataclasses
from collections import Counter

from hpbandster_ng.engine.config_generator import ConfigGenerator
from hpbandster_ng.engine.events import (
    EndJob,
    Happening,
    JobFinished,
    OpenIteration,
    QueueJob,
    RunCancelled,
    RunRequested,
    RunResumed,
    StartJob,
    Tick,
    WorkerJoined,
    WorkerLost,
)
from hpbandster_ng.engine.planner import Planner
from hpbandster_ng.engine.pool import JobState, Pool
from hpbandster_ng.engine.records import Outcome, OutcomeState
from hpbandster_ng.engine.schedule import hyperband_brackets
from hpbandster_ng.engine.steps import Wait
from hpbandster_ng.optimizers.iterations import AsyncBrackets, AsynchronousHalving, SuccessiveHalving

FAILED = Outcome(OutcomeState.FAILED, error="Traceback ...")


def succeeded(loss):
    return Outcome(OutcomeState.SUCCEEDED, {"loss": loss, "info": None})


class LearningGenerator(ConfigGenerator):
    """Draws from its generator of random numbers and from what it has learned, and from nothing else."""

    def __init__(self):
        super().__init__()
        self.learned = []
        self.pending = {}
        self._best = 0.5

    def get_config(self, budget):
        return {"x": float(self.rng.random()), "best": self._best}, {"learned": len(self.learned)}

    def new_job(self, job):
        assert job.key not in self.pending
        self.pending[job.key] = job

    def withdraw(self, job):
        assert self.pending.pop(job.key) == job

    def new_result(self, job, update_model=True):
        self.learned.append(job)
        del self.pending[job.id, job.kwargs["budget"]]
        if job.result:
            self._best = min(self._best, job.result["loss"])


def make_planner(brackets=None, generator=None, iteration_type=SuccessiveHalving, seed=7, initial_configs=(), **pool):
    """A planner of Hyperband over (1, 9, 3), unless told otherwise."""
    brackets = brackets or hyperband_brackets(1, 9, 3)
    generator = generator or LearningGenerator()

    def make_iteration(i):
        bracket = brackets[i % len(brackets)]
        return iteration_type(i, bracket.num_configs, bracket.budgets, generator.get_config)

    return Planner(make_iteration, generator, Pool(**pool), seed, initial_configs)


def make_async_planner(brackets=None, generator=None, seed=7, initial_configs=(), iteration_type=None, **pool):
    """The same, asynchronous: configurations advance at any time in all the brackets."""
    brackets = brackets or hyperband_brackets(1, 9, 3)
    generator = generator or LearningGenerator()
    standings = AsyncBrackets(brackets, 3)

    def make_iteration(i):
        until = sum(brackets[k % len(brackets)].total_budget for k in range(i + 1))
        return (iteration_type or AsynchronousHalving)(i, generator.get_config, standings, until)

    return Planner(make_iteration, generator, Pool(**pool), seed, initial_configs)


def position(iteration):
    """Who stands where, in an iteration of either kind."""
    if isinstance(iteration, AsynchronousHalving):
        standings = iteration.standings
        ladders = [
            ([dataclasses.asdict(rung) for rung in ladder._rungs], ladder._order, ladder._running, ladder._paused)
            for ladder in getattr(standings, "_ladders", [standings])
        ]
        return copy.deepcopy((ladders, standings.spent, iteration._num_entered))
    return iteration.stage, list(iteration.actual_num_configs), iteration.num_running


def digest(planner):
    """Everything that decides what a planner does next, as a value that can be compared."""
    pool = planner.pool
    return {
        "iterations": [
            (
                {config_id: dataclasses.asdict(datum) for config_id, datum in iteration.data.items()},
                list(iteration.data),
                iteration.is_finished,
                position(iteration),
                iteration.next_step(),
            )
            for iteration in planner.iterations
        ],
        "active": planner.active_iterations,
        "tasks": [
            (key, t.job, t.submitted, t.state, t.attempt, t.losses, t.worker, t.started, t.outcome, tuple(t.story))
            for key, t in pool.tasks.items()
        ],
        "workers": list(pool.workers.items()),
        "idle": list(pool._idle),
        "queue": list(pool._queue),
        "ending": list(pool._ending),
        "wants_job": pool.wants_job,
        "picks": planner._num_picks,
        "jobs": planner._num_jobs,
        "requested": planner._num_requested,
        "total_budget": planner._total_budget,
        "calls": {number: dataclasses.asdict(call) for number, call in planner._calls.items()},
        "request_ended": planner._is_request_ended,
        "deadline": planner._deadline,
        "out": list(planner._out),
        "finished": planner.is_finished,
        "pending": dict(getattr(planner.generator, "pending", {})),
        "learned": [
            (job.id, job.kwargs, job.result, job.exception) for job in getattr(planner.generator, "learned", ())
        ],
    }


class Simulation:
    """A planner, its log, and the workers as they are outside.

    Attributes:
        log: every event, in order.
        running: what each live worker really runs.
        reports: reports that were sent once, to be sent again.
    """

    def __init__(self, planner):
        self.planner = planner
        self.log = []
        self.clock = 0.0
        self.running: dict[str, StartJob | None] = {}
        self.reports: list[JobFinished] = []
        self._num_joined = 0
        self._num_calls = 0

    @property
    def busy(self):
        return [worker for worker, start in self.running.items() if start is not None]

    def handle(self, happening: Happening, lag=0.0):
        decisions = self.planner.handle(happening, lag)
        if not isinstance(happening, Tick):
            self.log.append(happening)
        self.log.extend(decisions)
        for decision in decisions:
            assert decision.at == happening.at
            if isinstance(decision, StartJob):
                self._start(decision)
        self._check()
        return decisions

    def now(self):
        self.clock += 1.0
        return self.clock

    def request(self, n_iterations=None, deadline=None, total_budget=None, call=None):
        self._num_calls = self._num_calls + 1 if call is None else call
        limits = (n_iterations or 0, deadline, total_budget, n_iterations is None)
        return self.handle(RunRequested(self.now(), *limits, self._num_calls))

    def cancel(self):
        return self.handle(RunCancelled(self.now(), "enough"))

    def join(self, name=None):
        name = name or f"w{self._num_joined}"
        self._num_joined += 1
        self.running[name] = None
        return self.handle(WorkerJoined(self.now(), name))

    def finish(self, worker, outcome, lag=0.0):
        start = self.running[worker]
        self.running[worker] = None
        self.reports.append(JobFinished(self.now(), start.config_id, start.budget, start.attempt, worker, outcome))
        return self.handle(self.reports[-1], lag)

    def lose(self, worker):
        self._forget(worker)
        return self.handle(WorkerLost(self.now(), worker, "fell silent"))

    def _forget(self, worker):
        start = self.running.pop(worker)
        if start is not None:  # its report may still be on the way
            self.reports.append(
                JobFinished(0.0, start.config_id, start.budget, start.attempt, worker, succeeded(-99.0))
            )

    def resume(self):
        """The master dies, and another one takes over; what was computed may still be reported."""
        for worker in list(self.running):
            self._forget(worker)
        return self.handle(RunResumed(self.now()))

    def repeat(self, i):
        """A report comes late, or again: nobody starts anything, nothing ends."""
        before = digest(self.planner)
        assert self.handle(dataclasses.replace(self.reports[i % len(self.reports)], at=self.now())) == []
        assert digest(self.planner) == before

    def drain(self, loss):
        """Let everything that remains succeed, on one worker at least."""
        if not self.running:
            self.join()
        while self.busy:
            worker = self.busy[0]
            self.finish(worker, succeeded(loss(self.running[worker])))

    def _start(self, start):
        assert start.worker in self.running, "a job was given to a worker that is not there"
        assert self.running[start.worker] is None, "a worker was offered a second job"
        assert start.key not in [s.key for s in self.running.values() if s], "a job runs twice at once"
        self.running[start.worker] = start

    def _check(self):
        pool, log = self.planner.pool, self.log
        assert {w for w, task in pool.workers.items()} == set(self.running)
        queued = Counter(e.key if isinstance(e, EndJob) else e.job.key for e in log if isinstance(e, QueueJob))
        ended = Counter(e.key for e in log if isinstance(e, EndJob))
        assert set(queued.values()) <= {1}, "a job was decided upon twice"
        assert set(ended.values()) <= {1}, "a job ended twice"
        assert set(queued) - set(ended) == set(pool.tasks), "a job was forgotten"
        assert not any(task.state is JobState.ENDING for task in pool.tasks.values()), "an ending was not decided"
        opened = [e.iteration for e in log if isinstance(e, OpenIteration)]
        assert opened == list(range(len(self.planner.iterations)))
        active = self.planner._active
        asleep = [iteration for iteration in active if iteration.HPB_iter not in active._awake]
        assert all(iteration.next_step() == Wait() for iteration in asleep), "an iteration was forgotten"


def of_type(log, kind):
    return [event for event in log if isinstance(event, kind)]


def rows_executed(log):
    """``(iteration, rung, configurations, budget, total)``, as :class:`Plan` lists them."""
    counts = Counter((e.report.id[0], e.report.job.budget) for e in of_type(log, EndJob))
    rungs: dict[int, list] = {}
    for iteration, budget in sorted(counts):
        rungs.setdefault(iteration, []).append((counts[iteration, budget], budget))
    return tuple(
        (iteration, rung, n, budget, n * budget)
        for iteration, rows in rungs.items()
        for rung, (n, budget) in enumerate(rows)
    )


def continued(planner, log, cut):
    """The log that a planner makes of the first ``cut`` events and of all later happenings."""
    result = list(log[:cut])
    if result:
        result += planner.handle(Tick(result[-1].at))
    for event in log[cut:]:
        if isinstance(event, Happening):
            result += [event, *planner.handle(event)]
    return result
