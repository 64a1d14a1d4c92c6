"""BOHB: Hyperband whose configurations come from a model (Falkner, Klein & Hutter, ICML 2018)."""

from __future__ import annotations

from typing import Any

from hpbandster_ng.engine.schedule import BracketSizes, hyperband_brackets
from hpbandster_ng.errors import InvalidArgumentError
from hpbandster_ng.optimizers.config_generators import bohb as generators
from hpbandster_ng.optimizers.config_generators.densities import BandwidthEstimation, CategoricalBandwidth
from hpbandster_ng.optimizers.iterations.ladder import AsyncBrackets
from hpbandster_ng.optimizers.scheduled import ScheduledMaster

__all__ = ["BOHB"]


class BOHB(ScheduledMaster):
    """Bayesian optimisation by kernel densities, in the brackets of Hyperband.

    Args:
        configspace: the search space.
        eta: each rung keeps one in ``eta`` configurations and gives it ``eta`` times the budget.
        min_budget: the smallest useful budget.
        max_budget: the full budget.
        bracket_sizes: ``"floor"``, as the predecessor, or ``"paper"``: see
            :func:`~hpbandster_ng.engine.schedule.hyperband_brackets`.
        min_points_in_model: results that the good and the bad configurations each must have before a model is made;
            one more than there are hyperparameters by default.
        top_n_percent: the share of configurations that count as good.
        num_samples: candidates a pick.
        random_fraction: the share of picks that stay random.
        bandwidth_factor: widens the density from which candidates are drawn.
        min_bandwidth: keeps the densities from collapsing to a point.
        bandwidth_estimation: ``"normal_reference"``, or the slow ``"cv_ml"`` and ``"cv_ls"``: see
            :class:`~hpbandster_ng.optimizers.config_generators.densities.ProductKernelDensity`.
        asynchronous: whether configurations advance at any time, as in
            :class:`~hpbandster_ng.optimizers.asynchyperband.AsyncHyperBand`, instead of rung by rung: for many workers.
        categorical_bandwidth: None, ``"capped"`` or ``"reference"``: how wide the kernels of categories may become, see
            :class:`~hpbandster_ng.optimizers.config_generators.densities.ProductKernelDensity`.
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
        >>> with BOHB(space, min_budget=1, max_budget=9, **run) as optimizer:
        ...     result = optimizer.run(n_iterations=1)
        >>> len(result.get_all_runs())
        13
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
        bracket_sizes: BracketSizes = "floor",
        bandwidth_estimation: BandwidthEstimation = "normal_reference",
        asynchronous: bool = False,
        categorical_bandwidth: CategoricalBandwidth | None = None,
        **master_kwargs: Any,
    ) -> None:
        model: dict[str, Any] = {
            "min_points_in_model": min_points_in_model,
            "top_n_percent": top_n_percent,
            "num_samples": num_samples,
            "random_fraction": random_fraction,
            "bandwidth_factor": bandwidth_factor,
            "min_bandwidth": min_bandwidth,
            "bandwidth_estimation": bandwidth_estimation,
            "categorical_bandwidth": categorical_bandwidth,
        }
        if not isinstance(asynchronous, bool):
            raise InvalidArgumentError("asynchronous", asynchronous, "must be True or False", "False is the default")
        brackets = hyperband_brackets(min_budget, max_budget, eta, bracket_sizes)
        super().__init__(
            generators.BOHB(configspace, **model),
            configspace,
            brackets,
            {"eta": eta, "min_budget": min_budget, "max_budget": max_budget, "asynchronous": asynchronous, **model},
            standings=AsyncBrackets(brackets, eta) if asynchronous else None,
            **master_kwargs,
        )
