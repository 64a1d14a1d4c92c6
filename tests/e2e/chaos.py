"""Workers and masters are killed and paused at random, while a run goes on."""

from __future__ import annotations

import argparse
import itertools
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

from hpbandster_ng.core.nameserver import NameServer
from hpbandster_ng.engine.events import EndJob, JobFinished, QueueJob, RunResumed, StartJob, WorkerLost
from hpbandster_ng.engine.records import OutcomeState
from hpbandster_ng.storage.journal import JournalStorage
from tests.e2e.processes import WORKER, Process
from tests.waiting import LIMIT, wait_until

HERE = Path(__file__).parent
RUN_ID = "chaos"

INTERVAL = 2.0
"""Seconds from one blow to the next."""

LONGEST_PAUSE = 8.0
"""Seconds; a worker that is silent for three is lost."""


class Chaos:
    """A run of real processes, and what is done to it.

    Args:
        folder: for the log of the run and the output of its processes.
        n_workers: so many are kept alive.
        seed: of what happens to whom.

    Attributes:
        counts: what was done.
    """

    def __init__(self, folder, n_workers, n_iterations, seed=0):
        self.folder = folder
        self.n_iterations = n_iterations
        self.rng = random.Random(seed)
        self.counts = Counter()
        self.storage = folder / "log"
        self.workers = []
        self._paused = []
        self._numbers = itertools.count()
        self._n_workers = n_workers
        self._stack = ExitStack()

    def __enter__(self):
        self._nameserver = self._stack.enter_context(NameServer(RUN_ID, port=0))
        self.start_master()
        self.keep_workers()
        return self

    def __exit__(self, *exception):
        self._stack.close()

    def _spawn(self, *command):
        process = Process([str(part) for part in command], self.folder / f"output_{next(self._numbers)}.txt")
        self._stack.callback(process.popen.wait, LIMIT)
        self._stack.callback(process.popen.kill)
        return process

    def start_master(self):
        where = RUN_ID, self._nameserver.port, self.folder, self.n_iterations
        self.master = self._spawn(HERE / "chaos_master.py", *where)

    def keep_workers(self):
        self.workers = [worker for worker in self.workers if worker.popen.poll() is None]
        while len(self.workers) < self._n_workers:
            self.workers.append(self._spawn(WORKER, "--run_id", RUN_ID, "--port", self._nameserver.port, "--slow"))

    def kill_master(self):
        self.master.popen.kill()
        self.master.popen.wait(LIMIT)
        self.counts["masters killed"] += 1
        self.start_master()

    def has_taken_over(self):
        """Whether the master has begun; one that dies before that leaves no trace of itself."""
        return sum(isinstance(event, RunResumed) for event in self.log()) == self.counts["masters killed"]

    def strike(self):
        """Kill or pause some worker."""
        worker = self.rng.choice(self.workers)
        if self.rng.random() < 0.5:
            worker.popen.kill()
            worker.popen.wait(LIMIT)
            self.counts["workers killed"] += 1
        else:
            worker.popen.send_signal(signal.SIGSTOP)
            self.counts["workers paused"] += 1
            self._paused.append((time.monotonic() + self.rng.uniform(0.5, LONGEST_PAUSE), worker))
        self.keep_workers()

    def wake(self, all_of_them=False):
        """Let go on who has paused long enough."""
        due = [(until, worker) for until, worker in self._paused if all_of_them or until < time.monotonic()]
        for entry in due:
            self._paused.remove(entry)
            if entry[1].popen.poll() is None:
                entry[1].popen.send_signal(signal.SIGCONT)

    def rage(self, seconds, num_masters, interval=INTERVAL):
        """Strike for so long, once in so many seconds, and kill so many masters meanwhile."""
        begin = time.monotonic()
        masters = [begin + seconds * (i + 0.5) / num_masters for i in range(num_masters)]
        strikes = [begin + interval * i for i in range(1, int(seconds / interval) + 1)]
        while strikes or masters:
            if masters and masters[0] <= time.monotonic() and self.has_taken_over():
                masters.pop(0)
                self.kill_master()
            if strikes and strikes[0] <= time.monotonic():
                strikes.pop(0)
                self.strike()
            self.wake()
            assert self.master.popen.poll() is None, f"the master ended meanwhile: {self.master.output}"
            time.sleep(0.05)
        self.wake(all_of_them=True)

    def wait_for_the_end(self, limit):
        wait_until(lambda: self.master.popen.poll() is not None, "the run ends", limit)
        assert self.master.popen.returncode == 0, self.master.output

    def log(self):
        return list(JournalStorage(self.storage).read())


def figures(log):
    """What the log tells of lost workers, attempts that were made again, and reports that came for nothing."""
    ended = Counter(event.key for event in log if isinstance(event, EndJob))
    running, in_vain = {}, 0
    for event in log:
        match event:
            case StartJob():
                running[event.key] = event.attempt, event.worker
            case RunResumed():
                running.clear()
            case WorkerLost():
                running = {key: run for key, run in running.items() if run[1] != event.worker}
            case JobFinished():
                in_vain += running.pop(event.key, None) != (event.attempt, event.worker)
    return {
        "jobs": len({event.job.key for event in log if isinstance(event, QueueJob)}),
        "jobs that succeeded exactly once": sum(
            event.report.outcome.state is OutcomeState.SUCCEEDED and ended[event.key] == 1
            for event in log
            if isinstance(event, EndJob)
        ),
        "workers lost": sum(isinstance(event, WorkerLost) for event in log),
        "masters that took over": sum(isinstance(event, RunResumed) for event in log),
        "attempts made again": sum(isinstance(event, StartJob) and event.attempt > 1 for event in log),
        "late or repeated reports": in_vain,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--masters", type=int, default=50)
    parser.add_argument("--workers", type=int, default=8)
    parser.add_argument("--iterations", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        Chaos(Path(folder), args.workers, args.iterations, args.seed) as chaos,
    ):
        chaos.rage(args.seconds, args.masters)
        chaos.wait_for_the_end(3600)
        told = {**chaos.counts, **figures(chaos.log())}
    for name, number in told.items():
        sys.stdout.write(f"{number:6d} {name}\n")
    return told["jobs"] != told["jobs that succeeded exactly once"]


if __name__ == "__main__":
    sys.exit(main())
