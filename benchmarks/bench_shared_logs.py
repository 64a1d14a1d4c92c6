"""What many processes wait for when they share a log in a database, with no master.

A loop is what one evaluation costs: a turn that adds a job of about 800 bytes with a lease, and a turn that adds its
result of about 300 bytes and ends the lease. Each turn reads what all others have added. Nobody computes anything, so
all processes want a turn all the time. SQLite's file is on a disk, and every turn outlives a power cut; PostgreSQL's
server is that of the tests, which does not wait for its disk, where it is installed.
"""

from __future__ import annotations

import multiprocessing
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # where this file is run by its path, for tests.storage

from hpbandster_ng.engine.events import JobFinished, OpenIteration, QueueJob, StartJob
from hpbandster_ng.engine.records import Job, Outcome, OutcomeState
from hpbandster_ng.storage.shared import SharedLogs
from hpbandster_ng.storage.sql import SQLSharedLogs
from tests.storage.postgres import Postgres, find_binaries

LOG = "bench"
N_LOOPS = {1: 300, 16: 60}
"""A process, by how many there are."""

BARS = {("SQLite", 16): 0.012, ("PostgreSQL", 16): 0.016}
"""Seconds that the median loop may take."""

ROUNDS = 3
SCRATCH = Path(__file__).resolve().parents[1] / ".bench"
"""On a disk, as the system's folder for temporary files may not be."""

CONFIG = {f"parameter_{i:02}": i / 7 for i in range(12)}
OUTCOME = Outcome(OutcomeState.SUCCEEDED, {"loss": 0.123456789, "info": {"accuracy": 0.987654321, "epochs": [1, 2, 3]}})


def work(make: Callable[[], SharedLogs], number: int, n_loops: int, barrier: Any, times: Any) -> None:
    """One process: so many loops, as fast as it can."""
    with closing(make()) as logs:
        known = len(logs.read(LOG))
        barrier.wait()
        begin, taken = time.perf_counter(), []
        for index in range(n_loops):
            before = time.perf_counter()
            known = loop(logs, (number, 0, index), known)
            taken.append(time.perf_counter() - before)
        times.put((begin, taken))


def loop(logs: SharedLogs, config_id: tuple[int, int, int], known: int) -> int:
    """An evaluation; returns the number of the last record that is known."""
    holder = f"host-{os.getpid()}"
    with logs.turn(LOG, known) as turn:
        job = Job(config_id, 9.0, CONFIG, {"model_based_pick": True})
        start = StartJob(turn.at, config_id, 9.0, 1, holder, time_limit=None, previous_budget=3.0)
        known = turn.append([QueueJob(turn.at, job), start], leases={holder: 60.0}).number
    with logs.turn(LOG, known) as turn:
        finished = JobFinished(turn.at, config_id, 9.0, 1, holder, OUTCOME)
        return turn.append([finished], ended=[holder]).number


def measured(url: str, n_processes: int) -> tuple[list[float], float]:
    """Seconds of each loop, and loops a second."""
    context = multiprocessing.get_context("spawn")
    make = partial(SQLSharedLogs, url)
    with closing(make()) as logs:
        logs.create(LOG, [OpenIteration(time.time(), 0)])
    barrier, times = context.Barrier(n_processes), context.Queue()
    arguments = (N_LOOPS[n_processes], barrier, times)
    processes = [context.Process(target=work, args=(make, number, *arguments)) for number in range(n_processes)]
    for process in processes:
        process.start()
    found = [times.get(timeout=120) for _ in processes]
    for process in processes:
        process.join()
    taken = [seconds for _, each in found for seconds in each]
    ends = [begin + sum(each) for begin, each in found]
    return taken, len(taken) / (max(ends) - min(begin for begin, _ in found))


@contextmanager
def sqlite() -> Iterator[str]:
    SCRATCH.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=SCRATCH) as folder:
        yield f"sqlite:///{folder}/bench.db"


@contextmanager
def postgresql(server: Postgres) -> Iterator[str]:
    yield server.url
    with closing(SQLSharedLogs(server.url)) as logs:
        logs.delete(LOG)


def main() -> int:
    is_met = True
    with ExitStack() as stack:
        databases = {"SQLite": sqlite}
        binaries = find_binaries()
        if binaries is None:
            print("PostgreSQL is not installed (apt-get install postgresql): not measured")
        else:
            server = Postgres(binaries)
            stack.callback(server.remove)
            server.start()
            stack.callback(server.stop)
            databases["PostgreSQL"] = partial(postgresql, server)
        print(f"{'a loop of two turns':35} {'median':>9} {'99 %':>9} {'loops/s':>9}")
        for name, database in databases.items():
            for n_processes in N_LOOPS:
                rounds = []
                for _ in range(ROUNDS):
                    with database() as url:
                        rounds.append(measured(url, n_processes))
                taken = sorted(seconds for each, _ in rounds for seconds in each)
                middle, late = statistics.median(taken), taken[int(0.99 * len(taken))]
                rate = statistics.median(rate for _, rate in rounds)
                bar = BARS.get((name, n_processes), float("inf"))
                is_met &= middle < bar
                verdict = "" if bar == float("inf") else f"< {1000 * bar:g} ms  {'ok' if middle < bar else 'MISSED'}"
                what = f"{name}, {n_processes} process{'es' * (n_processes > 1)}"
                print(f"{what:35} {1000 * middle:>6.2f} ms {1000 * late:>6.2f} ms {rate:>9.0f}  {verdict}")
    return 0 if is_met else 1


if __name__ == "__main__":
    sys.exit(main())
