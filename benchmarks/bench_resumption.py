"""What a crash costs: until a lost job runs again, and until a long run goes on."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import ConfigSpace

from hpbandster_ng.backends.inprocess import InProcessBackend
from hpbandster_ng.core.nameserver import NameServer
from hpbandster_ng.core.worker import Worker
from hpbandster_ng.engine.events import Event, StartJob, WorkerJoined
from hpbandster_ng.optimizers import BOHB, RandomSearch
from hpbandster_ng.storage.journal import JournalStorage
from hpbandster_ng.storage.memory import MemoryStorage

RUN_ID = "bench-resumption"
ROUNDS = 7
N_ITERATIONS = 1500
"""Of BOHB on three budgets: 10,000 jobs."""

SPACE = ConfigSpace.ConfigurationSpace({f"x{i}": (0.0, 1.0) for i in range(6)})
LIMIT = 20.0
SCRATCH = Path(__file__).resolve().parents[1] / ".bench"
"""On a disk, as the system's folder for temporary files may not be."""


class Held(Worker):
    """Computes until the file is there."""

    gate = Path()

    def compute(self, **job: Any) -> dict[str, Any]:
        while not self.gate.exists():
            time.sleep(0.01)
        return {"loss": 0.0, "info": {}}


class Watch:
    """Notes when workers join and jobs start."""

    def __init__(self) -> None:
        self.times: dict[type[Event], list[float]] = {StartJob: [], WorkerJoined: []}

    def __call__(self, event: Event) -> None:
        if type(event) in self.times:
            self.times[type(event)].append(time.monotonic())

    def wait_for(self, kind: type[Event], count: int) -> float:
        """When so many of a kind had come."""
        give_up = time.monotonic() + LIMIT
        while len(self.times[kind]) < count:
            if time.monotonic() > give_up:
                raise TimeoutError(f"no {count} {kind.__name__} in {LIMIT:g} s")
            time.sleep(0.005)
        return self.times[kind][count - 1]


def seconds_to_requeue() -> float:
    """From the SIGKILL of a worker that computes to the start of its job on an idle one."""
    with (
        tempfile.TemporaryDirectory() as folder,
        NameServer(RUN_ID, port=0) as nameserver,
        ExitStack() as workers,
        ExitStack() as stack,
    ):
        gate, watch = Path(folder) / "gate", Watch()

        def start_worker() -> subprocess.Popen[bytes]:
            worker = subprocess.Popen([sys.executable, __file__, "--worker", str(nameserver.port), str(gate)])
            workers.callback(worker.wait)
            return worker

        optimizer = stack.enter_context(
            RandomSearch(
                SPACE, run_id=RUN_ID, nameserver_port=nameserver.port, working_directory=folder, observers=[watch]
            )
        )
        run = threading.Thread(target=optimizer.run, kwargs={"n_iterations": 1})
        run.start()
        worker = start_worker()
        watch.wait_for(StartJob, 1)
        start_worker()
        watch.wait_for(WorkerJoined, 2)
        killed = time.monotonic()
        worker.kill()
        seconds = watch.wait_for(StartJob, 2) - killed
        gate.touch()
        run.join()
        return seconds


def compute(config: dict[str, float], budget: float, **_: Any) -> dict[str, Any]:
    return {"loss": sum((x - 0.3) ** 2 for x in config.values()) + 1 / budget, "info": {}}


def bohb(storage: Any, compute: Any) -> BOHB:
    backend = InProcessBackend(compute, tempfile.gettempdir())
    return BOHB(SPACE, min_budget=1, max_budget=9, run_id=RUN_ID, seed=0, storage=storage, backend=backend)


def long_log() -> list[Event]:
    storage = MemoryStorage()
    with bohb(storage, compute) as optimizer:
        optimizer.run(n_iterations=N_ITERATIONS)
    return list(storage.read())


def seconds_to_go_on(log: list[Event]) -> float:
    """From nothing but the journal to the first new job."""
    SCRATCH.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=SCRATCH) as folder:
        storage = JournalStorage(folder)
        storage.open()
        for first in range(0, len(log), 4):
            storage.append(log[first : first + 4])
        storage.close()
        started: list[float] = []

        def note(**job: Any) -> dict[str, Any]:
            started.append(time.perf_counter())
            return compute(**job)

        begin = time.perf_counter()
        with bohb(f"journal:{folder}", note) as optimizer:
            optimizer.run(n_iterations=N_ITERATIONS + 1)
        return started[0] - begin


def main() -> int:
    if sys.argv[1:2] == ["--worker"]:
        port, gate = sys.argv[2:]
        Held.gate = Path(gate)
        Held(RUN_ID, nameserver_port=int(port)).run()
        return 0
    requeue = statistics.median(seconds_to_requeue() for _ in range(ROUNDS))
    log = long_log()
    resume = statistics.median(seconds_to_go_on(log) for _ in range(3))
    num_jobs = sum(isinstance(event, StartJob) for event in log)
    table = [
        ("a killed worker's job runs again after", requeue, 3.0),
        (f"a run of {num_jobs} jobs goes on after", resume, 3.0),
    ]
    for what, seconds, bar in table:
        print(f"{what:45} {seconds:>17.2f} s {f'< {bar:g} s':>10}  {'ok' if seconds < bar else 'MISSED'}")
    return 0 if all(seconds < bar for _, seconds, bar in table) else 1


if __name__ == "__main__":
    sys.exit(main())
