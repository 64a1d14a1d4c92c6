"""Asynchronous Hyperband (Li, Jamieson, Rostamizadeh, Gonina, Ben-tzur, Hardt, Recht & Talwalkar, MLSys 2020), with
the delayed promotions of Hyper-Tune (Li, Shen, Jiang, Zhang, Li, Liu, Zhang & Cui, VLDB 2022).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hpbandster_ng.engine.config_generator import ConfigGenerator
from hpbandster_ng.engine.schedule import Bracket, BracketSizes, hyperband_brackets
from hpbandster_ng.optimizers.config_generators.random_sampling import RandomSampling
from hpbandster_ng.optimizers.iterations.ladder import AsyncBrackets
from hpbandster_ng.optimizers.scheduled import ScheduledMaster

__all__ = ["AsyncHyperBand"]


class AsyncHyperBand(ScheduledMaster):
    """ASHA in several brackets at once, for when the smallest budgets may mislead: some configurations start higher.

    The brackets begin on one budget each and share what is spent in Hyperband's proportions. No worker ever waits for
    another one. An iteration has the total budget of Hyperband's bracket of that number.

    Args:
        configspace: the search space.
        eta: one in ``eta`` configurations of a rung goes on, to ``eta`` times the budget.
        min_budget: the smallest useful budget.
        max_budget: the full budget.
        bracket_sizes: ``"floor"``, as the predecessor, or ``"paper"``: see
            :func:`~hpbandster_ng.engine.schedule.hyperband_brackets`; it sets these proportions.
        config_generator: proposes the configurations; random sampling by default.
        **master_kwargs: ``run_id`` and everything else that :class:`~hpbandster_ng.core.master.Master` takes.

    Raises:
        SearchSpaceError: the space is empty, or no ConfigSpace.
        InvalidArgumentError: not ``0 < min_budget <= max_budget``, or not ``eta > 1``; or another parameter, by name.

    Example:
        >>> import ConfigSpace
        >>> from hpbandster_ng.backends.inprocess import InProcessBackend
        >>> def compute(config, budget, **_):
        ...     return {"loss": config["x"] / budget, "info": {}}
        >>> space = ConfigSpace.ConfigurationSpace({"x": (0.0, 1.0)})
        >>> run = {"run_id": "example", "backend": InProcessBackend(compute), "seed": 1}
        >>> with AsyncHyperBand(space, min_budget=1, max_budget=9, **run) as optimizer:
        ...     result = optimizer.run(total_budget=50)
        >>> sum(run.budget for run in result.get_all_runs()) <= 50
        True
    """

    def __init__(
        self,
        configspace: Any = None,
        eta: float = 3,
        min_budget: float = 0.01,
        max_budget: float = 1,
        bracket_sizes: BracketSizes = "floor",
        config_generator: ConfigGenerator | None = None,
        **master_kwargs: Any,
    ) -> None:
        brackets = hyperband_brackets(min_budget, max_budget, eta, bracket_sizes)
        super().__init__(
            RandomSampling(configspace) if config_generator is None else config_generator,
            configspace,
            brackets,
            {"eta": eta, "min_budget": min_budget, "max_budget": max_budget},
            standings=AsyncBrackets(self._competing(brackets), eta),
            **master_kwargs,
        )

    @staticmethod
    def _competing(brackets: Sequence[Bracket]) -> Sequence[Bracket]:
        """The brackets in which configurations start."""
        return brackets
