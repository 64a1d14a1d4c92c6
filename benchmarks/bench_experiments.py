"""Experiments that processes share: how long a trial takes beside the evaluation, and Optuna on the same databases."""

from __future__ import annotations

import multiprocessing
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ConfigSpace
import optuna

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # where this file is run by its path, for tests.storage

from hpbandster_ng.experiments import Experiment
from hpbandster_ng.optimizers import BOHB, HyperBand, RandomSearch
from tests.storage.mongod import Mongod, find_mongod
from tests.storage.postgres import Postgres, execute, find_binaries

N_PROCESSES = 16
N_TRIALS = 5000
N_TRIALS_OF_OPTUNA = 480
ROUNDS = 3
LIMIT = 600.0
NAMES = [f"x{i}" for i in range(4)]
SPACE = ConfigSpace.ConfigurationSpace(dict.fromkeys(NAMES, (0.0, 1.0)))
MARKS = {"sqlite": 20.0, "postgresql": 25.0, "mongodb": 40.0}
"""Milliseconds that a suggestion and its observation may take, in the median."""

SCRATCH = Path(__file__).resolve().parents[1] / ".bench"
"""On a disk, as the system's folder for temporary files may not be."""

_context = multiprocessing.get_context("spawn")


@dataclass(frozen=True)
class Measured:
    """What processes that work at once have seen.

    Attributes:
        seconds: of each trial, sorted.
        rate: trials a second, of all together, until the last was observed.
    """

    seconds: list[float]
    rate: float

    def percentile(self, share: float) -> float:
        return 1e3 * self.seconds[int(share * (len(self.seconds) - 1))]


def work_on_ours(url: str, identity: str, _: int) -> Iterator[float]:
    with Experiment.open(url, identity) as experiment:
        yield 0.0
        while True:
            begin = time.perf_counter()
            suggestion = experiment.suggest()
            if suggestion is None:
                return
            experiment.observe(suggestion, loss=suggestion.config["x0"])
            yield time.perf_counter() - begin


def work_on_optunas(url: str, name: str, count: int) -> Iterator[float]:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.load_study(study_name=name, storage=optunas(url), sampler=optuna.samplers.RandomSampler())
    yield 0.0
    for _ in range(count):
        begin = time.perf_counter()
        trial = study.ask()
        values = [trial.suggest_float(name, 0.0, 1.0) for name in NAMES]
        study.tell(trial, values[0])
        yield time.perf_counter() - begin


def optunas(url: str) -> optuna.storages.RDBStorage:
    """A storage that waits for its turn: with SQLite's usual five seconds, most processes would fail."""
    arguments = {"timeout": 300} if url.startswith("sqlite") else {}
    return optuna.storages.RDBStorage(url, engine_kwargs={"connect_args": arguments})


def run_one(work: Callable[..., Iterator[float]], arguments: Any, barrier: Any, results: Any) -> None:
    trials = work(*arguments)
    next(trials)
    barrier.wait()
    results.put([(seconds, time.time()) for seconds in trials])


def measured(work: Callable[..., Iterator[float]], *arguments: Any) -> Measured:
    """All processes at once."""
    barrier, results = _context.Barrier(N_PROCESSES + 1), _context.Queue()
    processes = [_context.Process(target=run_one, args=(work, arguments, barrier, results)) for _ in range(N_PROCESSES)]
    for process in processes:
        process.start()
    barrier.wait()
    begin = time.time()
    trials = [trial for _ in processes for trial in results.get(timeout=LIMIT)]
    duration = max(end for _, end in trials) - begin
    for process in processes:
        process.join()
    return Measured(sorted(seconds for seconds, _ in trials), len(trials) / duration)


def measure_ours(url: str, name: str) -> Measured:
    """Raises AssertionError: a suggestion was given twice, or an observation is lost."""
    settings = {"n_iterations": N_TRIALS, "min_budget": 1, "max_budget": 1, "seed": 1}
    with Experiment.create(url, name, SPACE, RandomSearch, **settings) as experiment:
        found = measured(work_on_ours, url, experiment.id, 0)
        runs = Counter((run.config_id, run.budget) for run in experiment.result().get_all_runs())
        assert experiment.progress.observed == {"succeeded": N_TRIALS}
    assert len(runs) == len(found.seconds) == N_TRIALS
    return found


def measure_optunas(url: str, name: str) -> Measured:
    url = url.replace("postgresql:", "postgresql+psycopg:")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    optuna.create_study(study_name=name, storage=optunas(url))
    return measured(work_on_optunas, url, name, N_TRIALS_OF_OPTUNA // N_PROCESSES)


@contextmanager
def databases() -> Iterator[dict[str, str]]:
    """Urls by kind, of those that this machine has."""
    SCRATCH.mkdir(exist_ok=True)
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(dir=SCRATCH))
        urls = {"sqlite": f"sqlite:///{folder}/experiments.db"}
        if (binaries := find_binaries()) is not None:
            server = Postgres(binaries, options="")
            stack.callback(server.remove)
            server.start()
            stack.callback(server.stop)
            execute(server.url, "CREATE DATABASE experiments")
            urls["postgresql"] = server.url.replace("/postgres", "/experiments")
        if (program := find_mongod()) is not None:
            urls["mongodb"] = f"mongodb://{stack.enter_context(Mongod(program)).host}/experiments"
        yield urls


def milliseconds_of_a_suggestion(optimizer: Any, num_observed: int, num_asked: int = 100) -> float:
    """The median, in a process that has seen so many observations; the experiment is as large."""
    with tempfile.TemporaryDirectory(dir=SCRATCH) as folder:
        settings = {"n_iterations": None, "min_budget": 1, "max_budget": 9, "seed": 1}
        url = f"sqlite:///{folder}/experiments.db"
        with Experiment.create(url, "growing", SPACE, optimizer, **settings) as experiment:
            seconds = []
            for number in range(num_observed + num_asked):
                begin = time.perf_counter()
                suggestion = experiment.suggest()
                if number >= num_observed:
                    seconds.append(time.perf_counter() - begin)
                assert suggestion is not None
                experiment.observe(suggestion, loss=suggestion.config["x0"] / suggestion.budget)
    return 1e3 * statistics.median(seconds)


def row(name: str, value: str, mark: str, is_met: bool) -> str:
    return f"{name:<72} {value:>12}  {mark:<18} {'' if is_met else 'MISSED'}"


def rows_of(kind: str, url: str) -> Iterator[tuple[str, str, str, bool]]:
    ours, theirs = [], []
    for number in range(ROUNDS):
        ours.append(measure_ours(url, f"ours {number}"))
        if kind != "mongodb":  # which Optuna has no storage for
            theirs.append(measure_optunas(url.replace("experiments.db", "optuna.db"), f"optuna {number}"))
    median = statistics.median(each.percentile(0.5) for each in ours)
    late = statistics.median(each.percentile(0.99) for each in ours)
    rate = statistics.median(each.rate for each in ours)
    name = f"{kind}: suggest and observe, {N_PROCESSES} processes at once, median"
    yield name, f"{median:.1f} ms", f"< {MARKS[kind]:g} ms", median < MARKS[kind]
    yield f"{kind}: the same, 99th percentile", f"{late:.1f} ms", "", True
    yield f"{kind}: trials a second", f"{rate:.0f}", "", True
    if theirs:
        ratio = statistics.median(a.rate / b.rate for a, b in zip(ours, theirs, strict=True))
        yield f"{kind}: trials a second, over Optuna's", f"{ratio:.1f}", "> 2", ratio > 2


def main() -> int:
    rows = []
    with databases() as urls:
        for kind, url in urls.items():
            rows += rows_of(kind, url)
    for optimizer in (RandomSearch, HyperBand, BOHB):
        few, many = (milliseconds_of_a_suggestion(optimizer, count) for count in (100, 10_000))
        name = f"{optimizer.__name__}: a suggestion after 10,000 observations over one after 100"
        rows.append((name, f"{many / few:.2f}", "< 1.5", many < 1.5 * few))
    sys.stdout.write("\n".join(row(*each) for each in rows) + "\n")
    return 0 if all(is_met for *_, is_met in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
