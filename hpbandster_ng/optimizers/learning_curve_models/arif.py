"""Learning curves as a random walk whose steps a forest of regression trees foretells."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from hpbandster_ng.errors import InvalidArgumentError, MissingExtraError
from hpbandster_ng.optimizers.learning_curve_models.base import Array, Curves, LCModel, checked_curve, checked_curves

__all__ = ["ARIF"]


class ARIF(LCModel):
    """Auto-regressive integrated forest.

    As in an ARIMA model (Box & Jenkins 1970) the curve is differenced, and the next difference is regressed on the
    last ones; here by a random forest (Breiman 2001), which also looks at the level, the time and the configuration.
    A curve is continued step by step, once for each tree. Each step is drawn from the training steps in the leaf that
    the tree arrives at (as in quantile regression forests, Meinshausen 2006), so that the spread of the continuations
    holds both what the trees disagree on and the noise. Variances say nothing beyond what the training curves show:
    trees do not extrapolate.

    Curves are interpolated to equal steps, of the median length of all. At times that were observed, the observation
    is returned with variance 0.

    Args:
        order: how many past differences are looked at.
        num_trees: trees, and continuations.
        min_leaf: training steps a leaf holds at least.
        rng: source of randomness.

    Raises:
        MissingExtraError: from :meth:`fit`, if scikit-learn is not installed.

    Example:
        >>> epochs = np.arange(1.0, 21.0)
        >>> model = ARIF(rng=np.random.default_rng(0))
        >>> model.fit([epochs] * 10, [a * np.exp(-epochs / 5) for a in np.linspace(1, 2, 10)])
        >>> mean, variance = model.extend_partial([10.0, 20.0], epochs[:5], 1.5 * np.exp(-epochs[:5] / 5))
        >>> bool(abs(mean[1] - 1.5 * np.exp(-4)) < 0.1), variance.shape
        (True, (2,))
    """

    def __init__(
        self, order: int = 2, num_trees: int = 64, min_leaf: int = 3, rng: np.random.Generator | None = None
    ) -> None:
        for name, value in {"order": order, "num_trees": num_trees, "min_leaf": min_leaf}.items():
            if value < 1:
                raise InvalidArgumentError(name, value, "must be at least 1", "leave it out for the default")
        self.order = order
        self.num_trees = num_trees
        self.min_leaf = min_leaf
        self.rng = np.random.default_rng() if rng is None else rng
        self._steps: _LeafSampler | None = None
        self._starts: _LeafSampler | None = None

    def fit(self, times: Curves, losses: Curves, configs: npt.ArrayLike | None = None) -> None:
        all_times, all_losses = checked_curves(times, losses)
        gaps = np.concatenate([np.diff(t) for t in all_times])
        if not len(gaps):
            raise InvalidArgumentError("times", len(all_times), "must hold a curve of two points at least", "add one")
        self._step = float(np.median(gaps))
        self._start = float(np.median([t[0] for t in all_times]))
        if configs is None:
            features = np.empty((len(all_times), 0))
        else:
            features = np.asarray(configs, dtype=np.float64)
            if features.ndim != 2 or len(features) != len(all_times):
                rule = f"must be of shape ({len(all_times)}, d)"
                raise InvalidArgumentError("configs", features.shape, rule, "give one row for each curve")
        self._mean_config = np.nan_to_num(np.nanmean(features, axis=0)) if features.size else features.mean(axis=0)
        features = self._filled(features)
        rows, targets = [], []
        for t, y, config in zip(all_times, all_losses, features, strict=True):
            grid_times, levels = self._on_grid(t, y)
            for i in range(1, len(levels)):
                rows.append(self._row(levels[None, :i], grid_times[i], config[None])[0])
                targets.append(levels[i] - levels[i - 1])
        self._steps = _LeafSampler(np.array(rows), np.array(targets), self.num_trees, self.min_leaf, self.rng)
        first = np.array([y[0] for y in all_losses])
        self._starts = _LeafSampler(
            np.column_stack([features, np.zeros(len(first))]), first, self.num_trees, self.min_leaf, self.rng
        )

    def predict_unseen(self, times: npt.ArrayLike, config: npt.ArrayLike | None) -> tuple[Array, Array]:
        if config is not None and np.ndim(config) == 2:
            predictions = [self.predict_unseen(times, one) for one in np.asarray(config, dtype=np.float64)]
            return np.array([mean for mean, _ in predictions]), np.array([variance for _, variance in predictions])
        _, starts = self._fitted()
        features = self._config_row(config)
        first = starts.draw(np.column_stack([features, np.zeros(self.num_trees)]), self.rng)
        return self._continued(times, np.array([self._start]), first[:, None], features)

    def extend_partial(
        self,
        times: npt.ArrayLike,
        obs_times: npt.ArrayLike,
        obs_losses: npt.ArrayLike,
        config: npt.ArrayLike | None = None,
    ) -> tuple[Array, Array]:
        self._fitted()
        grid_times, levels = self._on_grid(*checked_curve(obs_times, obs_losses, "obs_losses"))
        return self._continued(times, grid_times, np.tile(levels, (self.num_trees, 1)), self._config_row(config))

    def _fitted(self) -> tuple[_LeafSampler, _LeafSampler]:
        if self._steps is None or self._starts is None:
            raise InvalidArgumentError("ARIF", "unfitted", "must be fitted before it predicts", "call fit first")
        return self._steps, self._starts

    def _filled(self, features: Array) -> Array:
        return np.where(np.isnan(features), self._mean_config, features)

    def _config_row(self, config: npt.ArrayLike | None) -> Array:
        row = self._mean_config if config is None or not len(self._mean_config) else config
        return np.tile(self._filled(np.asarray(row, dtype=np.float64).reshape(-1)), (self.num_trees, 1))

    def _on_grid(self, times: Array, losses: Array) -> tuple[Array, Array]:
        """The curve at equal steps that end where it ends."""
        count = 1 + round((times[-1] - times[0]) / self._step)
        grid = times[-1] - self._step * np.arange(count - 1, -1, -1.0)
        return grid, np.interp(grid, times, losses)

    def _row(self, levels: Array, time: float, features: Array) -> Array:
        """Features of the next step: the last differences (0 before the start), the level, the time, the config."""
        padded = np.column_stack([np.repeat(levels[:, :1], self.order, axis=1), levels])
        differences = np.diff(padded[:, -self.order - 1 :], axis=1)
        return np.column_stack([differences, levels[:, -1], np.full(len(levels), time), features])

    def _continued(self, times: npt.ArrayLike, grid: Array, levels: Array, features: Array) -> tuple[Array, Array]:
        steps, _ = self._fitted()
        asked = np.asarray(times, dtype=np.float64).reshape(-1)
        while grid[-1] < asked.max(initial=0.0) - 1e-9 * self._step:
            time = grid[-1] + self._step
            drawn = steps.draw(self._row(levels, time, features), self.rng)
            levels = np.column_stack([levels, levels[:, -1] + drawn])
            grid = np.append(grid, time)
        curves = np.array([np.interp(asked, grid, walk) for walk in levels])
        return curves.mean(axis=0), curves.var(axis=0)


class _LeafSampler:
    """Draws from the training targets in the leaf where a tree puts a point; point i is put by tree i."""

    def __init__(self, X: Array, y: Array, num_trees: int, min_leaf: int, rng: np.random.Generator) -> None:
        try:
            from sklearn.ensemble import RandomForestRegressor  # noqa: PLC0415  an extra
        except ImportError as error:
            raise MissingExtraError("ARIF", "scikit-learn", "sklearn") from error
        forest = RandomForestRegressor(
            num_trees, min_samples_leaf=min_leaf, max_features=0.7, random_state=int(rng.integers(2**31 - 1))
        )
        forest.fit(X, y)
        self._trees: list[Any] = [tree.tree_ for tree in forest.estimators_]
        self._members = [_members(tree.apply(X.astype(np.float32))) for tree in self._trees]
        self._targets = y

    def draw(self, points: Array, rng: np.random.Generator) -> Array:
        """One draw for each tree, from points of shape (num_trees, features)."""
        rows = points.astype(np.float32)
        uniform = rng.random(len(rows))
        drawn = np.empty(len(rows))
        for i, (tree, members) in enumerate(zip(self._trees, self._members, strict=True)):
            leaf = members[int(tree.apply(rows[i : i + 1])[0])]
            drawn[i] = self._targets[leaf[int(uniform[i] * len(leaf))]]
        return drawn


def _members(leaves: npt.NDArray[np.intp]) -> dict[int, npt.NDArray[np.intp]]:
    order = np.argsort(leaves, kind="stable")
    names, starts = np.unique(leaves[order], return_index=True)
    return dict(zip(names.tolist(), np.split(order, starts[1:]), strict=True))
