"""Workers that tests start by the command line: what they do is said by files in the folder ``CLI_WORKERS``."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from hpbandster_ng.core.worker import Worker
from tests.waiting import wait_until


def say(*words):
    sys.stdout.write(" ".join(str(word) for word in words) + "\n")
    sys.stdout.flush()


class Quadratic(Worker):
    def compute(self, config, budget, **_):
        devices = os.environ.get("CUDA_VISIBLE_DEVICES")
        return {"loss": (config["x"] - 0.3) ** 2 + 0.1 / budget, "info": {"devices": devices, "id": self.worker_id}}


class Holding(Worker):
    """Says that it computes, and goes on when there is a file ``go``."""

    def compute(self, **_):
        say("computing in", os.getpid())
        wait_until((Path(os.environ["CLI_WORKERS"]) / "go").exists, "there is a file go")
        return {"loss": 0.5, "info": {}}


class Raising(Worker):
    def __init__(self, **_):
        raise RuntimeError("as a user's constructor may")


class Exiting(Worker):
    """Ends as one that its run does not let in."""

    def run(self, background=False):
        say("is not let in")
        raise SystemExit(2)


no_worker = dict
