"""Configurations on budgets as points of a Euclidean space, for a kernel that knows nothing but distances."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from hpbandster_ng.optimizers.config_generators.columns import Kind

__all__ = ["Features"]

Array = npt.NDArray[np.float64]

_INACTIVE = 0.5
"""Stands for an inactive number: the middle of the range."""


class Features:
    """Codes of configurations, and the fidelity, as features.

    A number is one feature, its code; an ordinal is its rank, scaled to [0, 1]. A category with k levels is k + 1
    features, of which one is 0.5, so that two levels have the squared distance 0.5. The last level stands for
    inactivity: a constant distance between inactive and everything else, itself included, would be no distance, and
    with one below 0.5 the kernel would not be positive definite. The last feature of all is the fidelity.

    Args:
        kinds: of each hyperparameter.
        num_values: how many values each can take; 0 for a number.

    Attributes:
        groups: array of shape (features,): the hyperparameter that each feature belongs to; the fidelity is a group of
            its own, the last.
        num_groups: how many groups: hyperparameters + 1.

    Example:
        >>> features = Features([Kind.NUMBER, Kind.CATEGORICAL], [0, 2])
        >>> features.groups
        array([0, 1, 1, 1, 2])
        >>> features(np.array([[0.25, 1.0], [np.nan, np.nan]]), np.array([0.0, 1.0]))
        array([[0.25, 0.  , 0.5 , 0.  , 0.  ],
               [0.5 , 0.  , 0.  , 0.5 , 1.  ]])
    """

    def __init__(self, kinds: Sequence[Kind], num_values: Sequence[int]) -> None:
        sizes = [
            int(count) + 1 if kind is Kind.CATEGORICAL else 1 for kind, count in zip(kinds, num_values, strict=True)
        ]
        self.num_groups = len(sizes) + 1
        self.groups = np.repeat(np.arange(self.num_groups), [*sizes, 1])
        starts = np.concatenate([[0], np.cumsum(sizes)]).astype(np.intp)
        is_category = np.array([kind is Kind.CATEGORICAL for kind in kinds], dtype=bool)
        counts = np.asarray(num_values, dtype=np.float64)
        self._numbers = np.flatnonzero(~is_category)
        self._number_features = starts[:-1][~is_category]
        is_ordinal = np.array([kind is Kind.ORDINAL for kind in kinds], dtype=bool)
        self._scale = np.where(is_ordinal, np.maximum(counts - 1, 1), 1.0)[~is_category]
        self._categories = np.flatnonzero(is_category)
        self._category_features = starts[:-1][is_category]
        self._num_levels = counts[is_category]

    def __call__(self, codes: Array, fidelity: Array | float) -> Array:
        """The features.

        Args:
            codes: shape (n, hyperparameters), NaN where inactive.
            fidelity: shape (n,) or a scalar: 0 for the smallest budget, 1 for the full one.

        Returns:
            Shape (n, features).
        """
        rows = np.zeros((len(codes), len(self.groups)))
        numbers = codes[:, self._numbers] / self._scale
        rows[:, self._number_features] = np.where(np.isnan(numbers), _INACTIVE, numbers)
        levels = codes[:, self._categories]
        levels = np.where(np.isnan(levels), self._num_levels, levels).astype(np.intp)
        np.put_along_axis(rows, levels + self._category_features, 0.5, axis=1)
        rows[:, -1] = fidelity
        return rows
