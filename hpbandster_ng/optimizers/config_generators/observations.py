"""The results on one budget, in arrays that grow."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["Observations"]

Array = npt.NDArray[np.float64]


class Observations:
    """Codes of configurations and their losses; adding one costs constant time on average.

    Args:
        dimensions: length of a code.

    Example:
        >>> seen = Observations(dimensions=2)
        >>> seen.append(np.array([0.5, 1.0]), loss=0.25)
        >>> len(seen), seen.codes, seen.losses
        (1, array([[0.5, 1. ]]), array([0.25]))
    """

    def __init__(self, dimensions: int) -> None:
        self._codes = np.empty((16, dimensions))
        self._losses = np.empty(16)
        self._size = 0

    def __len__(self) -> int:
        return self._size

    @property
    def codes(self) -> Array:
        """Shape (n, dimensions): a view, valid until the next :meth:`append`."""
        return self._codes[: self._size]

    @property
    def losses(self) -> Array:
        """Shape (n,): a view, valid until the next :meth:`append`."""
        return self._losses[: self._size]

    def append(self, code: Array, loss: float) -> None:
        """Add a result."""
        if self._size == len(self._losses):
            self._codes = np.concatenate([self._codes, np.empty_like(self._codes)])
            self._losses = np.concatenate([self._losses, np.empty_like(self._losses)])
        self._codes[self._size] = code
        self._losses[self._size] = loss
        self._size += 1
