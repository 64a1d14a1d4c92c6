"""Example 4: BOHB on a cluster whose machines share a file system.

Start this script once without and any number of times with ``--worker``, on whichever machines, at about the same
time, in any order; ``cluster_scripts/`` has job scripts that do so under Slurm and the Sun Grid Engine, at whatever
time. By hand, on one machine, in two shells:

    python examples/example_4_cluster.py --run_id 1 --nic_name lo --shared_directory .
    python examples/example_4_cluster.py --run_id 1 --nic_name lo --shared_directory . --worker

What was fixed in example 3 must be told now: the run id (two runs of one user must not mix), the network interface by
which the machines reach each other, and the directory through which the workers learn where the nameserver is. The
result is stored there, as ``results.pkl``, and so is the log of the run: a master that was killed, or whose time was
up, goes on where it was if it is started again. What is new against example 3 is marked.
"""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path

from hpbandster_ng.core.nameserver import NameServer, nic_name_to_host
from hpbandster_ng.examples.commons import MyWorker
from hpbandster_ng.optimizers import BOHB


def main() -> None:
    parser = argparse.ArgumentParser(description="Example 4: a distributed run on a cluster.")
    parser.add_argument("--min_budget", type=float, default=9, help="smallest budget of a run")
    parser.add_argument("--max_budget", type=float, default=243, help="largest budget of a run")
    parser.add_argument("--n_iterations", type=int, default=4, help="number of brackets")
    parser.add_argument("--n_workers", type=int, default=2, help="number of workers to wait for before the run begins")
    parser.add_argument("--worker", action="store_true", help="be a worker and not the master")
    parser.add_argument("--run_id", required=True, help="unique name of this run, such as the scheduler's job id")
    parser.add_argument("--nic_name", required=True, help="network interface to communicate by, such as eth0")
    parser.add_argument("--shared_directory", default=".", help="a directory that all processes can read and write")
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO)

    # New: every process needs to know its own address in the network that all share.
    host = nic_name_to_host(args.nic_name)
    if args.worker:
        be_worker(args, host)
    else:
        be_master(args, host)


def be_worker(args: argparse.Namespace, host: str) -> None:
    # New: the nameserver may not be up yet. Its file in the shared directory appears as soon as it is; wait for that.
    # If the master is killed, the worker looks for another one of this run, and ends after ten minutes without.
    worker = MyWorker(sleep_interval=0.5, run_id=args.run_id, host=host)
    worker.load_nameserver_credentials(working_directory=args.shared_directory)
    worker.run(background=False)


def be_master(args: argparse.Namespace, host: str) -> None:
    # Step 1: start a nameserver. New: on any free port, since many runs may share the machine; host and port are
    # written into the shared directory, and the file is removed when the block is left.
    with NameServer(run_id=args.run_id, host=host, port=0, working_directory=args.shared_directory) as name_server:
        # Step 2: start a worker. New: the optimizer itself does very little, so this machine can do a worker's job,
        # too. The other workers are started by the scheduler.
        worker = MyWorker(
            sleep_interval=0.5,
            run_id=args.run_id,
            host=host,
            nameserver=name_server.host,
            nameserver_port=name_server.port,
        )
        worker.run(background=True)

        # Step 3: run an optimizer. New: it says at which address of this machine it can be reached, waits a day for
        # its workers, since a cluster starts them when it can, and keeps a log of the run, from which it goes on.
        with BOHB(
            configspace=MyWorker.get_configspace(),
            run_id=args.run_id,
            host=host,
            nameserver=name_server.host,
            nameserver_port=name_server.port,
            min_budget=args.min_budget,
            max_budget=args.max_budget,
            worker_timeout=24 * 3600,
            storage=f"journal:{Path(args.shared_directory, f'run_{args.run_id}')}",
        ) as bohb:
            result = bohb.run(n_iterations=args.n_iterations, min_n_workers=args.n_workers)

        # Step 4: leaving the two blocks stops the optimizer with all its workers, and the nameserver.

    # Step 5: new: nobody may be watching, so keep the result for later. If a signal has ended the run, because the time
    # of this job is up, this is what there is so far.
    result.to_pickle(Path(args.shared_directory, "results.pkl"))


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
