"""All runs of a measurement: those that the cache lacks are made, several at a time."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from pathlib import Path

from benchmarks.quality import ours, trace
from benchmarks.quality.optimizers import OURS, version
from benchmarks.quality.problems import Problem, problem, suite_budget
from benchmarks.quality.trace import RunKey, Trace

__all__ = ["cached", "forget", "peer_python", "run_all"]

ONE_THREAD = {f"{library}_NUM_THREADS": "1" for library in ("OPENBLAS", "OMP", "MKL")}
"""Several runs share the machine; each counts its own processor time."""

_peers_running: list[subprocess.Popen[str]] = []
"""In a child: what it waits for."""

_REPOSITORY = Path(__file__).resolve().parents[2]


def peer_python(peer: str) -> Path:
    """The Python in which another package's optimizer is installed: its own, or else the common one of all of them."""
    folder = _REPOSITORY / ".bench" / "venvs"
    own = folder / peer / "bin" / "python"
    return own if own.exists() else folder / "peers" / "bin" / "python"


def cached(key: RunKey, cache: Path, where: Problem, share: float = 1.0) -> Trace | None:
    """The trace of a run that was made before with the same version and the same budget."""
    wall_clock = share * suite_budget(where) / key.workers
    return trace.load(key.path(cache), version(key.optimizer), wall_clock)


def forget(optimizer: str, cache: Path) -> int:
    """Remove an optimizer's traces; returns how many there were."""
    paths = list(cache.glob(f"*/{optimizer}-w*-s*.npz"))
    for path in paths:
        path.unlink()
    return len(paths)


def run_all(keys: Sequence[RunKey], cache: Path, processes: int, share: float = 1.0) -> list[str]:
    """Make all runs; what is interrupted keeps the runs that have ended.

    Returns:
        What went wrong, a line a failed run.
    """
    failed: list[str] = []
    began = time.monotonic()
    with _executor(processes) as executor:
        futures = {executor.submit(_run, key, cache, share): key for key in keys}
        for done, (key, future) in enumerate(_as_they_end(futures), 1):
            if error := future.exception():
                failed.append(f"{key.optimizer} on {key.problem}, {key.workers} workers, seed {key.seed}: {error}")
            _show(done, len(keys), len(failed), time.monotonic() - began, key)
    if keys:
        print()
    return failed


def _run(key: RunKey, cache: Path, share: float) -> None:
    where = problem(key.problem)
    if key.optimizer in OURS:
        logging.getLogger("hpbandster_ng").setLevel(logging.CRITICAL)  # failures belong to some problems
        total = share * suite_budget(where)
        trace.save(ours.run(key.optimizer, where, key.workers, key.seed, total), key.path(cache))
        return
    command = [str(peer_python(key.optimizer)), "-m", "benchmarks.quality.run_peer", key.optimizer, key.problem]
    command += [str(key.workers), str(key.seed), "--out", str(key.path(cache)), "--version", version(key.optimizer)]
    _run_in_its_own_python(command)


def _run_in_its_own_python(command: list[str]) -> None:
    if not Path(command[0]).exists():
        raise FileNotFoundError(f"{command[0]} is not there; scripts/make_peers_venvs.sh makes it")
    with subprocess.Popen(
        command, cwd=_REPOSITORY, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as peer:
        _peers_running.append(peer)
        _, errors = peer.communicate()
        _peers_running.remove(peer)
    if peer.returncode:
        raise RuntimeError((errors.strip() or f"exit code {peer.returncode}").splitlines()[-1])


def _obey_the_parent() -> None:
    """Leave Ctrl-C to the parent, which terminates its children, and they the processes that they wait for."""

    def end(*_: object) -> None:
        for peer in _peers_running:
            peer.kill()
        os._exit(1)

    signal.signal(signal.SIGINT, lambda *_: None)  # no SIG_IGN: peers would inherit it
    signal.signal(signal.SIGTERM, end)


@contextmanager
def _executor(processes: int) -> Iterator[ProcessPoolExecutor]:
    os.environ.update(ONE_THREAD)  # the children read it before they load numpy
    executor = ProcessPoolExecutor(processes, multiprocessing.get_context("spawn"), initializer=_obey_the_parent)
    try:
        yield executor
    except KeyboardInterrupt:
        for process in multiprocessing.active_children():
            process.terminate()
        raise
    finally:
        executor.shutdown(cancel_futures=True)


def _as_they_end(futures: dict[Future[None], RunKey]) -> Iterable[tuple[RunKey, Future[None]]]:
    for future in as_completed(futures):
        yield futures[future], future


def _show(done: int, of: int, failed: int, seconds: float, last: RunKey) -> None:
    left = seconds / done * (of - done)
    line = f"{done}/{of} runs, {failed} failed, {seconds:.0f} s, {left:.0f} s to go; {last.optimizer} on {last.problem}"
    sys.stdout.write(f"\r{line:100.100}" if sys.stdout.isatty() else f"{line}\n" if done == of else "")
    sys.stdout.flush()
