"""GPBO: Bayesian optimization with a Gaussian process on the full budget alone."""

from __future__ import annotations

from collections.abc import Sequence

from hpbandster_ng.engine.schedule import Bracket, BracketSizes, full_budget_brackets
from hpbandster_ng.optimizers.freezethaw import FreezeThaw

__all__ = ["GPBO"]


class GPBO(FreezeThaw):
    """FreezeThaw without lower budgets, for when they tell nothing about the full one.

    An iteration costs at most what Hyperband's longest bracket costs, so that runs of the two can be compared.

    Args:
        configspace: the search space; its default configuration runs first, and its priors are drawn from.
        eta: with ``min_budget``, sets the cost of an iteration.
        min_budget: as Hyperband's smallest budget; nothing runs on it.
        max_budget: the full budget, on which everything runs.
        bracket_sizes: see :func:`~hpbandster_ng.engine.schedule.hyperband_brackets`.
        **master_kwargs: ``run_id`` and everything else that :class:`~hpbandster_ng.core.master.Master` takes.

    Raises:
        SearchSpaceError: the space is empty, or no ConfigSpace.
        InvalidArgumentError: not ``0 < min_budget <= max_budget``, or not ``eta > 1``; or another parameter, by name.

    Example:
        >>> import ConfigSpace
        >>> from hpbandster_ng.backends.inprocess import InProcessBackend
        >>> def compute(config, budget, **_):
        ...     return {"loss": (config["x"] - 0.3) ** 2, "info": {}}
        >>> space = ConfigSpace.ConfigurationSpace({"x": (0.0, 1.0)})
        >>> run = {"run_id": "example", "backend": InProcessBackend(compute), "seed": 1}
        >>> with GPBO(space, max_budget=9, **run) as optimizer:
        ...     result = optimizer.run(total_budget=90)
        >>> {run.budget for run in result.get_all_runs()}
        {9}
    """

    @staticmethod
    def _brackets(min_budget: float, max_budget: float, eta: float, bracket_sizes: BracketSizes) -> Sequence[Bracket]:
        return full_budget_brackets(min_budget, max_budget, eta, bracket_sizes)
