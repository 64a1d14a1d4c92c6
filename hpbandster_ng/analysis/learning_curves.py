"""Learning curves, point by point."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hpbandster_ng.engine.records import ConfigId
from hpbandster_ng.errors import InvalidArgumentError

__all__ = ["Curve", "finite_curves"]

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Curve:
    """One learning curve of a configuration.

    Attributes:
        x: budgets, or seconds, shape (n,); n is at least 1.
        y: losses, shape (n,).
    """

    config_id: ConfigId
    x: Array
    y: Array

    @property
    def iteration(self) -> str:
        return "warm start" if self.config_id[0] < 0 else f"iteration {self.config_id[0]}"


def finite_curves(
    learning_curves: Mapping[ConfigId, Sequence[Sequence[tuple[float, float]]]], reset_times: bool
) -> list[Curve]:
    """The curves without the points that have no finite loss.

    Args:
        learning_curves: of a result.
        reset_times: each curve begins at 0.

    Raises:
        InvalidArgumentError: there is no point.

    Example:
        >>> curves = {(0, 0, 0): [[(1.0, 0.5), (3.0, None), (9.0, 0.2)]]}
        >>> [(curve.x.tolist(), curve.y.tolist()) for curve in finite_curves(curves, reset_times=False)]
        [([1.0, 9.0], [0.5, 0.2])]
    """
    curves = [
        Curve(config_id, x - x[0] if reset_times else x, y)
        for config_id, each in learning_curves.items()
        for x, y in map(_finite_points, each)
        if len(x)
    ]
    if not curves:
        raise InvalidArgumentError(
            "learning_curves",
            f"{len(learning_curves)} configurations",
            "must contain at least one point",
            "check that the extractor returns points of successful runs",
        )
    return curves


def _finite_points(curve: Sequence[tuple[float, float]]) -> tuple[Array, Array]:
    x, y = np.array(curve, dtype=float).reshape(-1, 2).T  # None becomes NaN
    keep = np.isfinite(x) & np.isfinite(y)
    return x[keep], y[keep]
