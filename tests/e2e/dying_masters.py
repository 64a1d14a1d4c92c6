"""Masters that end themselves with SIGKILL, one after the other; says the exit code of each in a line.

``once DIRECTORY NUM``: a master for each number of events up to NUM, with a log of its own, DIRECTORY/<number>.
``again DIRECTORY NUM``: one after each NUM events more of the same log, until the run is done.

Each is a process of its own, which this one forks: what they all import is imported once.
"""

from __future__ import annotations

import multiprocessing
import signal
import sys

from hpbandster_ng.storage.journal import JournalStorage
from tests.e2e import dying_master
from tests.storage.dying import DyingStorage


def live(directory, num_events):
    dying_master.run(DyingStorage(JournalStorage(directory), num_events))


def exit_code(directory, num_events):
    master = multiprocessing.get_context("fork").Process(target=live, args=(directory, num_events))
    master.start()
    master.join()
    sys.stdout.write(f"{master.exitcode}\n")
    return master.exitcode


def main():
    how, directory, number = sys.argv[1:]
    if how == "once":
        for num_events in range(1, int(number) + 1):
            exit_code(f"{directory}/{num_events}", num_events)
    else:
        while exit_code(directory, int(number)) == -signal.SIGKILL:
            pass


if __name__ == "__main__":
    main()
