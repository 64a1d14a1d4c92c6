"""Asynchronous successive halving: whoever is good enough goes on at once, and no worker waits for a rung to end.

All iterations of a run climb the same ladders: a configuration that entered in iteration 0 may be promoted in
iteration 3. An iteration is a share of the budget, no more: it is finished as soon as that has been handed out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Protocol

from hpbandster_ng.engine.records import ConfigId, Job, JobReport, OutcomeState
from hpbandster_ng.engine.steps import AnyIteration, ConfigSampler, Datum, Done, Promote, Sample, Step, record
from hpbandster_ng.optimizers.iterations.ladder import AsyncBrackets

__all__ = ["AsynchronousHalving", "AsynchronousIteration", "Standings"]

_ROUNDING = 1e-9
"""Relative: by how much a sum of budgets may miss a total that it should meet."""


class Standings(Protocol):
    """What the iterations of a run share: who stands on which rung, as :class:`AsyncBrackets` keeps it.

    Attributes:
        budgets: all budgets, ascending.
        spent: the sum of the budgets of all jobs that were ever due.
        budget_a_run: what a run costs on average, roughly; None where a model decides which budgets run.
    """

    @property
    def budgets(self) -> tuple[float, ...]: ...
    @property
    def spent(self) -> float: ...
    @property
    def budget_a_run(self) -> float | None: ...
    def enter(self, config_id: ConfigId, budget: float) -> None: ...
    def tell(self, config_id: ConfigId, budget: float, loss: float | None) -> Sequence[ConfigId]: ...
    def eliminate(self, config_id: ConfigId) -> None: ...
    def withdraw(self, config_id: ConfigId, budget: float) -> None: ...


class AsynchronousIteration(AnyIteration):
    """A share of the budget, spent on configurations that may start on any rung and advance at any time.

    Whatever happens to its configurations is passed on to the standings. A subclass implements :meth:`_next`.

    Args:
        HPB_iter: the number of this iteration.
        config_sampler: draws a new configuration for a budget.
        standings: shared by all iterations of the run.
        spend_until: finished as soon as the standings have spent so much, in all iterations together; so the last job
            of an iteration may cost more than is left of its share, and the next iteration has that much less.
    """

    def __init__(
        self, HPB_iter: int, config_sampler: ConfigSampler | None, standings: Standings, spend_until: float
    ) -> None:
        super().__init__(HPB_iter, config_sampler)
        self.standings = standings
        self.spend_until = spend_until
        self._num_entered: Counter[int] = Counter()
        self._given_up: list[ConfigId] = []

    @property
    def is_finished(self) -> bool:
        """Whether the share of this iteration has been handed out."""
        return self.standings.spent >= self.spend_until * (1 - _ROUNDING)

    def next_step(self) -> Step:
        """What to do next; changes nothing."""
        return Done() if self.is_finished else self._next()

    def _next(self) -> Step:
        """What to do next while there is something left to spend."""
        raise NotImplementedError(f"{type(self).__name__} must implement _next()")

    def next_config_id(self, budget: float) -> ConfigId:
        """The id of a new configuration that enters on ``budget``; its second number is that of the rung."""
        rung = self.standings.budgets.index(budget)
        return self.HPB_iter, rung, self._num_entered[rung]

    def enter(self, job: Job) -> None:
        """A job of a new configuration, or of one of this iteration that goes on, is due."""
        if job.config_id not in self.data:
            self.data[job.config_id] = Datum(job.config, dict(job.config_info))
            self._num_entered[job.config_id[1]] += 1
        datum = self.data[job.config_id]
        datum.status, datum.budget = "RUNNING", job.budget
        self.standings.enter(job.config_id, job.budget)

    def register_result(self, job: JobReport) -> None:
        """Record how a job ended; of a lost one nobody learns.

        Raises:
            InvalidArgumentError: the configuration is unknown, not running, or runs on another budget.
        """
        datum = self._known(job)
        record(datum, job)
        if datum.status == "REVIEW" and datum.budget == self.standings.budgets[-1]:
            datum.status = "COMPLETED"
        if job.outcome.state is OutcomeState.LOST:
            self.standings.withdraw(job.id, datum.budget)
        else:
            loss = None if job.result is None else job.result["loss"]
            self._given_up.extend(self.standings.tell(job.id, datum.budget, loss))

    def process_results(self) -> Sequence[ConfigId]:
        """Nothing more happens to results.

        Returns:
            Those of any iteration that were given up since the last call.
        """
        given_up, self._given_up = self._given_up, []
        return given_up

    def give_up(self, config_id: ConfigId) -> None:
        """One that waits is not to wait any more."""
        self.standings.eliminate(config_id)

    def withdraw(self, config_id: ConfigId) -> None:
        """Take a running configuration out without a result: its evaluation was cancelled, so there is none."""
        datum = self.data[config_id]
        datum.status = "TERMINATED"
        self.standings.withdraw(config_id, datum.budget)


class AsynchronousHalving(AsynchronousIteration):
    """Promotes whoever may go on, else starts a new configuration; never waits.

    Args:
        HPB_iter: the number of this iteration.
        config_sampler: draws a new configuration for a budget.
        standings: the brackets, shared by all iterations of the run; one for asynchronous successive halving.
        spend_until: see :class:`AsynchronousIteration`.

    Example:
        >>> from hpbandster_ng.engine.schedule import hyperband_brackets
        >>> brackets = hyperband_brackets(1, 9)
        >>> iteration = AsynchronousHalving(
        ...     0, lambda budget: ({"x": 0.5}, {}), AsyncBrackets(brackets[:1], eta=3), brackets[0].total_budget
        ... )
        >>> iteration.next_step()
        Sample(budget=1.0)
    """

    def __init__(
        self, HPB_iter: int, config_sampler: ConfigSampler | None, standings: AsyncBrackets, spend_until: float
    ) -> None:
        super().__init__(HPB_iter, config_sampler, standings, spend_until)
        self._brackets = standings

    def _next(self) -> Step:
        promotion = self._brackets.promotable()
        return Promote(*promotion) if promotion else Sample(self._brackets.start_budget())
