"""A thousand workers at one master, over mutual TLS.

Ten processes of a hundred worker threads each connect to a master in a process of its own, and run no-op jobs. Every
job must end in success at its first attempt, every worker must have been there all the time and have worked, and the
master must stay small. The rate is printed; nobody's jobs are that short.
"""

from __future__ import annotations

import contextlib
import json
import logging
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

import ConfigSpace

from hpbandster_ng.core.nameserver import NameServer
from hpbandster_ng.core.worker import Worker
from hpbandster_ng.engine.events import EndJob, Event, StartJob, WorkerJoined, WorkerLost
from hpbandster_ng.errors import HpbandsterError, NoWorkersError
from hpbandster_ng.optimizers import RandomSearch

RUN_ID = "bench-sockets"
N_PROCESSES, N_THREADS = 10, 100
N_JOBS = 20_000
MOST_MEGABYTES = 500
PATIENCE = 100.0
"""Seconds that everybody may take to come."""


class NoOp(Worker):
    """Returns at once."""

    def compute(self, config: dict[str, Any], **_: Any) -> dict[str, Any]:
        return {"loss": config["x"], "info": None}


class Tally:
    """Counts what happens, from the moment on that all workers are there."""

    def __init__(self) -> None:
        self.events: Counter[str] = Counter()
        self.outcomes: Counter[str] = Counter()
        self.again = 0
        self.at_work: set[str] = set()

    def __call__(self, event: Event) -> None:
        self.events[type(event).__name__] += 1
        if isinstance(event, StartJob):
            self.again += event.attempt > 1
            self.at_work.add(event.worker)
        elif isinstance(event, EndJob):
            self.outcomes[event.report.outcome.state.value] += 1


def master(folder: str) -> None:
    """The run, and what came of it as JSON."""
    logging.disable()
    space = ConfigSpace.ConfigurationSpace({"x": (0.0, 1.0)})
    tally = Tally()
    limits = {"min_budget": 1, "max_budget": 1, "run_id": RUN_ID, "seed": 0, "worker_timeout": PATIENCE}
    with NameServer(RUN_ID, working_directory=folder, port=0) as nameserver:
        address = {"nameserver": nameserver.host, "nameserver_port": nameserver.port, "working_directory": folder}
        with RandomSearch(space, **limits, **address, observers=[tally]) as optimizer:
            begin = connected = time.monotonic()
            with contextlib.suppress(NoWorkersError):
                optimizer.wait_for_workers(N_PROCESSES * N_THREADS)
                connected = time.monotonic()
                optimizer.run(total_budget=N_JOBS)
            ended = time.monotonic()
            lost = tally.events[WorkerLost.__name__]
    told = {
        "joined": tally.events[WorkerJoined.__name__],
        "lost": lost,
        "at work": len(tally.at_work),
        "outcomes": tally.outcomes,
        "started again": tally.again,
        "seconds to connect": connected - begin,
        "jobs a second": N_JOBS / (ended - connected),
        "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    sys.stdout.write(json.dumps(told))


def workers(folder: str, number: int) -> None:
    """A process with its share of the workers; what one of them raises is told."""
    errors: list[str] = []

    def work(index: int) -> None:
        try:
            worker = NoOp(RUN_ID, id=f"{number}.{index}")
            worker.load_nameserver_credentials(folder, num_tries=1000, interval=0.1)
            worker.run()
        except HpbandsterError as error:
            errors.append(f"{type(error).__name__}: {error}")

    threads = [threading.Thread(target=work, args=(index,)) for index in range(N_THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sys.stdout.write(json.dumps(errors))


@contextlib.contextmanager
def started(*arguments: str) -> Any:
    """This file in another process."""
    process = subprocess.Popen([sys.executable, __file__, *arguments], stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def measured() -> tuple[dict[str, Any], list[str]]:
    """What the master saw, and what workers raised."""
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        run = stack.enter_context(started("--master", folder))
        shells = [stack.enter_context(started("--workers", folder, str(number))) for number in range(N_PROCESSES)]
        told, _ = run.communicate(timeout=2 * PATIENCE)
        errors = [error for shell in shells for error in json.loads(shell.communicate(timeout=PATIENCE)[0])]
        return json.loads(told), errors


def main(arguments: Sequence[str]) -> int:
    if arguments[:1] == ["--master"]:
        master(arguments[1])
        return 0
    if arguments[:1] == ["--workers"]:
        workers(arguments[1], int(arguments[2]))
        return 0
    found, errors = measured()
    n_workers = N_PROCESSES * N_THREADS
    rows = [
        (f"workers that joined, of {n_workers:,}", found["joined"], found["joined"] == n_workers),
        ("workers that had a job", found["at work"], found["at work"] == n_workers),
        ("workers that were lost", found["lost"], found["lost"] == 0),
        ("errors of workers, refused connections included", len(errors), not errors),
        (f"jobs that succeeded, of {N_JOBS:,}", found["outcomes"], found["outcomes"] == {"succeeded": N_JOBS}),
        ("jobs that were started again", found["started again"], found["started again"] == 0),
        (
            f"megabytes of the master, < {MOST_MEGABYTES}",
            f"{found['megabytes']:.0f}",
            found["megabytes"] < MOST_MEGABYTES,
        ),
        ("seconds until all were connected", f"{found['seconds to connect']:.1f}", True),
        ("jobs a second", f"{found['jobs a second']:.0f}", True),
    ]
    for what, figure, is_met in rows:
        print(f"{what:50} {figure!s:>24}  {'ok' if is_met else 'MISSED'}")
    for error in errors[:3]:
        print(error)
    return 0 if all(is_met for *_, is_met in rows) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
