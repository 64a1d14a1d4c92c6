"""Budgets as whole numbers, for packages that count epochs."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Steps"]


class Steps(NamedTuple):
    """How a problem's budgets are counted.

    Attributes:
        unit: the budget of one step.
        first, last: the smallest budget and the full one, in steps.
    """

    unit: float
    first: int
    last: int

    @classmethod
    def between(cls, min_budget: float, max_budget: float, resolution: int = 1) -> Steps:
        """Budgets that are whole numbers count as they are; others in fractions of the smallest.

        Example:
            >>> Steps.between(3, 100)
            Steps(unit=1.0, first=3, last=100)
            >>> Steps.between(0.03, 1.0, resolution=100).last
            3333
        """
        if float(min_budget).is_integer() and float(max_budget).is_integer():
            return cls(1.0, int(min_budget), int(max_budget))
        return cls(min_budget / resolution, resolution, round(max_budget / min_budget * resolution))

    def budget(self, step: float, max_budget: float) -> float:
        """The budget of so many steps; that of the last is the full one."""
        return max_budget if step >= self.last else step * self.unit

    def geometric(self, eta: int = 3) -> list[int]:
        """The first step times the powers of eta, and the last step.

        Example:
            >>> Steps.between(3, 100).geometric()
            [3, 9, 27, 81, 100]
        """
        steps = []
        step = self.first
        while step < self.last:
            steps.append(step)
            step *= eta
        return [*steps, self.last]
