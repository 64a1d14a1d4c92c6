"""Jobs a second over Pyro4, and what a worker waits between a result and its next job.

No-op jobs, four worker processes; a run that is open to everybody does the same without encryption, one with a journal
keeps its log, and dask.distributed does the same no-op in bulk. Medians of several rounds, all in turn.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import ConfigSpace

from hpbandster_ng.core.nameserver import NameServer
from hpbandster_ng.core.worker import Worker
from hpbandster_ng.optimizers.hyperband import HyperBand

RUN_ID = "bench-dispatch"
N_WORKERS = 4
N_ITERATIONS = 60
ROUNDS = 5

SCRATCH = Path(__file__).resolve().parents[1] / ".bench"
"""On a disk, as the system's folder for temporary files may not be."""

PACE = 0.04
"""Seconds that a job takes where 100 are to end in a second."""

N_PACED = 12
"""Iterations of such jobs."""


class NoOp(Worker):
    """Returns at once, or after ``pace`` seconds, with the seconds since it returned last."""

    last_return = None
    pace = 0.0

    def compute(self, config_id, config, budget, working_directory):
        gap = None if self.last_return is None else time.perf_counter() - self.last_return
        time.sleep(self.pace)
        try:
            return {"loss": config["x"], "info": gap}
        finally:
            self.last_return = time.perf_counter()


@contextmanager
def worker_processes(host: str, port: int, count: int, insecure: bool, pace: float) -> Iterator[None]:
    """Separate interpreters that run this file as workers."""
    security = "insecure" if insecure else "secure"
    command = [sys.executable, __file__, "--worker", host, str(port), security, str(pace)]
    processes = [subprocess.Popen([*command, str(i)]) for i in range(count)]
    try:
        yield
    finally:
        for process in processes:
            process.wait(timeout=30)


def ours(insecure: bool = False, is_kept: bool = False, pace: float = 0.0) -> tuple[float, float]:
    """Jobs a second, and the median gap in seconds.

    Args:
        is_kept: whether the run has a journal.
    """
    space = ConfigSpace.ConfigurationSpace({"x": (0.0, 1.0)})
    with NameServer(RUN_ID, port=0, insecure=insecure) as nameserver, ExitStack() as stack:
        stack.enter_context(worker_processes(nameserver.host, nameserver.port, N_WORKERS, insecure, pace))
        SCRATCH.mkdir(exist_ok=True)
        folder = stack.enter_context(tempfile.TemporaryDirectory(dir=SCRATCH))
        optimizer = stack.enter_context(
            HyperBand(
                space,
                min_budget=1,
                max_budget=81,
                run_id=RUN_ID,
                seed=0,
                nameserver=nameserver.host,
                nameserver_port=nameserver.port,
                working_directory=folder,
                storage=f"journal:{folder}/log" if is_kept else None,
                insecure=insecure,
            )
        )
        optimizer.wait_for_workers(N_WORKERS)
        begin = time.perf_counter()
        result = optimizer.run(N_PACED if pace else N_ITERATIONS)
        seconds = time.perf_counter() - begin
    runs = result.get_all_runs()
    return len(runs) / seconds, statistics.median(run.info for run in runs if run.info is not None)


def dask(n_jobs: int) -> float:
    """Jobs a second of dask.distributed, all submitted at once."""
    import distributed

    with (
        distributed.LocalCluster(n_workers=N_WORKERS, threads_per_worker=1, dashboard_address=None) as cluster,
        distributed.Client(cluster) as client,
    ):
        client.gather(client.map(no_op, range(N_WORKERS), pure=False))
        begin = time.perf_counter()
        client.gather(client.map(no_op, range(n_jobs), pure=False))
        return n_jobs / (time.perf_counter() - begin)


def no_op(x: float) -> dict[str, object]:
    return {"loss": x, "info": {}}


def rows() -> list[tuple[str, str, str, bool]]:
    """What was measured, the figure, the bar, and whether it was met."""
    kinds = ({}, {"insecure": True}, {"is_kept": True}, {"pace": PACE}, {"pace": PACE, "is_kept": True})
    rounds = [(*(ours(**kind) for kind in kinds), dask(2000)) for _ in range(ROUNDS)]
    *measured, dask_rates = zip(*rounds, strict=True)
    rate, open_rate, kept, paced, paced_kept = (statistics.median(rate for rate, _ in column) for column in measured)
    gap, peer = statistics.median(gap for _, gap in measured[0]), statistics.median(dask_rates)
    return [
        ("jobs/s over Pyro4, 4 worker processes", f"{rate:.0f}", ">= 1000", rate >= 1000),
        ("ratio to insecure=True", f"{rate / open_rate:.2f} ({open_rate:.0f} jobs/s)", "> 0.8", rate > 0.8 * open_rate),
        ("ratio to dask.distributed in bulk", f"{rate / peer:.2f} ({peer:.0f} jobs/s)", ">= 2", rate >= 2 * peer),
        ("median gap between result and next job", f"{1000 * gap:.2f} ms", "< 5 ms", gap < 0.005),
        ("jobs/s with a journal", f"{kept:.0f}", "> 500", kept > 500),
        (
            "at 100 jobs/s, ratio to none",
            f"{paced_kept / paced:.2f} ({paced:.0f} jobs/s)",
            "> 0.8",
            paced_kept > 0.8 * paced,
        ),
    ]


def main() -> int:
    warnings.filterwarnings("ignore", "insecure=True", RuntimeWarning)
    if sys.argv[1:2] == ["--worker"]:
        host, port, security, pace, name = sys.argv[2:]
        insecure, NoOp.pace = security == "insecure", float(pace)
        NoOp(RUN_ID, nameserver=host, nameserver_port=int(port), id=name, timeout=60, insecure=insecure).run()
        return 0
    table = rows()
    for what, measured, bar, is_met in table:
        print(f"{what:45} {measured:>20} {bar:>10}  {'ok' if is_met else 'MISSED'}")
    return 0 if all(row[3] for row in table) else 1


if __name__ == "__main__":
    sys.exit(main())
