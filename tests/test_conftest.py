"""The checks around every test catch what they are there for."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

CULPRITS = """
import sqlite3, subprocess, sys, threading
import numpy

def test_thread():
    threading.Thread(target=threading.Event().wait, args=(1.5,), name="worker-of-user").start()

def test_daemon_of_the_library():
    threading.Thread(target=threading.Event().wait, args=(60,), name="hpbandster-poll", daemon=True).start()

def test_process():
    subprocess.Popen([sys.executable, "-c", "import threading; threading.Event().wait(60)"])

def test_file():
    open("left.txt", "w").close()

def test_database(tmp_path):
    test_database.left_open = sqlite3.connect(tmp_path / "left.db")

def test_global_draw():
    numpy.random.rand()

def test_tidy():
    thread = threading.Thread(target=threading.Event().wait, args=(0.05,))
    thread.start()
    numpy.random.default_rng(0).random()
"""


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """The output of a pytest run over the culprits, with our conftest and a short grace time."""
    folder = tmp_path_factory.mktemp("project")
    conftest = Path(__file__).with_name("conftest.py").read_text(encoding="utf-8")
    (folder / "conftest.py").write_text(conftest.replace("GRACE = 5.0", "GRACE = 0.3"), encoding="utf-8")
    (folder / "test_culprits.py").write_text(CULPRITS, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(folder), str(folder)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=120).stdout


@pytest.mark.parametrize(
    ("test", "complaint"),
    [
        ("test_thread", "threads still run after the test: ['worker-of-user']"),
        ("test_daemon_of_the_library", "threads still run after the test: ['hpbandster-poll']"),
        ("test_process", "processes still run after the test"),
        ("test_file", "files left in the working directory: ['left.txt']"),
        ("test_database", "databases still open after the test"),
        ("test_global_draw", "numpy's global random state was used"),
    ],
)
def test_a_leak_is_reported(report, test, complaint):
    assert f"ERROR at teardown of {test} " in report
    assert complaint in report


def test_a_thread_that_ends_in_time_is_no_leak(report):
    assert "test_tidy" not in report
    assert "7 passed, 6 errors" in report
