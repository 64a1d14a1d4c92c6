"""One run of an optimizer of ours, in the package's own simulator."""

from __future__ import annotations

import time

import numpy as np

from benchmarks.quality.accounting import STRAGGLING, Watched, full_losses
from benchmarks.quality.optimizers import OURS
from benchmarks.quality.problems import Problem
from benchmarks.quality.trace import Trace
from hpbandster_ng.engine.events import EndJob, Event
from hpbandster_ng.engine.records import JobReport, OutcomeState
from hpbandster_ng.simulator import Workload, simulate

__all__ = ["run"]


class _Recorder:
    """An observer that keeps how every job ended, those included that the end of the run cancels."""

    def __init__(self) -> None:
        self.reports: list[JobReport] = []

    def __call__(self, event: Event) -> None:
        if isinstance(event, EndJob):
            self.reports.append(event.report)


def run(optimizer: str, problem: Problem, workers: int, seed: int, total: float) -> Trace:
    """Let an optimizer spend ``total`` full evaluations."""
    entry, recorder, watched = OURS[optimizer], _Recorder(), Watched(problem)
    began = time.process_time()
    simulate(
        entry.make,
        watched,
        workers,
        total * problem.max_budget,
        seed,
        workload=Workload(straggling=STRAGGLING if workers > 1 else 0.0),
        observers=[recorder],
        **({"total": total} if entry.knows_total else {}),
    )
    thinking = time.process_time() - began - watched.seconds
    return _trace(recorder.reports, problem, workers, total, thinking, entry.version)


def _trace(
    reports: list[JobReport], problem: Problem, workers: int, total: float, thinking: float, version: str
) -> Trace:
    wall_clock, full = total / workers, problem.max_budget
    busy = sum(
        min(each.finished / full, wall_clock) - each.started / full for each in reports if each.started is not None
    )
    ended = [each for each in reports if each.outcome.state is not OutcomeState.CANCELLED]
    contents = [repr(sorted(each.job.config.items())) for each in ended]  # one that came back is no new one
    configs = dict(zip(contents, (each.job.config for each in ended), strict=True))
    number = {content: i for i, content in enumerate(configs)}
    config = np.array([number[content] for content in contents], int)
    return Trace(
        finished_at=np.array([each.finished / full for each in ended]),
        config=config,
        budget=np.array([each.job.budget for each in ended], float),
        loss=np.array([np.inf if each.result is None else each.result["loss"] for each in ended], float),
        full_loss=full_losses(problem, list(configs.values()))[config],
        wall_clock=wall_clock,
        idle=max(0.0, 1 - busy / total),
        thinking=thinking,
        version=version,
    )
