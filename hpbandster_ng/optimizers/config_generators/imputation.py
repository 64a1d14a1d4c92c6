"""What stands in a column of the model where a hyperparameter is inactive."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["impute"]


def impute(data: npt.NDArray[np.float64], num_values: npt.NDArray[np.intp]) -> npt.NDArray[np.float64]:
    """Fill the missing entries of each column with evenly spaced quantiles of its other entries, from top to bottom.

    A density that is fitted to the filled column has the shape of the active values, no more and no less, and it is
    the same on each call; random fillings would do that only on average. A column that nobody has is spread evenly
    over its range.

    Args:
        data: codes of configurations, shape (n, d), NaN where inactive.
        num_values: of each column, 0 for numbers; shape (d,). Only a column without any entry needs it.

    Returns:
        Shape (n, d), without NaN: a new array, or ``data`` itself where nothing is missing.

    Example:
        >>> impute(np.array([[0.2, np.nan], [np.nan, np.nan], [0.4, np.nan], [np.nan, np.nan]]), np.array([0, 2]))
        array([[0.2, 0. ],
               [0.2, 0. ],
               [0.4, 1. ],
               [0.4, 1. ]])
    """
    if not np.isnan(np.einsum("ij->", data)):  # codes are finite, so only a NaN makes the sum one
        return data
    filled = data.copy()
    missing = np.isnan(filled)
    for column in np.flatnonzero(missing.any(axis=0)):
        rows = missing[:, column]
        middles = 2 * np.arange(rows.sum()) + 1
        active = np.sort(filled[~rows, column])
        if len(active):
            filled[rows, column] = active[middles * len(active) // (2 * len(middles))]
        elif num_values[column]:
            filled[rows, column] = middles * num_values[column] // (2 * len(middles))
        else:
            filled[rows, column] = middles / (2 * len(middles))
    return filled
