"""A ConfigSpace as the samplers see it: what it can draw, and what its configurations are as numbers."""

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Iterable, Mapping
from typing import Any

import ConfigSpace
import numpy as np
import numpy.typing as npt
from ConfigSpace import hyperparameters as hp_types

from hpbandster_ng.errors import InvalidArgumentError, SearchSpaceError
from hpbandster_ng.optimizers.config_generators.codes import Codes
from hpbandster_ng.optimizers.config_generators.columns import Choice, Column, Kind, Number, UnboundedNumber
from hpbandster_ng.optimizers.config_generators.versions import (
    is_forbidden,
    is_satisfied,
    parent_conditions,
    to_value,
    to_vector,
)

__all__ = ["Kind", "SearchSpace"]

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

_MISSING = object()

_RESOLUTION = 1e9
"""Numbers that differ by less than one part in so many of their range are the same number: encoding what was decoded
changes the last bits."""


class SearchSpace:
    """A copy of a ConfigSpace with a numeric code for its configurations.

    The caller's space is never changed, and neither are its random state and numpy's global one. Every configuration
    that comes out is a dict of plain Python values in the space's order, without inactive hyperparameters; choices
    that are objects of the user come out as they are.

    Args:
        configspace: floats, integers (both uniform, normal or beta, also on a log scale), categories, ordinals,
            constants, with any conditions and forbidden clauses.

    Attributes:
        configspace: the copy.
        names: all hyperparameters, parents before their children.
        column_names: the columns of the code: all hyperparameters that can take more than one value.
        kinds: the :class:`Kind` of each column.
        num_values: array of shape (dimensions,): how many values each column can take; 0 for a number.
        dimensions: how many columns.
        has_priors: whether the user says of any hyperparameter that some values are more likely to be good.

    Raises:
        SearchSpaceError: not a ConfigSpace, nothing in it, or a hyperparameter of an unknown type.

    Example:
        >>> space = SearchSpace(ConfigSpace.ConfigurationSpace({"lr": (0.0, 1.0), "optimizer": ["sgd", "adam"]}))
        >>> space.encode({"lr": 0.25, "optimizer": "adam"})
        array([0.25, 1.  ])
        >>> space.decode(np.array([0.75, 0]), np.random.default_rng(0))
        {'lr': 0.75, 'optimizer': 'sgd'}
    """

    def __init__(self, configspace: Any) -> None:
        if not isinstance(configspace, ConfigSpace.ConfigurationSpace):
            raise SearchSpaceError(
                "configspace", configspace, "must be a ConfigSpace.ConfigurationSpace", "see the ConfigSpace package"
            )
        self.names: tuple[str, ...] = tuple(configspace.keys())
        if not self.names:
            raise SearchSpaceError("configspace", configspace, "must have a hyperparameter", "add at least one")
        self._known = frozenset(self.names)
        self.configspace = copy.deepcopy(configspace)
        self._all_columns = tuple(_column(configspace[name]) for name in self.names)
        self._hyperparameters = tuple(self.configspace[name] for name in self.names)
        self._conditions = tuple(parent_conditions(self.configspace, name) for name in self.names)
        self._forbidden = tuple(self.configspace.forbidden_clauses)
        self._is_conditional = any(self._conditions)
        is_uniform = [_is_uniform(hyperparameter) for hyperparameter in self._hyperparameters]
        self._is_uniform = not self._forbidden and all(is_uniform)
        self.has_priors = any(map(_has_prior, self._hyperparameters))

        self._positions = np.array([i for i, c in enumerate(self._all_columns) if c.num_values != 1], dtype=np.intp)
        self._columns = tuple(self._all_columns[i] for i in self._positions)
        self.column_names = tuple(column.name for column in self._columns)
        self.kinds = tuple(column.kind for column in self._columns)
        self.num_values = np.array([column.num_values for column in self._columns], dtype=np.intp)
        self.dimensions = len(self._columns)
        self._codes = Codes(self.configspace, self._all_columns, self._positions, is_uniform)

    def sample(self, rng: np.random.Generator) -> dict[str, Any]:
        """Draw a configuration from the priors of the space; conditions and forbidden clauses hold."""
        return self.sample_many(rng, 1)[0]

    def sample_many(self, rng: np.random.Generator, n: int) -> list[dict[str, Any]]:
        """Draw ``n`` configurations at once, as :meth:`sample` does.

        Raises:
            SearchSpaceError: of a million draws in a row all are forbidden.
        """
        nothing = np.full(self.dimensions, math.nan)
        codes = itertools.repeat(nothing, n) if self._is_uniform else self.sample_codes(rng, n)
        return [config for code in codes if (config := self.decode(code, rng)) is not None]

    def encode(self, config: Mapping[str, Any]) -> np.ndarray:
        """The code of a configuration.

        Args:
            config: a dict, or a ``ConfigSpace.Configuration``.

        Returns:
            Array of shape (dimensions,): [0, 1] for numbers and integers, 0 .. k-1 for categories and ordinals, NaN
            for what is inactive or missing.

        Raises:
            InvalidArgumentError: names the unknown hyperparameter or the impossible value.
        """
        values = self._dict(config)
        codes = [column.encode(values.get(column.name)) for column in self._all_columns]
        if self._is_conditional:
            self._deactivate(codes)
        return np.array(codes)[self._positions]

    def encode_many(self, configs: Iterable[Mapping[str, Any]]) -> Array:
        """As :meth:`encode`, of several configurations; shape (n, dimensions)."""
        dicts = [self._dict(config) for config in configs]
        codes = np.empty((len(dicts), self.dimensions))
        for j, column in enumerate(self._columns):
            codes[:, j] = [column.encode(values.get(column.name)) for values in dicts]
        return self._codes.settle(codes)[0] if self._is_conditional else codes

    def default_code(self) -> Array:
        """The code of the space's default configuration, shape (dimensions,)."""
        return self.encode(self.configspace.get_default_configuration())

    def sample_codes(self, rng: np.random.Generator, n: int, uniform: bool = False) -> Array:
        """Draw the codes of ``n`` configurations from the priors of the space; conditions and forbidden clauses hold.

        Integers and quantised numbers lie on their grid: their code is that of :meth:`encode`, to the last bit.

        Args:
            rng: the only source of randomness.
            n: how many.
            uniform: draw uniformly over the code instead.

        Returns:
            Shape (n, dimensions), NaN where inactive.

        Raises:
            SearchSpaceError: of a million draws in a row all are forbidden.

        Example:
            >>> space = SearchSpace(ConfigSpace.ConfigurationSpace({"layers": (1, 5), "optimizer": ["sgd", "adam"]}))
            >>> space.sample_codes(np.random.default_rng(0), 3)
            array([[1.  , 0.  ],
                   [0.75, 0.  ],
                   [0.5 , 0.  ]])
        """
        return self._codes.sample(rng, n, uniform)

    def all_codes(self) -> Array:
        """The codes of all configurations, each once; only for a space of countable values that are not too many.

        Returns:
            Shape (n, dimensions), NaN where inactive.
        """
        return self._codes.everything()

    def nearest_codes(self, codes: Array) -> tuple[Array, Mask]:
        """The codes of the configurations that :meth:`decode` makes of codes.

        Args:
            codes: shape (n, dimensions), without NaN.

        Returns:
            Shape (n, dimensions), NaN where inactive; and which are not forbidden, shape (n,).
        """
        return self._codes.settle(self._codes.on_grid(codes))

    def mutate_codes(
        self, rng: np.random.Generator, codes: Array, sigma: float | Array = 0.1, probability: float | None = None
    ) -> Array:
        """Neighbours of configurations: one for each, different from it in at least one active entry.

        A number takes a normal step and stops at its bound, where many an optimum lies; from the bound it steps
        inwards. An integer moves at least to the next one; a category becomes any other; an ordinal moves by one rank.
        Then the conditions are evaluated again: what becomes active is drawn from its prior, what becomes inactive is
        NaN. A forbidden child is made anew, up to ten times, then dropped; so is that of a configuration without an
        active entry.

        Args:
            codes: of legal configurations, shape (n, dimensions).
            sigma: standard deviation of the steps of numbers in units of the code; one, or shape (dimensions,).
            probability: that an active entry changes; one in the number of active entries by default. Where none
                would, one does.

        Returns:
            Shape (m, dimensions), at most n rows and in another order.

        Raises:
            InvalidArgumentError: ``sigma`` is not positive.

        Example:
            >>> space = SearchSpace(ConfigSpace.ConfigurationSpace({"layers": (1, 5), "optimizer": ["sgd", "adam"]}))
            >>> space.mutate_codes(np.random.default_rng(0), np.array([[0.5, 0.0], [0.5, 0.0]]), probability=1.0)
            array([[0.75, 1.  ],
                   [0.75, 1.  ]])
        """
        return self._codes.mutate(rng, codes, sigma, probability)

    def are_valid(self, codes: Array) -> Mask:
        """Which codes have an entry exactly where the conditions want one, and are not forbidden; shape (n,).

        Args:
            codes: shape (n, dimensions).
        """
        return self._codes.are_valid(codes)

    def keys(self, codes: Array) -> list[bytes]:
        """What tells configurations apart, for sets and dicts.

        Args:
            codes: shape (n, dimensions), NaN where inactive.

        Returns:
            One key a row; equal for codes that differ in numbers by rounding only.
        """
        ranks = np.rint(np.where(np.isnan(codes), -1.0, codes) * _RESOLUTION).astype(np.int64)
        return [row.tobytes() for row in ranks]

    def decode(self, vector: np.ndarray, rng: np.random.Generator) -> dict[str, Any] | None:
        """The configuration nearest to a code.

        Args:
            vector: array of shape (dimensions,). Entries of what the conditions make inactive are ignored.
            rng: draws an entry that is NaN but whose hyperparameter is active, uniformly from its range; not touched
                otherwise.

        Returns:
            The configuration, or None where a forbidden clause forbids it.
        """
        codes = np.zeros(len(self.names))
        codes[self._positions] = vector
        coded = zip(self._all_columns, codes.tolist(), strict=True)
        if not self._is_conditional and not self._forbidden:
            return {column.name: _decoded(column, code, rng) for column, code in coded}
        values: dict[str, Any] = {}
        internal = np.full(len(self.names), math.nan)
        for i, (column, code) in enumerate(coded):
            if self._is_active(i, internal):
                values[column.name] = _decoded(column, code, rng)
                internal[i] = self._internal(i, values[column.name])
        return None if self._first_forbidden(internal) is not None else values

    def validate(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """Refuse a configuration that the space does not contain.

        Returns:
            The configuration in plain Python, in the space's order.

        Raises:
            InvalidArgumentError: names the hyperparameter, its value and the rule.
        """
        given = self._dict(config)
        values: dict[str, Any] = {}
        internal = np.full(len(self.names), math.nan)
        for i, column in enumerate(self._all_columns):
            value = given.get(column.name, _MISSING)
            is_given = value is not _MISSING and not math.isnan(column.encode(value))
            if self._is_active(i, internal) != is_given:
                raise self._wrongly_given(i, given)
            if is_given:
                values[column.name] = column.plain(value)
                internal[i] = self._internal(i, values[column.name])
        clause = self._first_forbidden(internal)
        if clause is not None:
            raise InvalidArgumentError("config", values, f"is forbidden by {clause}", "change one of its values")
        return values

    def _dict(self, config: Mapping[str, Any]) -> Mapping[str, Any]:
        if isinstance(config, ConfigSpace.Configuration):
            # Its own items are rounded to so many decimals in ConfigSpace 1.x that small numbers lose their digits.
            hyperparameters = tuple(config.config_space.values())
            config = _values(tuple(map(_column, hyperparameters)), hyperparameters, config.get_array())
        elif not isinstance(config, Mapping):
            raise InvalidArgumentError(
                "config", config, "must be a dict or a ConfigSpace.Configuration", "map names to values"
            )
        if not self._known.issuperset(config):
            name = min(set(config) - self._known, key=str)
            raise InvalidArgumentError(
                str(name), config[name], f"is not among the hyperparameters {list(self.names)}", "leave it out"
            )
        return config

    def _deactivate(self, codes: list[float]) -> None:
        internal = np.full(len(codes), math.nan)
        for i, column in enumerate(self._all_columns):
            if not self._is_active(i, internal):
                codes[i] = math.nan
            elif not math.isnan(codes[i]):
                internal[i] = self._internal(i, column.decode(codes[i]))

    def _is_active(self, i: int, internal: np.ndarray) -> bool:
        return all(is_satisfied(condition, internal) for condition in self._conditions[i])

    def _internal(self, i: int, value: Any) -> float:
        """ConfigSpace's own code of a value, to the last bit: its rules compare for equality."""
        column = self._all_columns[i]
        if isinstance(column, Choice) and column.num_values > 1:
            return column.encode(value)
        return to_vector(self._hyperparameters[i], value)

    def _first_forbidden(self, internal: np.ndarray) -> Any:
        return next((clause for clause in self._forbidden if is_forbidden(clause, internal)), None)

    def _wrongly_given(self, i: int, given: Mapping[str, Any]) -> InvalidArgumentError:
        name = self.names[i]
        conditions = " and ".join(str(condition) for condition in self._conditions[i])
        if name in given and given[name] is not None:
            return InvalidArgumentError(
                name, given[name], f"is set but inactive, because not: {conditions}", "leave it out"
            )
        rule = "must be set" + (f", because {conditions}" if conditions else "")
        return InvalidArgumentError(name, given.get(name), rule, "give it a value")


def _column(hyperparameter: Any) -> Column:
    name = hyperparameter.name
    if isinstance(hyperparameter, hp_types.Constant):
        return Choice(name, [hyperparameter.value])
    if isinstance(hyperparameter, hp_types.CategoricalHyperparameter):
        return Choice(name, hyperparameter.choices)
    if isinstance(hyperparameter, hp_types.OrdinalHyperparameter):
        return Choice(name, hyperparameter.sequence, Kind.ORDINAL)
    if not isinstance(hyperparameter, hp_types.FloatHyperparameter | hp_types.IntegerHyperparameter):
        raise SearchSpaceError(
            "configspace",
            name,
            f"is of the unsupported type {type(hyperparameter).__name__}",
            "use floats, integers, categories, ordinals and constants",
        )
    return _numeric_column(hyperparameter)


def _numeric_column(hyperparameter: Any) -> Column:
    traits: dict[str, Any] = {
        "log": bool(getattr(hyperparameter, "log", False)),
        "is_integer": isinstance(hyperparameter, hp_types.IntegerHyperparameter),
        "snap": _snap(hyperparameter),
    }
    if hyperparameter.lower is None:  # only in 0.7
        return UnboundedNumber(hyperparameter.name, hyperparameter.mu, hyperparameter.sigma, **traits)
    convert = int if traits["is_integer"] else float
    return Number(hyperparameter.name, convert(hyperparameter.lower), convert(hyperparameter.upper), **traits)


def _has_prior(hyperparameter: Any) -> bool:
    is_flat = type(hyperparameter) in (hp_types.UniformFloatHyperparameter, hp_types.UniformIntegerHyperparameter)
    return not (is_flat or _is_uniform(hyperparameter))


def _is_uniform(hyperparameter: Any) -> bool:
    """Whether drawing from the column's range is the same as drawing from ConfigSpace's prior."""
    if isinstance(hyperparameter, hp_types.CategoricalHyperparameter):
        return len(set(np.asarray(hyperparameter.probabilities).tolist())) == 1
    if type(hyperparameter) is hp_types.UniformIntegerHyperparameter:  # in 0.7 the beta ones are derived from it
        return not hyperparameter.log and getattr(hyperparameter, "q", None) is None
    if type(hyperparameter) is hp_types.UniformFloatHyperparameter:
        return getattr(hyperparameter, "q", None) is None
    return isinstance(hyperparameter, hp_types.OrdinalHyperparameter | hp_types.Constant)


def _snap(hyperparameter: Any) -> Any:
    if getattr(hyperparameter, "q", None) is None:  # only in 0.7
        return None
    return lambda value: to_value(hyperparameter, to_vector(hyperparameter, value))


def _decoded(column: Column, code: float, rng: np.random.Generator) -> Any:
    return column.decode(column.draw(rng) if math.isnan(code) else code)


def _values(columns: tuple[Column, ...], hyperparameters: tuple[Any, ...], vector: np.ndarray) -> dict[str, Any]:
    """What ConfigSpace's own code of a configuration stands for."""
    values: dict[str, Any] = {}
    for column, hyperparameter, code in zip(columns, hyperparameters, vector.tolist(), strict=True):
        if math.isnan(code):
            continue
        is_choice = isinstance(column, Choice)
        values[column.name] = column.decode(code) if is_choice else column.plain(to_value(hyperparameter, code))
    return values
