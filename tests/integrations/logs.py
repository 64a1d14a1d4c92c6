"""The events of small runs."""

from __future__ import annotations

from hpbandster_ng.backends.inprocess import InProcessBackend
from hpbandster_ng.optimizers import BOHB
from tests.integrations.spaces import SPACE


def compute(config, budget, **_):
    """Fails for some, and returns numbers within numbers."""
    if config["x"] > 0.8:
        raise ValueError("x is too large")
    return {"loss": config["x"] + 1 / budget, "info": {"accuracy": 1 - config["x"], "time": {"train": 3}, "note": "a"}}


def run(directory, *observers, n_iterations=1, **settings):
    """A run of BOHB with these observers, shut down at its end; its result."""
    settings = {"run_id": "first", "min_budget": 1, "max_budget": 9, "seed": 0, **settings}
    backend = InProcessBackend(compute, str(directory))
    with BOHB(SPACE, backend=backend, observers=observers, **settings) as optimizer:
        return optimizer.run(n_iterations=n_iterations)
