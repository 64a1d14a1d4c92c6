"""Successive halving that gives part of every rung to new configurations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from hpbandster_ng.engine.iteration import ConfigSampler
from hpbandster_ng.engine.records import ConfigId
from hpbandster_ng.errors import InvalidArgumentError
from hpbandster_ng.optimizers.iterations.successivehalving import SuccessiveHalving

__all__ = ["SuccessiveResampling"]


class SuccessiveResampling(SuccessiveHalving):
    """Of the next rung's places, a share is filled with configurations drawn for its budget.

    Args:
        resampling_rate: the share of places that go to new configurations, from 0 (successive halving) to 1.
        min_samples_advance: at least so many advance, whatever the share.

    Raises:
        InvalidArgumentError: the rate is not within [0, 1], or ``min_samples_advance`` is negative.

    Example:
        >>> bracket = SuccessiveResampling(0, [4, 2], [1, 3], config_sampler=lambda budget: ({"x": 0.5}, {}))
        >>> bracket.get_next_run()
        ((0, 0, 0), {'x': 0.5}, 1)
    """

    def __init__(
        self,
        HPB_iter: int,
        num_configs: Sequence[int],
        budgets: Sequence[float],
        config_sampler: ConfigSampler | None,
        logger: Any = None,
        result_logger: Any = None,
        resampling_rate: float = 0.5,
        min_samples_advance: int = 1,
    ) -> None:
        super().__init__(HPB_iter, num_configs, budgets, config_sampler, logger, result_logger)
        if not 0 <= resampling_rate <= 1:
            raise InvalidArgumentError(
                "resampling_rate", resampling_rate, "must be within [0, 1]", "0.5 is the default"
            )
        if min_samples_advance < 0:
            raise InvalidArgumentError(
                "min_samples_advance", min_samples_advance, "must not be negative", "1 is the default"
            )
        self.resampling_rate = resampling_rate
        self.min_samples_advance = min_samples_advance

    def _advance_to_next_stage(self, config_ids: Sequence[ConfigId], losses: np.ndarray) -> Sequence[bool]:
        places = self.num_configs[self.stage]
        kept = max(min(self.min_samples_advance, places), round(places * (1 - self.resampling_rate)))
        ranks = np.argsort(np.argsort(losses, kind="stable"), kind="stable")
        return [bool(rank < kept) for rank in ranks]
