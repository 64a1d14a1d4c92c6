"""How long the evaluation of a job may take."""

from __future__ import annotations

from collections.abc import Callable

from hpbandster_ng.engine.checks import is_positive
from hpbandster_ng.engine.schedule import budget_text
from hpbandster_ng.errors import InvalidArgumentError

__all__ = ["JobTimeout", "TimeLimit"]

JobTimeout = float | Callable[[float], float] | None
"""Seconds, a function of the budget that returns seconds, or None for no limit."""


class TimeLimit:
    """The seconds that a job on a budget may take.

    Args:
        job_timeout: seconds, or a function of the budget.

    Raises:
        InvalidArgumentError: it is neither a finite number above 0 nor callable.

    Example:
        >>> TimeLimit(60)(9.0), TimeLimit(lambda budget: 10 * budget)(9.0), TimeLimit(None)(9.0)
        (60.0, 90.0, None)
    """

    def __init__(self, job_timeout: JobTimeout) -> None:
        if job_timeout is not None and not callable(job_timeout):
            _check(job_timeout, "must be a finite number of seconds above 0, or a function of the budget")
        self.job_timeout = job_timeout

    def __call__(self, budget: float) -> float | None:
        """The limit in seconds, or None.

        Raises:
            InvalidArgumentError: the user's function did not return a finite number above 0.
        """
        if not callable(self.job_timeout):
            return None if self.job_timeout is None else float(self.job_timeout)
        seconds = self.job_timeout(budget)
        _check(seconds, f"is what the function returned for budget {budget_text(budget)}, and no finite number above 0")
        return float(seconds)


def _check(seconds: object, rule: str) -> None:
    if not is_positive(seconds):
        raise InvalidArgumentError("job_timeout", seconds, rule, "None means no limit")
