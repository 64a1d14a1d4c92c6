"""What the production planner and pool do with thousands of workers, in virtual time.

A million jobs on ten thousand workers, which straggle and crash: how many decisions a second, what a job costs in
memory, and how busy the workers are. Then the same amount of work on ever more workers: how long it takes, beside what
it would take if nobody ever waited. Hyperband waits until a rung is full, and begins further brackets meanwhile; ASHA
and asynchronous Hyperband promote without waiting. Each run has a process of its own.
"""

from __future__ import annotations

import argparse
import json
import logging
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import ConfigSpace

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # where this file is run by its path, for the next line

from benchmarks.bench_footprint import resident_bytes
from hpbandster_ng.engine.events import Event, Happening, JobFinished, OpenIteration, QueueJob, StartJob, WorkerLost
from hpbandster_ng.engine.planner import Planner
from hpbandster_ng.optimizers import ASHA, AsyncHyperBand, HyperBand
from hpbandster_ng.simulator import SimulatedBackend, Workload

ROOT = Path(__file__).resolve().parents[1]
OPTIMIZERS = {each.__name__: each for each in (HyperBand, AsyncHyperBand, ASHA)}

MANY_WORKERS = 10_000
MILLION = {"HyperBand": 27_000, "ASHA": 9_600}
"""Iterations that run more than a million jobs."""

CURVE = ("HyperBand", "AsyncHyperBand")
WORKERS = (1, 4, 16, 64, 256, 1024, 4096, MANY_WORKERS)
CURVE_ITERATIONS = 1000
SEEDS = (1, 2, 3)
"""The curve shows medians."""

LEAST_DECISIONS = 20_000
"""A second of the processor time of planner and pool; the whole run, with simulated workers, takes more."""

WORKLOAD = Workload(straggling=0.5, crashes=0.01 / 60, continues=False)
"""A unit of time is a minute: one worker in a hundred crashes an hour."""


class Valley:
    """A problem whose evaluation takes no time worth speaking of."""

    min_budget, max_budget = 1.0, 81.0

    def configspace(self, seed: int) -> ConfigSpace.ConfigurationSpace:
        return ConfigSpace.ConfigurationSpace({"x": (0.0, 1.0), "y": (0.0, 1.0)}, seed=seed)

    def __call__(self, config: dict[str, Any], budget: float) -> tuple[float, float]:
        return config["x"] ** 2 + config["y"] / budget, budget


class Meter:
    """Watches a run.

    Attributes:
        counts: how many events there were of each kind.
        num_lost: how many jobs lost their worker.
        busy: the time that all workers together have computed.
        busy_until, opened_until: the same, and the time, when the last iteration began.
    """

    def __init__(self) -> None:
        self.counts: Counter[type[Event]] = Counter()
        self.num_lost = 0
        self.busy = self.busy_until = self.opened_until = 0.0
        self._running: set[str] = set()
        self._at = 0.0

    def __call__(self, event: Any) -> None:
        kind = type(event)
        self.counts[kind] += 1
        if kind is StartJob:
            self._pass(event.at)
            self._running.add(event.worker)
        elif kind is JobFinished:
            self._pass(event.at)
            self._running.remove(event.worker)
        elif kind is WorkerLost and event.worker in self._running:
            self._pass(event.at)
            self._running.remove(event.worker)
            self.num_lost += 1
        elif kind is OpenIteration:
            self._pass(event.at)
            self.busy_until, self.opened_until = self.busy, event.at

    def _pass(self, at: float) -> None:
        self.busy += len(self._running) * (at - self._at)
        self._at = at

    @property
    def num_decisions(self) -> int:
        return sum(count for kind, count in self.counts.items() if not issubclass(kind, Happening))


def timed(optimizer: Any) -> Any:
    """The optimizer, which counts the seconds of processor time that its planner takes."""

    class Timed(optimizer):
        seconds = 0.0

        def new_planner(self) -> Planner:
            planner = super().new_planner()
            handle = planner.handle

            def timed_handle(happening: Happening, lag: float = 0.0) -> list[Any]:
                begin = time.process_time()
                try:
                    return handle(happening, lag)
                finally:
                    self.seconds += time.process_time() - begin

            planner.handle = timed_handle
            return planner

    return Timed


def run(name: str, n_workers: int, n_iterations: int, seed: int) -> dict[str, float]:
    """One run, in this process."""
    logging.disable()  # of every crash
    problem, meter = Valley(), Meter()
    backend = SimulatedBackend(problem, n_workers, seed, WORKLOAD)
    limits = {"min_budget": problem.min_budget, "max_budget": problem.max_budget}
    simulated = {"run_id": "scale", "backend": backend, "clock": backend.clock, "observers": [meter], "seed": seed}
    with timed(OPTIMIZERS[name])(problem.configspace(seed), **limits, **simulated) as optimizer:
        optimizer.wait_for_workers(n_workers)
        before, begin = resident_bytes(), time.process_time()
        optimizer.run(n_iterations)
        seconds, after = time.process_time() - begin, resident_bytes()
    return {
        "jobs": meter.counts[QueueJob],
        "lost": meter.num_lost,
        "decisions a second": meter.num_decisions / optimizer.seconds,
        "of the whole run": meter.num_decisions / seconds,
        "bytes a job": (after - before) / meter.counts[QueueJob],
        "busy until the last begins": meter.busy_until / (n_workers * meter.opened_until),
        "busy until all is done": meter.busy / (n_workers * backend.clock()),
        "work": meter.busy,
        "makespan": backend.clock(),
    }


def run_apart(name: str, n_workers: int, n_iterations: int, seed: int = SEEDS[0]) -> dict[str, float]:
    """The same, in a process of its own."""
    numbers = [str(number) for number in (n_workers, n_iterations, seed)]
    command = [sys.executable, "-m", "benchmarks.bench_scale", "--run", name, *numbers]
    answer: dict[str, float] = json.loads(subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout)
    return answer


def a_million_jobs() -> bool:
    """Whether decisions are fast enough."""
    numbers = ("jobs", "lost", "decisions a second", "of the whole run", "bytes a job")
    shares = ("busy until the last begins", "busy until all is done")
    print(f"{f'{MANY_WORKERS:,} workers':16}" + "".join(f"{name:>{len(name) + 4}}" for name in (*numbers, *shares)))
    is_met = True
    for name, n_iterations in MILLION.items():
        found = run_apart(name, MANY_WORKERS, n_iterations)
        is_fast = found["decisions a second"] >= LEAST_DECISIONS
        is_met &= is_fast
        shown = [f"{found[each]:>{len(each) + 4},.0f}" for each in numbers]
        shown += [f"{found[each]:>{len(each) + 4}.1%}" for each in shares]
        verdict = "ok" if is_fast else "MISSED"
        print(f"{name:16}" + "".join(shown) + f"  decisions >= {LEAST_DECISIONS:,}: {verdict}", flush=True)
    return is_met


def ever_more_workers() -> dict[str, list[tuple[float, float]]]:
    """Print the makespans, and return them with the ideal ones, by optimizer, a pair for each number of workers."""
    curves: dict[str, list[tuple[float, float]]] = {name: [] for name in CURVE}
    print(f"\n{f'{CURVE_ITERATIONS:,} iterations':16}" + "".join(f"{name:>20} {'of ideal':>9}" for name in CURVE))
    for n_workers in WORKERS:
        row = f"{n_workers:>7,} workers "
        for name, curve in curves.items():
            found = [run_apart(name, n_workers, CURVE_ITERATIONS, seed) for seed in SEEDS]
            makespan, work = (statistics.median(each[what] for each in found) for what in ("makespan", "work"))
            curve.append((makespan, work / n_workers))
            row += f"{makespan:>12,.0f} minutes {makespan * n_workers / work:>9.2f}"
        print(row, flush=True)
    return curves


def save_picture(curves: dict[str, list[tuple[float, float]]], path: Path) -> None:
    """Draw the makespans over the number of workers, and the ideal."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    from hpbandster_ng.visualization.figure import STYLE

    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(figsize=(6.4, 4.2))
        for (name, curve), color, marker in zip(curves.items(), ("#0072b2", "#d55e00"), "os", strict=True):
            axes.plot(WORKERS, [seconds for seconds, _ in curve], color=color, marker=marker, label=name)
        ideals = [ideal for _, ideal in next(iter(curves.values()))]
        axes.plot(WORKERS, ideals, color="#222222", linestyle="--", label="nobody ever waits")
        axes.set(xscale="log", yscale="log", xlabel="workers", ylabel="minutes until all is done")
        axes.legend()
        figure.tight_layout()
        figure.savefig(path, dpi=130)
        plt.close(figure)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--run", nargs=4, metavar=("OPTIMIZER", "WORKERS", "ITERATIONS", "SEED"), help="one run, as JSON"
    )
    parser.add_argument("--picture", type=Path, help="where to save the curves")
    asked = parser.parse_args(arguments)
    if asked.run:
        name, *numbers = asked.run
        print(json.dumps(run(name, *map(int, numbers))))
        return 0
    is_met = a_million_jobs()
    curves = ever_more_workers()
    if asked.picture:
        save_picture(curves, asked.picture)
    return 0 if is_met else 1


if __name__ == "__main__":
    sys.exit(main())
