"""Random search: the baseline that every other optimizer must beat."""

from __future__ import annotations

from typing import Any

from hpbandster_ng.engine.schedule import BracketSizes, full_budget_brackets
from hpbandster_ng.optimizers.config_generators.random_sampling import RandomSampling
from hpbandster_ng.optimizers.scheduled import ScheduledMaster

__all__ = ["RandomSearch"]


class RandomSearch(ScheduledMaster):
    """Random configurations on the full budget.

    An iteration costs at most what Hyperband's longest bracket costs, so that runs of the two can be compared.

    Args:
        configspace: the search space.
        eta: each rung keeps one in ``eta`` configurations and gives it ``eta`` times the budget.
        min_budget: sets the cost of an iteration, as Hyperband's smallest budget does; nothing runs on it.
        max_budget: the full budget, on which everything runs.
        bracket_sizes: ``"floor"``, as the predecessor, or ``"paper"``: see
            :func:`~hpbandster_ng.engine.schedule.hyperband_brackets`.
        **master_kwargs: ``run_id`` and everything else that :class:`~hpbandster_ng.core.master.Master` takes.

    Raises:
        SearchSpaceError: the space is empty, or no ConfigSpace.
        InvalidArgumentError: not ``0 < min_budget <= max_budget``, or not ``eta > 1``; or another parameter, by name.

    Example:
        >>> import ConfigSpace
        >>> from hpbandster_ng.backends.inprocess import InProcessBackend
        >>> def compute(config, budget, **_):
        ...     return {"loss": config["x"] / budget, "info": {}}
        >>> space = ConfigSpace.ConfigurationSpace({"x": (0.0, 1.0)})
        >>> run = {"run_id": "example", "backend": InProcessBackend(compute), "seed": 1}
        >>> with RandomSearch(space, min_budget=1, max_budget=9, **run) as optimizer:
        ...     result = optimizer.run(n_iterations=1)
        >>> len(result.get_all_runs())
        3
    """

    def __init__(
        self,
        configspace: Any = None,
        eta: float = 3,
        min_budget: float = 1,
        max_budget: float = 1,
        bracket_sizes: BracketSizes = "floor",
        **master_kwargs: Any,
    ) -> None:
        super().__init__(
            RandomSampling(configspace),
            configspace,
            full_budget_brackets(min_budget, max_budget, eta, bracket_sizes),
            {"eta": eta, "min_budget": min_budget, "max_budget": max_budget},
            **master_kwargs,
        )
