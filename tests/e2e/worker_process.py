"""A worker in a process of its own, started by the tests: ``compute`` does what the configuration says."""

from __future__ import annotations

import argparse
import ctypes
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from hpbandster_ng.core import worker as worker_module
from hpbandster_ng.core.worker import Worker

ODD_INFO = {
    "set": {1, 2},
    "tuple": (1, (2, 3)),
    "bytes": b"\x00\xff",
    3: "an integer key",
    (1, "a"): "a tuple key",
    "nan": float("nan"),
    "inf": float("-inf"),
    "text": "€ \u2028 \U000e0001 \\ \" '",
}


def say(*words):
    sys.stdout.write(" ".join(str(word) for word in words) + "\n")
    sys.stdout.flush()


def hang(in_c=False):
    grandchild = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1000)"])
    say("hanging", os.getpid(), grandchild.pid)
    if in_c:
        ctypes.PyDLL(None).sleep(1000)  # does not let any other thread of Python run
    while True:
        pass


def misbehave(kind):
    if kind == "sys.exit":
        sys.exit(3)
    if kind == "segfault":
        ctypes.string_at(0)
    if kind == "os._exit":
        os._exit(3)
    if kind in ("hang", "hang in C"):
        hang(in_c=kind == "hang in C")
    if kind == "raises":
        raise RuntimeError("as a user's code may")
    return {
        "fine": {"loss": 0.5, "info": {}},
        "ndarray": {"loss": np.array([0.25]), "info": np.arange(3)},
        "float32": {"loss": np.float32(0.5), "info": {"a": np.float32(1.5), "b": np.int64(2)}},
        "odd info": {"loss": 1, "info": ODD_INFO},
        "large": {"loss": 1, "info": "\U000e0001" * (10 * 1024 * 1024)},
        "vector": {"loss": np.arange(3.0), "info": {}},
        "None": None,
        "None loss": {"loss": None, "info": {}},
        "NaN": {"loss": float("nan"), "info": {}},
        "no loss": {"info": {}},
        "object": {"loss": 1, "info": {"model": [object()]}},
        "too large": {"loss": 1, "info": "€" * (23 * 1024 * 1024)},
    }[kind]


class Scripted(Worker):
    def __init__(self, *args, hold: Path | None = None, nap: float = 0.02, slow: bool = False, **kwargs):
        super().__init__(*args, **kwargs)
        self.hold = hold
        self.nap = nap
        self.slow = slow

    def compute(self, config_id, config, budget, working_directory):
        kind = config.get("kind", "fine")
        say("computing", config_id, budget, working_directory)
        if kind == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        while self.hold is not None and not self.hold.exists():
            time.sleep(self.nap)
        if self.slow:
            time.sleep(0.2 + 0.4 * config["x"])
        if "x" in config:
            return {"loss": (config["x"] - 0.3) ** 2 + 0.1 / budget, "info": {}}
        return misbehave(kind)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--run_id", required=True)
    parser.add_argument("--nameserver")
    parser.add_argument("--port", type=int)
    parser.add_argument("--directory")
    parser.add_argument("--id")
    parser.add_argument("--timeout", type=float)
    parser.add_argument("--hold", type=Path)
    parser.add_argument("--nap", type=float, default=0.02, help="seconds from one look at what holds it to the next")
    parser.add_argument("--slow", action="store_true", help="as work takes time")
    parser.add_argument("--isolate", action="store_true")
    parser.add_argument("--grace", type=float)
    args = parser.parse_args()
    if args.grace is not None:
        worker_module._GRACE = args.grace
    worker = Scripted(
        args.run_id,
        args.nameserver,
        args.port,
        id=args.id,
        timeout=args.timeout,
        hold=args.hold,
        nap=args.nap,
        slow=args.slow,
        isolate=args.isolate,
    )
    if args.directory:
        worker.load_nameserver_credentials(args.directory)
    say("starts")
    worker.run()
    say("ended well")


if __name__ == "__main__":
    main()
