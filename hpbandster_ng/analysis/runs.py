"""What the analysis needs to know of a run, and which runs count."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

from hpbandster_ng.engine.records import ConfigId, OutcomeState
from hpbandster_ng.errors import InvalidArgumentError

__all__ = ["AnyRun", "by_budget", "spans_magnitudes", "successful_runs"]

_WIDE = 100.0


class AnyRun(Protocol):
    """One configuration on one budget; :class:`hpbandster_ng.core.run.Run` is one."""

    @property
    def config_id(self) -> ConfigId: ...
    @property
    def budget(self) -> float: ...
    @property
    def loss(self) -> float | None: ...
    @property
    def info(self) -> Any: ...
    @property
    def time_stamps(self) -> Mapping[str, float]: ...
    @property
    def outcome(self) -> OutcomeState: ...
    @property
    def worker(self) -> str | None: ...
    @property
    def is_success(self) -> bool: ...


R = TypeVar("R", bound=AnyRun)


def successful_runs(runs: Iterable[R]) -> list[tuple[R, float]]:
    """The runs with a finite loss, and that loss.

    Raises:
        InvalidArgumentError: there is none, so there is nothing to tell.
    """
    runs = list(runs)
    found = [(run, run.loss) for run in runs if run.loss is not None and run.is_success]
    if not found:
        raise InvalidArgumentError(
            "runs",
            f"{len(runs)} runs",
            "must contain at least one successful run",
            "run.error_logs of each tells why it failed",
        )
    return found


def by_budget(runs: Iterable[R]) -> dict[float, list[R]]:
    """The runs on each budget, by ascending budget."""
    found: dict[float, list[R]] = {}
    for run in runs:
        found.setdefault(run.budget, []).append(run)
    return dict(sorted(found.items()))


def spans_magnitudes(values: Sequence[float]) -> bool:
    """Whether a linear scale would show the large values only."""
    return min(values) > 0 and max(values) / _WIDE > min(values)
