"""The results on one budget, in arrays that grow."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["Observations"]

Array = npt.NDArray[np.float64]


class Observations:
    """Codes of configurations and their losses, kept in order; adding one costs microseconds.

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
        self._sorted_losses = np.empty(16)
        self._order = np.empty(16, dtype=np.intp)
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

    @property
    def order(self) -> npt.NDArray[np.intp]:
        """Positions from the smallest loss to the largest, of equal ones the older first: a view, as above."""
        return self._order[: self._size]

    def append(self, code: Array, loss: float) -> None:
        """Add a result."""
        if self._size == len(self._losses):
            self._codes = np.concatenate([self._codes, np.empty_like(self._codes)])
            self._losses = np.concatenate([self._losses, np.empty_like(self._losses)])
            self._sorted_losses = np.concatenate([self._sorted_losses, np.empty_like(self._sorted_losses)])
            self._order = np.concatenate([self._order, np.empty_like(self._order)])
        n = self._size
        rank = int(self._sorted_losses[:n].searchsorted(loss, side="right"))
        for array, entry in ((self._sorted_losses, loss), (self._order, n)):
            array[rank + 1 : n + 1] = array[rank:n].copy()
            array[rank] = entry
        self._codes[n] = code
        self._losses[n] = loss
        self._size += 1
