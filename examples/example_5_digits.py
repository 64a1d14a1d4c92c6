"""Example 5: a real problem on a cluster: which neural network reads handwritten digits best?

On one machine, with one worker:

    python examples/example_5_digits.py

With more workers, here or on other machines, each started as

    python examples/example_5_digits.py --worker

and, on a cluster, with ``--run_id``, ``--nic_name`` and ``--shared_directory`` as in example 4. ``--backend torch``, to
be given to all processes alike, trains a convolutional network in PyTorch in place of a perceptron in scikit-learn.

``digits_worker.py`` has the worker and a search space with conditions; a promoted configuration goes on from its
checkpoint. The run is logged while it goes: examples 6, 7 and 8 read the log. A log that is there is not overwritten: a
second run needs ``--shared_directory another``. What is new against example 4 is marked.
"""

from __future__ import annotations

import argparse
import logging
import shutil
import sys
from pathlib import Path

from digits_worker import checkpoint_path, get_worker_class

from hpbandster_ng.backends.base import config_directory
from hpbandster_ng.core.nameserver import NameServer, nic_name_to_host
from hpbandster_ng.core.result import json_result_logger
from hpbandster_ng.errors import LogExistsError, MissingExtraError
from hpbandster_ng.optimizers import BOHB


def main() -> None:
    parser = argparse.ArgumentParser(description="Example 5: neural networks on handwritten digits.")
    parser.add_argument("--min_budget", type=float, default=1, help="epochs of the shortest runs")
    parser.add_argument("--max_budget", type=float, default=27, help="epochs of the longest runs")
    parser.add_argument("--n_iterations", type=int, default=8, help="number of brackets")
    parser.add_argument("--n_workers", type=int, default=1, help="number of workers to wait for before the run begins")
    parser.add_argument("--worker", action="store_true", help="be a worker and not the master")
    parser.add_argument("--run_id", default="example5", help="unique name of this run")
    parser.add_argument("--nic_name", default="lo", help="network interface to communicate by")
    parser.add_argument("--shared_directory", default="digits_run", help="made if missing; for all files of the run")
    parser.add_argument("--backend", choices=["sklearn", "torch"], default="sklearn", help="what to train with")
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO)

    host = nic_name_to_host(args.nic_name)
    Path(args.shared_directory).mkdir(parents=True, exist_ok=True)
    if args.worker:
        be_worker(args, host)
    else:
        be_master(args, host)


def be_worker(args: argparse.Namespace, host: str) -> None:
    worker = get_worker_class(args.backend)(run_id=args.run_id, host=host, timeout=900)
    worker.load_nameserver_credentials(working_directory=args.shared_directory)
    worker.run(background=False)


def be_master(args: argparse.Namespace, host: str) -> None:
    # New: every configuration and every run is appended to two files as soon as it is known, so that nothing is lost
    # if the master is stopped. Logs that are there already are not overwritten.
    result_logger = json_result_logger(directory=args.shared_directory, overwrite=False)

    # New: in this directory each configuration gets its own, for compute. An absolute path, since workers may run
    # elsewhere.
    checkpoints = Path(args.shared_directory, "checkpoints").resolve()
    checkpoints.mkdir(exist_ok=True)

    # Step 1: start a nameserver.
    with NameServer(run_id=args.run_id, host=host, port=0, working_directory=args.shared_directory) as name_server:
        # Step 2: start a worker.
        worker = get_worker_class(args.backend)(
            run_id=args.run_id, host=host, nameserver=name_server.host, nameserver_port=name_server.port
        )
        worker.run(background=True)

        # Step 3: run an optimizer. New: it gets the result logger and the directory, and what is to be done about
        # configurations that will never run again.
        with BOHB(
            configspace=worker.get_configspace(),
            run_id=args.run_id,
            host=host,
            nameserver=name_server.host,
            nameserver_port=name_server.port,
            working_directory=str(checkpoints),
            on_eliminated=lambda _, directory: shutil.rmtree(directory, ignore_errors=True),
            result_logger=result_logger,
            min_budget=args.min_budget,
            max_budget=args.max_budget,
        ) as bohb:
            result = bohb.run(n_iterations=args.n_iterations, min_n_workers=args.n_workers)

        # Step 4: leaving the two blocks stops the optimizer with all its workers, and the nameserver.

    # Step 5: new: keep the best network and delete the others; the log says all that is worth knowing of them.
    incumbent = result.get_incumbent_id()
    if incumbent is None:
        sys.exit("No run on max_budget succeeded, so there is no best configuration.")
    best = Path(config_directory(str(checkpoints), incumbent))
    for directory in checkpoints.iterdir():
        if directory != best:
            shutil.rmtree(directory)
    print("Best found configuration:", result.get_id2config_mapping()[incumbent]["config"])
    print(f"The trained network is in {checkpoint_path(best)}, the log of the run in {args.shared_directory}.")


if __name__ == "__main__":
    try:
        main()
    except LogExistsError as error:
        sys.exit(f"{error}\nHere, --shared_directory another gives a new run a directory of its own.")
    except MissingExtraError as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit(130)
