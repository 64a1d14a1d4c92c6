"""The tables that tell who is ahead when, in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from benchmarks.quality.bars import bars
from benchmarks.quality.optimizers import BASELINES, OURS, REFERENCE
from benchmarks.quality.results import CHECKPOINTS, SHARES, Row, Table, normalised, table
from benchmarks.quality.statistics import critical_difference, friedman, mean_ranks

__all__ = ["full", "not_better_than_random", "summary", "write"]

_AT = [SHARES.index(share) for share in CHECKPOINTS]
_HEAD = [f"{share:.0%}" for share in CHECKPOINTS]


def summary(rows: Sequence[Row]) -> str:
    """For each number of workers the mean regrets, the mean ranks and the cost of thinking; then the bars."""
    regrets = normalised(rows)
    parts = []
    for workers in sorted({key.workers for key in regrets}):
        measured = table(regrets, workers)
        mine = [row for row in rows if row.key.workers == workers and row.key.optimizer in measured]
        parts += [f"## {_counted(workers, 'worker')}", _regrets(measured), _ranks(measured), _costs(mine)]
    judged = [[bar.promise, bar.value, "met" if bar.is_met else "MISSED"] for bar in bars(rows)]
    if judged:
        parts += ["## Bars", _markdown(["promise", "measured", ""], judged)]
    return "\n\n".join(parts)


def full(rows: Sequence[Row]) -> str:
    """The summary, and the regret on each problem after a quarter and after all of the wall clock."""
    regrets = normalised(rows)
    parts = [summary(rows)]
    for workers in sorted({key.workers for key in regrets}):
        measured = table(regrets, workers)
        for share in (0.25, 1.0):
            at = SHARES.index(share)
            body = [
                [problem, *(f"{each.by_problem[i, at]:.3f}" for each in measured.values())]
                for i, problem in enumerate(_problems(measured))
            ]
            title = f"## Each problem, {_counted(workers, 'worker')}, {share:.0%} of the wall clock"
            parts += [title, _markdown(["problem", *measured], body)]
    return "\n\n".join(parts)


def write(rows: Sequence[Row], folder: Path) -> list[Path]:
    """Write ``report.md`` and the curves, ``regret.png``; returns the files."""
    from benchmarks.quality.pictures import save_curves  # matplotlib is slow to load, and not needed for a table

    folder.mkdir(parents=True, exist_ok=True)
    report, picture = folder / "report.md", folder / "regret.png"
    report.write_text(f"{full(rows)}\n", encoding="utf-8")
    save_curves(rows, picture)
    return [report, picture]


def not_better_than_random(rows: Iterable[Row]) -> list[str]:
    """Which of our optimizers end with no smaller regret than random search, a line each."""
    regrets = normalised(rows)
    found = []
    for workers in sorted({key.workers for key in regrets}):
        final = {optimizer: each.mean[-1] for optimizer, each in table(regrets, workers).items()}
        bound = final.get(REFERENCE, np.inf)
        found += [
            f"{optimizer}, {_counted(workers, 'worker')}: regret {regret:.3f}, random search {bound:.3f}"
            for optimizer, regret in final.items()
            if optimizer in OURS and optimizer not in BASELINES and not regret < bound
        ]
    return found


def _regrets(measured: dict[str, Table]) -> str:
    body = [
        [optimizer, *(f"{each.mean[at]:.3f} ± {each.error[at]:.3f}" for at in _AT), str(each.num_seeds)]
        for optimizer, each in measured.items()
    ]
    problems = _counted(len(_problems(measured)), "problem")
    note = f"Mean over {problems} of the normalised regret of the incumbent, ± its standard error over seeds."
    return f"{note}\n\n{_markdown(['share of the wall clock', *_HEAD, 'seeds'], body)}"


def _ranks(measured: dict[str, Table]) -> str:
    """Bold: not worse than the best by more than the critical difference."""
    at_checkpoints = [np.array([each.by_problem[:, at] for each in measured.values()]) for at in _AT]
    ranks = np.array([mean_ranks(regrets) for regrets in at_checkpoints])
    num_problems = len(_problems(measured))
    if len(measured) < 2:
        return "Ranks need two optimizers."
    difference = critical_difference(len(measured), num_problems)
    body = [
        [optimizer, *(f"**{rank:.2f}**" if rank <= best + difference else f"{rank:.2f}" for rank, best in mine)]
        for optimizer, mine in zip(
            measured, (list(zip(column, ranks.min(axis=1), strict=True)) for column in ranks.T), strict=True
        )
    ]
    body.append(["Friedman's p", *(f"{friedman(regrets):.2g}" for regrets in at_checkpoints)])
    note = (
        f"Mean rank; the critical difference (Nemenyi, 5 %) is {difference:.2f}, and bold is who is not further than "
        "that from the best."
    )
    return f"{note}\n\n{_markdown(['mean rank', *_HEAD], body)}"


def _costs(rows: Sequence[Row]) -> str:
    body = []
    for optimizer in dict.fromkeys(row.key.optimizer for row in rows):
        mine = [row for row in rows if row.key.optimizer == optimizer]
        thinking = [row.thinking for row in mine]
        per_result = 1000 * sum(thinking) / max(1, sum(row.results for row in mine))
        idle = f"{np.mean([row.idle for row in mine]):.2%}"
        body.append([optimizer, idle, f"{np.mean(thinking):.1f}", f"{per_result:.1f}"])
    return _markdown(["cost", "idle workers", "seconds of thinking a run", "ms a result"], body)


def _problems(measured: dict[str, Table]) -> list[str]:
    return next(iter(measured.values())).problems


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _markdown(head: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    """A table that is aligned as text, too."""
    widths = [max(map(len, column)) for column in zip(head, *body, strict=True)]
    lines = [" | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in (head, *body)]
    rule = " | ".join("-" * (width - 1) + ("-" if i == 0 else ":") for i, width in enumerate(widths))
    return "\n".join(f"| {line} |" for line in (lines[0], rule, *lines[1:]))
