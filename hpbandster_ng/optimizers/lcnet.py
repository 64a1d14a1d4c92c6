"""LCNet: Hyperband whose configurations come from a model of learning curves.

The idea is that of Klein, Falkner, Springenberg & Hutter (ICLR 2017): a curve is predicted from the configuration, so
that evaluations on small budgets tell of the full one.
"""

from __future__ import annotations

from typing import Any

from hpbandster_ng.engine.schedule import BracketSizes, hyperband_brackets
from hpbandster_ng.optimizers.config_generators.lcnet import LCNetWrapper
from hpbandster_ng.optimizers.scheduled import ScheduledMaster

__all__ = ["LCNet"]


class LCNet(ScheduledMaster):
    """Picks by predicted learning curves; ``compute`` returns its own in ``info["learning_curve"]``.

    Args:
        configspace: the search space.
        eta: each rung keeps one in ``eta`` configurations and gives it ``eta`` times the budget.
        min_budget: the smallest useful budget.
        max_budget: the full budget.
        min_points_in_model, top_n_percent, num_samples, random_fraction, bandwidth_factor, min_bandwidth: accepted so
            that arguments for BOHB can be passed on; learning curves have no use for them.
        n_points: points of a curve that the model looks at.
        n_candidates: random configurations a pick chooses from.
        delta: how much the uncertainty of a prediction weighs in the choice.
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
        ...     curve = [config["x"] + 1 / epoch for epoch in range(1, int(budget) + 1)]
        ...     return {"loss": curve[-1], "info": {"learning_curve": curve}}
        >>> space = ConfigSpace.ConfigurationSpace({"x": (0.0, 1.0)})
        >>> backend = InProcessBackend(compute)
        >>> with LCNet(space, min_budget=1, max_budget=9, backend=backend, seed=1) as lcnet:
        ...     result = lcnet.run(n_iterations=2)
        >>> len(result.get_all_runs())
        17
    """

    def __init__(
        self,
        configspace: Any = None,
        eta: float = 3,
        min_budget: float = 0.01,
        max_budget: float = 1,
        min_points_in_model: int | None = None,
        top_n_percent: float = 15,
        num_samples: int = 64,
        random_fraction: float = 1 / 3,
        bandwidth_factor: float = 3,
        min_bandwidth: float = 1e-3,
        n_points: int = 200,
        n_candidates: int = 1024,
        delta: float = 1,
        bracket_sizes: BracketSizes = "floor",
        **master_kwargs: Any,
    ) -> None:
        model: dict[str, Any] = {"n_points": n_points, "n_candidates": n_candidates, "delta": delta}
        super().__init__(
            LCNetWrapper(configspace, max_budget, **model),
            configspace,
            hyperband_brackets(min_budget, max_budget, eta, bracket_sizes),
            {"eta": eta, "min_budget": min_budget, "max_budget": max_budget, **model},
            **master_kwargs,
        )
