"""What the package costs before it does anything, and what a finished run costs the master in memory."""

from __future__ import annotations

import gc
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import ConfigSpace

from hpbandster_ng.backends.inprocess import InProcessBackend
from hpbandster_ng.optimizers.hyperband import HyperBand

IMPORTS = 9
WARM_UP = 20
N_ITERATIONS = 200


def import_seconds(statement: str) -> float:
    """Median time of a fresh interpreter with a statement, less that of one without."""

    def seconds(code: str) -> float:
        begin = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True)
        return time.perf_counter() - begin

    return statistics.median(seconds(statement) - seconds("pass") for _ in range(IMPORTS))


def resident_bytes() -> int:
    """The memory of this process that is in use."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def bytes_per_run() -> float:
    """Growth of the master's memory over some thousands of finished runs, divided by their number."""
    space = ConfigSpace.ConfigurationSpace({f"x{i}": (0.0, 1.0) for i in range(5)})
    backend = InProcessBackend(lambda config, budget, **_: {"loss": config["x0"] / budget, "info": {"budget": budget}})
    with HyperBand(space, min_budget=1, max_budget=81, run_id="footprint", seed=0, backend=backend) as optimizer:
        before_runs = len(optimizer.run(WARM_UP).get_all_runs())
        before = resident_bytes()
        optimizer.run(N_ITERATIONS)
        after = resident_bytes()
        return (after - before) / (len(optimizer.result().get_all_runs()) - before_runs)


def rows() -> list[tuple[str, str, str, bool]]:
    """What was measured, the figure, the bar, and whether it was met."""
    package, everything = (
        import_seconds("import hpbandster_ng"),
        import_seconds("from hpbandster_ng.optimizers import BOHB"),
    )
    growth = bytes_per_run()
    return [
        ("import hpbandster_ng", f"{package:.3f} s", "< 0.5 s", package < 0.5),
        ("from hpbandster_ng.optimizers import BOHB", f"{everything:.3f} s", "", True),
        ("master's memory a finished run", f"{growth:.0f} bytes", "< 2048", growth < 2048),
    ]


def main() -> int:
    table = rows()
    for what, measured, bar, is_met in table:
        print(f"{what:45} {measured:>20} {bar:>10}  {'ok' if is_met else 'MISSED'}")
    return 0 if all(row[3] for row in table) else 1


if __name__ == "__main__":
    sys.exit(main())
