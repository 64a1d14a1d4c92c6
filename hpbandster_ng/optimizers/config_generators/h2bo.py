"""BOHB with densities that know the borders of the search space."""

from __future__ import annotations

from typing import Any

from hpbandster_ng.errors import InvalidArgumentError
from hpbandster_ng.optimizers.config_generators.bohb import BOHB
from hpbandster_ng.optimizers.kde.kernels import Array
from hpbandster_ng.optimizers.kde.mvkde import BandwidthEstimator, MultivariateKDE

__all__ = ["H2BO"]


class H2BO(BOHB):
    """Proposes as :class:`~hpbandster_ng.optimizers.config_generators.bohb.BOHB`, from densities of another make.

    The densities of good and of bad configurations are
    :class:`~hpbandster_ng.optimizers.kde.mvkde.MultivariateKDE`: they lose no mass over the borders, where optima
    often lie; integers are modelled as integers; and inactive hyperparameters are integrated over instead of imputed.

    Args:
        configspace: the search space; it is copied.
        min_points_in_model, top_n_percent, random_fraction: as for BOHB.
        num_samples: candidates a proposal.
        bandwidth_factor: widens the kernels from which candidates are drawn; 1 is the predecessor's default, 3 explores
            as BOHB does and mostly finds better configurations.
        min_bandwidth: no kernel is narrower.
        bw_estimator: ``"scott"``, or ``"mlcv"`` for the largest leave-one-out likelihood (slower).
        fully_dimensional: False treats hyperparameters as independent, as a tree-structured Parzen estimator does.
        kwargs: go to :class:`~hpbandster_ng.engine.config_generator.ConfigGenerator`.

    Raises:
        SearchSpaceError: see :class:`~hpbandster_ng.optimizers.config_generators.search_space.SearchSpace`.
        InvalidArgumentError: an argument is out of its range.

    Example:
        >>> import ConfigSpace
        >>> from types import SimpleNamespace
        >>> sampler = H2BO(ConfigSpace.ConfigurationSpace({"x": (0.0, 1.0)}), random_fraction=0, bw_estimator="mlcv")
        >>> sampler.seed(1)
        >>> for x in (0.1, 0.2, 0.5, 0.9):
        ...     job = SimpleNamespace(kwargs={"config": {"x": x}, "budget": 3}, result={"loss": x}, exception=None)
        ...     sampler.new_result(job)
        >>> config, info = sampler.get_config(budget=9)
        >>> info, bool(config["x"] < 0.5)
        ({'model_based_pick': True, 'model_budget': 3}, True)
    """

    def __init__(
        self,
        configspace: Any,
        min_points_in_model: int | None = None,
        top_n_percent: float = 15,
        num_samples: int = 32,
        random_fraction: float = 1 / 3,
        bandwidth_factor: float = 1,
        min_bandwidth: float = 1e-3,
        bw_estimator: BandwidthEstimator = "scott",
        fully_dimensional: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            configspace,
            min_points_in_model=min_points_in_model,
            top_n_percent=top_n_percent,
            num_samples=num_samples,
            random_fraction=random_fraction,
            bandwidth_factor=bandwidth_factor,
            min_bandwidth=min_bandwidth,
            bandwidth_estimation="normal_reference",
            **kwargs,
        )
        if bw_estimator not in ("scott", "mlcv"):
            raise InvalidArgumentError("bw_estimator", bw_estimator, "must be 'scott' or 'mlcv'", "choose one of them")
        self.bw_estimator = bw_estimator
        self.fully_dimensional = fully_dimensional

    def _fitted_density(self, codes: Array) -> MultivariateKDE:
        density = MultivariateKDE(self.search_space, self.fully_dimensional, self.min_bandwidth, rng=self.rng)
        density.fit(codes, bw_estimator=self.bw_estimator)
        return density
