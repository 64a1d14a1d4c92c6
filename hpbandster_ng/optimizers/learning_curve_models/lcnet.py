"""A Bayesian model of learning curves across configurations, on numpy alone.

The idea to let configurations share what their curves have in common, and to foretell a curve from the configuration
alone, is that of Klein, Falkner, Springenberg & Hutter (ICLR 2017), who put basis functions of time on top of a
Bayesian neural network. Here the weights of the basis functions are a Bayesian *linear* function of features of the
configuration: the posterior is closed-form, a fit takes milliseconds, and the variance is that of the posterior.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from hpbandster_ng.errors import InvalidArgumentError
from hpbandster_ng.optimizers.learning_curve_models.base import (
    Array,
    Curves,
    LCModel,
    checked_curve,
    checked_curves,
)
from hpbandster_ng.optimizers.learning_curve_models.config_features import ConfigFeatures
from hpbandster_ng.optimizers.learning_curve_models.curve_basis import CurveBasis
from hpbandster_ng.optimizers.learning_curve_models.mixed_model import MixedModel

__all__ = ["LCNet"]


class LCNet(LCModel):
    """Bayesian basis-function regression of curves on configurations.

    Losses are standardised, and those over an outlier's limit (1.5 interquartile ranges over the upper quartile of the
    curves' largest losses) are cut there, so that one diverged curve does not set the scale for all others.

    Args:
        rng: source of the random features; hand in a seeded one for reproducible predictions.
        n_rounds: the most rounds of evidence maximisation.

    Example:
        >>> epochs = np.arange(1.0, 21.0)
        >>> rates = np.linspace(0, 1, 12)[:, None]
        >>> curves = [0.2 + rate + np.exp(-epochs / 4) for rate in rates[:, 0]]
        >>> model = LCNet(np.random.default_rng(1))
        >>> model.fit([epochs] * 12, curves, rates)
        >>> mean, variance = model.predict_unseen([20.0], [0.5])
        >>> bool(abs(mean[0] - 0.7) < 0.05)
        True
    """

    def __init__(self, rng: np.random.Generator | None = None, n_rounds: int = 40) -> None:
        self.rng = np.random.default_rng() if rng is None else rng
        self.n_rounds = n_rounds
        self._features: ConfigFeatures | None = None
        self._model: MixedModel | None = None

    def fit(self, times: Curves, losses: Curves, configs: npt.ArrayLike | None = None) -> None:
        all_times, all_losses = checked_curves(times, losses)
        lower, upper = np.percentile([y.max() for y in all_losses], [25, 75])
        self._ceiling = float(upper + 1.5 * (upper - lower))
        pooled = np.minimum(np.concatenate(all_losses), self._ceiling)
        self._centre, self._scale = float(pooled.mean()), float(pooled.std()) or 1.0
        self._basis = CurveBasis(min(t[0] for t in all_times), max(t[-1] for t in all_times))
        features, groups = self._features_of_training(configs, len(all_times))
        model = MixedModel(groups, self._basis.scales, self.n_rounds)
        model.fit([self._basis(t) for t in all_times], [self._standardised(y) for y in all_losses], features)
        self._model = model
        self._training_features = features

    def predict_unseen(self, times: npt.ArrayLike, config: npt.ArrayLike | None) -> tuple[Array, Array]:
        weights, covariances = self._prior_of(config)
        mean, variance = self._at(times, weights, covariances)
        return (mean, variance) if config is not None and np.ndim(config) == 2 else (mean[0], variance[0])

    def extend_partial(
        self,
        times: npt.ArrayLike,
        obs_times: npt.ArrayLike,
        obs_losses: npt.ArrayLike,
        config: npt.ArrayLike | None = None,
    ) -> tuple[Array, Array]:
        seen_times, seen = checked_curve(obs_times, obs_losses, "obs_losses")
        weights, covariances = self._prior_of(config)
        basis, prior = self._basis(seen_times), covariances[0]
        noise = self._fitted().noise
        gain = np.linalg.solve(basis @ prior @ basis.T + noise * np.eye(len(seen)), basis @ prior).T
        mean = weights[0] + gain @ (self._standardised(seen) - basis @ weights[0])
        covariance = prior - gain @ basis @ prior
        means, variances = self._at(times, mean[None], covariance[None])
        return means[0], variances[0]

    def _fitted(self) -> MixedModel:
        if self._model is None:
            raise InvalidArgumentError("LCNet", "unfitted", "must be fitted before it predicts", "call fit first")
        return self._model

    def _features_of_training(self, configs: npt.ArrayLike | None, n: int) -> tuple[Array, npt.NDArray[np.intp]]:
        if configs is None:
            self._features = None
            return np.ones((n, 1)), np.zeros(1, dtype=np.intp)
        x = np.asarray(configs, dtype=np.float64)
        if x.ndim != 2 or len(x) != n:
            raise InvalidArgumentError("configs", x.shape, f"must be of shape ({n}, d)", "give one row for each curve")
        self._features = ConfigFeatures(x, self.rng)
        return self._features(x), self._features.groups

    def _prior_of(self, config: npt.ArrayLike | None) -> tuple[Array, Array]:
        """Mean and covariance of the basis weights, before anything of the curve was seen."""
        model = self._fitted()
        if self._features is None:
            return model.weights_of(np.ones((1, 1)))
        if config is not None:
            return model.weights_of(self._features(config))
        weights, covariances = model.weights_of(self._training_features)
        between = np.cov(weights, rowvar=False, ddof=0)
        return weights.mean(axis=0)[None], (covariances.mean(axis=0) + between)[None]

    def _standardised(self, losses: Array) -> Array:
        return (np.minimum(losses, self._ceiling) - self._centre) / self._scale

    def _at(self, times: npt.ArrayLike, weights: Array, covariances: Array) -> tuple[Array, Array]:
        basis = self._basis(times)
        mean = weights @ basis.T * self._scale + self._centre
        variance = np.einsum("tk,nkl,tl->nt", basis, covariances, basis, optimize=True) + self._fitted().noise
        return mean, variance * self._scale**2
