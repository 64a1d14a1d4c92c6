"""What the optimizers share: a repeating schedule of brackets, fed by a config generator."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

from hpbandster_ng.core.master import Master, check_count
from hpbandster_ng.engine.config_generator import ConfigGenerator
from hpbandster_ng.engine.records import Config
from hpbandster_ng.engine.schedule import Bracket, Plan, repeat
from hpbandster_ng.engine.steps import AnyIteration
from hpbandster_ng.errors import InvalidArgumentError
from hpbandster_ng.optimizers.config_generators.search_space import SearchSpace
from hpbandster_ng.optimizers.iterations.successivehalving import SuccessiveHalving

__all__ = ["ScheduledMaster"]


class ScheduledMaster(Master):
    """A master that goes through the same brackets again and again, by successive halving.

    Args:
        config_generator: proposes configurations and learns from results.
        configspace: the space that ``initial_configs`` must lie in.
        brackets: one round of the schedule.
        settings: added to :attr:`config`.
        initial_configs: configurations that run before any is drawn, in this order.
        **master_kwargs: see :class:`~hpbandster_ng.core.master.Master`.

    Raises:
        InvalidArgumentError: an initial configuration is not of the space.
    """

    def __init__(
        self,
        config_generator: ConfigGenerator,
        configspace: Any,
        brackets: Sequence[Bracket],
        settings: Mapping[str, Any],
        initial_configs: Sequence[Config] = (),
        **master_kwargs: Any,
    ) -> None:
        space = SearchSpace(configspace)
        super().__init__(
            config_generator=config_generator,
            initial_configs=[space.validate(config) for config in initial_configs],
            **master_kwargs,
        )
        self.configspace = configspace
        self.brackets = tuple(brackets)
        self.eta = settings["eta"]
        self.min_budget = settings["min_budget"]
        self.max_budget = settings["max_budget"]
        self.budgets = list(self.brackets[0].budgets)
        self.max_SH_iter = len(self.budgets)
        self.config.update({**settings, "budgets": self.budgets, "max_SH_iter": self.max_SH_iter})

    def plan(self, n_iterations: int = 1) -> Plan:
        """Print the exact table of what the next ``n_iterations`` run, and return it.

        Returns:
            A row a rung: iteration, rung, configurations, budget, total.

        Raises:
            InvalidArgumentError: ``n_iterations`` is below 1.
        """
        check_count("n_iterations", n_iterations)
        table = repeat(self.brackets, len(self.iterations), n_iterations)
        sys.stdout.write(f"{table}\n")
        return table

    def get_next_iteration(self, iteration: int, iteration_kwargs: Mapping[str, Any]) -> AnyIteration:
        """The bracket of the given number, by successive halving."""
        bracket = self.brackets[iteration % len(self.brackets)]
        return SuccessiveHalving(
            HPB_iter=iteration,
            num_configs=bracket.num_configs,
            budgets=bracket.budgets,
            config_sampler=self.config_generator.get_config,
            **iteration_kwargs,
        )

    def _check_limits(self, n_iterations: int | None, max_time: float | None, total_budget: float | None) -> None:
        """As every master, and no total budget on which nothing of this schedule could ever run."""
        super()._check_limits(n_iterations, max_time, total_budget)
        if total_budget is not None and total_budget < self.budgets[0]:
            raise InvalidArgumentError(
                "total_budget",
                total_budget,
                f"must be at least {self.budgets[0]:g}, the smallest budget of a job",
                "it is the sum of the budgets of all jobs, such as 20 * max_budget",
            )
