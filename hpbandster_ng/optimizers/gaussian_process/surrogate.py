"""The model of all results: which loss a configuration will have on which budget."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hpbandster_ng.optimizers.gaussian_process.feasibility import Feasibility
from hpbandster_ng.optimizers.gaussian_process.features import Features
from hpbandster_ng.optimizers.gaussian_process.fitting import Model, fit
from hpbandster_ng.optimizers.gaussian_process.posterior import Posterior
from hpbandster_ng.optimizers.gaussian_process.targets import targets

__all__ = ["Learned", "Surrogate"]

Array = npt.NDArray[np.float64]
Rows = npt.NDArray[np.intp]

_GROWTH = 1.15
"""The hyperparameters are fitted anew when there are so many times more results."""

_MOST_FITTED = 250
"""Rows that the hyperparameters are fitted to."""

_MOST_ON_A_LOW_RUNG = 125
_MOST_ON_LOW_RUNGS = 250
_MOST_ON_FULL_BUDGET = 250
"""Rows that predictions rest on: a pick's cost stops growing, and the many results of the lowest rung cannot drown the
few of the others."""

_MOST_FOR_FEASIBILITY = 500
"""The latest results, among which failures are counted."""


@dataclass(frozen=True)
class Learned:
    """What so many results tell.

    Attributes:
        posterior: of the targets.
        rows: the numbers of the results that it rests on, in the order in which they were added.
        feasibility: where evaluations fail.
    """

    posterior: Posterior
    rows: Rows
    feasibility: Feasibility


class Surrogate:
    """A Gaussian process over configurations and budgets, fitted as results come in.

    The hyperparameters are fitted at fixed numbers of results, to exactly the results that were first, so that the
    model is a function of the results in their order, however often it was asked in between.

    Args:
        features: turns codes and fidelities into features.
        first_fit: the number of results at which the hyperparameters are first fitted.
    """

    def __init__(self, features: Features, first_fit: int) -> None:
        self.features = features
        self._model = Model(features.groups, features.num_groups)
        self._rows = np.empty((64, len(features.groups)))
        self._losses = np.empty(64)
        self._size = 0
        self._next_fit = max(1, first_fit)
        self._hyperparameters = self._model.prior[0]

    def __len__(self) -> int:
        return self._size

    def add(self, code: Array, fidelity: float, loss: float) -> None:
        """A result: the loss of a configuration on a budget; a loss that is not finite is a failure."""
        if self._size == len(self._losses):
            self._rows = np.concatenate([self._rows, np.empty_like(self._rows)])
            self._losses = np.concatenate([self._losses, np.empty_like(self._losses)])
        self._rows[self._size] = self.features(code[None], fidelity)[0]
        self._losses[self._size] = loss
        self._size += 1

    def learned(self, size: int) -> Learned:
        """What the first ``size`` results tell; later calls may not ask for fewer, for the fits go on from each other.

        Example:
            >>> from hpbandster_ng.optimizers.config_generators.columns import Kind
            >>> surrogate = Surrogate(Features([Kind.NUMBER], [0]), first_fit=4)
            >>> for x in (0.1, 0.3, 0.6, 0.9):
            ...     surrogate.add(np.array([x]), fidelity=1.0, loss=x * x)
            >>> means = surrogate.learned(4).posterior.means(surrogate.features(np.array([[0.2], [0.8]]), 1.0))
            >>> bool(means[0] < means[1])
            True
        """
        self._fit(size)
        num_low = max(1, len(np.unique(self._rows[:size, -1])) - 1)
        most_low = max(1, min(_MOST_ON_A_LOW_RUNG, _MOST_ON_LOW_RUNGS // num_low))
        rows = self._chosen(size, most_low, _MOST_ON_FULL_BUDGET)
        kernel, values = self._model.kernel(self._hyperparameters), self._targets(size)
        latest = slice(max(0, size - _MOST_FOR_FEASIBILITY), size)
        return Learned(
            Posterior.of(kernel, self._rows[rows], values[rows]),
            rows,
            Feasibility(kernel, self._rows[latest], np.isfinite(self._losses[latest])),
        )

    def _fit(self, size: int) -> None:
        while self._next_fit <= size:
            size_then = self._next_fit
            most = max(1, _MOST_FITTED // len(np.unique(self._rows[:size_then, -1])))
            rows = self._chosen(size_then, most, most)
            starts = np.unique([self._model.prior[0], self._hyperparameters], axis=0)
            values = self._targets(size_then)
            self._hyperparameters = fit(self._model, self._rows[rows], values[rows], starts)
            self._next_fit = int(size_then * _GROWTH) + 1

    def _targets(self, size: int) -> Array:
        return targets(self._losses[:size], self._rows[:size, -1] == 1.0)

    def _chosen(self, size: int, most_low: int, most_full: int) -> Rows:
        """Of the first results so many a rung, half of them the best and half the latest."""
        fidelities = self._rows[:size, -1]
        chosen = []
        for fidelity in np.unique(fidelities):
            rows = np.flatnonzero(fidelities == fidelity)
            most = most_full if fidelity == 1.0 else most_low
            if len(rows) > most:
                by_loss = rows[np.argsort(self._losses[rows], kind="stable")]
                best, others = by_loss[: most // 2], np.sort(by_loss[most // 2 :])
                rows = np.concatenate([best, others[len(others) - (most - most // 2) :]])
            chosen.append(rows)
        return np.sort(np.concatenate(chosen))
