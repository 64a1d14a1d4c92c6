"""Codes of many legal configurations at once: drawn from the priors of a space, or changed a little."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from hpbandster_ng.errors import InvalidArgumentError, SearchSpaceError
from hpbandster_ng.optimizers.config_generators.columns import Choice, Column, Kind
from hpbandster_ng.optimizers.config_generators.rules import Rules
from hpbandster_ng.optimizers.config_generators.versions import draw_vectors, to_values

__all__ = ["Codes"]

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

_MOST_DRAWS = 10**6
"""So many draws in a row that are all forbidden mean that nothing is left to draw."""

_TRIES = 10
"""How often a forbidden mutation is made anew."""


class Codes:
    """The codes of a space, in arrays of shape (n, dimensions); NaN is inactive.

    Args:
        configspace: a copy that is not used for anything else, because its random state is seeded anew.
        columns: of all its hyperparameters, parents before their children.
        positions: which of them are columns of a code.
        is_uniform: of each hyperparameter, whether its prior is uniform over its codes.
    """

    def __init__(
        self, configspace: Any, columns: tuple[Column, ...], positions: npt.NDArray[np.intp], is_uniform: list[bool]
    ) -> None:
        self._configspace = configspace
        self._num_hyperparameters = len(columns)
        self._positions = positions
        self._columns = [columns[i] for i in positions]
        self._priors = [None if is_uniform[i] else configspace[columns[i].name] for i in positions]
        self._rules = Rules(configspace, columns)

    def settle(self, codes: Array) -> tuple[Array, Mask]:
        """Let the conditions decide what is active.

        Args:
            codes: where everything that may be active has a value.

        Returns:
            A copy with NaN for what is inactive; and which rows no clause forbids, shape (n,).
        """
        rows = np.zeros((self._num_hyperparameters, len(codes)))
        rows[self._positions] = codes.T
        is_allowed = self._rules.apply(rows)
        return np.ascontiguousarray(rows[self._positions].T), is_allowed

    def on_grid(self, codes: Array) -> Array:
        """The codes of the nearest values."""
        columns = [column.on_grid(codes[:, j]) for j, column in enumerate(self._columns)]
        return np.column_stack(columns) if columns else codes

    def are_valid(self, codes: Array) -> Mask:
        """Which rows have a value exactly where they are active, and are not forbidden."""
        settled, is_allowed = self.settle(np.where(np.isnan(codes), 0.0, codes))
        return np.asarray(is_allowed & (np.isnan(settled) == np.isnan(codes)).all(axis=1))

    def sample(self, rng: np.random.Generator, n: int, uniform: bool = False) -> Array:
        """Draw what is not forbidden, from the priors or uniformly."""
        found = [np.empty((0, len(self._columns)))]
        missing, size, drawn = n, n, 0
        while missing > 0:
            codes, is_allowed = self.settle(self._unconditional(rng, size, uniform))
            allowed = codes[is_allowed][:missing]
            found.append(allowed)
            missing -= len(allowed)
            drawn = 0 if len(allowed) else drawn + size
            if drawn >= _MOST_DRAWS:
                way_out = "check the forbidden clauses"
                raise SearchSpaceError("configspace", self._configspace, "forbids (almost) everything", way_out)
            size = min(max(16, math.ceil(1.2 * missing * size / max(len(allowed), 1))), 10**5)
        return np.concatenate(found)

    def everything(self) -> Array:
        """All configurations, each once."""
        if not self._columns:
            return np.empty((1, 0))
        columns = [column.all_codes() for column in self._columns]
        grid = np.array(np.meshgrid(*columns, indexing="ij")).reshape(len(columns), -1).T
        codes, is_allowed = self.settle(grid)
        # Inactive entries make equal rows of different ones; -1 is no code, and unlike NaN equal to itself.
        distinct = np.unique(np.where(np.isnan(codes[is_allowed]), -1.0, codes[is_allowed]), axis=0)
        return np.where(distinct < 0, math.nan, distinct)

    def mutate(self, rng: np.random.Generator, parents: Array, sigma: Any, probability: float | None) -> Array:
        """Change at least one active entry of each parent; see ``SearchSpace.mutate_codes``."""
        widths = np.broadcast_to(np.asarray(sigma, dtype=np.float64), (len(self._columns),))
        if not (np.isfinite(widths).all() and (widths > 0).all()):
            raise InvalidArgumentError("sigma", sigma, "must be positive, one number or one a column", "such as 0.1")
        children: list[Array] = []
        for _ in range(_TRIES):
            codes, is_allowed = self.settle(self._changed(rng, parents, widths, probability))
            is_new = ~((codes == parents) | (np.isnan(codes) & np.isnan(parents))).all(axis=1)
            children.append(codes[is_allowed & is_new])
            parents = parents[~(is_allowed & is_new)]
            if not len(parents):
                break
        return np.concatenate(children)

    def _changed(self, rng: np.random.Generator, parents: Array, widths: Array, probability: float | None) -> Array:
        """Parents with some active entries changed and with draws from the priors where they are inactive."""
        is_active = ~np.isnan(parents)
        counts = is_active.sum(axis=1, keepdims=True)
        share = 1 / np.maximum(counts, 1) if probability is None else probability
        scores = np.where(is_active, rng.random(parents.shape), 2.0)
        is_changed = (scores < share) | (is_active & (scores == scores.min(axis=1, keepdims=True, initial=2.0)))
        codes = np.where(is_active, parents, self._unconditional(rng, len(parents)))
        for j, column in enumerate(self._columns):
            rows = np.flatnonzero(is_changed[:, j])
            if len(rows):
                codes[rows, j] = _mutated(column, codes[rows, j], widths[j], rng)
        return codes

    def _unconditional(self, rng: np.random.Generator, n: int, uniform: bool = False) -> Array:
        """Draws as if everything were active and nothing forbidden."""
        codes = np.empty((n, len(self._columns)))
        priors = [None] * len(self._columns) if uniform else self._priors
        if any(prior is not None for prior in priors):
            self._configspace.seed(int(rng.integers(2**31 - 1)))
        for j, (column, prior) in enumerate(zip(self._columns, priors, strict=True)):
            codes[:, j] = column.draw_many(rng, n) if prior is None else self._drawn(column, prior, n)
        return codes

    def _drawn(self, column: Column, prior: Any, n: int) -> Array:
        vectors = draw_vectors(self._configspace, prior, n)
        return vectors if isinstance(column, Choice) else column.codes(to_values(prior, vectors))


def _mutated(column: Column, codes: Array, width: float, rng: np.random.Generator) -> Array:
    if column.kind is Kind.CATEGORICAL:
        return np.asarray((codes + rng.integers(1, column.num_values, size=len(codes))) % column.num_values)
    if column.kind is Kind.ORDINAL:
        return column.stepped(codes, rng.random(len(codes)) < 0.5)
    steps = width * rng.standard_normal(len(codes))
    leaves = ((codes == 0.0) & (steps < 0)) | ((codes == 1.0) & (steps > 0))
    steps = np.where(leaves, -steps, steps)
    moved = column.on_grid(np.clip(codes + steps, 0.0, 1.0))
    stays = np.flatnonzero(moved == codes)
    if len(stays):
        moved[stays] = column.stepped(codes[stays], steps[stays] > 0)
    return moved
