"""A folder of results as the events that a log of the same run would have."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from hpbandster_ng.engine.events import EndJob, Event, OpenIteration, RunDescribed
from hpbandster_ng.engine.records import ConfigId, Job, JobReport, Outcome, OutcomeState
from hpbandster_ng.engine.steps import Datum

__all__ = ["events_of"]


def events_of(name: str, data: Mapping[ConfigId, Datum], settings: Mapping[str, Any]) -> Iterator[Event]:
    """The events, in the order of their times.

    Who computed a run, and what was queued or lost meanwhile, a folder does not tell.

    Args:
        name: of the run.
        data: with time stamps in unix seconds, but for those of a warm start.
        settings: of the run; ``time_ref`` is its start.
    """
    reports = sorted(
        (_report(config_id, datum, budget) for config_id, datum in data.items() for budget in datum.results),
        key=lambda report: report.finished,
    )
    start = settings.get("time_ref") or (reports[0].submitted if reports else 0.0)
    yield RunDescribed(start, name, dict(settings))
    opened: set[int] = set()
    for report in reports:
        iteration = report.id[0]
        if iteration >= 0 and iteration not in opened:
            opened.add(iteration)
            yield OpenIteration(report.submitted, iteration)
        yield EndJob(report.finished, report)


def _report(config_id: ConfigId, datum: Datum, budget: float) -> JobReport:
    job = Job(config_id, float(budget), datum.config, datum.config_info)
    stamps = datum.time_stamps.get(budget, {})
    finished = stamps.get("finished", 0.0)
    outcome = _outcome(datum.results[budget], datum.outcomes.get(budget), datum.exceptions.get(budget))
    return JobReport(job, outcome, None, stamps.get("submitted", finished), stamps.get("started"), finished)


def _outcome(result: dict[str, Any] | None, told: str | None, error: str | None) -> Outcome:
    if told is not None:
        return Outcome(OutcomeState(told), None, error)
    if result is None or result.get("loss") is None or not math.isfinite(result["loss"]):
        return Outcome(OutcomeState.FAILED, None, error or "there is no finite loss, and nothing tells why")
    return Outcome(OutcomeState.SUCCEEDED, result)
