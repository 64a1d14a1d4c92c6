"""The iterations that are not complete, and which of them is worth asking for the next job.

With thousands of workers, hundreds of brackets wait for a rung to end; to ask all of them whenever a worker is free
costs more than everything else in a run. So a bracket that answered ``Wait`` is not asked again before a job of one of
its own configurations has ended.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from typing import Any

from hpbandster_ng.engine.iteration import Iteration
from hpbandster_ng.engine.steps import AnyIteration, Choose, Promote, Sample, Start, Wait

__all__ = ["ActiveIterations"]

_SOMETHING_TO_DO = (Promote, Sample, Start, Choose)


class ActiveIterations:
    """The iterations of a run that are not complete, oldest first.

    Which of them wait is remembered and never recorded: after a fold of the log, all are asked once.

    Example:
        >>> from hpbandster_ng.engine.records import Job
        >>> active = ActiveIterations()
        >>> for number in range(2):
        ...     active.open(Iteration(number, [1], [9], lambda budget: ({"x": 0.5}, {})))
        >>> iteration, step = active.next_step()
        >>> iteration.HPB_iter, step
        (0, Sample(budget=9))
        >>> iteration.enter(Job((0, 0, 0), 9, {"x": 0.5}, {}))
        >>> active.next_step()[0].HPB_iter
        1
    """

    def __init__(self) -> None:
        self._iterations: dict[int, AnyIteration] = {}
        self._awake: list[int] = []

    def __len__(self) -> int:
        return len(self._iterations)

    def __iter__(self) -> Iterator[AnyIteration]:
        return iter(self._iterations.values())

    @property
    def numbers(self) -> list[int]:
        """The numbers of the iterations."""
        return list(self._iterations)

    def open(self, iteration: AnyIteration) -> None:
        """An iteration begins; its number is larger than all before."""
        self._iterations[iteration.HPB_iter] = iteration
        self._awake.append(iteration.HPB_iter)

    def complete(self, number: int) -> None:
        """Drop an iteration; nothing happens if that was done before."""
        if self._iterations.pop(number, None) is not None:
            self._awake = [each for each in self._awake if each != number]

    def wake(self, number: int) -> None:
        """A job of this iteration has ended, so that the iteration may have something to do now."""
        place = bisect_left(self._awake, number)
        if number in self._iterations and self._awake[place : place + 1] != [number]:
            self._awake.insert(place, number)

    def next_step(self) -> tuple[AnyIteration, Any] | None:
        """The oldest iteration that has something to do, and what; None if all wait or are done."""
        place = 0
        while place < len(self._awake):
            iteration = self._iterations[self._awake[place]]
            step = iteration.next_step()
            if isinstance(step, _SOMETHING_TO_DO):
                return iteration, step
            if isinstance(step, Wait) and _waits_for_its_own(iteration):
                del self._awake[place]
            else:
                place += 1
        return None


def _waits_for_its_own(iteration: AnyIteration) -> bool:
    """Whether nothing but the end of a job of its own can end the wait.

    So it is in :class:`Iteration`: who waits has neither a free slot nor anybody queued, and gets them when the rung
    ends. Iterations that answer by a rule of their own may share standings, where a result of one changes the answer of
    another; a subclass of a user may do so, too.
    """
    return getattr(iteration.next_step, "__func__", None) is Iteration.next_step
