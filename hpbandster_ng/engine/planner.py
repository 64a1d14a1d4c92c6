"""What to do next, as a function of what happened.

:meth:`Planner.handle` takes one happening and returns every decision that follows from it. State changes in one place
only, :meth:`Planner._apply`, which takes happenings and decisions alike; so :meth:`Planner.replay`, which applies a
recorded log without deciding, arrives at the same state, and a resumed run goes on as if it had never stopped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from hpbandster_ng.engine.config_generator import ConfigGenerator
from hpbandster_ng.engine.events import (
    Decision,
    EndJob,
    Event,
    Happening,
    OpenIteration,
    QueueJob,
    RunCancelled,
    RunRequested,
)
from hpbandster_ng.engine.iteration import Iteration, Promote, Sample
from hpbandster_ng.engine.plain import plain
from hpbandster_ng.engine.pool import Pool
from hpbandster_ng.engine.records import Config, Job, JobReport, Outcome, OutcomeState
from hpbandster_ng.errors import InvalidArgumentError, NotPlainError

__all__ = ["Planner"]

_NOT_PLAIN = "not_plain"
"""Key of the config_info that says why a configuration can never be sent to a worker; the job then holds a readable
substitute, from which a generator could learn nothing."""


class Planner:
    """The brackets of a run, the generator that feeds them, and the pool that runs their jobs.

    Args:
        make_iteration: makes the bracket of a given number; called once a number, in order.
        generator: learns from every job that ended by the configuration's own merit or fault.
        pool: assigns jobs to workers.
        seed: with the number of the pick, the seed of every pick.
        initial_configs: configurations that run before any is drawn, in this order.

    Attributes:
        iterations: every bracket opened so far.

    Example:
        >>> from hpbandster_ng.engine.events import JobFinished, WorkerJoined
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
        make_iteration: Callable[[int], Iteration],
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
        self.iterations: list[Iteration] = []
        self._active: dict[int, Iteration] = {}
        self._num_requested = 0
        self._num_picks = 0
        self._deadline: float | None = None
        self._is_cancelled = False

    @property
    def is_finished(self) -> bool:
        """Whether all that was asked for is done."""
        return self._is_cancelled or (len(self.iterations) >= self._num_requested and not self._active)

    @property
    def active_iterations(self) -> list[int]:
        """The numbers of the brackets that are not complete."""
        return list(self._active)

    def handle(self, happening: Happening) -> list[Decision]:
        """Take note of what happened and decide what follows.

        Returns:
            The decisions, already applied, in the order in which they must be recorded and carried out.

        Raises:
            IllegalTransitionError: it cannot happen in this state.
        """
        self._apply(happening)
        return list(self._decide(happening.at))

    def replay(self, log: Iterable[Event]) -> None:
        """Fold a recorded log; decides and draws nothing."""
        for event in log:
            self._apply(event)

    def _apply(self, event: Event) -> None:
        self.pool.apply(event)
        match event:
            case RunRequested():
                self._num_requested = len(self.iterations) + event.n_iterations
                self._deadline = event.deadline
                self._reopen()
            case RunCancelled():
                self._is_cancelled = True
            case OpenIteration():
                self._active[event.iteration] = self._new_iteration(event.iteration)
                self.iterations.append(self._active[event.iteration])
            case QueueJob():
                self._enter(event.job)
            case EndJob():
                self._learn(event.report)

    def _new_iteration(self, number: int) -> Iteration:
        iteration = self.make_iteration(number)
        if iteration.HPB_iter != number:
            raise InvalidArgumentError(
                "HPB_iter",
                iteration.HPB_iter,
                f"must be {number}, the number of the iteration",
                "pass the number that get_next_iteration is called with",
            )
        if iteration.num_configs[0] < 1:
            raise InvalidArgumentError(
                "num_configs",
                iteration.num_configs,
                "must begin with at least one configuration",
                f"correct what get_next_iteration({number}, ...) returns",
            )
        return iteration

    def _reopen(self) -> None:
        """After a cancellation the brackets go on without the configurations that were cancelled."""
        if self._is_cancelled:
            self._is_cancelled = False
            for iteration in list(self._active.values()):
                self._end_rung(iteration)

    def _enter(self, job: Job) -> None:
        iteration = self.iterations[job.config_id[0]]
        if job.config_id not in iteration.data:
            iteration.add_configuration(job.config, job.config_info)
            self._num_picks += 1
        iteration.mark_running(job.config_id)

    def _learn(self, report: JobReport) -> None:
        iteration = self.iterations[report.id[0]]
        if report.outcome.state is OutcomeState.CANCELLED:
            iteration.withdraw(report.id)
        else:
            iteration.register_result(report)
        is_earned = report.outcome.state is OutcomeState.SUCCEEDED or report.outcome.is_configs_fault
        if is_earned and _NOT_PLAIN not in report.job.config_info:
            self.generator.new_result(report)
        if not self._is_cancelled:
            self._end_rung(iteration)

    def _end_rung(self, iteration: Iteration) -> None:
        iteration.process_results()
        if iteration.is_finished:
            self._active.pop(iteration.HPB_iter, None)

    def _decide(self, at: float) -> Iterator[Decision]:
        while decision := self._next_decision(at):
            self._apply(decision)
            yield decision

    def _next_decision(self, at: float) -> Decision | None:
        """Endings first, so that rungs open; then work for idle workers; then work to have in stock."""
        if ending := self.pool.next_ending(at):
            return ending
        if self._is_over(at):
            return None
        return self._next_start(at) or (self._next_job(at) if self.pool.wants_job else None)

    def _is_over(self, at: float) -> bool:
        return self._is_cancelled or (self._deadline is not None and at >= self._deadline)

    def _next_start(self, at: float) -> Decision | None:
        start = self.pool.next_start(at)
        if start is None:
            return None
        task = self.pool.tasks[start.key]
        error = task.job.config_info.get(_NOT_PLAIN)
        return EndJob(at, task.report(Outcome(OutcomeState.FAILED, error=error), at)) if error else start

    def _next_job(self, at: float) -> Decision | None:
        for iteration in self._active.values():
            match iteration.next_step():
                case Promote(config_id, budget):
                    datum = iteration.data[config_id]
                    return QueueJob(at, Job(config_id, budget, datum.config, datum.config_info))
                case Sample(budget):
                    return QueueJob(at, self._sample(iteration, budget))
        if len(self.iterations) < self._num_requested:
            return OpenIteration(at, len(self.iterations))
        return None

    def _sample(self, iteration: Iteration, budget: float) -> Job:
        self.generator.seed(self.seed, self._num_picks)
        config, info = self._pick(iteration, budget)
        config_id = iteration.next_config_id()
        try:
            return Job(config_id, budget, plain(config, "config"), plain(info, "config_info"))
        except NotPlainError as error:
            readable = {str(name): _readable(value) for name, value in config.items()}
            return Job(config_id, budget, readable, {_NOT_PLAIN: str(error)})

    def _pick(self, iteration: Iteration, budget: float) -> tuple[Config, dict[str, Any]]:
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


def _readable(value: Any) -> Any:
    """The value, or its type where it is not plain: an address in memory would differ from run to run."""
    try:
        return plain(value)
    except NotPlainError:
        return f"<{type(value).__qualname__}>"
