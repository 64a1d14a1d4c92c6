"""What every model of learning curves must be able to do: learn from curves, foretell a new one, extend a begun one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from hpbandster_ng.errors import InvalidArgumentError

__all__ = ["Array", "Curves", "LCModel", "checked_curve", "checked_curves"]

Array: TypeAlias = npt.NDArray[np.float64]
Curves: TypeAlias = Sequence[npt.ArrayLike]


class LCModel:
    """Base of the learning-curve models.

    A curve is a pair of one-dimensional arrays of equal length: ``times`` (any unit, such as epochs; greater than 0
    and rising) and ``losses``. A prediction is a pair (mean, variance) of the loss that would be *observed* at each
    asked time, so the variance includes the noise of an observation.
    """

    def fit(self, times: Curves, losses: Curves, configs: npt.ArrayLike | None = None) -> None:
        """Learn from curves, instead of all that was learned before.

        Args:
            times: one array for each curve.
            losses: one array for each curve.
            configs: the configuration of each curve as numbers, shape (n_curves, d); NaN marks an inactive
                hyperparameter. None if nothing is known of them.

        Raises:
            InvalidArgumentError: if the curves are none, of unequal lengths, not finite, or their times do not rise.
        """
        raise NotImplementedError

    def predict_unseen(self, times: npt.ArrayLike, config: npt.ArrayLike | None) -> tuple[Array, Array]:
        """Foretell the curve of a configuration of which nothing was observed.

        Args:
            times: when, shape (n_times,).
            config: shape (d,), or (n_configs, d) for many at once; None if the model was fitted without.

        Returns:
            Means and variances, each of shape (n_times,), or (n_configs, n_times) for many configurations.
        """
        raise NotImplementedError

    def extend_partial(
        self,
        times: npt.ArrayLike,
        obs_times: npt.ArrayLike,
        obs_losses: npt.ArrayLike,
        config: npt.ArrayLike | None = None,
    ) -> tuple[Array, Array]:
        """Foretell how a curve goes on.

        Args:
            times: when, shape (n_times,).
            obs_times: when it was observed, shape (n_observed,).
            obs_losses: what was observed, shape (n_observed,).
            config: its configuration, shape (d,), if known.

        Returns:
            Means and variances, each of shape (n_times,).
        """
        raise NotImplementedError


def checked_curve(times: npt.ArrayLike, losses: npt.ArrayLike, name: str = "losses") -> tuple[Array, Array]:
    """One curve as arrays.

    Raises:
        InvalidArgumentError: see :meth:`LCModel.fit`.

    Example:
        >>> checked_curve([1, 2, 3], [0.9, 0.5, 0.4])
        (array([1., 2., 3.]), array([0.9, 0.5, 0.4]))
    """
    t, y = np.asarray(times, dtype=np.float64).reshape(-1), np.asarray(losses, dtype=np.float64).reshape(-1)
    if len(t) != len(y) or not len(t):
        lengths = (len(t), len(y))
        raise InvalidArgumentError(name, lengths, "must hold one loss for each time, and one at least", "compare both")
    if not (np.isfinite(t).all() and np.isfinite(y).all()):
        raise InvalidArgumentError(name, y.tolist(), "must be finite, as must its times", "leave out what diverged")
    if t[0] <= 0 or np.any(np.diff(t) <= 0):
        raise InvalidArgumentError("times", t.tolist(), "must be greater than 0 and rise", "sort the curve by time")
    return t, y


def checked_curves(times: Curves, losses: Curves) -> tuple[list[Array], list[Array]]:
    """All curves as arrays.

    Raises:
        InvalidArgumentError: see :meth:`LCModel.fit`.
    """
    if len(times) != len(losses) or not len(times):
        counts = (len(times), len(losses))
        raise InvalidArgumentError("losses", counts, "must hold as many curves as times, and at least one", "add some")
    pairs = [checked_curve(t, y, f"losses[{i}]") for i, (t, y) in enumerate(zip(times, losses, strict=True))]
    return [t for t, _ in pairs], [y for _, y in pairs]
