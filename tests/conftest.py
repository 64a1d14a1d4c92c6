"""What holds around every test: nothing is left running, nothing is left lying about, no global state is touched.

The checks are registered as a plugin and not as fixtures of this file, because a fixture of ``tests/conftest.py`` would
not see the doctests of the package.
"""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import threading
import time
from pathlib import Path

os.environ["XDG_RUNTIME_DIR"] = tempfile.mkdtemp(prefix="hpbandster-tests-")  # secrets of runs; children inherit it
os.environ["MPLBACKEND"] = "Agg"  # before anything imports matplotlib: no test opens a window
os.environ["OPENBLAS_NUM_THREADS"] = "1"  # as a run does; threads that wait for a busy core take many times as long

import numpy as np
import psutil
import pytest

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as in the background of a shell script; children inherit it
    signal.signal(signal.SIGINT, signal.default_int_handler)

GRACE = 5.0
"""Seconds that a thread or a process that is just ending may take to be gone."""

LIBRARY_THREADS = "hpbandster"
"""Threads of the library carry this prefix; they must be joined by their owner although they are daemons."""

HELPERS = ("resource_tracker", "forkserver", "pyspark-shell")
"""Processes that Python itself starts once and keeps, and the Java process of PySpark: no test can end them."""


def threads_that_count() -> set[threading.Thread]:
    return {
        thread
        for thread in threading.enumerate()
        if thread is not threading.main_thread() and (not thread.daemon or thread.name.startswith(LIBRARY_THREADS))
    }


def leaked_threads(before: set[threading.Thread], grace: float = GRACE) -> set[threading.Thread]:
    deadline = time.monotonic() + grace
    leaked = threads_that_count() - before
    for thread in leaked:
        thread.join(max(0.0, deadline - time.monotonic()))
    return {thread for thread in leaked if thread.is_alive()}


def child_processes(besides: set[int]) -> set[psutil.Process]:
    """Those of this process, without the given ones; where there are no others at all, nobody's parents are read."""
    if besides.issuperset(psutil.pids()):
        return set()
    children = psutil.Process().children(recursive=True)
    return {process for process in children if process.pid not in besides and not is_helper(process)}


def is_helper(process: psutil.Process) -> bool:
    try:
        return any(helper in " ".join(process.cmdline()) for helper in HELPERS)
    except psutil.Error:
        return False


def leaked_processes(before: set[int], grace: float = GRACE) -> dict[psutil.Process, str]:
    """The processes that outlive the grace time, with their command lines; they are ended."""
    _, alive = psutil.wait_procs(child_processes(besides=before), timeout=grace)
    leaked = {}
    for process in alive:
        try:
            leaked[process] = " ".join(process.cmdline())
        except psutil.Error:
            continue
        process.kill()
    return leaked


def global_random_state() -> tuple[bytes, int]:
    state = np.random.get_state(legacy=False)
    return state["state"]["key"].tobytes(), state["state"]["pos"]


def open_databases() -> set[str]:
    """The files of SQLite that this process has open: each may cost some later test, by chance, a ResourceWarning."""
    return {file.path for file in psutil.Process().open_files() if file.path.endswith(".db")}


class Tidiness:
    @pytest.fixture(autouse=True)
    def _nothing_left_running(self):
        threads, processes = threads_that_count(), set(psutil.pids())
        yield
        leaked = leaked_threads(threads)
        assert not leaked, f"threads still run after the test: {sorted(thread.name for thread in leaked)}"
        commands = leaked_processes(processes)
        assert not commands, f"processes still run after the test: {sorted(commands.values())}"

    @pytest.fixture(autouse=True)
    def _no_database_left_open(self):
        before = open_databases()
        yield
        left = open_databases() - before
        assert not left, f"databases still open after the test: {sorted(left)}"

    @pytest.fixture(autouse=True)
    def _nothing_left_lying_about(self, tmp_path_factory, monkeypatch):
        """Each test works in an empty folder of its own; what it writes on purpose goes to ``tmp_path``."""
        folder = tmp_path_factory.mktemp("cwd")
        monkeypatch.chdir(folder)
        yield
        left = sorted(path.name for path in Path(folder).iterdir())
        assert not left, f"files left in the working directory: {left}"

    @pytest.fixture(autouse=True)
    def _global_random_state_untouched(self):
        before = global_random_state()
        yield
        assert global_random_state() == before, "numpy's global random state was used; hand in a numpy.random.Generator"


def pytest_configure(config):
    config.pluginmanager.register(Tidiness(), "tidiness")


def pytest_unconfigure():
    shutil.rmtree(os.environ["XDG_RUNTIME_DIR"])
