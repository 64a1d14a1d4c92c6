"""How many runs were going on, and how many had finished."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hpbandster_ng.analysis.runs import AnyRun, by_budget
from hpbandster_ng.errors import InvalidArgumentError

__all__ = ["ConcurrentRuns", "FinishedRuns", "concurrent_runs", "finished_runs"]

Array = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]


@dataclass(frozen=True)
class ConcurrentRuns:
    """How many runs were going on.

    Attributes:
        edges: seconds, ascending, shape (n + 1,).
        counts: by ascending budget, how many were going on between each edge and the next, shape (n,).
        begin: when the first run started.
    """

    edges: Array
    counts: dict[float, Whole]
    begin: float


def concurrent_runs(runs: Iterable[AnyRun], num_points: int) -> ConcurrentRuns:
    """Count the runs whenever one starts or ends.

    Args:
        runs: of a result; those that no worker ever started do not count.
        num_points: where runs start and end at more moments than that, they are counted at so many even steps.

    Raises:
        InvalidArgumentError: no run was ever started, or ``num_points`` is less than 2.

    Example:
        >>> from hpbandster_ng.core.run import Run
        >>> stamps = [{"started": 0.0, "finished": 4.0}, {"started": 1.0, "finished": 3.0}]
        >>> runs = [Run((0, 0, i), 9, 0.5, None, each, None) for i, each in enumerate(stamps)]
        >>> found = concurrent_runs(runs, num_points=512)
        >>> found.edges.tolist(), found.counts[9].tolist()
        ([0.0, 1.0, 3.0, 4.0], [1, 2, 1])
    """
    started = [run for run in runs if "started" in run.time_stamps]
    if not started:
        raise InvalidArgumentError("runs", [], "must contain a run that was started", "pass result.get_all_runs()")
    if num_points < 2:
        raise InvalidArgumentError("num_points", num_points, "must be at least 2", "512 is the default")
    starts, ends = _intervals(started)
    times = np.unique(np.concatenate([starts, ends]))
    if len(times) > num_points:
        times = np.linspace(times[0], times[-1], num_points)
    edges = times if len(times) > 1 else np.repeat(times, 2)
    counts = {budget: _num_running(edges[:-1], each) for budget, each in by_budget(started).items()}
    return ConcurrentRuns(edges, counts, float(starts.min()))


def _intervals(runs: list[AnyRun]) -> tuple[Array, Array]:
    stamps = [(run.time_stamps["started"], run.time_stamps["finished"]) for run in runs]
    starts, ends = np.array(stamps, dtype=np.float64).T
    return starts, ends


def _num_running(times: Array, runs: list[AnyRun]) -> Whole:
    starts, ends = _intervals(runs)
    running = np.searchsorted(np.sort(starts), times, "right") - np.searchsorted(np.sort(ends), times, "right")
    return running.astype(np.int64)


@dataclass(frozen=True)
class FinishedRuns:
    """When runs finished, successful or not.

    Attributes:
        times: by ascending budget, seconds, ascending.
        begin: when the first was submitted, or 0 if that is earlier.
        first_end, end: when the first and the last finished.
    """

    times: dict[float, Array]
    begin: float
    first_end: float
    end: float

    @property
    def all_times(self) -> Array:
        return np.sort(np.concatenate(list(self.times.values())))

    def steps(self, times: Array) -> tuple[Array, Whole]:
        """The corners of the count, from ``begin`` to ``end``."""
        counts = np.arange(len(times) + 1)
        return np.concatenate([[self.begin], times, [self.end]]), np.append(counts, counts[-1])


def finished_runs(runs: Iterable[AnyRun]) -> FinishedRuns:
    """Gather when runs finished.

    Raises:
        InvalidArgumentError: there is no run.
    """
    runs = list(runs)
    if not runs:
        raise InvalidArgumentError("runs", [], "must contain at least one run", "pass result.get_all_runs()")
    times = {
        budget: np.sort(np.array([run.time_stamps["finished"] for run in each], dtype=np.float64))
        for budget, each in by_budget(runs).items()
    }
    ends = [each for on_budget in times.values() for each in (on_budget[0], on_budget[-1])]
    begin = min(0.0, *(run.time_stamps.get("submitted", 0.0) for run in runs), *ends)
    return FinishedRuns(times, float(begin), float(min(ends)), float(max(ends)))
