"""What the optimizers share: a repeating schedule of brackets, fed by a config generator."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from hpbandster_ng.core.master import Master
from hpbandster_ng.engine.checks import check_whole
from hpbandster_ng.engine.config_generator import ConfigGenerator
from hpbandster_ng.engine.records import Config
from hpbandster_ng.engine.schedule import Bracket, BudgetPlan, Plan, budget_text, repeat
from hpbandster_ng.engine.steps import AnyIteration
from hpbandster_ng.errors import InvalidArgumentError
from hpbandster_ng.optimizers.config_generators.search_space import SearchSpace
from hpbandster_ng.optimizers.iterations.asynchronous import AsynchronousHalving, Standings
from hpbandster_ng.optimizers.iterations.ladder import AsyncBrackets
from hpbandster_ng.optimizers.iterations.successivehalving import SuccessiveHalving

__all__ = ["ScheduledMaster"]


class ScheduledMaster(Master):
    """A master that goes through the same brackets again and again, by successive halving, in step or asynchronous.

    In step, an iteration is a bracket. Asynchronous, it is a bracket's total budget, and the number of its runs depends
    on their losses.

    Args:
        config_generator: proposes configurations and learns from results.
        configspace: the space that ``initial_configs`` must lie in.
        brackets: one round of the schedule.
        settings: added to :attr:`config`.
        initial_configs: configurations that run before any is drawn, in this order.
        standings: who stands where in all iterations of an asynchronous run; with others than
            :class:`~hpbandster_ng.optimizers.iterations.ladder.AsyncBrackets`, a subclass makes the iterations. None
            for iterations that are brackets.
        run_id, **master_kwargs: see :class:`~hpbandster_ng.core.master.Master`.

    Raises:
        InvalidArgumentError: an initial configuration is not of the space; or ``job_timeout`` returns no finite number
            above 0 for one of the budgets.

    Example:
        >>> import ConfigSpace
        >>> from hpbandster_ng.engine.schedule import hyperband_brackets
        >>> from hpbandster_ng.optimizers.config_generators.random_sampling import RandomSampling
        >>> space, budgets = ConfigSpace.ConfigurationSpace({"x": (0.0, 1.0)}), {"min_budget": 1, "max_budget": 9}
        >>> brackets = hyperband_brackets(1, 9, 3)
        >>> master = ScheduledMaster(RandomSampling(space), space, brackets, {"eta": 3, **budgets}, run_id="mine")
        >>> master.planned(first=0, n_iterations=1).num_runs
        13
    """

    def __init__(
        self,
        config_generator: ConfigGenerator,
        configspace: Any,
        brackets: Sequence[Bracket],
        settings: Mapping[str, Any],
        initial_configs: Sequence[Config] = (),
        standings: Standings | None = None,
        run_id: Any = None,
        **master_kwargs: Any,
    ) -> None:
        space = SearchSpace(configspace)
        super().__init__(
            run_id=run_id,
            config_generator=config_generator,
            initial_configs=[space.validate(config) for config in initial_configs],
            **master_kwargs,
        )
        self.configspace = configspace
        self.standings = standings
        self.brackets = tuple(brackets)
        self.eta = settings["eta"]
        self.min_budget = settings["min_budget"]
        self.max_budget = settings["max_budget"]
        self.budgets = list(self.brackets[0].budgets)
        for budget in self.budgets:
            self._pool.time_limit(budget)
        self.max_SH_iter = len(self.budgets)
        self.config.update({**settings, "budgets": self.budgets, "max_SH_iter": self.max_SH_iter})

    def plan(self, n_iterations: int = 1) -> Plan | BudgetPlan:
        """Print what the next ``n_iterations`` run, and return it.

        Returns:
            The exact table, a row a rung: iteration, rung, configurations, budget, total. Of an asynchronous optimizer,
            a row an iteration: iteration, total; how many configurations reach which rung, only their losses tell, and
            the number of runs is an estimate. Of an optimizer whose model decides, without that number.

        Raises:
            InvalidArgumentError: ``n_iterations`` is below 1.
        """
        check_whole("n_iterations", n_iterations, 1, "1 is the default")
        table = self.planned(len(self.iterations), n_iterations)
        sys.stdout.write(f"{table}\n")
        return table

    def get_next_iteration(self, iteration: int, iteration_kwargs: Mapping[str, Any]) -> AnyIteration:
        """The bracket of the given number, by successive halving; or as much budget as that has."""
        if isinstance(self.standings, AsyncBrackets):
            return AsynchronousHalving(
                HPB_iter=iteration,
                config_sampler=self.config_generator.get_config,
                standings=self.standings,
                spend_until=self.spend_until(iteration),
                **iteration_kwargs,
            )
        if self.standings is not None:
            return super().get_next_iteration(iteration, iteration_kwargs)
        bracket = self.brackets[iteration % len(self.brackets)]
        return SuccessiveHalving(
            HPB_iter=iteration,
            num_configs=bracket.num_configs,
            budgets=bracket.budgets,
            config_sampler=self.config_generator.get_config,
            **iteration_kwargs,
        )

    def spend_until(self, iteration: int) -> float:
        """The total budget of all iterations up to the given one, itself included."""
        rounds, more = divmod(iteration + 1, len(self.brackets))
        totals = [bracket.total_budget for bracket in self.brackets]
        return rounds * math.fsum(totals) + math.fsum(totals[:more])

    def planned(self, first: int, n_iterations: int) -> Plan | BudgetPlan:
        """What so many iterations run, the first of which has that number; see :meth:`plan`."""
        plan = repeat(self.brackets, first, n_iterations)
        if self.standings is None:
            return plan
        totals = tuple(bracket.total_budget for bracket in plan.brackets)
        return BudgetPlan(totals, self.max_budget, self.standings.budget_a_run, first)

    def _check_limits(self, n_iterations: int | None, max_time: float | None, total_budget: float | None) -> None:
        """As every master, and no total budget on which nothing of this schedule could ever run."""
        super()._check_limits(n_iterations, max_time, total_budget)
        if total_budget is not None and total_budget < self.budgets[0]:
            raise InvalidArgumentError(
                "total_budget",
                total_budget,
                f"must be at least {budget_text(self.budgets[0])}, the smallest budget of a job",
                "it is the sum of the budgets of all jobs, such as 20 * max_budget",
            )
