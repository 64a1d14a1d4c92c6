"""The rules of cost, the same for our optimizers and for others'.

A job takes the budget that it adds to what its configuration has already had, in full evaluations; one that failed
brings its configuration nowhere. With more than one worker, jobs straggle. A run with w workers that may spend T full
evaluations ends after T / w; what is running then does not count.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import ConfigSpace
import numpy as np

from benchmarks.quality.problems import Problem

__all__ = ["STRAGGLING", "Watched", "full_losses"]

STRAGGLING = 0.5
"""With more than one worker each job takes its time times a log-normal factor of mean 1; this is its sigma."""


class Watched:
    """A problem that knows how long its evaluations took.

    Attributes:
        seconds: of processor time, so far.
    """

    def __init__(self, problem: Problem) -> None:
        self._problem = problem
        self.min_budget, self.max_budget = problem.min_budget, problem.max_budget
        self.seconds = 0.0

    def configspace(self, seed: int) -> ConfigSpace.ConfigurationSpace:
        return self._problem.configspace(seed)

    def __call__(self, config: Mapping[str, Any], budget: float) -> tuple[float, float]:
        began = time.process_time()
        try:
            return self._problem(config, budget)
        finally:
            self.seconds += time.process_time() - began


def full_losses(problem: Problem, configs: Sequence[Mapping[str, Any]]) -> np.ndarray:
    """The loss of each configuration at the full budget; infinite where it fails."""
    return np.array([problem(config, problem.max_budget)[0] for config in configs], float)
