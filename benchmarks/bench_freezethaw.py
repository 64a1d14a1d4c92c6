"""How long one decision of FreezeThaw takes, with few and with many results, and with many workers asking at once.

Run it as ``python benchmarks/bench_freezethaw.py``; it ends with exit code 1 if a bar is missed. All figures are
processor time of one thread.
"""

from __future__ import annotations

import os

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # before numpy; processor time would count every thread

import sys
import time
from collections.abc import Iterator
from itertools import count
from types import SimpleNamespace
from typing import Any

import ConfigSpace
import numpy as np

from hpbandster_ng.engine.records import ConfigId, Job
from hpbandster_ng.engine.steps import Start
from hpbandster_ng.optimizers.config_generators.freeze_thaw import FreezeThaw

DIMENSIONS = 10
BUDGETS = (1.0, 3.0, 9.0, 27.0)
POPULATION = (0.5, 0.25, 0.125, 0.125)
"""The shares of results on each budget."""

SIZES = (200, 5_000)
DECISIONS = 200
WORKERS = 256
LARGEST_MEDIAN = 0.040
LARGEST_TAIL = 0.400
LARGEST_OF_MANY = 0.010

Row = tuple[str, str, str, bool]
"""What was measured, the value, the bar, and whether the value is within the bar."""


class Run:
    """A model that has seen so many results, and who is paused.

    Args:
        num_results: on all budgets together.
    """

    def __init__(self, num_results: int) -> None:
        space = ConfigSpace.ConfigurationSpace({f"x{i}": (0.0, 1.0) for i in range(DIMENSIONS)})
        self.model = FreezeThaw(space, BUDGETS)
        self.paused: dict[ConfigId, float] = {}
        self._configs: dict[ConfigId, dict[str, Any]] = {}
        self._rng = np.random.default_rng(0)
        self._numbers: Iterator[int] = count()
        for _ in range(num_results):
            config = {f"x{i}": float(x) for i, x in enumerate(self._rng.random(DIMENSIONS))}
            self.finish(self.start(config, float(self._rng.choice(BUDGETS, p=POPULATION))))
        self.decide()  # makes up for all fits of the hyperparameters that came due meanwhile

    def decide(self) -> Job:
        """Ask what runs next, and start it."""
        self.model.seed(1, next(self._numbers))
        choice = self.model.choose(self.paused.items())
        if isinstance(choice, Start):
            return self.start(choice.config, choice.budget)
        del self.paused[choice.config_id]
        job = Job(choice.config_id, choice.budget, self._configs[choice.config_id], {})
        self.model.new_job(job)
        return job

    def start(self, config: dict[str, Any], budget: float) -> Job:
        job = Job((0, 0, next(self._numbers)), budget, config, {})
        self._configs[job.config_id] = config
        self.model.new_job(job)
        return job

    def finish(self, job: Job) -> None:
        loss = sum((x - 0.3) ** 2 for x in job.config.values()) + 1 / job.budget + 0.05 * self._rng.normal()
        kwargs = {"config": job.config, "budget": job.budget}
        self.model.new_result(SimpleNamespace(id=job.config_id, kwargs=kwargs, result={"loss": loss}, exception=None))
        if job.budget < BUDGETS[-1]:
            self.paused[job.config_id] = BUDGETS[BUDGETS.index(job.budget) + 1]


def one_by_one(run: Run) -> list[float]:
    """Seconds of decisions of which each knows the result of the last."""
    seconds = []
    for _ in range(DECISIONS):
        began = time.process_time()
        job = run.decide()
        seconds.append(time.process_time() - began)
        run.finish(job)
    return seconds


def all_at_once(run: Run) -> float:
    """Seconds a decision where as many workers as there are ask before anything is known of the first."""
    began = time.process_time()
    for _ in range(WORKERS):
        run.decide()
    return (time.process_time() - began) / WORKERS


def rows() -> Iterator[Row]:
    for size in SIZES:
        run = Run(size)
        seconds = one_by_one(run)
        of_many = all_at_once(run)
        for what, value, bar in (
            ("median", float(np.median(seconds)), LARGEST_MEDIAN),
            ("99th percentile", float(np.quantile(seconds, 0.99)), LARGEST_TAIL),
            (f"{WORKERS} workers at once, mean", of_many, LARGEST_OF_MANY),
        ):
            yield (
                f"decision, {size} results, {what}",
                f"{value * 1e3:.1f} ms",
                f"at most {bar * 1e3:g} ms",
                value <= bar,
            )


def main() -> int:
    table = list(rows())
    for measured, value, bar, is_met in table:
        print(f"{measured:52} {value:>12}  {bar:20} {'' if is_met else 'MISSED'}".rstrip())
    return 0 if all(is_met for *_, is_met in table) else 1


if __name__ == "__main__":
    sys.exit(main())
