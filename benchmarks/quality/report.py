"""The tables that tell who is ahead when."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from benchmarks.quality.optimizers import BASELINES, OURS, REFERENCE
from benchmarks.quality.results import CHECKPOINTS, SHARES, Row, normalised
from benchmarks.quality.trace import RunKey

__all__ = ["means", "not_better_than_random", "text"]

Regrets = dict[RunKey, np.ndarray]
"""The normalised regret of each run at each share."""


def per_problem(regrets: Regrets, workers: int) -> dict[str, dict[str, np.ndarray]]:
    """The mean over seeds, by optimizer and problem."""
    collected: dict[str, dict[str, list[np.ndarray]]] = {}
    for key, regret in regrets.items():
        if key.workers == workers:
            collected.setdefault(key.optimizer, {}).setdefault(key.problem, []).append(regret)
    return {
        optimizer: {problem: np.mean(values, axis=0) for problem, values in problems.items()}
        for optimizer, problems in collected.items()
    }


def means(regrets: Regrets, workers: int) -> dict[str, np.ndarray]:
    """The mean over problems of the mean over seeds, at each share; of optimizers that ran on every problem."""
    of_problems = per_problem(regrets, workers)
    most = max((len(problems) for problems in of_problems.values()), default=0)
    return {
        optimizer: np.mean(list(problems.values()), axis=0)
        for optimizer, problems in of_problems.items()
        if len(problems) == most
    }


def text(rows: Sequence[Row]) -> str:
    """A table of mean normalised regret for each number of workers."""
    regrets = normalised(rows)
    at = [SHARES.index(share) for share in CHECKPOINTS]
    lines = []
    for workers in sorted({key.workers for key in regrets}):
        lines.append(f"\n{'workers: ' + str(workers):24}" + "".join(f"{share:>9.0%}" for share in CHECKPOINTS))
        table = means(regrets, workers)
        lines += [
            f"{optimizer:24}" + "".join(f"{value:9.3f}" for value in regret[at])
            for optimizer, regret in sorted(table.items(), key=lambda item: item[1][-1])
        ]
    return "\n".join(lines)


def not_better_than_random(rows: Iterable[Row]) -> list[str]:
    """Which of our optimizers end with a larger regret than random search, a line each."""
    regrets = normalised(rows)
    found = []
    for workers in sorted({key.workers for key in regrets}):
        final = {optimizer: values[-1] for optimizer, values in means(regrets, workers).items()}
        bound = final.get(REFERENCE, np.inf)
        found += [
            f"{optimizer} with {workers} workers: regret {value:.3f}, random search {bound:.3f}"
            for optimizer, value in final.items()
            if optimizer in OURS and optimizer not in BASELINES and not value < bound
        ]
    return found
