"""A script of the predecessor, but for its imports: no log, and a worker that waits a minute for its master."""

import argparse
import pickle

import ConfigSpace as CS

import hpbandster_ng.core.nameserver as hpns
from hpbandster_ng.core.worker import Worker
from hpbandster_ng.optimizers import BOHB


class MyWorker(Worker):
    def compute(self, config, budget, **kwargs):
        return {"loss": (config["x"] - 0.3) ** 2 / budget, "info": None}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--run_id", type=str)
    parser.add_argument("--nic_name", type=str)
    parser.add_argument("--shared_directory", type=str)
    parser.add_argument("--worker", action="store_true")
    args = parser.parse_args()

    host = hpns.nic_name_to_host(args.nic_name)

    if args.worker:
        w = MyWorker(run_id=args.run_id, host=host)
        w.load_nameserver_credentials(working_directory=args.shared_directory)
        w.run(background=False)
        raise SystemExit(0)

    NS = hpns.NameServer(run_id=args.run_id, host=host, port=0, working_directory=args.shared_directory)
    ns_host, ns_port = NS.start()

    space = CS.ConfigurationSpace({"x": (0.0, 1.0)})
    bohb = BOHB(
        configspace=space,
        run_id=args.run_id,
        host=host,
        nameserver=ns_host,
        nameserver_port=ns_port,
        min_budget=1,
        max_budget=3,
    )
    res = bohb.run(n_iterations=2, min_n_workers=2)

    with open(f"{args.shared_directory}/results.pkl", "wb") as fh:  # noqa: PTH123 - as the predecessor's examples do
        pickle.dump(res, fh)

    bohb.shutdown(shutdown_workers=True)
    NS.shutdown()


if __name__ == "__main__":
    main()
