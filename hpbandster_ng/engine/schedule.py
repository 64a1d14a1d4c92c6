"""Budgets and sizes of rungs and brackets: the only place with that arithmetic.

The predecessor's rule rounds the size of the first rung down, the paper (Li, Jamieson, DeSalvo, Rostamizadeh &
Talwalkar, JMLR 2018, algorithm 1) rounds it up. Both are here; everything else is the same.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from hpbandster_ng.errors import InvalidArgumentError

__all__ = [
    "Bracket",
    "BracketSizes",
    "BudgetPlan",
    "Plan",
    "Planned",
    "amounts",
    "budget_text",
    "full_budget_brackets",
    "hyperband_brackets",
    "rung_budgets",
    "validate_budgets",
]

BracketSizes = Literal["floor", "paper"]

_TOLERANCE = 1e-9
"""Relative: what floating point may take away from an exact power of eta."""

_MOST_RUNGS = 100
"""More than anyone wants; an eta next to 1 would otherwise make brackets without end."""


@dataclass(frozen=True, slots=True)
class Bracket:
    """The rungs of one iteration.

    Attributes:
        num_configs: configurations on each rung.
        budgets: the budget of each rung, ascending.
    """

    num_configs: tuple[int, ...]
    budgets: tuple[float, ...]

    @property
    def num_runs(self) -> int:
        return sum(self.num_configs)

    @property
    def total_budget(self) -> float:
        return math.fsum(n * budget for n, budget in zip(self.num_configs, self.budgets, strict=True))


def validate_budgets(min_budget: float, max_budget: float, eta: float) -> None:
    """Refuse what no schedule can be made of.

    Raises:
        InvalidArgumentError: not ``0 < min_budget <= max_budget``, or not ``eta > 1``.
    """
    for name, value in (("min_budget", min_budget), ("max_budget", max_budget), ("eta", eta)):
        if isinstance(value, bool) or not _is_finite_number(value):
            raise InvalidArgumentError(name, value, "must be a finite number", "give epochs, seconds, samples ...")
    if min_budget <= 0:
        raise InvalidArgumentError("min_budget", min_budget, "must be greater than 0", "give a small useful budget")
    if min_budget > max_budget:
        raise InvalidArgumentError(
            "min_budget", min_budget, f"must not exceed max_budget={max_budget!r}", "swap the two, or raise max_budget"
        )
    if eta <= 1:
        raise InvalidArgumentError("eta", eta, "must be greater than 1", "3 keeps the best third of each rung")


def _is_finite_number(value: object) -> bool:
    try:
        return math.isfinite(value)  # type: ignore[arg-type]
    except TypeError:
        return False


def budget_text(budget: float) -> str:
    """A budget as people read it; not rounded, so that what they copy from there makes the same rungs.

    Example:
        >>> budget_text(27.0), budget_text(1_234_567.0), budget_text(2 / 3)
        ('27', '1234567', '0.666666666667')
    """
    return f"{budget:.12g}"


def rung_budgets(min_budget: float, max_budget: float, eta: float) -> tuple[float, ...]:
    """The budgets ``max_budget / eta**k`` that are not below ``min_budget``, ascending; exact powers count in full.

    Example:
        >>> rung_budgets(1, 243, 3)
        (1.0, 3.0, 9.0, 27.0, 81.0, 243.0)
    """
    validate_budgets(min_budget, max_budget, eta)
    lowest = min_budget * (1 - _TOLERANCE)
    budgets: list[float] = []
    while (budget := max_budget / eta ** len(budgets)) >= lowest:
        budgets.append(budget)
        if len(budgets) > _MOST_RUNGS:
            raise InvalidArgumentError(
                "eta",
                eta,
                f"makes more than {_MOST_RUNGS} rungs between min_budget={min_budget!r} and max_budget={max_budget!r}",
                "3 is the usual choice",
            )
    return tuple(reversed(budgets))


def hyperband_brackets(
    min_budget: float, max_budget: float, eta: float = 3, bracket_sizes: BracketSizes = "floor"
) -> tuple[Bracket, ...]:
    """One round of Hyperband, the longest bracket first; iteration ``i`` of a run is bracket ``i % len(...)``.

    Args:
        bracket_sizes: ``"floor"``, the predecessor's first rung of ``floor(R / (s + 1)) * eta**s`` with R rungs, or
            ``"paper"``, ``ceil(R / (s + 1) * eta**s)``.

    Raises:
        InvalidArgumentError: see :func:`validate_budgets`; or an unknown ``bracket_sizes``.

    Example:
        >>> [bracket.num_configs for bracket in hyperband_brackets(9, 243)]
        [(27, 9, 3, 1), (9, 3, 1), (6, 2), (4,)]
    """
    if bracket_sizes not in ("floor", "paper"):
        raise InvalidArgumentError("bracket_sizes", bracket_sizes, "must be 'floor' or 'paper'", "'floor' is usual")
    budgets = rung_budgets(min_budget, max_budget, eta)
    rungs = len(budgets)
    return tuple(
        Bracket(_rung_sizes(_first_rung(rungs, s, eta, bracket_sizes), s, eta), budgets[rungs - 1 - s :])
        for s in reversed(range(rungs))
    )


def _first_rung(rungs: int, s: int, eta: float, bracket_sizes: BracketSizes) -> int:
    if bracket_sizes == "floor":
        return _floor(rungs // (s + 1) * eta**s)
    return _ceil(rungs * eta**s / (s + 1))


def _rung_sizes(first: int, s: int, eta: float) -> tuple[int, ...]:
    return tuple(max(1, _floor(first / eta**i)) for i in range(s + 1))


def _floor(value: float) -> int:
    return math.floor(value * (1 + _TOLERANCE))


def _ceil(value: float) -> int:
    return math.ceil(value * (1 - _TOLERANCE))


def full_budget_brackets(
    min_budget: float, max_budget: float, eta: float = 3, bracket_sizes: BracketSizes = "floor"
) -> tuple[Bracket, ...]:
    """What random search runs: one rung on ``max_budget``, of at most the cost of Hyperband's longest bracket.

    Example:
        >>> full_budget_brackets(1, 81)
        (Bracket(num_configs=(5,), budgets=(81,)),)
    """
    cost = hyperband_brackets(min_budget, max_budget, eta, bracket_sizes)[0].total_budget
    return (Bracket((max(1, _floor(cost / max_budget)),), (max_budget,)),)


@dataclass(frozen=True, slots=True)
class Plan:
    """The exact table of what a run executes, provided that nothing fails.

    Attributes:
        brackets: one an iteration, in the order of the run.
        first_iteration: the number of the first.

    Example:
        >>> print(Plan(hyperband_brackets(1, 9)))
        iteration  rung  configurations  budget  total
                0     0               9       1      9
                0     1               3       3      9
                0     2               1       9      9
                1     0               3       3      9
                1     1               1       9      9
                2     0               3       9     27
        3 iterations, 15 configurations, 20 runs, total budget 72 (8 full evaluations)
    """

    brackets: tuple[Bracket, ...]
    first_iteration: int = 0

    @property
    def rows(self) -> tuple[tuple[int, int, int, float, float], ...]:
        """``(iteration, rung, configurations, budget, total)``, a row a rung."""
        return tuple(
            (i, rung, n, budget, n * budget)
            for i, bracket in enumerate(self.brackets, self.first_iteration)
            for rung, (n, budget) in enumerate(zip(bracket.num_configs, bracket.budgets, strict=True))
        )

    @property
    def num_configs(self) -> int:
        return sum(bracket.num_configs[0] for bracket in self.brackets)

    @property
    def num_runs(self) -> int:
        return sum(bracket.num_runs for bracket in self.brackets)

    @property
    def total_budget(self) -> float:
        return math.fsum(bracket.total_budget for bracket in self.brackets)

    def __str__(self) -> str:
        full = max((bracket.budgets[-1] for bracket in self.brackets), default=1.0)
        summary = (
            f"{len(self.brackets)} iterations, {self.num_configs} configurations, {self.num_runs} runs, "
            f"{_spending(self.total_budget, full)}"
        )
        return "\n".join([*_table(("iteration", "rung", "configurations", "budget", "total"), self.rows), summary])


@dataclass(frozen=True, slots=True)
class BudgetPlan:
    """What a run spends whose configurations advance at any time: which runs that makes, only their losses tell.

    An iteration ends with the job that brings its total to what is planned or beyond it, by less than ``max_budget``;
    the next one has that much less.

    Attributes:
        totals: the total budget of each iteration.
        max_budget: that of a full evaluation.
        budget_a_run: what a run costs on average, roughly; None where a model decides which budgets run.
        first_iteration: the number of the first.

    Example:
        >>> print(BudgetPlan((27, 18, 27), max_budget=9, budget_a_run=27 / 13))
        iteration  total
                0     27
                1     18
                2     27
        3 iterations, about 35 runs, total budget 72 (8 full evaluations)
        >>> print(str(BudgetPlan((27, 18, 27), max_budget=9, budget_a_run=None)).splitlines()[-1])
        3 iterations, as many runs as the model decides, total budget 72 (8 full evaluations)
    """

    totals: tuple[float, ...]
    max_budget: float
    budget_a_run: float | None
    first_iteration: int = 0

    @property
    def rows(self) -> tuple[tuple[int, float], ...]:
        """``(iteration, total)``, a row an iteration."""
        return tuple(enumerate(self.totals, self.first_iteration))

    @property
    def num_runs(self) -> int | None:
        """Roughly so many; None if nobody knows."""
        return None if self.budget_a_run is None else round(self.total_budget / self.budget_a_run)

    @property
    def total_budget(self) -> float:
        return math.fsum(self.totals)

    def __str__(self) -> str:
        runs = "as many runs as the model decides" if self.num_runs is None else f"about {self.num_runs} runs"
        summary = f"{len(self.totals)} iterations, {runs}, {_spending(self.total_budget, self.max_budget)}"
        return "\n".join([*_table(("iteration", "total"), self.rows), summary])


Planned = Callable[[int, int], "Plan | BudgetPlan | None"]
"""What so many iterations run, the first of which has that number: ``planned(first, n_iterations)``."""


def amounts(plan: Plan | BudgetPlan | None) -> tuple[int | None, float | None]:
    """How many jobs a plan runs, and the sum of their budgets; None where nobody knows."""
    return (None, None) if plan is None else (plan.num_runs, plan.total_budget)


def _table(head: tuple[str, ...], rows: Sequence[tuple[float, ...]]) -> list[str]:
    cells = [head, *(tuple(map(budget_text, row)) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return ["  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in cells]


def _spending(total: float, full: float) -> str:
    return f"total budget {budget_text(total)} ({total / full:.6g} full evaluations)"


def repeat(brackets: Sequence[Bracket], first: int, count: int) -> Plan:
    """Iterations ``first`` to ``first + count - 1`` of a run that goes through ``brackets`` in turn."""
    return Plan(tuple(brackets[i % len(brackets)] for i in range(first, first + count)), first)
