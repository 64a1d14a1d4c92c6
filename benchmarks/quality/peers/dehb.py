"""DEHB by its ask and tell.

Evolution at one budget takes its parents from the budget below, so that most configurations of the higher rungs are new
and start from nothing; only the promotions of its first brackets continue. It takes ConfigSpace's spaces as they are
and deactivates what conditions leave out. A failed evaluation is told as an infinite fitness, by which DEHB knows what
has not been evaluated. With ``n_workers=1`` it starts no Dask cluster of its own; asked again before it is told, it
opens another bracket where the last one waits.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from typing import Any

import ConfigSpace as CS
from dehb import DEHB

from benchmarks.quality.peers._space import active

__all__ = ["Dehb", "make"]


class Dehb:
    """Jobs of DEHB; it names its configurations."""

    def __init__(
        self,
        space: CS.ConfigurationSpace,
        min_budget: float,
        max_budget: float,
        total: float,
        n_workers: int,
        seed: int,
    ) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self.space, self.max_budget = space, max_budget
        # a copy, because DEHB seeds the space that it is given
        self.dehb = DEHB(
            cs=CS.ConfigurationSpace.from_serialized_dict(space.to_serialized_dict()),
            min_fidelity=min_budget,
            max_fidelity=max_budget,
            eta=3,
            n_workers=1,
            seed=seed,
            save_freq="end",
            output_path=self._folder.name,
            log_level="ERROR",
        )
        self.running: dict[tuple[int, float], list[dict[str, Any]]] = {}  # it may ask for the same again

    def ask(self) -> tuple[int, dict[str, Any], float]:
        job = self.dehb.ask()
        key, budget = int(job["config_id"]), min(float(job["fidelity"]), self.max_budget)
        self.running.setdefault((key, budget), []).append(job)
        return key, active(self.space, dict(job["config"])), budget

    def tell(self, key: int, config: Mapping[str, Any], budget: float, loss: float, seconds: float) -> None:
        self.dehb.tell(self.running[key, budget].pop(), {"fitness": loss, "cost": seconds})


make = Dehb
