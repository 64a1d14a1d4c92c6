"""One run of another package's optimizer, in the Python that has it.

Called as ``python -m benchmarks.quality.run_peer PEER PROBLEM WORKERS SEED --out FILE``; the trace goes into the file.
"""

from __future__ import annotations

import argparse
import importlib
from pathlib import Path

from benchmarks.quality import cluster, trace
from benchmarks.quality.problems import problem, suite_budget


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("peer")
    parser.add_argument("problem")
    parser.add_argument("workers", type=int)
    parser.add_argument("seed", type=int)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--version", default="1", help="kept in the file")
    arguments = parser.parse_args()
    make = importlib.import_module(f"benchmarks.quality.peers.{arguments.peer}").make
    where = problem(arguments.problem)
    total, workers, seed = suite_budget(where), arguments.workers, arguments.seed
    peer = make(where.configspace(seed), where.min_budget, where.max_budget, total, workers, seed)
    trace.save(cluster.run(peer, where, workers, seed, total, arguments.version), arguments.out)


if __name__ == "__main__":
    main()
