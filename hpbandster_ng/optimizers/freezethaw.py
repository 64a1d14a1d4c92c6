"""FreezeThaw: a model of all budgets decides what to start, what to go on with, and on which budget."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hpbandster_ng.engine.schedule import Bracket, BracketSizes, hyperband_brackets
from hpbandster_ng.engine.steps import AnyIteration
from hpbandster_ng.optimizers.config_generators import freeze_thaw as generators
from hpbandster_ng.optimizers.iterations.freeze_thaw import FreezeThawIteration, FreezeThawStandings
from hpbandster_ng.optimizers.scheduled import ScheduledMaster

__all__ = ["FreezeThaw"]


class FreezeThaw(ScheduledMaster):
    """Bayesian optimization over configurations and budgets at once; the recommended choice.

    A Gaussian process learns from every result on every budget. Each time that a worker is free, that runs whose result
    promises most for its cost: a new configuration or one that is paused on a lower budget, on whichever budget. Until
    there is something to learn from, and with a small part of what is spent afterwards, asynchronous Hyperband runs
    random configurations: a model that is misled costs no more than that factor. No worker ever waits for another one.

    An iteration has the total budget of Hyperband's bracket of that number.

    Args:
        configspace: the search space; its default configuration runs first, and its priors are drawn from.
        eta: the factor between one budget and the next.
        min_budget: the smallest useful budget.
        max_budget: the full budget.
        bracket_sizes: ``"floor"``, as the predecessor, or ``"paper"``: see
            :func:`~hpbandster_ng.engine.schedule.hyperband_brackets`; it sets what an iteration may spend.
        **master_kwargs: ``run_id`` and everything else that :class:`~hpbandster_ng.core.master.Master` takes.

    Raises:
        SearchSpaceError: the space is empty, or no ConfigSpace.
        InvalidArgumentError: not ``0 < min_budget <= max_budget``, or not ``eta > 1``; or another parameter, by name.

    Example:
        >>> import ConfigSpace
        >>> from hpbandster_ng.backends.inprocess import InProcessBackend
        >>> def compute(config, budget, **_):
        ...     return {"loss": (config["x"] - 0.3) ** 2 + 1 / budget, "info": {}}
        >>> space = ConfigSpace.ConfigurationSpace({"x": (0.0, 1.0)})
        >>> run = {"run_id": "example", "backend": InProcessBackend(compute), "seed": 1}
        >>> with FreezeThaw(space, min_budget=1, max_budget=9, **run) as optimizer:
        ...     result = optimizer.run(n_iterations=4)
        >>> best = result.get_id2config_mapping()[result.get_incumbent_id()]["config"]
        >>> abs(best["x"] - 0.3) < 0.05
        True
    """

    config_generator: generators.FreezeThaw
    standings: FreezeThawStandings

    def __init__(
        self,
        configspace: Any = None,
        eta: float = 3,
        min_budget: float = 0.01,
        max_budget: float = 1,
        bracket_sizes: BracketSizes = "floor",
        **master_kwargs: Any,
    ) -> None:
        brackets = self._brackets(min_budget, max_budget, eta, bracket_sizes)
        standings = FreezeThawStandings(brackets, eta)
        super().__init__(
            generators.FreezeThaw(configspace, standings.budgets),
            configspace,
            brackets,
            {"eta": eta, "min_budget": min_budget, "max_budget": max_budget},
            standings=standings,
            **master_kwargs,
        )

    def get_next_iteration(self, iteration: int, iteration_kwargs: Mapping[str, Any]) -> AnyIteration:
        """As much budget as the bracket of that number has."""
        return FreezeThawIteration(
            iteration, self.config_generator, self.standings, self.spend_until(iteration), **iteration_kwargs
        )

    @staticmethod
    def _brackets(min_budget: float, max_budget: float, eta: float, bracket_sizes: BracketSizes) -> Sequence[Bracket]:
        return hyperband_brackets(min_budget, max_budget, eta, bracket_sizes)
