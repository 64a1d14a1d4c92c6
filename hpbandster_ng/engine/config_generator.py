"""What every sampler of configurations must be able to do: two methods, and two more if it minds what is pending.

:meth:`ConfigGenerator.get_config` proposes, :meth:`ConfigGenerator.new_result` learns; between the two a configuration
is pending, from :meth:`ConfigGenerator.new_job` on, until a result is told or :meth:`ConfigGenerator.withdraw` says
that none will come. Everything else (when to ask, on which budget, what to do with the answer) is the planner's
business.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from hpbandster_ng.engine.records import Job

__all__ = ["ConfigGenerator", "Report"]


class Report(Protocol):
    """What a generator reads of a finished job; any object with these attributes will do.

    Attributes:
        kwargs: at least ``{"config": dict, "budget": number}``.
        result: ``{"loss": float, "info": ...}``, or None where the evaluation failed.
        exception: the traceback of a failed evaluation, else None.
    """

    @property
    def kwargs(self) -> Any: ...
    @property
    def result(self) -> Any: ...
    @property
    def exception(self) -> Any: ...


class ConfigGenerator:
    """Base of all samplers.

    Randomness comes in as data: a subclass draws from :attr:`rng` only, never from a global generator. The planner
    calls :meth:`seed` with the run's seed and the number of the pick before each pick, so that the k-th pick of a run
    is the same whether the run was interrupted or not.

    Attributes:
        rng: the only source of randomness.
        has_model: whether it computes so much that the threads of numeric libraries are worth keeping out of it.

    Example:
        >>> class Fixed(ConfigGenerator):
        ...     def get_config(self, budget):
        ...         return {"x": 0.5}, {}
        >>> Fixed().get_config(budget=9)
        ({'x': 0.5}, {})
    """

    has_model = True

    def __init__(self, logger: Any = None) -> None:
        self.logger = logger
        self.rng = np.random.default_rng()

    def seed(self, *entropy: int) -> None:
        """Restart :attr:`rng` from non-negative whole numbers."""
        self.rng = np.random.default_rng(entropy)

    def get_config(self, budget: float) -> tuple[dict[str, Any], dict[str, Any]]:
        """Propose a configuration that will first run on ``budget``.

        Returns:
            The configuration (plain Python values by name) and what is worth knowing about the pick, such as
            ``{"model_based_pick": False, "random_reason": "..."}``.
        """
        raise NotImplementedError(f"{type(self).__name__} must implement get_config(budget)")

    def new_job(self, job: Job) -> None:
        """A configuration is pending on a budget from now on, whoever proposed it; does nothing by default."""

    def withdraw(self, job: Job) -> None:
        """A pending job came to nothing that could be learned from: it was lost or cancelled; does nothing by default.

        The configuration may be proposed again. Results on other budgets, if there are any, stand.
        """

    def new_result(self, job: Report, update_model: bool = True) -> None:
        """Learn from a finished job, which is no longer pending.

        Args:
            job: what ran and what came of it; ``job.result is None`` marks a failed evaluation.
            update_model: False while many results are handed in at once and only the last should cost a fit.
        """
