"""ASHA: asynchronous successive halving (Li, Jamieson, Rostamizadeh, Gonina, Ben-tzur, Hardt, Recht & Talwalkar, MLSys
2020), with the delayed promotions of Hyper-Tune (Li, Shen, Jiang, Zhang, Li, Liu, Zhang & Cui, VLDB 2022).
"""

from __future__ import annotations

from collections.abc import Sequence

from hpbandster_ng.engine.schedule import Bracket
from hpbandster_ng.optimizers.asynchyperband import AsyncHyperBand

__all__ = ["ASHA"]


class ASHA(AsyncHyperBand):
    """Many configurations on the smallest budget; whoever is among the best so far goes on at once.

    No worker ever waits for another one. An iteration has the total budget of Hyperband's bracket of that number, so
    that runs of the two can be compared.

    Args:
        configspace: the search space.
        eta: one in ``eta`` configurations of a rung goes on, to ``eta`` times the budget.
        min_budget: the smallest useful budget.
        max_budget: the full budget.
        bracket_sizes: ``"floor"``, as the predecessor, or ``"paper"``: see
            :func:`~hpbandster_ng.engine.schedule.hyperband_brackets`; it sets the total budget of an iteration.
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
        >>> with ASHA(space, min_budget=1, max_budget=9, **run) as optimizer:
        ...     result = optimizer.run(total_budget=50)
        >>> sum(run.budget for run in result.get_all_runs()) <= 50
        True
    """

    @staticmethod
    def _competing(brackets: Sequence[Bracket]) -> Sequence[Bracket]:
        return brackets[:1]
