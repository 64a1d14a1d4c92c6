"""Where ConfigSpace 0.7 and 1.x differ: this module knows, and no other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = [
    "draw_vectors",
    "is_forbidden",
    "is_satisfied",
    "parent_conditions",
    "to_value",
    "to_values",
    "to_vector",
    "to_vectors",
]

Array = npt.NDArray[np.float64]


def to_vector(hyperparameter: Any, value: Any) -> float:
    """ConfigSpace's own code of a value."""
    convert = getattr(hyperparameter, "to_vector", None) or hyperparameter._inverse_transform
    return float(convert(value))


def to_vectors(hyperparameter: Any, values: npt.NDArray[Any]) -> Array:
    """ConfigSpace's own codes of numbers; shape (n,)."""
    if hasattr(hyperparameter, "to_vector"):
        return np.asarray(hyperparameter.to_vector(values), dtype=np.float64)
    return np.array([hyperparameter._inverse_transform(value) for value in values.tolist()], dtype=np.float64)


def to_value(hyperparameter: Any, vector: float) -> Any:
    """What ConfigSpace's own code stands for."""
    convert = getattr(hyperparameter, "to_value", None) or hyperparameter._transform
    return convert(vector)


def to_values(hyperparameter: Any, vectors: Array) -> Sequence[Any]:
    """What ConfigSpace's own codes stand for."""
    if hasattr(hyperparameter, "to_value"):
        return list(hyperparameter.to_value(vectors).tolist())
    return [hyperparameter._transform(vector) for vector in vectors.tolist()]


def draw_vectors(configspace: Any, hyperparameter: Any, n: int) -> Array:
    """ConfigSpace's own codes, drawn from the prior of a hyperparameter by the random state of the space."""
    draw = getattr(hyperparameter, "sample_vector", None)
    vectors = hyperparameter._sample(configspace.random, n) if draw is None else draw(n, seed=configspace.random)
    return np.asarray(vectors, dtype=np.float64).reshape(n)


def parent_conditions(configspace: Any, name: str) -> tuple[Any, ...]:
    """All of them must hold for the hyperparameter to be active."""
    if hasattr(configspace, "parent_conditions_of"):
        return tuple(configspace.parent_conditions_of[name])
    return tuple(configspace.get_parent_conditions_of(name))


def is_satisfied(condition: Any, vector: Array) -> bool:
    """Whether a condition holds for ConfigSpace's own code of a configuration, NaN where inactive."""
    evaluate = getattr(condition, "satisfied_by_vector", None) or condition.evaluate_vector
    return bool(evaluate(vector))


def is_forbidden(clause: Any, vector: Array) -> bool:
    """Whether a clause forbids ConfigSpace's own code of a configuration, NaN where inactive."""
    if hasattr(clause, "is_forbidden_vector_array"):
        return bool(clause.is_forbidden_vector(vector))
    return bool(clause.is_forbidden_vector(vector, False))
