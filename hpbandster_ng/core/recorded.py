"""What a run found out, as its log tells it: for who looks at a run that another process makes, or made."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from hpbandster_ng.core.result import Result
from hpbandster_ng.core.resumption import recorded_description
from hpbandster_ng.engine.events import EndJob, Event, QueueJob, RunRequested
from hpbandster_ng.engine.iteration import Datum
from hpbandster_ng.engine.records import ConfigId, OutcomeState
from hpbandster_ng.engine.steps import record

__all__ = ["result_of_log"]

_NO_SETTINGS = ("configspace", "optimizer", "previous_result")
"""What a log says of a run beyond its ``HB_config``."""


def result_of_log(log: Iterable[Event], storage: object) -> Result:
    """The result, without what a warm start brought along: a log does not have it.

    No optimizer is needed for that, so that what its class decides about a configuration beyond its runs, the
    ``status``, is as far as the runs tell it.

    Args:
        log: all of it.
        storage: where it is, for the message.

    Raises:
        LogError: it is no run's log.

    Example:
        >>> from hpbandster_ng.engine.events import RunDescribed
        >>> from hpbandster_ng.engine.records import Job, JobReport, Outcome
        >>> job = Job((0, 0, 0), 9.0, {"x": 0.5}, {})
        >>> outcome = Outcome(OutcomeState.SUCCEEDED, {"loss": 0.1, "info": None})
        >>> report = JobReport(job, outcome, "w", 100.0, 100.5, 102.0)
        >>> log = [
        ...     RunDescribed(99.0, "first", {"max_budget": 9.0, "configspace": None}), RunRequested(100.0, 1),
        ...     QueueJob(100.0, job), EndJob(102.0, report),
        ... ]
        >>> result = result_of_log(log, "a list")
        >>> result.get_incumbent_id(), result.get_all_runs()[0].time_stamps["finished"]
        ((0, 0, 0), 2.0)
    """
    events = list(log)
    described = recorded_description(events, storage)
    recorded = {} if described is None else described.description
    settings: dict[str, Any] = {name: value for name, value in recorded.items() if name not in _NO_SETTINGS}
    settings["time_ref"] = next((event.at for event in events if isinstance(event, RunRequested)), None)
    data: dict[ConfigId, Datum] = {}
    for event in events:
        if isinstance(event, QueueJob):
            job = event.job
            data.setdefault(job.config_id, Datum(job.config, dict(job.config_info))).budget = job.budget
        elif isinstance(event, EndJob) and event.report.outcome.state is not OutcomeState.CANCELLED:
            record(data[event.report.id], event.report)
    return Result(data, settings)
