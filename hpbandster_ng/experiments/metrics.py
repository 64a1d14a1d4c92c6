"""What an evaluation measures, and what of it is better."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from hpbandster_ng.engine.checks import is_number
from hpbandster_ng.engine.plain import plain
from hpbandster_ng.errors import InvalidArgumentError

__all__ = ["Metric", "Metrics"]

Numbers = npt.NDArray[np.float64]

_OBJECTIVES = ("minimize", "maximize")
_STRATEGIES = ("optimize", "constraint", "store")

_PENALTY = 10.0
"""What breaks a constraint is told to be worse than the rest by so many times the range of the losses."""


@dataclass(frozen=True)
class Metric:
    """A number that evaluations measure.

    Args:
        name: of the metric.
        objective: ``"minimize"`` or ``"maximize"``; of a constraint, on which side of the threshold it is met.
        strategy: ``"optimize"``, ``"constraint"``, or ``"store"`` for what is only kept.
        threshold: of a constraint: what is worse makes a configuration infeasible.

    Raises:
        InvalidArgumentError: there are no such objective or strategy, or a constraint has no threshold.

    Example:
        >>> Metric("latency", strategy="constraint", threshold=0.1).is_met(0.2)
        False
    """

    name: str
    objective: str = "minimize"
    strategy: str = "optimize"
    threshold: float | None = None

    def __post_init__(self) -> None:
        name: object = self.name
        if not isinstance(name, str) or not name:
            raise InvalidArgumentError("metrics", self.name, "must have names", 'such as {"name": "loss"}')
        for key, legal in (("objective", _OBJECTIVES), ("strategy", _STRATEGIES)):
            if getattr(self, key) not in legal:
                raise InvalidArgumentError(
                    f"metrics[{self.name!r}].{key}", getattr(self, key), f"must be one of {list(legal)}", "correct it"
                )
        is_constraint = self.strategy == "constraint"
        is_finite = is_number(self.threshold) and _is_finite(self.threshold)
        if not is_finite and (is_constraint or self.threshold is not None):
            raise InvalidArgumentError(
                f"metrics[{self.name!r}].threshold", self.threshold, "must be a finite number", "a constraint needs one"
            )

    def as_loss(self, value: float) -> float:
        """The value as something to be minimised."""
        return value if self.objective == "minimize" else -value

    def is_met(self, value: float) -> bool:
        """Whether a constraint holds; what is no constraint always does."""
        return self.violation(value) <= 0

    def violation(self, value: float) -> float:
        """By how much a constraint is broken, in units of its threshold; 0 if it holds."""
        if self.strategy != "constraint" or self.threshold is None:
            return 0.0
        return max(0.0, self.as_loss(value) - self.as_loss(self.threshold)) / (abs(self.threshold) or 1.0)


class Metrics:
    """All metrics of an experiment; the first that is optimised guides the search.

    Args:
        metrics: :class:`Metric`, or dictionaries of its arguments.

    Raises:
        InvalidArgumentError: none is optimised, two have the same name, or see :class:`Metric`.

    Example:
        >>> metrics = Metrics([{"name": "accuracy", "objective": "maximize"}])
        >>> metrics.guide.as_loss(0.9)
        -0.9
    """

    def __init__(self, metrics: Sequence[Metric | Mapping[str, Any]]) -> None:
        self.all = tuple(map(_metric, metrics))
        names = [metric.name for metric in self.all]
        if len(set(names)) < len(names):
            raise InvalidArgumentError("metrics", names, "must have different names", "rename one of them")
        self.optimised = tuple(metric for metric in self.all if metric.strategy == "optimize")
        if not self.optimised:
            raise InvalidArgumentError("metrics", names, "must have one to be optimised", 'give it strategy="optimize"')
        self.guide = self.optimised[0]

    def as_plain(self) -> list[dict[str, Any]]:
        """As dictionaries, to be kept."""
        return [asdict(metric) for metric in self.all]

    def check(self, values: Mapping[str, Any]) -> dict[str, float]:
        """The values, as plain floats.

        Raises:
            InvalidArgumentError: one is missing, unknown, or no finite number.
        """
        names = [metric.name for metric in self.all]
        for name in names:
            if name not in values:
                raise InvalidArgumentError(
                    "metrics", dict(values), f"must have a value for {name!r}", f"the experiment measures {names}"
                )
        for name in values:
            if name not in names:
                raise InvalidArgumentError("metrics", name, f"must be one of {names}", "leave it out, or correct it")
        checked = {name: plain(value, f"metrics[{name!r}]") for name, value in values.items()}
        for name, value in checked.items():
            if not (is_number(value) and _is_finite(value)):
                raise InvalidArgumentError(
                    f"metrics[{name!r}]", value, "must be a finite number", "or observe it as failed"
                )
        return {name: float(value) for name, value in checked.items()}

    def is_feasible(self, values: Mapping[str, float]) -> bool:
        """Whether all constraints hold."""
        return all(metric.is_met(values[metric.name]) for metric in self.all)

    def loss(self, values: Mapping[str, float], lowest: float, highest: float) -> float:
        """What the optimizer is told: the metric that guides, to be minimised; worse if a constraint is broken.

        Infeasible configurations are told to be worse than feasible ones, and the more the more they break: so, and
        not by their other merits, they are ordered (Deb, An efficient constraint handling method for genetic
        algorithms, Computer Methods in Applied Mechanics and Engineering 186, 2000, section 3).

        Args:
            values: of all metrics.
            lowest, highest: of the guiding metric so far, to be minimised; infinite if there is none yet.
        """
        loss = self.guide.as_loss(values[self.guide.name])
        violation = sum(metric.violation(values[metric.name]) for metric in self.all)
        if violation <= 0:
            return loss
        spread = max(highest, loss) - min(lowest, loss)
        return loss + _PENALTY * (spread or abs(loss) or 1.0) * (1.0 + violation)

    def front(self, values: Sequence[Mapping[str, float]]) -> list[int]:
        """The Pareto front: the places of those that no other one dominates, the best by the metric that guides first.

        One dominates another one if it is as good in every optimised metric, and better in one.

        Args:
            values: of all metrics, for each.

        Example:
            >>> metrics = Metrics([{"name": "loss"}, {"name": "seconds"}])
            >>> metrics.front([{"loss": 0.3, "seconds": 1}, {"loss": 0.4, "seconds": 2}, {"loss": 0.1, "seconds": 9}])
            [2, 0]
        """
        if not values:
            return []
        points = np.array([[metric.as_loss(each[metric.name]) for metric in self.optimised] for each in values])
        ordered, order = np.unique(points, axis=0, return_inverse=True)
        order = order.reshape(-1)  # numpy 2.0 gave it a second axis
        found = np.flatnonzero(_is_undominated(ordered)[order])
        return [int(place) for place in found[np.argsort(order[found], kind="stable")]]


def _is_undominated(points: Numbers) -> npt.NDArray[np.bool_]:
    """Of different points in lexicographic order, where who comes first is dominated by nobody behind."""
    is_found = np.ones(len(points), dtype=bool)
    if points.shape[1] == 2:  # a front of thousands takes its square otherwise
        is_found[1:] = points[1:, 1] < np.minimum.accumulate(points[:, 1])[:-1]
        return is_found
    for place, point in enumerate(points):
        if is_found[place]:
            is_found[place + 1 :] &= (points[place + 1 :] < point).any(axis=1)
    return is_found


def _is_finite(value: float) -> bool:
    """Whether it is one as a float, too: whole numbers may be too large."""
    try:
        return math.isfinite(float(value))
    except OverflowError:
        return False


def _metric(value: Metric | Mapping[str, Any]) -> Metric:
    if isinstance(value, Metric):
        return value
    try:
        return Metric(**value)
    except TypeError:
        raise InvalidArgumentError(
            "metrics", value, "must be dictionaries of name, objective, strategy and threshold", 'or {"name": "loss"}'
        ) from None
