"""Which configuration of a run promises the lowest loss on the largest budget."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["recommended"]

Array = NDArray[np.float64]

SAME_BUDGET = 1e-5
"""Budgets whose relative difference is smaller are one: a fraction of the full one may be rounded."""

MAX_RUNGS = 12
"""Neighbouring budgets are put together where there are more: the costs grow with the cube of their number."""

CORRELATION = 0.9
"""Of losses on budgets that are a factor of three apart, as long as the run knows no better."""

CONFIDENCE = 4.0
"""How many configurations must speak against what was assumed beforehand to weigh as much as that."""

DRIFT = 2.0
"""How much the level of the losses changes from a budget to the next, in spreads of the losses."""

NARROWEST = 1e-6
"""Spread of the losses of a budget, as a share of all differences, below which nothing is told apart."""

FLATTEST = 0.02
"""The distance from the median to the best loss of a budget is never less than this share of the largest such distance.
Where most results on a budget are next to the optimum, they would say nothing of what else a configuration may do."""

CONVINCING = 20
"""So many results on budgets that a configuration has not reached raise its predicted loss by all that is not known of
it, half as many by a quarter of that: the best of many predictions is good by luck, too, and a model that sent others
there knew more of them than their losses on lower budgets. Where few have been on the largest budget they say little of
who has not; where many have, the best of them is good enough. With 16 or 32 the recommendations are as good."""

STEPS = 15
"""Of the expectation-maximisation; with 6 or 40 the recommendations are as good."""


def recommended(configs: ArrayLike, budgets: ArrayLike, losses: ArrayLike) -> int | None:
    """The run whose configuration has the lowest predicted loss on the largest budget.

    The losses of one configuration on all budgets are taken for a draw from a normal distribution, most of which is not
    seen. Which budgets are seen depends on losses that are seen as well (the best go on), so that the distribution can
    be estimated as if they were missing at random (Little & Rubin, Statistical Analysis with Missing Data, chapter 11).
    The prior: losses on two budgets are the less correlated the farther the budgets are apart in the logarithm, as in
    the autoregressive model of Kennedy & O'Hagan (Biometrika 87, 2000), and levels drift from budget to budget by about
    twice the spread of the losses. What the run tells outweighs it soon.

    A few results on the largest budget thus replace the best of many on the budget below only if they promise more.
    The more results there are, the surer must be what has not got so far: who goes on may depend on more than losses,
    such as a model's opinion of the configuration.
    Losses far above the others of their budget are moved closer, for they say little about good configurations.
    A configuration that failed on the largest budget that it tried is recommended only if all did.

    Args:
        configs: a number for the configuration of each run, shape (runs,).
        budgets: what it ran on, shape (runs,).
        losses: what came of it, shape (runs,); NaN or infinite where it failed.

    Returns:
        The position of the run on the largest budget of the recommended configuration; of equally good ones the first.
        None if no run succeeded.

    Example:
        >>> recommended([0, 1, 2, 3], [1, 1, 1, 9], [0.5, 0.1, 0.4, 0.3])  # a single result on 9 shows its level only
        1
        >>> recommended([0, 1, 2, 3, 1], [1, 1, 1, 9, 9], [0.5, 0.1, 0.4, 0.3, 0.35])
        3
    """
    table = _tabulated(np.asarray(configs), np.asarray(budgets, float), np.asarray(losses, float))
    if table is None:
        return None
    predicted = _doubted(table) if len(table.steps) > 1 else table.losses[:, 0]
    order = np.lexsort((table.run, table.last_loss, -table.last_rung, predicted))
    return int(table.run[_first_sound(order, table.fails)])


@dataclass(frozen=True)
class _Table:
    """The configurations with a result, one a row.

    Attributes:
        losses: on each rung, NaN where there is none, shape (configurations, rungs); each rung has one.
        steps: the logarithm of the budget of each rung to the base of three.
        run: the position of the run with its last result.
        last_rung, last_loss: of that run.
        fails: whether it failed on a larger budget.
    """

    losses: Array
    steps: Array
    run: NDArray[np.int64]
    last_rung: NDArray[np.int64]
    last_loss: Array
    fails: NDArray[np.bool_]


def _first_sound(order: NDArray[np.int64], fails: NDArray[np.bool_]) -> int:
    sound = order[~fails[order]]
    return int(sound[0] if len(sound) else order[0])


def _tabulated(configs: NDArray[np.int64], budgets: Array, losses: Array) -> _Table | None:
    success = np.isfinite(losses)
    if not success.any():
        return None
    _, row = np.unique(configs, return_inverse=True)
    tried = np.full(row.max() + 1, -np.inf)
    np.maximum.at(tried, row, budgets)
    kept = np.flatnonzero(success)
    kept = kept[np.argsort(budgets[kept], kind="stable")]  # the last that is written is on the largest budget
    rung = _rungs(budgets[kept])
    table, run = np.full((len(tried), rung[-1] + 1), np.nan), np.full(len(tried), -1)
    table[row[kept], rung], run[row[kept]] = losses[kept], kept
    last_rung = np.full(len(tried), -1)
    last_rung[row[kept]] = rung
    steps = np.empty(table.shape[1])
    steps[rung] = np.log(np.maximum(budgets[kept], np.finfo(float).tiny)) / np.log(3)
    rows = np.flatnonzero(run >= 0)
    run = run[rows]
    return _Table(table[rows], steps, run, last_rung[rows], losses[run], budgets[run] < tried[rows])


def _rungs(ascending: Array) -> NDArray[np.int64]:
    """The number of the rung of each budget."""
    steps = np.diff(ascending) > SAME_BUDGET * np.abs(ascending[1:])
    rung = np.concatenate([[0], np.cumsum(steps)])
    num_rungs = int(rung[-1]) + 1
    return rung * MAX_RUNGS // num_rungs if num_rungs > MAX_RUNGS else rung


def _doubted(table: _Table) -> Array:
    """The predicted losses on the last rung, higher where others have got farther."""
    predicted, unknown = _predicted(table.losses, table.steps)
    num_results = (~np.isnan(table.losses)).sum(axis=0)
    num_farther = num_results.sum() - np.cumsum(num_results)[table.last_rung]
    doubted: Array = predicted + (num_farther / CONVINCING) ** 2 * unknown
    return doubted.round(12)  # equal but for rounding is equal


def _predicted(losses: Array, steps: Array) -> tuple[Array, Array]:
    """The expected loss of each configuration on the last rung, and its standard deviation.

    Both in units of the largest difference from the median.
    """
    losses = _capped(losses / 8)  # differences of the largest floats overflow
    losses = losses / (np.nanmax(np.abs(losses)) or 1.0)
    losses = losses - np.nanmedian(losses)
    losses = losses / (np.nanmax(np.abs(losses)) or 1.0)
    patterns, which = np.unique(~np.isnan(losses), axis=0, return_inverse=True)
    which = which.reshape(-1)  # numpy 2.0 gives it a second dimension
    groups = [_group(losses[which == i][:, seen], seen) for i, seen in enumerate(patterns)]
    apart = np.abs(steps[:, None] - steps)
    scales = _scales(losses, apart)
    mean, covariance = _fitted(groups, CORRELATION**apart * np.outer(scales, scales), scales)
    predicted, unknown = np.empty(len(losses)), np.empty(len(losses))
    for i, group in enumerate(groups):
        weights = np.linalg.solve(covariance[np.ix_(group.seen, group.seen)], covariance[group.seen, -1])
        predicted[which == i] = mean[-1] + (losses[which == i][:, group.seen] - mean[group.seen]) @ weights
        unknown[which == i] = np.sqrt(max(0.0, covariance[-1, -1] - weights @ covariance[group.seen, -1]))
    return predicted, unknown


def _capped(losses: Array) -> Array:
    """No loss is farther above the median of its rung than about twice as far as the best is below it."""
    median = np.nanmedian(losses, axis=0)
    reach = median - np.nanmin(losses, axis=0)
    capped: Array = np.minimum(losses, median + 2 * np.maximum(reach, FLATTEST * reach.max()))
    return capped


def _scales(losses: Array, apart: Array) -> Array:
    """The spread of each rung, leaning on its neighbours' in the logarithm where it has few results."""
    num, spread = (~np.isnan(losses)).sum(axis=0), np.nanstd(losses, axis=0)
    usable = spread > NARROWEST
    if not usable.any():
        return np.ones(len(num))
    weight, logs = np.where(usable, num - 1, 0), np.log(np.where(usable, spread, 1.0))
    near = np.exp(-apart) * weight
    scales: Array = np.exp((weight * logs + CONFIDENCE * (near @ logs) / near.sum(axis=1)) / (weight + CONFIDENCE))
    return scales


@dataclass(frozen=True)
class _Group:
    """The configurations that were seen on the same rungs: their number, mean losses and sums of squares."""

    seen: NDArray[np.int64]
    num: int
    mean: Array
    squares: Array


def _group(losses: Array, seen: NDArray[np.bool_]) -> _Group:
    mean = losses.mean(axis=0)
    return _Group(np.flatnonzero(seen), len(losses), mean, (losses - mean).T @ (losses - mean))


def _fitted(groups: list[_Group], prior: Array, scales: Array) -> tuple[Array, Array]:
    """The most probable mean and covariance of the losses on all rungs, by expectation-maximisation."""
    num = sum(group.num for group in groups)
    steps = np.diff(np.eye(len(scales)), axis=0) / (DRIFT * np.sqrt(scales[1:] * scales[:-1]))[:, None]
    drift = steps.T @ steps
    covariance = prior
    for _ in range(STEPS):
        mean, total = _mean(groups, covariance, drift), CONFIDENCE * prior
        for group in groups:
            seen = covariance[group.seen]
            weights = np.linalg.solve(seen[:, group.seen], seen).T
            shift = weights @ (group.mean - mean[group.seen])
            unseen = covariance - weights @ seen
            total = total + weights @ group.squares @ weights.T + group.num * (unseen + np.outer(shift, shift))
        covariance = _without_contradictions(total / (num + CONFIDENCE), scales)
    return _mean(groups, covariance, drift), covariance


def _without_contradictions(covariance: Array, scales: Array) -> Array:
    """The covariance, changed so that no budget foretells the opposite of another.

    Among the best few of a budget, which alone go on, that may seem so; the worst of all would be recommended then.
    """
    if (covariance >= 0).all():
        return covariance
    units = np.outer(scales, scales)
    correlation = np.maximum(covariance, 0.0) / units
    lowest = np.linalg.eigvalsh(correlation)[0]  # without its negative entries, a covariance may be none
    possible: Array = (correlation + max(0.0, NARROWEST - lowest) * np.eye(len(scales))) * units
    return possible


def _mean(groups: list[_Group], covariance: Array, drift: Array) -> Array:
    precision, weighted = drift.copy(), np.zeros(len(drift))
    for group in groups:
        inverse = group.num * np.linalg.inv(covariance[np.ix_(group.seen, group.seen)])
        precision[np.ix_(group.seen, group.seen)] += inverse
        weighted[group.seen] += inverse @ group.mean
    return np.asarray(np.linalg.solve(precision, weighted))
