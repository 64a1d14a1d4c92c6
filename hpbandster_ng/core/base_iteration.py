"""The predecessor's import path of brackets: for subclasses of users, and for warm starts."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from hpbandster_ng.engine.iteration import ConfigSampler, Datum, Iteration

__all__ = ["BaseIteration", "Datum", "WarmStartIteration"]


class BaseIteration(Iteration):
    """:class:`~hpbandster_ng.engine.iteration.Iteration` with a logger, for subclasses of users.

    Override :meth:`_advance_to_next_stage`.

    Example:
        >>> class KeepHalf(BaseIteration):
        ...     def _advance_to_next_stage(self, config_ids, losses):
        ...         return losses.argsort().argsort() < self.num_configs[self.stage]
        >>> bracket = KeepHalf(0, [2, 1], [1, 3], config_sampler=lambda budget: ({"x": 0.5}, {}))
        >>> bracket.get_next_run()
        ((0, 0, 0), {'x': 0.5}, 1)
    """

    def __init__(
        self,
        HPB_iter: int,
        num_configs: Sequence[int],
        budgets: Sequence[float],
        config_sampler: ConfigSampler | None,
        logger: logging.Logger | None = None,
        result_logger: Any = None,
    ) -> None:
        logger = logger or logging.getLogger("hpbandster_ng")
        super().__init__(HPB_iter, num_configs, budgets, config_sampler, logger, result_logger)
