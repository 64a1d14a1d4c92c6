"""What the tests of the simulator optimize."""

from __future__ import annotations

import ConfigSpace

MINUTE = 60.0


class Slope:
    """One number; the loss is the number plus what the budget leaves open. A unit of budget takes a minute."""

    min_budget, max_budget = 1, 9

    def configspace(self, seed):
        return ConfigSpace.ConfigurationSpace({"x": (0.0, 1.0)}, seed=seed)

    def __call__(self, config, budget):
        return config["x"] + 1 / budget, MINUTE * budget
