"""A regression forest whose trees are exact on a grid of cells, so that averages over it are sums.

Each column is cut into cells (values of a category; intervals of a number, half of them of equal width and half of
equal counts; one cell for what is inactive). A leaf is a set of cells of each column, and a tree a partition of the
grid. What the grid weighs is known, so that the average of a tree over any of its columns needs no sampling.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Grid", "Tree", "gridded", "grown"]

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
Whole = npt.NDArray[np.int64]

_INTERVALS = 24
"""Of equal width, and as many of equal counts; less than 1 % of a sine's variance is lost by as many a period."""

_MOST_CELLS = 64
"""Of a category: those of its values that are rarer than 63 others share one."""

_LEAST = 3
"""Rows in a leaf; with 2 or 5, and with splits by a random part of the columns, the importances are no better."""

_DEEPEST = 14
"""Levels of a tree."""

_ROUNDING = 1e-9
"""Of sums of squares; what is gained below it is nothing."""


@dataclass(frozen=True)
class Grid:
    """The cells of the columns, and the rows of a table as cells.

    Attributes:
        cells: the cell of each row, shape (rows, columns).
        weights: the share of each cell in its column, shape (columns, most cells), 0 where there is none.
        is_category: shape (columns,).
        lookups: where the cells of a number begin and end, or the cell of each value of a category.
    """

    cells: Whole
    weights: Array
    is_category: Mask
    lookups: tuple[Array, ...]

    def cells_of(self, column: int, codes: Array) -> Whole:
        """The cell of each code of a column; no code is NaN."""
        return _cells(self.lookups[column], codes, bool(self.is_category[column]))


def gridded(codes: Array, num_values: Whole) -> Grid:
    """Cut the columns into cells.

    Args:
        codes: shape (rows, columns): 0 to 1 for a number, the place for a category, NaN where inactive.
        num_values: how many values a category has; 0 for a number. Shape (columns,).

    Example:
        >>> grid = gridded(np.array([[0.1, 0], [0.3, 1], [0.9, np.nan], [0.9, 1]]), np.array([0, 2]))
        >>> grid.cells.T
        array([[0, 1, 2, 2],
               [0, 1, 2, 1]])
        >>> grid.weights
        array([[0.2  , 0.4  , 0.4  ],
               [0.375, 0.375, 0.25 ]])
    """
    lookups = [
        _values_to_cells(column, int(count)) if count else _edges(column)
        for column, count in zip(codes.T, num_values, strict=True)
    ]
    cells = np.empty(codes.shape, dtype=np.int64)
    weights = []
    for i, (lookup, column, count) in enumerate(zip(lookups, codes.T, num_values, strict=True)):
        is_active = ~np.isnan(column)
        share = np.bincount(lookup.astype(np.int64)) / count if count else np.diff(lookup)
        cells[:, i] = np.where(is_active, _cells(lookup, np.nan_to_num(column), bool(count)), len(share))
        weights.append(share if is_active.all() else np.append(share * is_active.mean(), 1.0 - is_active.mean()))
    table = np.zeros((len(weights), max(map(len, weights))))
    for row, each in zip(table, weights, strict=True):
        row[: len(each)] = each
    return Grid(cells, table, num_values > 0, tuple(lookups))


def _cells(lookup: Array, codes: Array, is_category: bool) -> Whole:
    if is_category:
        return lookup[codes.astype(np.int64)].astype(np.int64)
    return np.searchsorted(lookup[1:-1], codes, side="right").astype(np.int64)


def _values_to_cells(codes: Array, count: int) -> Array:
    if count <= _MOST_CELLS:
        return np.arange(count, dtype=np.float64)
    often = np.bincount(codes[~np.isnan(codes)].astype(np.int64), minlength=count)
    rank = np.argsort(np.argsort(-often, kind="stable"))
    return np.minimum(rank, _MOST_CELLS - 1).astype(np.float64)


def _edges(codes: Array) -> Array:
    """Between neighbouring values where there are few of them."""
    values = np.unique(codes[~np.isnan(codes)])
    if len(values) <= 2 * _INTERVALS:
        inner = (values[1:] + values[:-1]) / 2
    else:
        even = np.linspace(0.0, 1.0, _INTERVALS + 1)[1:-1]
        inner = np.union1d(even, np.quantile(values, even).round(9))
    return np.concatenate([[0.0], inner[(inner > 0) & (inner < 1)], [1.0]])


@dataclass(frozen=True)
class Tree:
    """A partition of the grid.

    Attributes:
        leaves: which cells of each column belong to each leaf, shape (leaves, columns, most cells).
        values: what each leaf predicts, shape (leaves,).
        sizes: the share of each leaf in each column, shape (leaves, columns).
    """

    leaves: Mask
    values: Array
    sizes: Array

    def predict(self, cells: Whole) -> Array:
        """What it predicts for rows of cells, shape (rows,)."""
        inside = np.ones((len(cells), len(self.values)), dtype=bool)
        for column in range(cells.shape[1]):
            inside &= self.leaves[:, column, :].T[cells[:, column]]
        return np.asarray(inside @ self.values)

    def average(self, *columns: int) -> Array:
        """What it predicts for the cells of one or of two columns, averaged over all others."""
        weighted = np.delete(self.sizes, columns, axis=1).prod(axis=1) * self.values
        first = self.leaves[:, columns[0]] * weighted[:, None]
        if len(columns) == 1:
            return np.asarray(first.sum(axis=0))
        return np.asarray(first.T @ self.leaves[:, columns[1]].astype(np.float64))


def grown(grid: Grid, targets: Array, rows: Whole, rng: np.random.Generator) -> Tree:
    """Grow a tree on some rows of a grid.

    Each split is the one that leaves the least squared error, by a threshold of a number or by a set of values of a
    category (ordered by their means, which finds the best set: Fisher, J. Am. Stat. Assoc. 53, 1958). Of thresholds
    between which there is no row, one is drawn.
    """
    columns, most = grid.weights.shape
    cells, targets = grid.cells[rows], targets[rows]
    nodes = (grid.weights > 0)[None]
    node_of = np.zeros(len(rows), dtype=np.int64)
    done: list[tuple[Mask, Array]] = []
    for level in range(_DEEPEST + 1):
        count = len(nodes)
        places = (node_of[:, None] * columns + np.arange(columns)) * most + cells
        shape, size = (count, columns, most), count * columns * most
        counts = np.bincount(places.ravel(), minlength=size).astype(np.float64)
        sums = np.bincount(places.ravel(), np.repeat(targets, columns), size).astype(np.float64)
        counts, sums = counts.reshape(shape), sums.reshape(shape)
        best = _best_splits(counts, sums, grid.is_category, rng)
        goes_on = best.gain > 0 if level < _DEEPEST else np.zeros(count, dtype=bool)
        means = sums[:, 0].sum(axis=1) / counts[:, 0].sum(axis=1)
        done.append((nodes[~goes_on], means[~goes_on]))
        if not goes_on.any():
            break
        nodes, node_of, kept = _split(nodes, node_of, cells, best, goes_on)
        cells, targets = cells[kept], targets[kept]
    leaves = np.concatenate([masks for masks, _ in done])
    sizes = np.einsum("lcm,cm->lc", leaves, grid.weights)
    return Tree(leaves, np.concatenate([values for _, values in done]), sizes)


@dataclass(frozen=True)
class _Splits:
    """Of each node: what is gained, by which column, and which of its cells go left."""

    gain: Array
    column: Whole
    left: Mask


def _best_splits(counts: Array, sums: Array, is_category: Mask, rng: np.random.Generator) -> _Splits:
    count, _, most = counts.shape
    order = np.broadcast_to(np.arange(most), counts.shape)
    if is_category.any():
        total = np.maximum(counts.sum(axis=2, keepdims=True), 1)
        keys = np.where(counts > 0, sums / np.maximum(counts, 1), sums.sum(axis=2, keepdims=True) / total)
        keys = np.where(is_category[:, None], keys, order)
        order = np.argsort(keys, axis=2, kind="stable")
        counts, sums = np.take_along_axis(counts, order, 2), np.take_along_axis(sums, order, 2)
    n_left, s_left = counts.cumsum(axis=2), sums.cumsum(axis=2)
    n_all, s_all = n_left[:, :, -1:], s_left[:, :, -1:]
    n_right = n_all - n_left
    with np.errstate(divide="ignore", invalid="ignore"):
        gains = s_left**2 / n_left + (s_all - s_left) ** 2 / n_right - s_all**2 / n_all
    usable = (n_left >= _LEAST) & (n_right >= _LEAST)
    noticeable = gains > _ROUNDING * np.maximum(s_all**2 / n_all, 1.0)
    gains = np.where(usable & noticeable, gains, 0.0).reshape(count, -1)
    gain = gains.max(axis=1)
    ties = gains >= (gain * (1 - _ROUNDING))[:, None]
    chosen = (ties * (1.0 + rng.random(gains.shape))).argmax(axis=1)
    column, cut = np.divmod(chosen, most)
    left = np.zeros((count, most), dtype=bool)
    np.put_along_axis(left, order[np.arange(count), column], np.arange(most) <= cut[:, None], axis=1)
    return _Splits(gain, column, left)


def _split(nodes: Mask, node_of: Whole, cells: Whole, best: _Splits, goes_on: Mask) -> tuple[Mask, Whole, Mask]:
    """The children, left and right by turns; the node of each row that is in one; and which rows are."""
    parents = np.flatnonzero(goes_on)
    children = np.repeat(nodes[parents], 2, axis=0)
    at = np.arange(len(parents)), best.column[parents]
    children[0::2][at] &= best.left[parents]
    children[1::2][at] &= ~best.left[parents]
    number = np.full(len(nodes), -1)
    number[parents] = np.arange(len(parents))
    kept = goes_on[node_of]
    old, rows = node_of[kept], np.arange(len(node_of))[kept]
    is_left = best.left[old, cells[rows, best.column[old]]]
    return children, 2 * number[old] + ~is_left, kept
