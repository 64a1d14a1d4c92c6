"""Shapes that learning curves are made of."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["CurveBasis"]

Array = npt.NDArray[np.float64]

_EXPONENTIAL_RATES = (1.0, 3.0, 10.0, 30.0, 100.0)
_POWER_KNEES = (0.01, 0.05, 0.2, 1.0)
_POWERS = (0.5, 1.0, 2.0)


class CurveBasis:
    """A constant and the few decaying shapes that span the usual parametric families.

    The parametric families of Domhan, Springenberg & Hutter (IJCAI 2015, table 1), such as pow3 and exp3, are an
    asymptote plus decays with a rate of their own. On a grid of rates these decays are linear in their weights; their
    principal directions over the observed span are then a short, well-conditioned basis. All decays level off, so a
    curve that is continued tends to an asymptote. The decays vanish at the latest time: the weight of the constant is
    the loss there.

    Args:
        earliest, latest: the observed span of times, both greater than 0.
        size: the largest number of decays.

    Attributes:
        scales: how much each function of the basis varies over the span, relative to the first decay; the constant
            comes first and has 1.

    Example:
        >>> basis = CurveBasis(earliest=1, latest=100)
        >>> float(basis([100.0])[0, 0]), bool(np.allclose(basis([100.0])[0, 1:], 0))
        (1.0, True)
    """

    def __init__(self, earliest: float, latest: float, size: int = 4, smallest_scale: float = 3e-3) -> None:
        self.latest = latest
        span = np.linspace(np.log(earliest / latest) if earliest < latest else np.log(0.01), 0.0, 33)
        grid = np.concatenate([np.exp(span), np.linspace(np.exp(span[0]), 1.0, 33)])
        _, singular, directions = np.linalg.svd(self._decays(grid), full_matrices=False)
        kept = singular[:size] > smallest_scale * singular[0]
        chosen = singular[:size][kept]
        self._weights = directions[:size][kept].T / chosen * np.sqrt(len(grid))
        self.scales: Array = np.concatenate([[1.0], chosen / chosen[0]])

    def __call__(self, times: npt.ArrayLike) -> Array:
        """The functions' values, shape (n_times, n_functions)."""
        u = np.asarray(times, dtype=np.float64).reshape(-1) / self.latest
        return np.column_stack([np.ones(len(u)), self._decays(u) @ self._weights])

    @staticmethod
    def _decays(u: Array) -> Array:
        exponential = [np.exp(-rate * u) - np.exp(-rate) for rate in _EXPONENTIAL_RATES]
        power = [(1 + u / knee) ** -p - (1 + 1 / knee) ** -p for knee in _POWER_KNEES for p in _POWERS]
        return np.column_stack(exponential + power)
