"""How the loss changes with one hyperparameter, or with two, whatever the others are.

Partial dependence is due to Friedman, Ann. Stat. 29, 2001.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from hpbandster_ng.analysis.parameters import Parameter
from hpbandster_ng.analysis.surrogate import Surrogate
from hpbandster_ng.errors import InvalidArgumentError

__all__ = ["PartialDependence", "partial_dependence"]

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class PartialDependence:
    """The expected loss by the value of one or two hyperparameters.

    Attributes:
        parameters: one or two.
        values: of each, ascending on its own scale, or the values of a category; n of the first, m of the second.
        loss: shape (n,) or (n, m); the logarithm where the surrogate was fitted to logarithms.
        spread: the standard deviation over the trees, of the same shape.
    """

    parameters: tuple[Parameter, ...]
    values: tuple[tuple[Any, ...], ...]
    loss: Array
    spread: Array


def partial_dependence(surrogate: Surrogate, *names: str, num_points: int = 50) -> PartialDependence:
    """The loss that the model expects, averaged over all values of the other hyperparameters.

    The others' values are taken for equally likely, as by :func:`~hpbandster_ng.analysis.importance.importance`, so
    that the bad ones are in the average: it is the change that counts, not the height.

    Args:
        surrogate: of :func:`~hpbandster_ng.analysis.surrogate.fitted`.
        names: one hyperparameter, or two.
        num_points: evenly spaced values of a number, on its own scale.

    Raises:
        InvalidArgumentError: the names are not those of one or two hyperparameters.

    Example:
        >>> from hpbandster_ng.analysis.surrogate import fitted
        >>> rng = np.random.default_rng(0)
        >>> x = rng.random((300, 2))
        >>> found = partial_dependence(fitted([Parameter("x"), Parameter("y")], x, x[:, 0], rng), "x", num_points=3)
        >>> found.values, found.loss.round(1).tolist()
        (((0.0, 0.5, 1.0),), [0.0, 0.5, 1.0])
    """
    known = [each.name for each in surrogate.parameters]
    if len(names) not in (1, 2) or len({*names}) < len(names) or not {*names} <= {*known}:
        raise InvalidArgumentError("names", names, f"must be one or two of {known}", "take those of the search space")
    columns = [known.index(name) for name in names]
    parameters = tuple(surrogate.parameters[column] for column in columns)
    codes = [_codes(each, num_points) for each in parameters]
    cells = [surrogate.grid.cells_of(*each) for each in zip(columns, codes, strict=True)]
    averages = np.array([tree.average(*columns)[np.ix_(*cells)] for tree in surrogate.trees])
    return PartialDependence(
        parameters,
        tuple(_values(each, at) for each, at in zip(parameters, codes, strict=True)),
        surrogate.center + surrogate.scale * averages.mean(axis=0),
        surrogate.scale * averages.std(axis=0),
    )


def _codes(parameter: Parameter, num_points: int) -> Array:
    if parameter.is_category:
        return np.arange(len(parameter.values), dtype=np.float64)
    codes = np.linspace(0.0, 1.0, num_points)
    if parameter.is_integer:
        return parameter.encode(np.unique(parameter.decode(codes)).tolist())
    return codes


def _values(parameter: Parameter, codes: Array) -> tuple[Any, ...]:
    if parameter.is_category:
        return parameter.values
    numbers = parameter.decode(codes).tolist()
    return tuple(int(number) if parameter.is_integer else number for number in numbers)
