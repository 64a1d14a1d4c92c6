"""A process that works on an experiment until it is finished, or hangs.

It is called with url, id, what to do, and perhaps a file that must be there before it begins.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from hpbandster_ng.experiments import Experiment
from tests.waiting import wait_until


def say(**words):
    sys.stdout.write(json.dumps(words) + "\n")
    sys.stdout.flush()


def main():
    url, identity, what, *gate = sys.argv[1:]
    with Experiment.open(url, identity) as experiment:
        say(began=True)
        for path in gate:
            wait_until(Path(path).exists, "all may begin")
        while (suggestion := experiment.suggest(worker=what)) is not None:
            say(suggested=suggestion.id)
            if what == "hang":
                time.sleep(1000)
            if what == "work slowly":
                time.sleep(0.05)
            experiment.observe(suggestion, loss=(suggestion.config["x"] - 0.3) ** 2 + 0.1 / suggestion.budget)
            say(observed=suggestion.id)


if __name__ == "__main__":
    main()
