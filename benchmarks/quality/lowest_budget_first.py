"""The plainest use of small budgets: all on the lowest, then the best few on the full one."""

from __future__ import annotations

import heapq
import math
from typing import Any

from hpbandster_ng.engine.schedule import Bracket
from hpbandster_ng.optimizers.config_generators.random_sampling import RandomSampling
from hpbandster_ng.optimizers.scheduled import ScheduledMaster

__all__ = ["LowestBudgetFirst"]


class _BestFirst(RandomSampling):
    """At random on the lowest budget; on the full one, the best of those that have not been there."""

    def __init__(self, configspace: Any, max_budget: float) -> None:
        super().__init__(configspace)
        self.max_budget = max_budget
        self._screened: list[tuple[float, int, dict[str, Any]]] = []

    def get_config(self, budget: float) -> tuple[dict[str, Any], dict[str, Any]]:
        if budget == self.max_budget and self._screened:
            return heapq.heappop(self._screened)[-1], {}
        return super().get_config(budget)

    def new_result(self, job: Any, update_model: bool = True) -> None:
        if job.result is not None and job.kwargs["budget"] != self.max_budget:
            heapq.heappush(self._screened, (job.result["loss"], len(self._screened), job.kwargs["config"]))


class LowestBudgetFirst(ScheduledMaster):
    """Spends one half on random configurations on the lowest budget, the other on the best of them on the full one.

    Args:
        total: what there is to spend, in full evaluations.
    """

    def __init__(
        self, configspace: Any, min_budget: float, max_budget: float, total: float, **master_kwargs: Any
    ) -> None:
        screened = Bracket((max(1, math.floor(total / 2 * max_budget / min_budget)),), (min_budget,))
        full = Bracket((math.ceil(total),), (max_budget,))
        settings = {"eta": 3, "min_budget": min_budget, "max_budget": max_budget}
        super().__init__(_BestFirst(configspace, max_budget), configspace, (screened, full), settings, **master_kwargs)
