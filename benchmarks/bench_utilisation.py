"""How much of their time 32 workers compute while there are jobs, over Pyro4 and over Dask; jobs take 0.2 seconds.

Four processes of eight workers each, for a small machine has no room for more. Pyro4: over mutual TLS. Dask: over TCP
to a scheduler in a process of its own; Dask does without the profiling and monitoring of itself that would keep the
cores busy. What is counted is each worker's time from the beginning of its first job to the end of its last one. The
figures are medians of several rounds.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

import ConfigSpace
import distributed

from hpbandster_ng.backends.dask import DaskBackend
from hpbandster_ng.core.nameserver import NameServer
from hpbandster_ng.core.worker import Worker
from hpbandster_ng.engine.events import JobFinished
from hpbandster_ng.optimizers import RandomSearch

RUN_ID = "bench-utilisation"
N_WORKERS = 32
SECONDS = 0.2
JOBS_EACH = 100
ROUNDS = 5
LEAST = 0.95
N_EACH = 8
PATIENCE = 100.0
"""Seconds that everybody may take to come."""

CALM = {
    "DASK_DISTRIBUTED__WORKER__PROFILE__ENABLED": "False",
    "DASK_DISTRIBUTED__ADMIN__TICK__INTERVAL": "500ms",
    "DASK_DISTRIBUTED__ADMIN__SYSTEM_MONITOR__INTERVAL": "10s",
    "OMP_NUM_THREADS": "1",
}


class Sleeper(Worker):
    """Tells when it began and ended, by the clock of the machine."""

    def compute(self, config: dict[str, Any], **_: Any) -> dict[str, Any]:
        begin = time.monotonic()
        time.sleep(SECONDS)
        return {"loss": config["x"], "info": [begin, time.monotonic()]}


def utilisation(**settings: Any) -> tuple[float, float]:
    """The share of the time, and the median gap between two jobs of a worker in seconds."""
    space = ConfigSpace.ConfigurationSpace({"x": (0.0, 1.0)})
    worker_of: dict[Any, str] = {}

    def note(event: Any) -> None:
        if isinstance(event, JobFinished):
            worker_of[event.config_id] = event.worker

    with RandomSearch(
        space, min_budget=1, max_budget=1, seed=0, worker_timeout=PATIENCE, observers=[note], **settings
    ) as optimizer:
        runs = optimizer.run(total_budget=N_WORKERS * JOBS_EACH, min_n_workers=N_WORKERS).get_all_runs()
    times = defaultdict(list)
    for run in runs:
        times[worker_of[run.config_id]].append(run.info)
    computed = sum(end - begin for spans in times.values() for begin, end in spans)
    there = sum(max(spans)[1] - min(spans)[0] for spans in times.values())
    gaps = [later[0] - earlier[1] for spans in times.values() for earlier, later in itertools.pairwise(sorted(spans))]
    return computed / there, statistics.median(gaps)


@contextlib.contextmanager
def started(*command: str) -> Iterator[Any]:
    process = subprocess.Popen([sys.executable, *command], env=os.environ | CALM, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def over_pyro(folder: str) -> tuple[float, float]:
    with NameServer(RUN_ID, working_directory=folder, port=0) as nameserver, contextlib.ExitStack() as stack:
        for number in range(N_WORKERS // N_EACH):
            stack.enter_context(started(__file__, "--pyro", folder, str(number)))
        address = {"nameserver": nameserver.host, "nameserver_port": nameserver.port}
        return utilisation(run_id=RUN_ID, working_directory=folder, **address)


def pyro_workers(folder: str, number: str) -> None:
    def work(index: int) -> None:
        worker = Sleeper(RUN_ID, id=f"{number}.{index}")
        worker.load_nameserver_credentials(folder, num_tries=1000, interval=0.1)
        worker.run()

    threads = [threading.Thread(target=work, args=(index,)) for index in range(N_EACH)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def over_dask(folder: str) -> tuple[float, float]:
    address = f"{folder}/scheduler.json"
    usual = ("--host", "127.0.0.1", "--port", "0", "--dashboard-address", ":0", "--scheduler-file", address)
    with contextlib.ExitStack() as stack:
        stack.enter_context(started("-m", "dask", "scheduler", *usual))
        client = stack.enter_context(distributed.Client(scheduler_file=address, timeout=PATIENCE))
        for number in range(N_WORKERS // N_EACH):
            stack.enter_context(started(__file__, "--dask", address, f"{folder}/{number}"))
        return utilisation(backend=DaskBackend(client, Sleeper, working_directory=folder))


async def dask_workers(address: str, folder: str) -> None:
    usual = {"host": "127.0.0.1", "local_directory": folder, "dashboard": False}
    workers = [distributed.Worker(scheduler_file=address, nthreads=1, memory_limit=0, **usual) for _ in range(N_EACH)]
    await asyncio.gather(*workers)
    await asyncio.gather(*(worker.finished() for worker in workers))


def main(arguments: Sequence[str]) -> int:
    logging.disable()
    if arguments[:1] == ["--pyro"]:
        pyro_workers(*arguments[1:])
        return 0
    if arguments[:1] == ["--dask"]:
        asyncio.run(dask_workers(*arguments[1:]))
        return 0
    is_met = True
    print(f"{N_WORKERS} workers, jobs of {SECONDS:g} s: {'they compute for':>25} {'gap':>10} {'bar':>8}")
    for name, measure in (("Pyro4", over_pyro), ("Dask", over_dask)):
        rounds = []
        for _ in range(ROUNDS):
            with tempfile.TemporaryDirectory() as folder:
                rounds.append(measure(folder))
        share, gap = (statistics.median(column) for column in zip(*rounds, strict=True))
        verdict = "ok" if share >= LEAST else "MISSED"
        print(f"{name:28} {share:25.1%} {1000 * gap:7.1f} ms {f'>= {LEAST:.0%}':>8}  {verdict}")
        is_met = is_met and share >= LEAST
    return 0 if is_met else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
