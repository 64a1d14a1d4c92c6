"""What to do next, as a function of what happened.

:meth:`Planner.handle` takes one happening and returns every decision that follows from it. State changes in one place
only, :meth:`Planner._apply`, which takes happenings and decisions alike; so :meth:`Planner.replay`, which applies a
recorded log without deciding, arrives at the same state, and a resumed run goes on as if it had never stopped.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from hpbandster_ng.engine.active import ActiveIterations
from hpbandster_ng.engine.config_generator import ConfigGenerator
from hpbandster_ng.engine.events import (
    Decision,
    Eliminate,
    EndJob,
    EndRequest,
    Event,
    Happening,
    OpenIteration,
    QueueJob,
    RunCancelled,
    RunRequested,
)
from hpbandster_ng.engine.plain import plain
from hpbandster_ng.engine.pool import Pool
from hpbandster_ng.engine.records import Config, ConfigId, Job, JobReport, Outcome, OutcomeState
from hpbandster_ng.engine.steps import AnyIteration, Choose, Promote, Sample, Start, is_success
from hpbandster_ng.errors import InvalidArgumentError, NotPlainError

__all__ = ["Planner"]

NOT_PLAIN = "not_plain"
"""Key of the config_info that says why a configuration can never be sent to a worker; the job then holds a readable
substitute, from which a generator could learn nothing."""

_ROUNDING = 1e-9
"""Relative: by how much a sum of budgets may miss a total that it should meet."""

_CHOICE = 1
"""Behind the seed and the number of a model's decision: tells its random numbers from those of a pick."""


@dataclass(slots=True)
class _Call:
    """What a call of ``run`` has come to, in this process or in one before.

    Attributes:
        first: the number of the first iteration that it opened, or would have.
        spent: the sum of the budgets of the jobs that were queued for it.
        spent_up: the total budget that was too small for the next job; 0 while none was.
    """

    first: int
    spent: float = 0.0
    spent_up: float = 0.0


class Planner:
    """The brackets of a run, the generator that feeds them, and the pool that runs their jobs.

    A configuration may be promoted by another iteration than the one it entered in: its datum stays where it entered.

    Args:
        make_iteration: makes the bracket of a given number; called once a number, in order.
        generator: is told of every job, and learns from those that ended by the configuration's own merit or fault.
        pool: assigns jobs to workers.
        seed: with the number of the pick, the seed of every pick.
        initial_configs: configurations that run before any is drawn, in this order.

    Attributes:
        iterations: every bracket opened so far.

    Example:
        >>> from hpbandster_ng.engine.events import JobFinished, WorkerJoined
        >>> from hpbandster_ng.engine.iteration import Iteration
        >>> class First(Iteration):
        ...     def _advance_to_next_stage(self, config_ids, losses):
        ...         return losses.argsort().argsort() < self.num_configs[self.stage]
        >>> planner = Planner(
        ...     lambda i: First(i, [1], [9], lambda budget: ({"x": 0.5}, {})), ConfigGenerator(), Pool(), seed=0
        ... )
        >>> _ = planner.handle(WorkerJoined(0.0, "w"))
        >>> [type(decision).__name__ for decision in planner.handle(RunRequested(1.0, n_iterations=1))]
        ['OpenIteration', 'QueueJob', 'StartJob']
        >>> outcome = Outcome(OutcomeState.SUCCEEDED, {"loss": 0.1, "info": None})
        >>> [type(decision).__name__ for decision in planner.handle(JobFinished(2.0, (0, 0, 0), 9, 1, "w", outcome))]
        ['EndJob']
        >>> planner.is_finished
        True
    """

    def __init__(
        self,
        make_iteration: Callable[[int], AnyIteration],
        generator: ConfigGenerator,
        pool: Pool,
        seed: int,
        initial_configs: Sequence[Config] = (),
    ) -> None:
        self.make_iteration = make_iteration
        self.generator = generator
        self.pool = pool
        self.seed = seed
        self.initial_configs = tuple(initial_configs)
        self.iterations: list[AnyIteration] = []
        self._active = ActiveIterations()
        self._num_requested: float = 0
        self._num_picks = 0
        self._num_jobs = 0
        self._deadline: float | None = None
        self._total_budget = math.inf
        self._calls: dict[int, _Call] = {}
        self._call = _Call(0)
        self._is_request_ended = False
        self._is_cancelled = False
        self._is_late = False
        self._out: deque[ConfigId] = deque()

    @property
    def is_finished(self) -> bool:
        """Whether all that was asked for is done."""
        is_handed_out = len(self.iterations) >= self._num_requested and not self._active
        return self._is_cancelled or ((is_handed_out or self._is_request_ended) and not self.pool.tasks)

    @property
    def active_iterations(self) -> list[int]:
        """The numbers of the brackets that are not complete."""
        return self._active.numbers

    def has_job(self, at: float) -> bool:
        """Whether a worker that joined now would get a job."""
        if self._is_over(at):
            return False
        if self.pool.queued:
            return True
        if self._is_request_ended:
            return False
        return self._active.next_step() is not None or len(self.iterations) < self._num_requested

    def first_of(self, call: int) -> int:
        """The number of the first iteration that a call of ``run`` opens, or would."""
        asked = self._calls.get(call)
        return len(self.iterations) if asked is None else asked.first

    def is_done(self, call: int, n_iterations: int | None, total_budget: float | None) -> bool:
        """Whether all that this call of ``run`` asks for was done before, by a process that made the same calls.

        One that was followed by another call is: what it left open, the later one went on with.
        """
        if any(later > call for later in self._calls):
            return True
        asked = self._calls.get(call)
        if asked is None or self._is_cancelled or self.pool.tasks:
            return False
        if total_budget is not None and total_budget <= asked.spent_up * (1 + _ROUNDING):
            return True
        is_opened = n_iterations is not None and len(self.iterations) >= asked.first + n_iterations
        return is_opened and not self._active

    def handle(self, happening: Happening, lag: float = 0.0) -> list[Decision]:
        """Take note of what happened and decide what follows.

        Args:
            lag: seconds since it happened. Where decisions take so long that hundreds of workers queue for them, no
                model is asked, so that what is decided depends on the lag, too; the log has it.

        Returns:
            The decisions, already applied, in the order in which they must be recorded and carried out.

        Raises:
            IllegalTransitionError: it cannot happen in this state.
        """
        self._is_late = self.pool.has_waited(happening, lag)
        self._apply(happening)
        return list(self.decide(happening.at))

    def replay(self, log: Iterable[Event]) -> None:
        """Fold a recorded log; decides and draws nothing."""
        for event in log:
            self._apply(event)

    def _apply(self, event: Event) -> None:
        self.pool.apply(event)
        match event:
            case RunRequested():
                self._request(event)
            case EndRequest():
                self._is_request_ended = True
                self._call.spent_up = self._total_budget
            case RunCancelled():
                self._is_cancelled = True
            case OpenIteration():
                self.iterations.append(self._new_iteration(event.iteration))
                self._active.open(self.iterations[-1])
            case QueueJob():
                self._enter(event.job)
            case EndJob():
                self._learn(event.report)
            case Eliminate():
                if event.config_id in self._out:  # not if a model gave it up, which is not asked where a log is folded
                    self._out.remove(event.config_id)
                self.iterations[event.config_id[0]].eliminate(event.config_id)

    def _new_iteration(self, number: int) -> AnyIteration:
        iteration = self.make_iteration(number)
        if iteration.HPB_iter != number:
            raise InvalidArgumentError(
                "HPB_iter",
                iteration.HPB_iter,
                f"must be {number}, the number of the iteration",
                "pass the number that get_next_iteration is called with",
            )
        iteration.check()
        return iteration

    def _request(self, event: RunRequested) -> None:
        self._call = self._calls.setdefault(event.call, _Call(len(self.iterations)))
        self._num_requested = math.inf if event.is_open_ended else self._call.first + event.n_iterations
        self._deadline = event.deadline
        self._total_budget = math.inf if event.total_budget is None else event.total_budget
        self._is_request_ended = False
        self._reopen()

    def _reopen(self) -> None:
        """After a cancellation the brackets go on without the configurations that were cancelled."""
        if self._is_cancelled:
            self._is_cancelled = False
            for iteration in list(self._active):
                self._end_rung(iteration)

    def _enter(self, job: Job) -> None:
        iteration = self.iterations[job.config_id[0]]
        if job.config_id not in iteration.data:
            self._num_picks += 1
        self._num_jobs += 1
        self._call.spent += job.budget
        iteration.enter(job)
        if NOT_PLAIN not in job.config_info:
            self.generator.new_job(job)
        first = next(iter(self._active), None)
        if first is not None and first.is_finished:
            self._active.complete(first.HPB_iter)

    def _learn(self, report: JobReport) -> None:
        iteration = self.iterations[report.id[0]]
        if report.outcome.state is OutcomeState.CANCELLED:
            iteration.withdraw(report.id)
        else:
            iteration.register_result(report)
            if iteration.data[report.id].status == "CRASHED":
                self._out.append(report.id)
        is_earned = report.outcome.state is OutcomeState.SUCCEEDED or report.outcome.is_configs_fault
        if NOT_PLAIN not in report.job.config_info:
            if is_earned:
                self.generator.new_result(report)
            else:
                self.generator.withdraw(report.job)
        if not self._is_cancelled:
            self._end_rung(iteration)
        self._active.wake(iteration.HPB_iter)

    def _end_rung(self, iteration: AnyIteration) -> None:
        self._out.extend(iteration.process_results() or ())  # a user's override may return nothing
        if iteration.is_finished:
            self._active.complete(iteration.HPB_iter)

    def decide(self, at: float) -> Iterator[Decision]:
        """What is to be done next, applied one by one as it is asked for."""
        while decision := self._next_decision(at):
            self._apply(decision)
            yield decision

    def _next_decision(self, at: float) -> Decision | None:
        """Endings first, so that rungs open; then who is out; then work for idle workers, and work to have in stock."""
        if ending := self.pool.next_ending(at):
            return ending
        if self._out:
            return Eliminate(at, self._out[0])
        if self._is_over(at):
            return None
        if start := self._next_start(at):
            return start
        if self._is_request_ended:
            return None
        if self._call.spent >= self._total_budget * (1 - _ROUNDING):
            return EndRequest(at)
        return self._next_job(at) if self.pool.wants_job else None

    def _is_over(self, at: float) -> bool:
        return self._is_cancelled or (self._deadline is not None and at >= self._deadline)

    def _next_start(self, at: float) -> Decision | None:
        start = self.pool.next_start(at)
        if start is None:
            return None
        task = self.pool.tasks[start.key]
        error = task.job.config_info.get(NOT_PLAIN)
        if error:
            return EndJob(at, task.report(Outcome(OutcomeState.FAILED, error=error), at))
        return replace(start, previous_budget=self.previous_budget(start.config_id))

    def previous_budget(self, config_id: ConfigId) -> float | None:
        """The largest budget that a configuration has succeeded on."""
        results = self.iterations[config_id[0]].data[config_id].results
        return max((budget for budget, result in results.items() if is_success(result)), default=None)

    def _next_job(self, at: float) -> Decision | None:
        if due := self._active.next_step():
            iteration, answer = due
            step = self._choose(iteration, answer) if isinstance(answer, Choose) else answer
            if self._out:  # the model gave them up, and is asked again without them
                return Eliminate(at, self._out[0])
            return QueueJob(at, self._job(iteration, step)) if self._can_afford(step.budget) else EndRequest(at)
        if len(self.iterations) < self._num_requested:
            return OpenIteration(at, len(self.iterations))
        return None

    def _can_afford(self, budget: float) -> bool:
        return self._call.spent + budget <= self._total_budget * (1 + _ROUNDING)

    def _choose(self, iteration: AnyIteration, step: Choose) -> Promote | Sample | Start:
        if self._num_picks < len(self.initial_configs):
            return Sample(step.budget)
        if self._is_late:
            return step.otherwise
        self.generator.seed(self.seed, self._num_jobs, _CHOICE)
        choice: Any = iteration.choose()  # of a user's iteration, perhaps
        if not isinstance(choice, Promote | Start):
            raise InvalidArgumentError(
                "choose", choice, "must be a Start or a Promote", f"correct what {type(iteration).__name__} returns"
            )
        self._out.extend(iteration.given_up())
        return choice

    def _job(self, iteration: AnyIteration, step: Promote | Sample | Start) -> Job:
        if isinstance(step, Promote):
            datum = self.iterations[step.config_id[0]].data[step.config_id]
            return Job(step.config_id, step.budget, datum.config, datum.config_info)
        if isinstance(step, Start):
            return _new_job(iteration.next_config_id(step.budget), step.budget, step.config, step.config_info)
        self.generator.seed(self.seed, self._num_picks)
        config, info = self._pick(iteration, step.budget)
        return _new_job(iteration.next_config_id(step.budget), step.budget, config, info)

    def _pick(self, iteration: AnyIteration, budget: float) -> tuple[Config, dict[str, Any]]:
        if self._num_picks < len(self.initial_configs):
            return self.initial_configs[self._num_picks], {
                "model_based_pick": False,
                "random_reason": "an initial configuration of the user",
            }
        if iteration.config_sampler is None:
            raise InvalidArgumentError(
                "config_sampler",
                None,
                f"is needed by iteration {iteration.HPB_iter}",
                "pass config_generator.get_config",
            )
        pick: Any = iteration.config_sampler(budget)  # of a user's generator, perhaps
        if not (isinstance(pick, tuple) and len(pick) == 2 and all(isinstance(part, Mapping) for part in pick)):
            raise InvalidArgumentError(
                "get_config",
                pick,
                "must be a configuration and what is worth knowing about it, two dicts",
                "return config, {} from the config generator",
            )
        config, info = pick
        return config, info


def _new_job(config_id: ConfigId, budget: float, config: Config, info: Mapping[str, Any]) -> Job:
    try:
        return Job(config_id, budget, plain(config, "config"), plain(info, "config_info"))
    except NotPlainError as error:
        readable = {str(name): _readable(value) for name, value in config.items()}
        return Job(config_id, budget, readable, {NOT_PLAIN: str(error)})


def _readable(value: Any) -> Any:
    """The value, or its type where it is not plain: an address in memory would differ from run to run."""
    try:
        return plain(value)
    except NotPlainError:
        return f"<{type(value).__qualname__}>"
