"""What could be evaluated next, a configuration on a budget, and what its result promises for its cost."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from hpbandster_ng.optimizers.gaussian_process.acquisition import log_expected_improvement
from hpbandster_ng.optimizers.gaussian_process.outlook import Outlook
from hpbandster_ng.optimizers.gaussian_process.posterior import SMALLEST_VARIANCE, Posterior

__all__ = ["Trials"]

Array = npt.NDArray[np.float64]


class Trials:
    """Configurations on all budgets, kept up to date while evaluations are sent out.

    A result on a budget moves the prediction of that configuration's loss on the full one. How far is not known
    beforehand, but how far it may be is: by the square root of what the result tells, the square of its covariance with
    the loss on the full budget over its own variance, noise included. What it promises is by how much the best
    prediction is expected to improve.

    Source: the knowledge gradient for several sources of information (Poloczek, Wang & Frazier, Multi-Information
    Source Optimization, NeurIPS 2017, section 3.2), without what a result says of other configurations.

    Args:
        posterior: the model.
        num_budgets: how many there are.
        best: the best prediction on the full budget, in the model's units.
    """

    def __init__(self, posterior: Posterior, num_budgets: int, best: float) -> None:
        self._num_budgets = num_budgets
        self._best = best
        self._kernel = posterior.kernel
        self._outlook = Outlook(posterior)

    def __len__(self) -> int:
        """How many configurations there are."""
        return len(self._outlook.means) // self._num_budgets

    def add(self, features: Array) -> None:
        """More configurations: features on each budget, the full one last, shape (k * budgets, features)."""
        self._outlook.add(features)

    def expect(self, evaluation: Array, predicted: float) -> None:
        """An evaluation at these features was sent out, of a configuration predicted to have that loss in full."""
        self._outlook.expect(evaluation)
        self._best = min(self._best, predicted)

    def promises(self, which: Sequence[int]) -> Array:
        """The logarithm of what a result promises, of configurations by their numbers: shape (numbers, budgets)."""
        first = np.asarray(which, dtype=np.intp)[:, None] * self._num_budgets
        points = first + np.arange(self._num_budgets)
        full = np.broadcast_to(points[:, -1:], points.shape)
        outlook = self._outlook
        covariances = outlook.covariances(points.ravel(), full.ravel())
        observed = outlook.variances + self._kernel.noise_at(outlook.features)
        told = np.maximum(covariances**2 / observed[points.ravel()], SMALLEST_VARIANCE)
        return log_expected_improvement(outlook.means[full.ravel()], told, self._best).reshape(points.shape)
