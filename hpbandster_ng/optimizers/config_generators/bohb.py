"""The model of BOHB: densities of good and of bad configurations, and candidates where good is likely and bad is not.

Source: Falkner, Klein & Hutter, BOHB: Robust and Efficient Hyperparameter Optimization at Scale, ICML 2018, sections
3.2 and 4 and algorithm 2; a tree-structured Parzen estimator (Bergstra et al., NeurIPS 2011) with one density over all
hyperparameters in place of one for each.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable
from typing import Any, get_args

import numpy as np
import numpy.typing as npt

from hpbandster_ng.engine.checks import check_whole
from hpbandster_ng.engine.config_generator import Report
from hpbandster_ng.engine.schedule import budget_text
from hpbandster_ng.errors import InvalidArgumentError
from hpbandster_ng.optimizers.config_generators.densities import (
    BandwidthEstimation,
    CategoricalBandwidth,
    Density,
    Layout,
    ProductKernelDensity,
    largest_ratio,
)
from hpbandster_ng.optimizers.config_generators.imputation import impute
from hpbandster_ng.optimizers.config_generators.known import SpaceGenerator
from hpbandster_ng.optimizers.config_generators.observations import Observations

__all__ = ["BOHB"]

Array = npt.NDArray[np.float64]


class BOHB(SpaceGenerator):
    """Proposes what a model of the results so far holds for good; usable without any master.

    The model stands on the largest budget that has enough results; those on lower budgets are kept but not used. It
    is fitted when a configuration is asked for and there are new results. Integers are modelled as numbers. In a finite
    space no configuration is proposed twice until all were: see
    :class:`~hpbandster_ng.optimizers.config_generators.known.KnownConfigurations`.

    Args:
        configspace: the search space; it is copied.
        min_points_in_model: the good and the bad configurations are at least so many each; by default, and at least,
            one more than there are hyperparameters that vary, because fewer points do not span a density.
        top_n_percent: the share of results that count as good.
        num_samples: candidates a proposal.
        random_fraction: the share of proposals that are random, which keeps Hyperband's guarantees.
        bandwidth_factor: widens the kernels from which candidates are drawn, for more exploration.
        min_bandwidth: no kernel is narrower, for good results that (nearly) agree in a hyperparameter.
        bandwidth_estimation: ``"normal_reference"``, or the slow ``"cv_ml"`` and ``"cv_ls"``; see
            :class:`~hpbandster_ng.optimizers.config_generators.densities.ProductKernelDensity`.
        categorical_bandwidth: ``"capped"`` keeps the kernels of categories at most uniform, ``"reference"`` takes them
            as the predecessor does, densities below zero included; by default the latter where it is a density, else
            the former: see
            :class:`~hpbandster_ng.optimizers.config_generators.densities.ProductKernelDensity`.
        kwargs: go to :class:`~hpbandster_ng.engine.config_generator.ConfigGenerator`.

    Raises:
        SearchSpaceError: see :class:`~hpbandster_ng.optimizers.config_generators.search_space.SearchSpace`.
        InvalidArgumentError: an argument is out of its range.

    Example:
        >>> import ConfigSpace
        >>> from types import SimpleNamespace
        >>> sampler = BOHB(ConfigSpace.ConfigurationSpace({"x": (0.0, 1.0)}), random_fraction=0)
        >>> sampler.seed(1)
        >>> sampler.get_config(budget=9)[1]
        {'model_based_pick': False, 'random_reason': 'no budget has enough results yet: 0 of 4'}
        >>> for x in (0.1, 0.2, 0.5, 0.9):
        ...     job = SimpleNamespace(kwargs={"config": {"x": x}, "budget": 3}, result={"loss": x}, exception=None)
        ...     sampler.new_result(job)
        >>> sampler.get_config(budget=9)[1]
        {'model_based_pick': True, 'model_budget': 3}
    """

    def __init__(
        self,
        configspace: Any,
        min_points_in_model: int | None = None,
        top_n_percent: float = 15,
        num_samples: int = 64,
        random_fraction: float = 1 / 3,
        bandwidth_factor: float = 3,
        min_bandwidth: float = 1e-3,
        bandwidth_estimation: BandwidthEstimation = "normal_reference",
        categorical_bandwidth: CategoricalBandwidth | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(configspace, **kwargs)
        if min_points_in_model is not None:
            check_whole("min_points_in_model", min_points_in_model, 1, "leave it out for the usual value")
        check_whole("num_samples", num_samples, 1, "leave it out for the usual value")
        _check_in_range("top_n_percent", top_n_percent, "[0, 100]", lambda x: 0 <= x <= 100)
        _check_in_range("random_fraction", random_fraction, "[0, 1]", lambda x: 0 <= x <= 1)
        _check_in_range("bandwidth_factor", bandwidth_factor, "(0, inf)", lambda x: 0 < x < math.inf)
        _check_in_range("min_bandwidth", min_bandwidth, "(0, 1]", lambda x: 0 < x <= 1)
        _check_one_of("bandwidth_estimation", bandwidth_estimation, get_args(BandwidthEstimation))
        if categorical_bandwidth is not None:
            _check_one_of("categorical_bandwidth", categorical_bandwidth, get_args(CategoricalBandwidth))
        self.min_points_in_model = max(min_points_in_model or 0, self.search_space.dimensions + 1)
        self.top_n_percent = top_n_percent
        self.num_samples = num_samples
        self.random_fraction = random_fraction
        self.bandwidth_factor = bandwidth_factor
        self.min_bandwidth = min_bandwidth
        self.bandwidth_estimation = bandwidth_estimation
        self.categorical_bandwidth = categorical_bandwidth
        self._layout = Layout(self.search_space.kinds, self.search_space.num_values)
        self._observations: dict[float, Observations] = {}
        self._model_budget = -math.inf
        self._is_outdated = True  # the densities stay until the next ones are there, whose memory is then at hand
        self._densities: tuple[Density, Density] | None = None
        self._good: tuple[tuple[float, bytes], Density] | None = None

    @property
    def configs(self) -> dict[float, list[Array]]:
        """By budget the codes of the configurations, in the order of their results; a copy."""
        return {budget: list(seen.codes.copy()) for budget, seen in self._observations.items()}

    @property
    def losses(self) -> dict[float, list[float]]:
        """By budget the losses, in the same order; a failure is infinite."""
        return {budget: seen.losses.tolist() for budget, seen in self._observations.items()}

    def largest_budget_with_model(self) -> float:
        """The budget on which the model stands, or minus infinity as long as there is none."""
        return self._model_budget

    def get_config(self, budget: float) -> tuple[dict[str, Any], dict[str, Any]]:
        """Propose a configuration.

        Returns:
            The configuration, and ``{"model_based_pick": True, "model_budget": ...}`` or
            ``{"model_based_pick": False, "random_reason": "..."}``.
        """
        reason = self._reason_without_model()
        if reason is None and self.rng.random() < self.random_fraction:
            reason = f"random_fraction={self.random_fraction:.3g} of the picks are random"
        if reason is None:
            config = self._best_candidate()
            if config is not None:
                return config, {"model_based_pick": True, "model_budget": self._model_budget}
            reason = f"all {self.num_samples} candidates of the model are forbidden"
            if self.known.is_finite:
                reason += " or known already"
        return self.known.sample(self.rng), {"model_based_pick": False, "random_reason": reason}

    def new_result(self, job: Report, update_model: bool = True) -> None:
        """Learn from a finished job.

        Args:
            job: ``kwargs`` with ``config`` (dict or ``ConfigSpace.Configuration``) and ``budget``, and ``result``; a
                ``result`` of None and a loss that is not finite count as infinitely bad.
            update_model: without effect, because results cost no fit until a configuration is asked for.

        Raises:
            InvalidArgumentError: the configuration does not belong to the search space.
        """
        super().new_result(job)
        budget = job.kwargs["budget"]
        code = self.search_space.encode(job.kwargs["config"])
        seen = self._observations.get(budget)
        if seen is None:
            seen = self._observations[budget] = Observations(self.search_space.dimensions)
        seen.append(code, _loss(job.result))
        if budget >= self._model_budget and len(seen) >= 2 * self.min_points_in_model:
            self._model_budget = budget
            self._is_outdated = True

    def impute_conditional_data(self, array: Array) -> Array:
        """Fill what is inactive, the same way each time.

        See :func:`~hpbandster_ng.optimizers.config_generators.imputation.impute`.

        Args:
            array: codes, shape (n, columns), NaN where inactive.
        """
        return impute(array, self.search_space.num_values)

    def _reason_without_model(self) -> str | None:
        if not self.search_space.dimensions:
            return "no hyperparameter can vary"
        if self._model_budget > -math.inf:
            return None
        counts = {budget: len(seen) for budget, seen in self._observations.items()}
        count, best = max(((count, budget) for budget, count in counts.items()), default=(0, None))
        where = "" if best is None else f" on budget {budget_text(best)}"
        return f"no budget has enough results yet: {count} of {2 * self.min_points_in_model}{where}"

    def _best_candidate(self) -> dict[str, Any] | None:
        """The free and allowed candidate with the largest ratio of the good density to the bad one."""
        if self._densities is None or self._is_outdated:
            self._densities = self._fitted_densities()
            self._is_outdated = False
        good, bad = self._densities
        candidates = good.sample_candidates(self.rng, self.num_samples, self.bandwidth_factor)
        if self.known.is_finite:
            codes, is_allowed = self.search_space.nearest_codes(candidates)
            candidates = candidates[is_allowed][self.known.free(codes[is_allowed])]
        while len(candidates):
            best = largest_ratio(good, bad, candidates)
            config = self.search_space.decode(candidates[best], self.rng)
            if config is not None:
                return config
            candidates = np.delete(candidates, best, axis=0)
        return None

    def _fitted_densities(self) -> tuple[Density, Density]:
        seen = self._observations[self._model_budget]
        order = seen.order
        n_good = max(self.min_points_in_model, int(self.top_n_percent * len(seen) / 100))
        n_good = min(n_good, len(seen) - self.min_points_in_model)
        source = (self._model_budget, order[:n_good].tobytes())
        if self._good is None or self._good[0] != source:  # a new result is mostly among the bad ones
            self._good = source, self._fitted_density(seen.codes.take(order[:n_good], axis=0))
        return self._good[1], self._fitted_density(seen.codes.take(order[n_good:], axis=0))

    def _fitted_density(self, codes: Array) -> Density:
        data = self.impute_conditional_data(codes)
        return ProductKernelDensity(
            data,
            self._layout,
            min_bandwidth=self.min_bandwidth,
            estimation=self.bandwidth_estimation,
            exponentials=np.float32,  # enough to tell which of two candidates is better
            categorical_bandwidth=self.categorical_bandwidth,
        )


def _loss(result: Any) -> float:
    loss = None if result is None else result["loss"]
    if loss is None:
        return math.inf
    number = loss if type(loss) is float else float(np.asarray(loss, dtype=np.float64).item())
    return number if math.isfinite(number) else math.inf


def _check_one_of(name: str, value: object, legal: tuple[str, ...]) -> None:
    if not isinstance(value, str) or value not in legal:
        raise InvalidArgumentError(name, value, f"must be one of {list(legal)}", "leave it out")


def _check_in_range(name: str, value: Any, interval: str, is_inside: Callable[[float], bool]) -> None:
    if isinstance(value, bool) or not isinstance(value, numbers.Real) or not is_inside(float(value)):
        raise InvalidArgumentError(name, value, f"must be a number in {interval}", "leave it out for the usual value")
