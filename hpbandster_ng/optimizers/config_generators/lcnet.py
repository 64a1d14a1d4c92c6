"""Configurations whose predicted learning curves end lowest."""

from __future__ import annotations

import math
import numbers
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from hpbandster_ng.engine.checks import check_whole
from hpbandster_ng.engine.config_generator import Report
from hpbandster_ng.engine.schedule import budget_text
from hpbandster_ng.errors import InvalidArgumentError
from hpbandster_ng.optimizers.config_generators.known import SpaceGenerator
from hpbandster_ng.optimizers.config_generators.search_space import Kind
from hpbandster_ng.optimizers.learning_curve_models.lcnet import LCNet

__all__ = ["LCNetWrapper"]

_GROWTH = 10
"""A fit costs seconds: from 20 results on, one waits until the results have grown by about a tenth. Which results it
sees depends on their number alone, so that a resumed run picks as an undisturbed one does."""

Array = npt.NDArray[np.float64]


class LCNetWrapper(SpaceGenerator):
    """Proposes by a model of learning curves, so that short evaluations tell of the full budget.

    ``compute`` returns its losses so far in ``info["learning_curve"]``: a list of numbers, equally spaced up to the
    job's budget, as after each epoch. Of each configuration the curve on its largest budget counts. A proposal draws
    ``n_candidates`` random configurations that are not known yet, predicts each one's loss on ``max_budget``, and
    takes the one with the lowest confidence bound ``mean - delta * standard deviation`` (Srinivas et al., ICML 2010).
    As candidates are drawn anew each time, proposals in parallel differ.

    Proposals are random until there is a curve up to ``max_budget``. A failed evaluation, and a curve that is not
    finite, count as the worst loss seen. A result without a valid curve is left out: the logger, if there is one, is
    warned, and ``random_reason`` tells as long as it is the reason.

    The model is :class:`~hpbandster_ng.optimizers.learning_curve_models.lcnet.LCNet`, refitted when a configuration is
    asked for and there are new results.

    Args:
        configspace: the search space; it is copied.
        max_budget: where curves should end low.
        n_points: no more points of a curve enter the model; longer curves are thinned evenly.
        delta: how much uncertainty attracts; 0 takes the lowest mean.
        n_candidates: random configurations a proposal chooses from.
        kwargs: go to :class:`~hpbandster_ng.engine.config_generator.ConfigGenerator`.

    Raises:
        SearchSpaceError: see :class:`~hpbandster_ng.optimizers.config_generators.search_space.SearchSpace`.
        InvalidArgumentError: an argument is out of its range.

    Example:
        >>> import ConfigSpace
        >>> from types import SimpleNamespace
        >>> sampler = LCNetWrapper(ConfigSpace.ConfigurationSpace({"x": (0.0, 1.0)}), max_budget=4)
        >>> sampler.seed(1)
        >>> sampler.get_config(budget=4)[1]
        {'model_based_pick': False, 'random_reason': 'no learning curve up to max_budget=4 yet (0 shorter ones)'}
        >>> for x in (0.0, 0.2, 0.4, 0.6, 0.8, 1.0):
        ...     info = {"learning_curve": [x + 1 / epoch for epoch in (1, 2, 3, 4)]}
        ...     sampler.new_result(
        ...         SimpleNamespace(kwargs={"config": {"x": x}, "budget": 4}, result={"loss": x, "info": info})
        ...     )
        >>> config, info = sampler.get_config(budget=4)
        >>> info, bool(config["x"] < 0.2)
        ({'model_based_pick': True, 'model_budget': 4}, True)
    """

    def __init__(
        self,
        configspace: Any,
        max_budget: float,
        n_points: int = 200,
        delta: float = 1.0,
        n_candidates: int = 1024,
        **kwargs: Any,
    ) -> None:
        super().__init__(configspace, **kwargs)
        counts: dict[str, Any] = {"n_points": n_points, "n_candidates": n_candidates}
        for name, value in counts.items():
            check_whole(name, value, 1, "leave it out")
        sizes: dict[str, tuple[Any, float]] = {"max_budget": (max_budget, math.ulp(0.0)), "delta": (delta, 0.0)}
        for name, (number, low) in sizes.items():
            if not isinstance(number, numbers.Real) or not low <= float(number) < math.inf:
                rule = f"must be a finite number {'of at least' if low == 0 else 'greater than'} 0"
                raise InvalidArgumentError(name, number, rule, "see the documentation of LCNet")
        self.max_budget = max_budget
        self.n_points = n_points
        self.delta = delta
        self.n_candidates = n_candidates
        self._codes: dict[bytes, Array] = {}
        self._curves: dict[bytes, tuple[float, Array | None]] = {}
        self._num_results = 0
        self._training: dict[bytes, tuple[float, Array | None]] = {}
        self._complaint: str | None = None
        self._model: LCNet | None = None

    def get_config(self, budget: float) -> tuple[dict[str, Any], dict[str, Any]]:
        """Propose a configuration.

        Returns:
            The configuration, and ``{"model_based_pick": True, "model_budget": ...}`` or
            ``{"model_based_pick": False, "random_reason": "..."}``.
        """
        reason = self._reason_without_model()
        if reason is not None:
            return self.known.sample(self.rng), {"model_based_pick": False, "random_reason": reason}
        return self._best_candidate(), {"model_based_pick": True, "model_budget": self.max_budget}

    def new_result(self, job: Report, update_model: bool = True) -> None:
        """Learn from a finished job.

        Args:
            job: ``kwargs`` with ``config`` and ``budget``, and ``result``; a ``result`` of None is a failure.
            update_model: without effect, because results cost no fit until a configuration is asked for.

        Raises:
            InvalidArgumentError: the configuration does not belong to the search space.
        """
        super().new_result(job)
        budget = float(job.kwargs["budget"])
        code = self.search_space.encode(job.kwargs["config"])
        key = code.tobytes()
        self._codes[key] = code
        curve: Array | None = None
        if job.result is not None:
            try:
                curve = _curve_in(job.result)
            except InvalidArgumentError as error:
                self._complain(str(error))
                return
        if key not in self._curves or budget >= self._curves[key][0]:
            self._curves[key] = (budget, curve)
        self._num_results += 1
        if self._num_results % max(1, self._num_results // _GROWTH) == 0:
            self._training = dict(self._curves)
            self._model = None

    def _complain(self, complaint: str) -> None:
        self._complaint = complaint
        if self.logger is not None:
            self.logger.warning("A result is left out of the learning-curve model: %s", complaint)

    def _reason_without_model(self) -> str | None:
        if not self.search_space.dimensions:
            return "no hyperparameter can vary"
        lengths = [budget for budget, curve in self._training.values() if curve is not None]
        if any(budget >= self.max_budget * (1 - 1e-9) for budget in lengths):
            return None
        reason = f"no learning curve up to max_budget={budget_text(self.max_budget)} yet ({len(lengths)} shorter ones)"
        return reason if self._complaint is None else f"{reason}; a result was left out: {self._complaint}"

    def _best_candidate(self) -> dict[str, Any]:
        if self._model is None:
            self._model = self._fitted()
        codes = self.known.candidates(self.rng, self.n_candidates)
        mean, variance = self._model.predict_unseen([self.max_budget], self._features(codes))
        bound = mean[:, 0] - self.delta * np.sqrt(variance[:, 0])
        return cast("dict[str, Any]", self.search_space.decode(codes[int(np.argmin(bound))], self.rng))

    def _fitted(self) -> LCNet:
        worst = max(float(curve.max()) for _, curve in self._training.values() if curve is not None)
        times, losses = [], []
        for budget, curve in self._training.values():
            whole = np.array([worst]) if curve is None else curve
            end = self.max_budget if curve is None else budget
            kept = np.linspace(len(whole) - 1, 0, min(len(whole), self.n_points)).round().astype(np.intp)[::-1]
            times.append(end * (kept + 1) / len(whole))
            losses.append(whole[kept])
        # The same results must give the same model, whenever it is fitted: its features have a seed of their own.
        model = LCNet(np.random.default_rng(0))
        model.fit(times, losses, self._features(np.array([self._codes[key] for key in self._training])))
        return model

    def _features(self, codes: Array) -> Array:
        """Codes with a column for each category, shape (n, d')."""
        columns = []
        for j, kind in enumerate(self.search_space.kinds):
            column, k = codes[:, j], int(self.search_space.num_values[j])
            if kind is Kind.CATEGORICAL:
                columns += [np.where(np.isnan(column), np.nan, column == category) for category in range(k)]
            else:
                columns.append(column / (k - 1) if kind is Kind.ORDINAL else column)
        return np.column_stack(columns)


def _curve_in(result: Any) -> Array | None:
    """The learning curve of a result; None if it is not finite.

    Raises:
        InvalidArgumentError: there is none, or it is not a list of numbers.
    """
    way_out = "return {'loss': ..., 'info': {'learning_curve': [...]}} from compute"
    info = result.get("info")
    curve = info.get("learning_curve") if isinstance(info, dict) else None
    if curve is None:
        raise InvalidArgumentError("info", info, "must be a dict that holds a 'learning_curve'", way_out)
    try:
        losses = np.asarray(curve, dtype=np.float64)
    except (TypeError, ValueError):
        losses = np.empty(0)
    if losses.ndim != 1 or not len(losses):
        raise InvalidArgumentError("learning_curve", curve, "must be a list of numbers, not empty", way_out)
    return losses if np.isfinite(losses).all() else None
