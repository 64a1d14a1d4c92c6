"""What a result logger is told besides the events of a run, if it wants to know: it has a method of that name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hpbandster_ng.core.base_iteration import WarmStartIteration

__all__ = ["claim_log", "start_log"]


def claim_log(result_logger: Any, run_id: str, described: float | None) -> None:
    """Whose log it writes, before anything is done; a run that goes on has written a part of it already.

    Args:
        described: when the run's storage was told of it first, in unix seconds; None without a storage.
    """
    claim = getattr(result_logger, "claim_log", None)
    if claim is not None:
        claim(run_id, described)


def start_log(
    result_logger: Any, settings: Mapping[str, Any], configspace: Any, past: Sequence[WarmStartIteration]
) -> None:
    """The settings, the search space and what a warm start brought along, before the first job."""
    start_run = getattr(result_logger, "start_run", None)
    if start_run is not None:
        start_run(settings, configspace, {config_id: datum for each in past for config_id, datum in each.data.items()})
