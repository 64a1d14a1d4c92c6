"""Successive halving (Jamieson & Talwalkar, AISTATS 2016, section 2)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hpbandster_ng.engine.iteration import Iteration
from hpbandster_ng.engine.records import ConfigId

__all__ = ["SuccessiveHalving"]


class SuccessiveHalving(Iteration):
    """The best of a rung go on to the next; of equal losses, the earlier configuration.

    Example:
        >>> bracket = SuccessiveHalving(0, [3, 1], [1, 3], config_sampler=lambda budget: ({"x": 0.5}, {}))
        >>> bracket.get_next_run()
        ((0, 0, 0), {'x': 0.5}, 1)
    """

    def _advance_to_next_stage(self, config_ids: Sequence[ConfigId], losses: np.ndarray) -> Sequence[bool]:
        ranks = np.argsort(np.argsort(losses, kind="stable"), kind="stable")
        return [bool(rank < self.num_configs[self.stage]) for rank in ranks]
