"""Conditions and forbidden clauses of a space, evaluated for many configurations at once.

ConfigSpace evaluates one configuration at a time, and each of its versions a little differently; it is asked here for
what a comparison with an inactive parent means, and for its own codes, which its rules compare.
"""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import ConfigSpace
import numpy as np
import numpy.typing as npt

from hpbandster_ng.errors import SearchSpaceError
from hpbandster_ng.optimizers.config_generators.columns import Choice, Column
from hpbandster_ng.optimizers.config_generators.versions import is_satisfied, parent_conditions, to_vector, to_vectors

__all__ = ["Rules"]

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
Comparison = Callable[[Any, Any], Any]


def _classes(comparisons: Mapping[str, Comparison]) -> dict[type, Comparison]:
    """Those that this version of ConfigSpace has."""
    present = {getattr(ConfigSpace, name, None): comparison for name, comparison in comparisons.items()}
    return {kind: comparison for kind, comparison in present.items() if kind is not None}


_CONDITIONS = _classes(
    {
        "EqualsCondition": operator.eq,
        "NotEqualsCondition": operator.ne,
        "LessThanCondition": operator.lt,
        "GreaterThanCondition": operator.gt,
    }
)
_CLAUSES = _classes(
    {
        "ForbiddenEqualsClause": operator.eq,
        "ForbiddenLessThanClause": operator.lt,
        "ForbiddenLessThanEqualsClause": operator.le,
        "ForbiddenGreaterThanClause": operator.gt,
        "ForbiddenGreaterThanEqualsClause": operator.ge,
    }
)
_RELATIONS = _classes(
    {
        "ForbiddenEqualsRelation": operator.eq,
        "ForbiddenLessThanRelation": operator.lt,
        "ForbiddenLessThanEqualsRelation": operator.le,
        "ForbiddenGreaterThanRelation": operator.gt,
        "ForbiddenGreaterThanEqualsRelation": operator.ge,
    }
)
_CONJUNCTIONS = _classes(
    {
        "AndConjunction": np.logical_and,
        "OrConjunction": np.logical_or,
        "ForbiddenAndConjunction": np.logical_and,
        "ForbiddenOrConjunction": np.logical_or,
    }
)
_MEMBERSHIPS = (ConfigSpace.InCondition, ConfigSpace.ForbiddenInClause)


class Rules:
    """What must hold between the hyperparameters of a space.

    Args:
        configspace: the space.
        columns: of all hyperparameters, parents before their children.

    Raises:
        SearchSpaceError: a condition or clause of an unknown type.
    """

    def __init__(self, configspace: Any, columns: Sequence[Column]) -> None:
        self._columns = tuple(columns)
        self._hyperparameters = tuple(configspace[column.name] for column in columns)
        self._positions = {column.name: i for i, column in enumerate(columns)}
        compiled = [[self._compiled(c) for c in parent_conditions(configspace, column.name)] for column in columns]
        self._conditions = [(i, tests) for i, tests in enumerate(compiled) if tests]
        self._clauses = [self._compiled(clause) for clause in configspace.forbidden_clauses]

    def apply(self, codes: Array) -> Mask:
        """Let the conditions decide what is active.

        Args:
            codes: one row for each hyperparameter, one column for each configuration. What is inactive becomes NaN in
                place; what is active stays.

        Returns:
            Which configurations no clause forbids, shape (n,).
        """
        table = _Table(self._columns, self._hyperparameters, codes)
        for i, tests in self._conditions:
            is_active = functools.reduce(np.logical_and, [test(table) for test in tests])
            codes[i, ~is_active] = math.nan
        is_allowed = np.ones(codes.shape[1], dtype=bool)
        for clause in self._clauses:
            is_allowed &= ~clause(table)
        return is_allowed

    def _compiled(self, rule: Any) -> Callable[[_Table], Mask]:
        kind = type(rule)
        if kind in _CONJUNCTIONS:
            parts, join = [self._compiled(part) for part in rule.components], _CONJUNCTIONS[kind]
            return lambda table: functools.reduce(join, [part(table) for part in parts])
        if kind in _RELATIONS:
            left, right = self._positions[rule.left.name], self._positions[rule.right.name]
            return lambda table: _compared(_RELATIONS[kind], table.values(left), table.values(right))
        if kind in _MEMBERSHIPS:
            i = self._position(rule)
            members = np.array([self._vector(i, value) for value in rule.values])
            return lambda table: np.isin(table.vectors(i), members)
        if kind in _CLAUSES:
            return self._literal(rule, _CLAUSES[kind], when_inactive=False)
        if kind in _CONDITIONS:
            nothing = np.full(len(self._columns), math.nan)
            return self._literal(rule, _CONDITIONS[kind], when_inactive=is_satisfied(rule, nothing))
        way_out = "use those that ConfigSpace documents"
        raise SearchSpaceError("configspace", rule, f"has a rule of the unsupported type {kind.__name__}", way_out)

    def _literal(self, rule: Any, comparison: Comparison, when_inactive: bool) -> Callable[[_Table], Mask]:
        i = self._position(rule)
        vector = self._vector(i, rule.value)

        def test(table: _Table) -> Mask:
            vectors = table.vectors(i)
            holds: Mask = comparison(vectors, vector)
            if comparison(math.nan, vector) != when_inactive:
                holds[np.isnan(vectors)] = when_inactive
            return holds

        return test

    def _position(self, rule: Any) -> int:
        return self._positions[(rule.parent if hasattr(rule, "parent") else rule.hyperparameter).name]

    def _vector(self, i: int, value: Any) -> float:
        column = self._columns[i]
        is_position = isinstance(column, Choice) and column.num_values > 1
        return column.encode(value) if is_position else to_vector(self._hyperparameters[i], value)


class _Table:
    """What the rules read of the configurations; each row is worked out once, when the first rule asks for it.

    By then it is final, because a hyperparameter is asked for only after its own conditions were applied.
    """

    def __init__(self, columns: Sequence[Column], hyperparameters: Sequence[Any], codes: Array) -> None:
        self._columns = columns
        self._hyperparameters = hyperparameters
        self._codes = codes
        self._vectors: dict[int, Array] = {}

    def vectors(self, i: int) -> Array:
        """ConfigSpace's own codes of a hyperparameter, NaN where inactive."""
        if i not in self._vectors:
            codes, column = self._codes[i], self._columns[i]
            if not isinstance(column, Choice) or column.num_values == 1:
                is_active = ~np.isnan(codes)
                vectors = np.full(len(codes), math.nan)
                if is_active.any():
                    vectors[is_active] = self._own_codes(i, codes[is_active])
                codes = vectors
            self._vectors[i] = codes
        return self._vectors[i]

    def values(self, i: int) -> npt.NDArray[Any]:
        """Values of a hyperparameter as objects, None where inactive."""
        codes = self._codes[i]
        is_active = ~np.isnan(codes)
        values = np.full(len(codes), None, dtype=object)
        values[is_active] = self._columns[i].values(codes[is_active])
        return values

    def _own_codes(self, i: int, codes: Array) -> Array | float:
        column, hyperparameter = self._columns[i], self._hyperparameters[i]
        if isinstance(column, Choice):
            return to_vector(hyperparameter, column.choices[0])
        return to_vectors(hyperparameter, column.values(codes))


def _compared(comparison: Comparison, left: npt.NDArray[Any], right: npt.NDArray[Any]) -> Mask:
    result = np.zeros(len(left), dtype=bool)
    both = np.flatnonzero([a is not None and b is not None for a, b in zip(left, right, strict=True)])
    result[both] = [bool(comparison(left[i], right[i])) for i in both]
    return result
