"""The command line of the benchmark."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Collection, Sequence
from itertools import product
from pathlib import Path

from benchmarks.quality import incumbents, report, results, runs
from benchmarks.quality.optimizers import OURS, peers, version
from benchmarks.quality.problems import Problem, development_suite, own_suite
from benchmarks.quality.results import Row
from benchmarks.quality.trace import CACHE, RunKey

_SHORT_SHARE = 0.25
_RULES = {
    "predicted": incumbents.predicted_best,
    "steady": incumbents.steady,
    "largest-budget": incumbents.best_at_largest_budget,
}
_COMMITTED_RULE = "predicted"


def _names(text: str) -> list[str]:
    return [name for name in text.split(",") if name]


def _numbers(text: str) -> list[int]:
    return [int(number) for number in _names(text)]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.quality", description=__doc__)
    parser.add_argument("--optimizers", type=_names, default=list(OURS), help="names, or 'peers' for all of others")
    parser.add_argument("--problems", type=_names, help="names; by default the development suite, or else our own")
    parser.add_argument("--workers", type=_numbers, default=[1, 8, 64])
    parser.add_argument("--seeds", type=int, default=5, help="how many")
    parser.add_argument("--processes", type=int, default=2, help="runs at a time")
    parser.add_argument(
        "--incumbent", choices=_RULES, default=_COMMITTED_RULE, help="the rule that says what is recommended"
    )
    parser.add_argument("--fresh", type=_names, default=[], help="forget the runs of these optimizers first")
    parser.add_argument("--short", action="store_true", help="our own problems, a quarter of the budget, two seeds")
    parser.add_argument("--record", action="store_true", help="put the runs into the committed results")
    parser.add_argument("--out", type=Path, default=CACHE / "report", help="where the report and the curves go")
    parser.add_argument("--report-only", action="store_true", help="make the report of the committed results")
    arguments = parser.parse_args()
    arguments.optimizers = [
        name for given in arguments.optimizers for name in (peers() if given == "peers" else [given])
    ]
    unknown = {*arguments.optimizers, *arguments.fresh} - {*OURS, *peers()}
    if arguments.record and arguments.incumbent != _COMMITTED_RULE:
        parser.error(f"the committed results are those of --incumbent {_COMMITTED_RULE}")
    if unknown:
        parser.error(f"no optimizer is called {sorted(unknown)}; there are {[*OURS, *peers()]}")
    return arguments


def _suite(names: Sequence[str] | None) -> dict[str, Problem]:
    if names:
        known = {**own_suite(), **development_suite()}
        if unknown := set(names) - known.keys():
            raise SystemExit(f"no problem is called {sorted(unknown)}; there are {sorted(known)}")
        return {name: known[name] for name in names}
    suite = development_suite()
    if not suite:
        print("The development suite is not here; our own problems take its place.")
    return suite or own_suite()


def _measured(
    arguments: argparse.Namespace, suite: dict[str, Problem], cache: Path, share: float, committed: Collection[RunKey]
) -> list[str]:
    """Make the runs that are neither in the cache nor committed; returns what went wrong."""
    combinations = product(range(arguments.seeds), suite, arguments.optimizers, arguments.workers)
    keys = [RunKey(problem, optimizer, workers, seed) for seed, problem, optimizer, workers in combinations]
    missing = [
        key for key in keys if key not in committed and runs.cached(key, cache, suite[key.problem], share) is None
    ]
    return runs.run_all(missing, cache, arguments.processes, share)


def _rows(suite: dict[str, Problem], cache: Path, rule: str, share: float) -> list[Row]:
    """Every run of the cache on these problems."""
    rows = []
    for problem, where in suite.items():
        for path in sorted((cache / problem).glob("*-w*-s*.npz")):
            optimizer, workers, seed = path.stem.rsplit("-", 2)
            key = RunKey(problem, optimizer, int(workers[1:]), int(seed[1:]))
            trace = runs.cached(key, cache, where, share)
            if trace is not None:
                rows.append(results.row(key, trace, where, _RULES[rule]))
    return rows


def _short(arguments: argparse.Namespace) -> int:
    arguments.seeds, arguments.workers = 2, [1, 8]
    with tempfile.TemporaryDirectory() as folder:
        suite, cache = own_suite(), Path(folder)
        failed = _measured(arguments, suite, cache, _SHORT_SHARE, committed=())
        rows = _rows(suite, cache, arguments.incumbent, _SHORT_SHARE)
    print(report.summary(rows))
    worse = report.not_better_than_random(rows)
    for line in [*failed, *worse]:
        print(f"FAILED: {line}")
    return 1 if failed or worse else 0


def _committed(arguments: argparse.Namespace) -> list[Row]:
    """The runs that need not be made again."""
    if arguments.incumbent != _COMMITTED_RULE:
        return []
    return [row for row in results.read(results.COMMITTED) if row.key.optimizer not in arguments.fresh]


def _report(rows: list[Row], folder: Path) -> None:
    print(report.summary(rows))
    print("\nwritten:", *report.write(rows, folder))


def main() -> int:
    arguments = _arguments()
    if arguments.report_only:
        _report(results.read(results.COMMITTED), arguments.out)
        return 0
    if arguments.short:
        return _short(arguments)
    for optimizer in arguments.fresh:
        print(f"{runs.forget(optimizer, CACHE)} runs of {optimizer} are forgotten.")
    suite = _suite(arguments.problems)
    committed = _committed(arguments)
    current = {row.key for row in committed if row.version == version(row.key.optimizer)}
    failed = _measured(arguments, suite, CACHE, 1.0, current)
    rows = results.merged(_rows(suite, CACHE, arguments.incumbent, 1.0), committed, version)
    if arguments.record:
        results.write(rows, results.COMMITTED)
    _report([row for row in rows if row.key.problem in suite], arguments.out)
    for line in failed:
        print(f"FAILED: {line}")
    return 1 if failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        print("\nInterrupted; the runs that have ended are kept.")
        sys.exit(130)
