"""Every configuration on every budget, to find out which budgets are worth anything."""

from __future__ import annotations

from typing import Any

from hpbandster_ng.engine.schedule import Bracket, rung_budgets
from hpbandster_ng.optimizers.config_generators.random_sampling import RandomSampling
from hpbandster_ng.optimizers.scheduled import ScheduledMaster

__all__ = ["BudgetProbe"]


class BudgetProbe(ScheduledMaster):
    """Random configurations, each of which runs on all budgets; an iteration is one of them.

    Hyperband trusts that the ranking on a small budget resembles that on the full one. A dozen iterations of this show
    whether it does: ``hpbandster-ng advise`` reads them, and recommends ``min_budget`` and ``eta``. Its runs are no
    loss: hand the result to the next optimizer as ``previous_result``.

    Args:
        configspace: the search space.
        eta: each budget is ``eta`` times the one before.
        min_budget: the smallest budget to look at.
        max_budget: the full budget.
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
        >>> with BudgetProbe(space, min_budget=1, max_budget=9, backend=InProcessBackend(compute), seed=1) as probe:
        ...     result = probe.run(n_iterations=2)
        >>> [(run.config_id, run.budget) for run in result.get_all_runs()]
        [((0, 0, 0), 1.0), ((0, 0, 0), 3.0), ((0, 0, 0), 9.0), ((1, 0, 0), 1.0), ((1, 0, 0), 3.0), ((1, 0, 0), 9.0)]
    """

    def __init__(
        self,
        configspace: Any = None,
        eta: float = 3,
        min_budget: float = 0.01,
        max_budget: float = 1,
        **master_kwargs: Any,
    ) -> None:
        budgets = rung_budgets(min_budget, max_budget, eta)
        super().__init__(
            RandomSampling(configspace),
            configspace,
            [Bracket((1,) * len(budgets), budgets)],
            {"eta": eta, "min_budget": min_budget, "max_budget": max_budget},
            **master_kwargs,
        )
