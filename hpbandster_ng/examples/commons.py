"""The toy problem of the examples: one number, whose best value is known and whose measurement is noisy."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from ConfigSpace import ConfigurationSpace

from hpbandster_ng.core.worker import Worker

__all__ = ["MyWorker"]


class MyWorker(Worker):
    """Finds the smallest ``x`` in [0, 1], of which it only sees a noisy value.

    The noise shrinks as the budget grows, as the quality of a model does that is trained for longer: this is what
    makes cheap evaluations on small budgets worth anything. All arguments but one are those of
    :class:`~hpbandster_ng.core.worker.Worker`.

    Args:
        sleep_interval: seconds that each evaluation sleeps, so that one can watch what several workers gain.

    Example:
        >>> worker = MyWorker(run_id="docs", sleep_interval=0)
        >>> result = worker.compute(config_id=(0, 0, 0), config={"x": 0.5}, budget=9, working_directory=".")
        >>> 0.25 <= result["loss"] <= 0.75
        True
    """

    def __init__(self, *args: Any, sleep_interval: float = 0, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.sleep_interval = sleep_interval
        self.rng = np.random.default_rng()

    def compute(  # type: ignore[override] # all four arguments come as keywords
        self,
        config: dict[str, Any],
        budget: float,
        **kwargs: Any,
    ) -> dict[str, Any]:
        """Evaluate one configuration on one budget.

        Args:
            config: ``{"x": number}``.
            budget: the standard deviation of the noise is 1 / budget.
            **kwargs: ``config_id`` and ``working_directory``, for which this problem has no use.

        Returns:
            ``loss``: x with noise, within half of x to either side. ``info``: anything one wants to keep with the
            run; here, the noise.
        """
        x = config["x"]
        noise = float(self.rng.normal(scale=1 / budget))
        time.sleep(self.sleep_interval)
        return {"loss": min(max(x + noise, 0.5 * x), 1.5 * x), "info": {"noise": noise}}

    @staticmethod
    def get_configspace() -> ConfigurationSpace:
        """The search space: ``x`` between 0 and 1."""
        return ConfigurationSpace({"x": (0.0, 1.0)})
