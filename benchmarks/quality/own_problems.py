"""Problems of our own: Hartmann's functions on several fidelities, and learning curves of an imagined network."""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping
from typing import Any

import ConfigSpace
import numpy as np

__all__ = ["OWN_PROBLEMS", "LearningCurves", "MultiFidelityHartmann"]


def _noise(config: Mapping[str, Any], budget: float) -> np.random.Generator:
    """The same for the same evaluation, in whatever order and process it is made."""
    return np.random.default_rng(zlib.crc32(repr((sorted(config.items()), float(budget))).encode()))


class MultiFidelityHartmann:
    """Hartmann's function in 3 or 6 dimensions (Dixon & Szego 1978), with fidelities as in BOCA.

    Kandasamy, Dasarathy, Schneider & Poczos (ICML 2017, appendix) let the weights of the four bumps depend on the
    fidelity, so that its optimum moves. Here the fidelity is the logarithm of the budget, and the noise goes with it:
    the full budget has neither bias nor noise.

    Args:
        dimensions: 3 or 6.
        bias: how much of each weight is missing at a budget of 1.
        noise: standard deviation at a budget of 1.
    """

    min_budget, max_budget = 1.0, 81.0
    _WEIGHTS = np.array([1.0, 1.2, 3.0, 3.2])
    _WIDTHS = {
        3: np.array([[3, 10, 30], [0.1, 10, 35], [3, 10, 30], [0.1, 10, 35]]),
        6: np.array(
            [
                [10, 3, 17, 3.5, 1.7, 8],
                [0.05, 10, 17, 0.1, 8, 14],
                [3, 3.5, 1.7, 10, 17, 8],
                [17, 8, 0.05, 10, 0.1, 14],
            ]
        ),
    }
    _CENTRES = {
        3: np.array(
            [[0.3689, 0.117, 0.2673], [0.4699, 0.4387, 0.747], [0.1091, 0.8732, 0.5547], [0.0381, 0.5743, 0.8828]]
        ),
        6: np.array(
            [
                [0.1312, 0.1696, 0.5569, 0.0124, 0.8283, 0.5886],
                [0.2329, 0.4135, 0.8307, 0.3736, 0.1004, 0.9991],
                [0.2348, 0.1451, 0.3522, 0.2883, 0.3047, 0.665],
                [0.4047, 0.8828, 0.8732, 0.5743, 0.1091, 0.0381],
            ]
        ),
    }
    _BEST = {3: -3.86278, 6: -3.32237}

    def __init__(self, dimensions: int, bias: float, noise: float) -> None:
        self.name = f"own-hartmann{dimensions}"
        self.dimensions, self.bias, self.noise = dimensions, bias, noise
        self.bounds = (self._BEST[dimensions], 0.0)

    def configspace(self, seed: int) -> ConfigSpace.ConfigurationSpace:
        return ConfigSpace.ConfigurationSpace({f"x{i}": (0.0, 1.0) for i in range(self.dimensions)}, seed=seed)

    def __call__(self, config: Mapping[str, Any], budget: float) -> tuple[float, float]:
        x = np.array([config[f"x{i}"] for i in range(self.dimensions)])
        missing = 1 - math.log(budget) / math.log(self.max_budget)
        weights = self._WEIGHTS - self.bias * missing
        squares = self._WIDTHS[self.dimensions] * (x - self._CENTRES[self.dimensions]) ** 2
        value = -float(weights @ np.exp(-squares.sum(axis=1)))
        return value + self.noise * missing * float(_noise(config, budget).normal()), float(budget)


class LearningCurves:
    """The validation error of an imagined network after so many epochs.

    It has what real spaces have: categories, conditions, whole numbers, logarithmic scales, curves that cross (a high
    learning rate is ahead at first and worse in the end), and failures (a learning rate too high for the depth
    diverges).
    """

    name = "own-network"
    min_budget, max_budget = 1.0, 81.0
    bounds = (0.057158, 0.9)
    _BEST_RATE = {"sgd": -1.0, "momentum": -1.7, "adam": -2.8, "rmsprop": -3.1}
    _FLOOR = {"sgd": 0.02, "momentum": 0.0, "adam": 0.005, "rmsprop": 0.015}
    _SCHEDULE_FLOOR = {"constant": 0.015, "step": 0.004, "cosine": 0.0}

    def configspace(self, seed: int) -> ConfigSpace.ConfigurationSpace:
        space = ConfigSpace.ConfigurationSpace(seed=seed)
        optimizer = ConfigSpace.CategoricalHyperparameter("optimizer", list(self._FLOOR), default_value="sgd")
        schedule = ConfigSpace.CategoricalHyperparameter(
            "schedule", list(self._SCHEDULE_FLOOR), default_value="constant"
        )
        momentum = ConfigSpace.UniformFloatHyperparameter("momentum", 0.0, 0.99, default_value=0.5)
        step_size = ConfigSpace.UniformIntegerHyperparameter("step_size", 2, 40, log=True, default_value=10)
        hyperparameters = [
            optimizer,
            schedule,
            momentum,
            step_size,
            ConfigSpace.UniformFloatHyperparameter("learning_rate", 1e-5, 1.0, log=True, default_value=1e-3),
            ConfigSpace.UniformFloatHyperparameter("weight_decay", 1e-8, 1e-1, log=True, default_value=1e-6),
            ConfigSpace.UniformFloatHyperparameter("dropout", 0.0, 0.8, default_value=0.0),
            ConfigSpace.UniformIntegerHyperparameter("layers", 1, 8, default_value=2),
            ConfigSpace.UniformIntegerHyperparameter("width", 16, 1024, log=True, default_value=64),
        ]
        conditions = [
            ConfigSpace.EqualsCondition(momentum, optimizer, "momentum"),
            ConfigSpace.EqualsCondition(step_size, schedule, "step"),
        ]
        if hasattr(space, "add"):
            space.add(*hyperparameters, *conditions)
        else:  # ConfigSpace before 1.0
            space.add_hyperparameters(hyperparameters)
            space.add_conditions(conditions)
        return space

    def __call__(self, config: Mapping[str, Any], budget: float) -> tuple[float, float]:
        seconds = budget * config["layers"] * config["width"] / 1000
        off = math.log10(config["learning_rate"]) - self._BEST_RATE[config["optimizer"]]
        if off > 1.9 - 0.15 * config["layers"]:
            return math.inf, seconds / 10
        final = min(0.85, self._final_error(config, off))
        speed = 10 ** (0.6 * min(off, 0.8)) / (1 + 0.1 * config["layers"])
        error = final + (0.9 - final) * (1 + speed * budget) ** -1.1
        noise = 0.03 * (budget**-0.5 - self.max_budget**-0.5)
        return min(0.9, max(0.0, error + noise * float(_noise(config, budget).normal()))), seconds

    def _final_error(self, config: Mapping[str, Any], off: float) -> float:
        capacity = math.log2(config["width"]) + 0.8 * config["layers"]
        regularised = math.log10(config["weight_decay"]) + 4 + 2.5 * config["dropout"]
        error = 0.05 + self._FLOOR[config["optimizer"]] + self._SCHEDULE_FLOOR[config["schedule"]]
        error += 0.03 * off**2 + 0.01 * max(0.0, 11 - capacity) ** 1.5
        error += 0.004 * (regularised - 0.3 * (capacity - 11)) ** 2
        error += 0.08 * max(0.0, config["dropout"] - 0.4) ** 2
        if "momentum" in config:
            error += 0.06 * (config["momentum"] - 0.9) ** 2
        if "step_size" in config:
            error += 0.004 * abs(math.log2(config["step_size"] / 12))
        return error


OWN_PROBLEMS = (MultiFidelityHartmann(3, 0.3, 0.2), MultiFidelityHartmann(6, 0.4, 0.3), LearningCurves())
