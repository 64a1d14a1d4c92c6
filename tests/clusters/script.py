"""A user's script with the arguments of example 4, whose evaluations wait at a gate: a file with how many may begin."""

from __future__ import annotations

import argparse
import logging
import os
import pickle
import sys
from pathlib import Path

import ConfigSpace

from hpbandster_ng.core.nameserver import NameServer, nic_name_to_host
from hpbandster_ng.core.worker import Worker
from hpbandster_ng.optimizers import RandomSearch

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # for the next line: a scheduler runs this by its path

from tests.waiting import wait_until

HELD = 900.0
"""Seconds for which the gate may be closed: the time of a task passes meanwhile."""


class GatedWorker(Worker):
    shared = Path()

    def compute(self, config_id, config, budget, **_):
        begun = self.shared / "begun"
        begun.mkdir(exist_ok=True)
        number = len(list(begun.iterdir()))
        (begun / "_".join(map(str, (*config_id, os.getpid())))).touch()
        wait_until(lambda: self.may_pass(number), "the gate opens", limit=HELD)
        return {"loss": config["x"], "info": {}}

    def may_pass(self, number):
        try:
            return number < int((self.shared / "gate").read_text() or 0)
        except FileNotFoundError:
            return True


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--n_iterations", type=int, default=12)
    parser.add_argument("--n_workers", type=int, default=1)
    parser.add_argument("--lost_after", type=float, default=600)
    parser.add_argument("--worker", action="store_true")
    parser.add_argument("--run_id", required=True)
    parser.add_argument("--nic_name", required=True)
    parser.add_argument("--shared_directory", type=Path, required=True)
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO)
    host = nic_name_to_host(args.nic_name)
    if args.worker:
        worker = GatedWorker(args.run_id, host=host, isolate=True, lost_after=args.lost_after)
        worker.shared = args.shared_directory
        worker.load_nameserver_credentials(args.shared_directory, num_tries=5)  # its task has seen them, and waits
        worker.run()
        return
    space = ConfigSpace.ConfigurationSpace({"x": (0.0, 1.0)})
    with NameServer(args.run_id, args.shared_directory, host=host) as nameserver:
        address = {"host": host, "nameserver": nameserver.host, "nameserver_port": nameserver.port}
        storage = f"journal:{args.shared_directory}"
        with RandomSearch(space, run_id=args.run_id, storage=storage, worker_timeout=600, **address) as optimizer:
            result = optimizer.run(args.n_iterations, min_n_workers=args.n_workers)
    with (args.shared_directory / "results.pkl").open("wb") as file:
        pickle.dump(result, file)


if __name__ == "__main__":
    main()
