"""What the recommended optimizer has to achieve."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.quality.optimizers import OURS
from benchmarks.quality.results import SHARES, Row, Table, normalised, table

__all__ = ["CHAMPION", "RIVAL", "Bar", "bars"]

CHAMPION, RIVAL = "FreezeThaw", "BOHB"
_RATIOS = ((1, 0.25, 0.5), (1, 1.0, 0.35), (64, 0.25, 0.6))
"""Workers, share of the wall clock, the largest allowed ratio of mean regret to the rival's."""

_LEADS = tuple((workers, share) for workers in (1, 8) for share in (0.25, 0.5, 1.0))
"""Workers and share where no other package may have a lower mean regret."""

_LARGEST_IDLE = 0.01


@dataclass(frozen=True)
class Bar:
    """One thing that was promised.

    Attributes:
        promise: in words.
        value: what was measured.
        is_met: whether that is enough.
    """

    promise: str
    value: str
    is_met: bool


def bars(rows: Sequence[Row]) -> list[Bar]:
    """Those that can be judged by what was measured."""
    regrets = normalised(rows)
    tables = {workers: table(regrets, workers) for workers in {key.workers for key in regrets}}
    return [*_ratios(tables), *_leads(tables), *_idle(rows)]


def _ratios(tables: dict[int, Table]) -> list[Bar]:
    found = []
    for workers, share, bound in _RATIOS:
        at = tables.get(workers, {})
        if CHAMPION in at and RIVAL in at:
            ratio = at[CHAMPION].mean[SHARES.index(share)] / at[RIVAL].mean[SHARES.index(share)]
            promise = f"regret of {CHAMPION} / {RIVAL}, {workers} workers, {share:.0%}: at most {bound:g}"
            found.append(Bar(promise, f"{ratio:.3f}", bool(ratio <= bound)))
    return found


def _leads(tables: dict[int, Table]) -> list[Bar]:
    found = []
    for workers, share in _LEADS:
        at = {name: each.mean[SHARES.index(share)] for name, each in tables.get(workers, {}).items()}
        others = {name: regret for name, regret in at.items() if name not in OURS and name != CHAMPION}
        if CHAMPION in at and others:
            best = min(others, key=others.__getitem__)
            promise = f"regret of {CHAMPION}, {workers} workers, {share:.0%}: below every other package's"
            value = f"{at[CHAMPION]:.3f}; {best} {others[best]:.3f}"
            found.append(Bar(promise, value, bool(at[CHAMPION] < others[best])))
    return found


def _idle(rows: Sequence[Row]) -> list[Bar]:
    found = []
    for workers in sorted({row.key.workers for row in rows}):
        idle = [row.idle for row in rows if row.key.optimizer == CHAMPION and row.key.workers == workers]
        if idle:
            promise = f"idle time of {CHAMPION}'s workers, {workers} workers: under {_LARGEST_IDLE:.0%}"
            found.append(Bar(promise, f"{np.mean(idle):.2%}", bool(np.mean(idle) < _LARGEST_IDLE)))
    return found
