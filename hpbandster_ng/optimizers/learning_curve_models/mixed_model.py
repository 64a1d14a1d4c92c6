"""A linear mixed model of curves: what configurations share, what is each curve's own, and noise."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.linalg import cho_factor, cho_solve

__all__ = ["MixedModel"]

Array = npt.NDArray[np.float64]


class MixedModel:
    """Weights of a curve's basis functions as a linear function of the configuration's features, plus a deviation.

    For curve c with basis values B_c (n_times, K), features f_c (M,) and losses y_c::

        y_c = B_c theta_c + noise,   theta_c = W f_c + u_c,   u_c ~ N(0, S),   noise ~ N(0, s2)

    with a Gaussian prior on W (K, M) that has one variance for each basis function and group of features. Given the
    variances the posterior is closed-form; S, s2 and the prior variances maximise the evidence by EM (Dempster, Laird
    & Rubin 1977; for mixed models Laird & Ware, Biometrics 1982), under weak conjugate priors that keep them sensible
    with few curves.

    Args:
        groups: the group of each feature, shape (M,).
        scales: the prior scale of each basis function, shape (K,).
        n_rounds: the most rounds of EM; fewer where noise and S do not change any more.
    """

    def __init__(self, groups: npt.NDArray[np.intp], scales: Array, n_rounds: int = 40) -> None:
        self.groups = groups
        self.scales = scales
        self.n_rounds = n_rounds

    def fit(self, bases: list[Array], losses: list[Array], features: Array) -> None:
        """Find the posterior of W and the variances.

        Args:
            bases: B_c of each curve.
            losses: y_c of each curve, roughly standardised.
            features: shape (n_curves, M).
        """
        self.features = features
        self._gram = np.stack([B.T @ B for B in bases])
        self._moment = np.stack([B.T @ y for B, y in zip(bases, losses, strict=True)])
        self._squares = float(sum(y @ y for y in losses))
        self._n_losses = sum(len(y) for y in losses)
        m = features.shape[1]
        self._outer = (features[:, :, None] * features[:, None, :]).reshape(len(features), m * m)
        self.own = np.diag(0.1 * self.scales**2)
        self.noise = 0.05
        self.prior = np.tile(self.scales**2, (m, 1)) / np.bincount(self.groups)[self.groups][:, None]
        for _ in range(self.n_rounds):
            self._find_weights()
            before = self.noise, np.trace(self.own)
            self._update_variances()
            if np.allclose(before, (self.noise, np.trace(self.own)), rtol=2e-3):
                break
        self._find_weights()

    def weights_of(self, features: Array) -> tuple[Array, Array]:
        """Mean (n, K) and covariance (n, K, K) of theta for new curves with these features, shape (n, M).

        The variances are estimates themselves. That is accounted for as for one estimated variance: the covariance is
        widened to that of a Student distribution with one degree of freedom more than there were curves.
        """
        m, k = self._weights.shape
        half = (features @ self._covariance.reshape(m, k * m * k)).reshape(-1, k, m, k)
        spread = (half.transpose(0, 1, 3, 2) @ features[:, None, :, None])[..., 0]
        n = len(self.features)
        return features @ self._weights, (spread + self.own) * (n + 1) / max(n - 1, 1)

    def _find_weights(self) -> None:
        """Posterior of W, with every u_c integrated out."""
        k, m = len(self.scales), self.features.shape[1]
        self._own_posterior = np.linalg.inv(self._gram / self.noise + np.linalg.inv(self.own))
        gain = self._gram @ self._own_posterior / self.noise
        precision_of_curve = (self._gram - gain @ self._gram) / self.noise
        pull = (self._moment - np.einsum("nkl,nl->nk", gain, self._moment)) / self.noise
        blocks = (self._outer.T @ precision_of_curve.reshape(-1, k * k)).reshape(m, m, k, k)
        precision = blocks.transpose(0, 2, 1, 3).reshape(m * k, m * k)
        precision[np.diag_indices(m * k)] += 1 / self.prior.reshape(-1)
        covariance = cho_solve(cho_factor(precision), np.eye(m * k))
        self._covariance = covariance.reshape(m, k, m, k)
        self._weights = (covariance @ (self.features.T @ pull).reshape(-1)).reshape(m, k)

    def _update_variances(self) -> None:
        """The M-step: each variance is the expected square of what it describes, shrunk to its prior."""
        k, n = len(self.scales), len(self.features)
        m = self.features.shape[1]
        shared = self.features @ self._weights
        flat = self._covariance.transpose(0, 2, 1, 3).reshape(m * m, k * k)
        shared_spread = (self._outer @ flat).reshape(n, k, k)
        residual = self._moment - np.einsum("nkl,nl->nk", self._gram, shared)
        own = np.einsum("nkl,nl->nk", self._own_posterior, residual) / self.noise
        carry = self._own_posterior @ self._gram / self.noise
        own_spread = self._own_posterior + carry @ shared_spread @ carry.transpose(0, 2, 1)
        theta = shared + own
        rest = np.eye(k) - carry
        theta_spread = self._own_posterior + rest @ shared_spread @ rest.transpose(0, 2, 1)
        fit = np.einsum("nk,nkl,nl->", theta, self._gram, theta) - 2 * np.einsum("nk,nk->", theta, self._moment)
        error = self._squares + fit + np.einsum("nkl,nlk->", self._gram, theta_spread)
        prior_weight = k + 2
        expected = own.T @ own + own_spread.sum(axis=0) + np.diag(0.03 * prior_weight * self.scales**2)
        self.own = (expected + expected.T) / (2 * (n + prior_weight))
        self.noise = max((error + 1e-4) / (self._n_losses + 1), 1e-8)
        weight_squares = self._weights**2 + np.einsum("mkmk->mk", self._covariance)
        for group in np.unique(self.groups):
            members = self.groups == group
            count = members.sum()
            pseudo_square = self.scales**2 / count
            self.prior[members] = (weight_squares[members].sum(axis=0) + pseudo_square) / (count + 1)
