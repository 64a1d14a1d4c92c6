"""Kills a process with SIGKILL at each line of the journal's code in turn, while it opens a journal to be compacted.

A script of its own, since it forks: a test process may have threads. Prints how often it killed, how often the long
journal was there afterwards, and how often the shorter one.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
from pathlib import Path

from hpbandster_ng.engine.compaction import compacted
from hpbandster_ng.engine.events import WorkerJoined, WorkerLost
from hpbandster_ng.storage import journal
from hpbandster_ng.storage.journal import JournalStorage

EVENTS = [
    event for number in range(20) for event in (WorkerJoined(0.0, f"w{number}"), WorkerLost(0.0, f"w{number}", "left"))
] + [WorkerJoined(1.0, "w")]


def open_and_die(directory, n_lines):
    """Open a journal, and be killed before its n-th line is executed; exits normally if there are fewer."""
    count = 0

    def trace(frame, event, _):
        nonlocal count
        if frame.f_code.co_filename != journal.__file__:
            return None
        count += event == "line"
        if count == n_lines:
            os.kill(os.getpid(), signal.SIGKILL)
        return trace

    sys.settrace(trace)
    JournalStorage(directory).open()
    sys.settrace(None)
    os._exit(0)


def main(root):
    journal._COMPACT_FROM = 500
    original = root / "original"
    storage = JournalStorage(original)
    storage.open()
    storage.append(EVENTS)
    storage.close()
    found = {"long": 0, "short": 0}
    for n_lines in range(1, 10_000):
        directory = root / str(n_lines)
        shutil.copytree(original, directory)
        child = os.fork()
        if not child:
            open_and_die(directory, n_lines)
        if not os.WIFSIGNALED(os.waitpid(child, 0)[1]):
            break
        storage = JournalStorage(directory)
        found[{str(EVENTS): "long", str(compacted(EVENTS)): "short"}[str(list(storage.read()))]] += 1
        storage.open()
        assert list(storage.read()) == compacted(EVENTS)
        storage.close()
        assert sorted(path.name for path in directory.iterdir()) == ["journal", "lock"]
    sys.stdout.write(f"{n_lines - 1} {found['long']} {found['short']}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
