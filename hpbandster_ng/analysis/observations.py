"""Losses of a run's configurations that can be compared, although not all ran on the same budget."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hpbandster_ng.analysis.runs import AnyRun, spans_magnitudes
from hpbandster_ng.engine.records import ConfigId

__all__ = ["Observations", "comparable"]

Array = npt.NDArray[np.float64]

_MOST = 1000
"""Configurations: a model of more tells no more of the hyperparameters that matter, and takes
seconds."""


@dataclass(frozen=True)
class Observations:
    """A loss for each configuration, as if all had run on one budget.

    Attributes:
        config_ids: the configurations, n of them.
        losses: shape (n,).
        budget: the budget that the losses are those of.
        is_log: whether the losses are logarithms of the run's.
        num_configs: how many configurations have a loss; more than n where only some were taken.
    """

    config_ids: tuple[ConfigId, ...]
    losses: Array
    budget: float
    is_log: bool
    num_configs: int


def comparable(runs: Iterable[AnyRun], rng: np.random.Generator, budget: float | None = None) -> Observations:
    """One loss a configuration: that on the largest budget which it has succeeded on.

    From each budget to the next, the loss of the configurations that succeeded on both changes; by the median of these
    changes, the losses on the smaller budget are moved. The survivors of the largest budget alone would not do: they
    are alike, and say nothing of what makes a configuration bad. For the same reason, of more than 1000 configurations
    so many are drawn, all with the same probability. Losses that are positive and span more than two orders of
    magnitude are compared by their logarithms. Failed runs have no loss, and do not count.

    Args:
        runs: of a result.
        rng: draws the configurations where there are too many.
        budget: the runs on this one alone, unmoved.

    Example:
        >>> from hpbandster_ng.core.run import Run
        >>> losses = {(0, 0, 0): {1: 0.9}, (0, 0, 1): {1: 0.7, 9: 0.2}, (0, 0, 2): {1: 0.5, 9: 0.1}}
        >>> runs = [Run(key, on, loss, None, {}, None) for key, each in losses.items() for on, loss in each.items()]
        >>> observed = comparable(runs, np.random.default_rng(0))
        >>> observed.budget, dict(zip(observed.config_ids, observed.losses.round(2).tolist()))
        (9, {(0, 0, 0): 0.45, (0, 0, 1): 0.2, (0, 0, 2): 0.1})
    """
    by_budget: dict[float, dict[ConfigId, float]] = {}
    for run in runs:
        if run.is_success and run.loss is not None and budget in (None, run.budget):
            by_budget.setdefault(run.budget, {})[run.config_id] = run.loss
    budgets = sorted(by_budget)
    every = [loss for losses in by_budget.values() for loss in losses.values()]
    is_log = bool(every) and spans_magnitudes(every)
    merged: dict[ConfigId, float] = {}
    for smaller, each in zip([None, *budgets], budgets, strict=False):
        losses = {key: float(np.log(loss)) if is_log else loss for key, loss in by_budget[each].items()}
        change = _median_change(merged, losses) if smaller is not None else 0.0
        merged = {key: loss + change for key, loss in merged.items()} | losses
    config_ids = _some(list(merged), rng)
    return Observations(
        tuple(config_ids),
        np.array([merged[key] for key in config_ids], dtype=np.float64),
        budgets[-1] if budgets else float("nan"),
        is_log,
        len(merged),
    )


def _median_change(before: dict[ConfigId, float], after: dict[ConfigId, float]) -> float:
    changes = [after[key] - before[key] for key in after if key in before]
    return float(np.median(changes)) if changes else 0.0


def _some(config_ids: list[ConfigId], rng: np.random.Generator) -> list[ConfigId]:
    if len(config_ids) <= _MOST:
        return config_ids
    return [config_ids[i] for i in np.sort(rng.choice(len(config_ids), _MOST, replace=False))]
