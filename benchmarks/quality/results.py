"""The runs as numbers: regrets at shares of the wall clock, in a file from which every table is made."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.quality.incumbents import recommended_losses
from benchmarks.quality.optimizers import REFERENCE
from benchmarks.quality.problems import Problem
from benchmarks.quality.trace import RunKey, Trace

__all__ = ["CHECKPOINTS", "COMMITTED", "SHARES", "Row", "Table", "normalised", "read", "row", "table", "write"]

CHECKPOINTS = (0.05, 0.1, 0.25, 0.5, 1.0)
SHARES = (0.03, 0.04, 0.05, 0.07, 0.1, 0.13, 0.18, 0.25, 0.3, 0.35, 0.42, 0.5, 0.6, 0.7, 0.85, 1.0)
"""Of the wall clock, about evenly spaced on a logarithmic scale."""

COMMITTED = Path(__file__).with_name("results.csv")


@dataclass(frozen=True)
class Row:
    """One run.

    Attributes:
        key: which.
        idle: the share of the workers' time without work.
        thinking: the optimizer's own seconds.
        results: how many there were.
        best: the lowest full-budget loss known for the problem before this run, or met in it.
        regret: full-budget loss of the incumbent minus ``best`` at each of :data:`SHARES`.
        version: of the optimizer's entry.
    """

    key: RunKey
    idle: float
    thinking: float
    results: int
    best: float
    regret: np.ndarray
    version: str


def row(key: RunKey, trace: Trace, problem: Problem, rule: Callable[[Trace], np.ndarray]) -> Row:
    """What a trace comes down to, by a rule that says which configuration it recommends when."""
    best, worst = problem.bounds
    best = min(best, float(trace.full_loss.min(initial=best)))
    losses = recommended_losses(trace, rule(trace), np.array(SHARES), key.workers, worst)
    return Row(key, trace.idle, trace.thinking, len(trace.loss), best, losses - best, trace.version)


def normalised(rows: Iterable[Row]) -> dict[RunKey, np.ndarray]:
    """Regret over the lowest loss that any run met, in units of random search's after 5 % of its budget.

    The unit is the mean over random search's seeds with one worker.

    Returns:
        For each run the regret at each of :data:`SHARES`. Problems without random search are left out.
    """
    rows = list(rows)
    best: dict[str, float] = {}
    for each in rows:
        best[each.key.problem] = min(each.best, best.get(each.key.problem, np.inf))
    regrets = {each.key: each.regret + (each.best - best[each.key.problem]) for each in rows}
    reference: dict[str, list[float]] = {}
    for key, regret in regrets.items():
        if key.optimizer == REFERENCE and key.workers == 1:
            reference.setdefault(key.problem, []).append(float(regret[SHARES.index(0.05)]))
    return {
        key: regret / np.mean(reference[key.problem]) for key, regret in regrets.items() if key.problem in reference
    }


@dataclass(frozen=True)
class Table:
    """What one optimizer achieved with one number of workers.

    Attributes:
        problems: their names.
        by_problem: mean over seeds of the normalised regret, shape (problems, shares).
        error: standard error of :attr:`mean` over seeds, shape (shares,); NaN if a problem has a single seed.
        num_seeds: the fewest that any problem has.
    """

    problems: list[str]
    by_problem: np.ndarray
    error: np.ndarray
    num_seeds: int

    @property
    def mean(self) -> np.ndarray:
        """Over problems, shape (shares,)."""
        return self.by_problem.mean(axis=0)


def table(regrets: dict[RunKey, np.ndarray], workers: int) -> dict[str, Table]:
    """Each optimizer that ran on every problem, the lowest final regret first.

    Args:
        regrets: what :func:`normalised` returns.
        workers: how many.
    """
    collected: dict[str, dict[str, list[np.ndarray]]] = {}
    for key, regret in sorted(regrets.items(), key=lambda item: item[0]):
        if key.workers == workers:
            collected.setdefault(key.optimizer, {}).setdefault(key.problem, []).append(regret)
    most = max((len(problems) for problems in collected.values()), default=0)
    tables = {name: _table(problems) for name, problems in collected.items() if len(problems) == most}
    return dict(sorted(tables.items(), key=lambda item: item[1].mean[-1]))


def _table(problems: dict[str, list[np.ndarray]]) -> Table:
    seeds = {problem: np.array(values) for problem, values in problems.items()}
    num_seeds = min(map(len, seeds.values()))
    if num_seeds > 1:
        variances = [values.var(axis=0, ddof=1) / len(values) for values in seeds.values()]
        error = np.sqrt(np.sum(variances, axis=0)) / len(seeds)
    else:
        error = np.full(len(SHARES), np.nan)
    return Table(list(seeds), np.array([values.mean(axis=0) for values in seeds.values()]), error, num_seeds)


def merged(rows: Iterable[Row], committed: Iterable[Row], current: Callable[[str], str]) -> list[Row]:
    """Rows that were measured here, and those of the committed ones that they do not replace.

    A committed run of an older version goes when its optimizer has any of the current one.

    Args:
        rows: measured here.
        committed: before.
        current: the version of an optimizer's entry.
    """
    rows = list(rows)
    here = {each.key for each in rows}
    renewed = {each.key.optimizer for each in rows}

    def stays(each: Row) -> bool:
        is_current = each.version == current(each.key.optimizer)
        return each.key not in here and (is_current or each.key.optimizer not in renewed)

    return [*rows, *filter(stays, committed)]


def write(rows: Iterable[Row], path: Path) -> None:
    """Write rows in the order of their keys; a regret that stays the same is left out, which halves the file."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        head = ["problem", "optimizer", "workers", "seed", "version", "idle", "thinking", "results", "best"]
        writer.writerow([*head, *SHARES])
        for each in sorted(rows, key=lambda each: each.key):
            key = each.key
            numbers = [f"{each.idle:.4f}", f"{each.thinking:.3g}", each.results, f"{each.best:.7g}"]
            run = [key.problem, key.optimizer, key.workers, key.seed, each.version]
            writer.writerow([*run, *numbers, *_changes(each.regret)])


def read(path: Path) -> list[Row]:
    """The rows of a file; none if there is no file."""
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return [_parsed(fields) for fields in csv.DictReader(file)]


def _changes(regret: np.ndarray) -> list[str]:
    texts = [f"{value:.3g}" for value in regret]
    return [text if i == 0 or text != texts[i - 1] else "" for i, text in enumerate(texts)]


def _parsed(fields: dict[str, str]) -> Row:
    key = RunKey(fields["problem"], fields["optimizer"], int(fields["workers"]), int(fields["seed"]))
    regret: list[float] = []
    for share in SHARES:
        regret.append(float(fields[str(share)]) if fields[str(share)] else regret[-1])
    numbers = float(fields["idle"]), float(fields["thinking"]), int(fields["results"]), float(fields["best"])
    return Row(key, *numbers, np.array(regret), fields["version"])
