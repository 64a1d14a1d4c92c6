"""How long one suggestion of BOHB takes, against the same step done with statsmodels, and how that grows.

Run it as ``python benchmarks/bench_suggestion.py``; it ends with exit code 1 if a bar is missed.

All figures are medians of processor time; the share is the median of those of the turns, because a machine under load
changes its speed from one turn to the next.
"""

from __future__ import annotations

import math
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from functools import partial
from types import SimpleNamespace
from typing import Any

import ConfigSpace
import numpy as np

from hpbandster_ng.optimizers.config_generators.bohb import BOHB

DIMENSIONS = 20
CANDIDATES = 64
SIZES = (1_000, 3_000, 10_000)
LARGEST_SHARE = 1 / 50
LARGEST_EXPONENT = 1.0
REPETITIONS = 10
SUGGESTIONS = 10

Row = tuple[str, str, str, bool]
"""What was measured, the value, the bar, and whether the value is within the bar."""


def random_job(rng: np.random.Generator) -> Any:
    x = rng.random(DIMENSIONS)
    config = {f"x{i:02}": float(value) for i, value in enumerate(x)}
    return SimpleNamespace(
        kwargs={"config": config, "budget": 1.0}, result={"loss": float(np.sum((x - 0.3) ** 2))}, exception=None
    )


def filled_generator(n_results: int) -> tuple[BOHB, np.random.Generator]:
    space = ConfigSpace.ConfigurationSpace({f"x{i:02}": (0.0, 1.0) for i in range(DIMENSIONS)})
    generator = BOHB(space, num_samples=CANDIDATES, random_fraction=0)
    generator.seed(1)
    rng = np.random.default_rng(0)
    for _ in range(n_results):
        generator.new_result(random_job(rng))
    return generator, rng


def seconds(step: Callable[[], object]) -> float:
    start = time.process_time()
    step()
    return time.process_time() - start


def suggest(generator: BOHB, job: Any) -> None:
    generator.new_result(job)
    _, info = generator.get_config(1.0)
    if not info["model_based_pick"]:
        raise RuntimeError(f"the suggestion is not the model's: {info}")


def suggest_with_statsmodels(good: np.ndarray, bad: np.ndarray, candidates: np.ndarray) -> int:
    """Fit both densities and ask them about one candidate after the other."""
    from statsmodels.nonparametric.kernel_density import KDEMultivariate

    good_density, bad_density = (KDEMultivariate(x, "c" * DIMENSIONS, bw="normal_reference") for x in (good, bad))
    ratios = [good_density.pdf(x) / max(bad_density.pdf(x), 1e-32) for x in candidates]
    return int(np.argmax(ratios))


def statsmodels_step(generator: BOHB, rng: np.random.Generator) -> Callable[[], int]:
    codes = np.array(generator.configs[1.0])[np.argsort(generator.losses[1.0])]
    n_good = len(codes) * 15 // 100
    return partial(suggest_with_statsmodels, codes[:n_good], codes[n_good:], rng.random((CANDIDATES, DIMENSIONS)))


def rows() -> list[Row]:
    warnings.simplefilter("ignore")  # statsmodels announces its future
    generators = {n: filled_generator(n) for n in SIZES}
    times: dict[int, list[float]] = {n: [] for n in SIZES}
    statsmodels_times: list[float] = []
    shares: list[float] = []
    for _ in range(REPETITIONS):  # in turn, so that a change of the machine's load meets all
        for n, (generator, rng) in reversed(generators.items()):
            for job in [random_job(rng) for _ in range(SUGGESTIONS)]:
                times[n].append(seconds(partial(suggest, generator, job)))
        statsmodels_times.append(seconds(statsmodels_step(*generators[SIZES[0]])))
        shares.append(statistics.median(times[SIZES[0]][-SUGGESTIONS:]) / statsmodels_times[-1])
    ours = {n: statistics.median(values) for n, values in times.items()}
    theirs = statistics.median(statsmodels_times)
    share = statistics.median(shares)
    exponent = math.log(ours[SIZES[-1]] / ours[SIZES[0]]) / math.log(SIZES[-1] / SIZES[0])
    return [
        (f"suggestion, statsmodels, {SIZES[0]} results", f"{theirs * 1e3:.2f} ms", "", True),
        *((f"suggestion, {n} results", f"{ours[n] * 1e3:.2f} ms", "", True) for n in SIZES),
        (
            "suggestion / statsmodels",
            f"1/{1 / share:.0f}",
            f"at most 1/{1 / LARGEST_SHARE:.0f}",
            share <= LARGEST_SHARE,
        ),
        (
            f"growth from {SIZES[0]} to {SIZES[-1]} results",
            f"n ** {exponent:.2f}",
            f"at most n ** {LARGEST_EXPONENT:g}",
            exponent <= LARGEST_EXPONENT,
        ),
    ]


def main() -> int:
    table = rows()
    for measured, value, bar, is_met in table:
        print(f"{measured:40} {value:>12}  {bar:20} {'' if is_met else 'MISSED'}".rstrip())
    return 0 if all(is_met for *_, is_met in table) else 1


if __name__ == "__main__":
    sys.exit(main())
