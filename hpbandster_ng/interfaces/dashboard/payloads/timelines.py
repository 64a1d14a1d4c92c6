"""Who computed what and when: a line a worker, with what was lost and what stood idle."""

from __future__ import annotations

from typing import Any

import numpy as np

from hpbandster_ng.interfaces.dashboard.columns import STATES, State
from hpbandster_ng.interfaces.dashboard.payloads import shown
from hpbandster_ng.interfaces.dashboard.view import RunView

__all__ = ["timelines"]

_MOST_WORKERS = 40
_MOST_BARS = 3000
"""In one picture; with more, each worker's time is cut into bins."""

_BINS = 240


def timelines(view: RunView, begin: float | None = None, end: float | None = None, first: int = 0) -> dict[str, Any]:
    """Bars of attempts, if there are not too many in that time, or else how busy each worker was in each bin of it.

    Args:
        begin, end: of the time to show, in seconds since the run began; all by default.
        first: the number of the first worker to show.

    Returns:
        ``bars`` of ``[worker, begin, end, state, id, budget, attempt]``, or ``bins`` of ``[worker, bin, share]``;
        ``absences`` of ``[worker, begin, end, reason]``; and the share of the time that each worker computed.
    """
    now = max((view.last_at or 0.0) - view.began, 0.0)
    low = 0.0 if begin is None else max(0.0, min(begin, now))
    high = max(low, now if end is None else min(end, now))
    first = max(0, min(first, len(view.workers) - 1))
    workers = range(first, min(first + _MOST_WORKERS, len(view.workers)))
    worker = np.array(view.attempts.worker, np.int64)
    began = np.array(view.attempts.began, np.float64) - view.began
    ended = np.array(view.attempts.ended, np.float64) - view.began
    ended = np.where(np.isnan(ended), now, ended)
    inside = (worker >= first) & (worker < workers.stop) & (ended >= low) & (began <= high)
    chosen = np.flatnonzero(inside)
    overlap = np.clip(ended[chosen], low, high) - np.clip(began[chosen], low, high)
    busy = np.bincount(worker[chosen] - first, overlap, minlength=len(workers)) if workers else np.zeros(0)
    has_bars = len(chosen) <= _MOST_BARS
    return {
        "num_workers": len(view.workers),
        "first": first,
        "begin": shown.number(low, 9),
        "end": shown.number(high, 9),
        "now": shown.number(now, 9),
        "workers": [
            {
                "name": shown.text(view.workers[number].name, 80),
                "is_here": view.workers[number].is_here,
                "computing": shown.number(float(busy[number - first]), 6),
                "present": shown.number(_present(view, number, low, high), 6),
            }
            for number in workers
        ],
        "bars": [_bar(view, attempt, began, ended, first) for attempt in chosen.tolist()] if has_bars else [],
        "bins": [] if has_bars else _bins(worker[chosen] - first, began[chosen], ended[chosen], low, high),
        "num_bins": _BINS,
        "absences": [each for number in workers for each in _absences(view, number, low, high, first)],
        "losses": int(np.sum(np.array(view.attempts.state, np.int64) == State.LOST)),
        "retries": int(np.sum(np.array(view.attempts.number, np.int64) > 1)),
    }


def _bar(view: RunView, attempt: int, began: shown.Numbers, ended: shown.Numbers, first: int) -> list[Any]:
    attempts = view.attempts
    run = attempts.run[attempt]
    return [
        attempts.worker[attempt] - first,
        shown.number(float(began[attempt]), 9),
        shown.number(float(ended[attempt]), 9),
        STATES[attempts.state[attempt]],
        shown.id_of(view.configurations[view.runs.config[run]].config_id),
        view.runs.budget[run],
        attempts.number[attempt],
    ]


def _bins(worker: shown.Whole, began: shown.Numbers, ended: shown.Numbers, low: float, high: float) -> list[Any]:
    """The share of each bin that each worker computed in."""
    width = (high - low) / _BINS or 1.0
    start, stop = (np.clip(at - low, 0.0, high - low) / width for at in (began, ended))
    # the time before each edge that was computed in is a sum of ramps: integrate, then take differences
    edges = np.arange(_BINS + 1)
    found = []
    for number in np.unique(worker):
        mine = worker == number
        ramps = [_integral(np.sort(times[mine]), edges) for times in (start, stop)]
        shares = np.clip(np.diff(ramps[0] - ramps[1]), 0.0, 1.0)
        found += [[int(number), int(place), shown.number(float(shares[place]), 3)] for place in np.flatnonzero(shares)]
    return found


def _integral(times: shown.Numbers, edges: shown.Whole) -> shown.Numbers:
    """At each edge, the sum of how long ago each time was that has passed."""
    passed = np.searchsorted(times, edges)
    sums = np.concatenate([[0.0], np.cumsum(times)])
    return np.asarray(passed * edges - sums[passed])


def _present(view: RunView, number: int, low: float, high: float) -> float:
    """Seconds that a worker was here."""
    stays = view.workers[number].stays
    if not stays:
        return high - low
    spans = [(stay.joined - view.began, high if stay.left is None else stay.left - view.began) for stay in stays]
    return sum(max(0.0, min(left, high) - max(joined, low)) for joined, left in spans)


def _absences(view: RunView, number: int, low: float, high: float, first: int) -> list[list[Any]]:
    """When a worker was gone, between its stays and after the last."""
    stays = view.workers[number].stays
    returns = [*(stay.joined - view.began for stay in stays[1:]), high]
    return [
        [number - first, shown.number(stay.left - view.began, 9), shown.number(back, 9), shown.text(stay.reason or "")]
        for stay, back in zip(stays[-50:], returns[-50:], strict=False)
        if stay.left is not None and stay.left - view.began < high and back > low
    ]
