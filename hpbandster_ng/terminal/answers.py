"""What people ask of a run that does not seem to move: what is it doing, whom does it wait for, why was that random."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from hpbandster_ng.analysis.standing import Standing
from hpbandster_ng.engine.events import Eliminate, EndJob, Event, QueueJob, StartJob
from hpbandster_ng.engine.records import ConfigId, Outcome
from hpbandster_ng.engine.schedule import budget_text

__all__ = ["awaited", "config_name", "duration", "incumbent", "iterations", "picks", "rungs", "runs", "state", "story"]

_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))

_SILENCE = 600.0
"""Seconds without an event after which a run in which nothing runs may have lost its master."""

_ABANDONED = (
    "nothing runs, and nothing was recorded for {}: its master seems to be gone; start the same script again, which "
    "goes on from here"
)

_NOBODY_ASKS = "nothing runs: nobody has a suggestion; start a worker"

_SLOW = 3.0
"""A job that takes so many times what others took on its budget is worth a word."""


def duration(seconds: float) -> str:
    """Seconds for people: the two largest units.

    Example:
        >>> duration(0.25), duration(59.9), duration(754), duration(7_200), duration(90_000)
        ('0.2 s', '59 s', '12 min 34 s', '2 h', '1 d 1 h')
    """
    if seconds < 10:
        return f"{max(seconds, 0.0):.1f} s"
    parts: list[str] = []
    rest = int(seconds)
    for size, name in _UNITS:
        count, rest = divmod(rest, size)
        if count or parts:
            parts.append(f"{count} {name}" if count else "")
        if len(parts) == 2:
            break
    return " ".join(filter(None, parts))


def counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def config_name(config_id: ConfigId) -> str:
    """As its directory has it."""
    return "_".join(map(str, config_id))


def runs(standing: Standing) -> str:
    """How many jobs came to which end, run and wait."""
    ends = sorted((state.value, count) for state, count in standing.ended.items())
    now = [("running", len(standing.running)), ("queued", len(standing.queued))]
    return ", ".join(f"{count} {name}" for name, count in [*ends, *now] if count) or "none yet"


def incumbent(standing: Standing) -> str:
    """The best run so far, in words."""
    best = standing.incumbent
    if best is None or best.outcome.result is None:
        return "nothing has succeeded yet"
    budget = budget_text(best.job.budget)
    return f"loss {best.outcome.result['loss']:.6g} on budget {budget}, {config_name(best.job.config_id)}"


def state(standing: Standing, now: float, is_shared: bool = False) -> str:
    """What the run does; where nothing runs, why not, and what to do about it.

    Args:
        now: unix seconds.
        is_shared: whether there is no master, and those who evaluate ask for suggestions.
    """
    if standing.running:
        workers = len({start.worker for start in standing.running.values()})
        words = f"running: {counted(len(standing.running), 'job')} on {counted(workers, 'worker')}"
        left = standing.seconds_left(now)
        return words if left is None else f"{words}, about {duration(left)} left"
    for applies, words in _reasons(standing, now, is_shared):
        if applies:
            return words
    return _NOBODY_ASKS if is_shared else "between two jobs"


def _reasons(standing: Standing, now: float, is_shared: bool) -> list[tuple[bool, str]]:
    """Why nothing runs, the most telling first."""
    silent = 0.0 if standing.last_at is None else now - standing.last_at
    deadline = standing.requests[-1].deadline if standing.requests else None
    gone = standing.left
    last = "none has come yet"
    if gone is not None:
        last = f"the last one, {gone.worker}, left {duration(now - gone.at)} ago: {gone.reason}"
    return [
        (standing.cancelled is not None, f"cancelled: {standing.cancelled}"),
        (not standing.requests, "nobody has asked for anything yet: its master has not begun, or waits for workers"),
        (standing.is_spent, "finished: what is left of the total budget is less than the next job would cost"),
        (standing.is_finished, "finished: all iterations that were asked for are done"),
        (
            deadline is not None and now >= deadline,
            "its time is up (max_time), and nothing new starts; the next run() goes on",
        ),
        (not is_shared and silent > _SILENCE, _ABANDONED.format(duration(silent))),
        (
            bool(standing.queued) and not standing.workers,
            f"nothing runs; queued: {counted(len(standing.queued), 'job')}, and there is no worker ({last})",
        ),
    ]


def awaited(standing: Standing, now: float) -> list[tuple[str, str, str, str, str]]:
    """Whom the run waits for, the longest first: configuration, budget, worker, since when, what is usual there.

    Args:
        now: unix seconds.
    """
    starts = sorted(standing.running.values(), key=lambda start: start.at)
    return [_awaited(start, standing.mean_seconds(start.budget), now) for start in starts]


def _awaited(start: StartJob, usual: float | None, now: float) -> tuple[str, str, str, str, str]:
    since = now - start.at
    remarks = [] if usual is None else [f"usually {duration(usual)}"]
    if usual is not None and since > _SLOW * usual and since > 1:
        remarks.append("slow")
    if start.time_limit is not None:
        remarks.append(f"is killed after {duration(start.time_limit)}")
    if start.attempt > 1:
        remarks.append(f"attempt {start.attempt}")
    name, budget = config_name(start.config_id), budget_text(start.budget)
    return name, budget, start.worker, duration(since), ", ".join(remarks)


def rungs(standing: Standing) -> list[tuple[str, str, str, str, str]]:
    """The rungs on which something runs or waits: iteration, budget, ended, running, queued."""
    return [
        (str(iteration), budget_text(budget), str(rung.ended), str(rung.running), str(rung.queued))
        for (iteration, budget), rung in standing.rungs.items()
    ]


def picks(events: Iterable[Event]) -> list[str]:
    """How configurations were chosen, and why those that are random are, the most frequent reason first."""
    infos = {event.job.config_id: event.job.config_info for event in events if isinstance(event, QueueJob)}
    random = [info for info in infos.values() if not info.get("model_based_pick")]
    lines = [f"{len(infos) - len(random)} by the model, {len(random)} without it"]
    reasons: dict[str, tuple[int, str]] = {}
    for reason in (str(info["random_reason"]) for info in random if "random_reason" in info):
        kind, _, latest = reason.partition(":")
        reasons[kind] = reasons.get(kind, (0, ""))[0] + 1, latest
    lines += [
        f"{count}: {kind}{f' (last:{latest})' if latest else ''}"
        for kind, (count, latest) in sorted(reasons.items(), key=lambda item: -item[1][0])
    ]
    return lines


def story(events: Iterable[Event], config_id: ConfigId) -> list[tuple[float, str]]:
    """What became of a configuration: unix seconds and words, in order; empty if the log does not know it."""
    told: list[tuple[float, str]] = []
    for event in events:
        match event:
            case QueueJob(job=job) if job.config_id == config_id:
                if not told:
                    told.append((event.at, _picked(job.config_info)))
                told.append((event.at, f"queued on budget {budget_text(job.budget)}"))
            case StartJob() if event.config_id == config_id:
                attempt = f", attempt {event.attempt}" if event.attempt > 1 else ""
                told.append((event.at, f"started on budget {budget_text(event.budget)} by {event.worker}{attempt}"))
            case EndJob(report=report) if report.job.config_id == config_id:
                told.append((event.at, f"ended on budget {budget_text(report.job.budget)}: {_outcome(report.outcome)}"))
            case Eliminate() if event.config_id == config_id:
                told.append((event.at, "is out, and will never run again"))
    return told


def _picked(config_info: Mapping[str, Any]) -> str:
    if config_info.get("model_based_pick"):
        budget = config_info.get("model_budget")
        return "proposed by the model" if budget is None else f"proposed by the model of budget {budget_text(budget)}"
    return f"picked without the model: {config_info.get('random_reason', 'this optimizer has none')}"


def _outcome(outcome: Outcome) -> str:
    if outcome.result is not None:
        return f"loss {outcome.result['loss']:.6g}"
    return ": ".join(filter(None, [outcome.state.value, (outcome.error or "").strip()]))


def iterations(standing: Standing) -> str:
    """How many have begun."""
    asked = "no limit" if math.isinf(standing.n_asked) else f"{standing.n_asked:g}"
    return f"{standing.n_begun} of {asked} begun"
