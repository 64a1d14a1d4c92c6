"""Who stands on which rung, and who may go on: the bookkeeping of asynchronous successive halving.

A :class:`Ladder` holds the rungs of one bracket, :class:`AsyncBrackets` several ladders that share a budget as
Hyperband's brackets do. Neither knows a run, a worker or an iteration: they are told what is queued, what came of it
and what came to nothing, and asked who may be promoted.

The rule is that of asynchronous successive halving (Li, Jamieson, Rostamizadeh, Gonina, Ben-tzur, Hardt, Recht &
Talwalkar, MLSys 2020, algorithm 2), delayed as in Hyper-Tune's scheduler D-ASHA (Li, Shen, Jiang, Zhang, Li, Liu,
Zhang & Cui, VLDB 2022): a configuration goes from rung k to rung k + 1 if it is among the best 1/eta of the results of
rung k, and if rung k has at least eta results for each configuration that rung k + 1 will then hold.

Anybody who waits could be among the best 1/eta at some time, so that nobody would ever be out. Who is so bad that this
will not happen but by a rare chance is given up, so that its checkpoints can be deleted while the run goes on.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from hpbandster_ng.engine.plain import plain
from hpbandster_ng.engine.records import ConfigId
from hpbandster_ng.engine.schedule import Bracket, budget_text
from hpbandster_ng.errors import InvalidArgumentError

__all__ = ["AsyncBrackets", "Ladder"]

_TOLERANCE = 1e-9
"""Relative: what floating point may take away from an exact multiple of eta."""

_BEYOND_CHANCE = 3.0
"""Of those that wait on a rung, one is given up that is worse than the best 1/eta of the results by more than so many
standard deviations of the number of better results that a later, larger sample of the same kind would show."""

_MOST_WAITING = 100
"""On a rung; of more, the worst are given up, too."""

_Key = tuple[float, int]
"""The loss, and the order of entrance: of equal losses, the earlier configuration is better."""


@dataclass(slots=True)
class _Best:
    """The best of all keys that were added: as many as were asked for last, which may only grow.

    Attributes:
        keys: a heap of these, the worst of them on top (so both parts of a key are negated).
        others: a heap of the other keys, the best of them on top.
    """

    keys: list[_Key] = field(default_factory=list)
    others: list[_Key] = field(default_factory=list)

    def add(self, key: _Key, size: int) -> None:
        if self.keys and key < self.worst:
            heapq.heappush(self.keys, _negated(key))
        else:
            heapq.heappush(self.others, key)
        while len(self.keys) > size:
            heapq.heappush(self.others, _negated(heapq.heappop(self.keys)))
        while len(self.keys) < size:
            heapq.heappush(self.keys, _negated(heapq.heappop(self.others)))

    @property
    def worst(self) -> _Key:
        return _negated(self.keys[0])


@dataclass(slots=True)
class _Rung:
    """The results of one rung.

    Attributes:
        num_entered: configurations that run here or have a result here.
        num_results: of these, those with a result, failures included.
        good: the best 1/eta of the results.
        possible: the best of the results, so many that chance may yet make each of them one of the best 1/eta.
        waiting: a heap of key and id of those that succeeded here; whoever has gone on is dropped when it comes up.
        hopeful: of those that wait, all that were not given up.
        last: a heap of these, the worst on top; whoever is not hopeful any more is dropped when it comes up.
    """

    num_entered: int = 0
    num_results: int = 0
    good: _Best = field(default_factory=_Best)
    possible: _Best = field(default_factory=_Best)
    waiting: list[tuple[_Key, ConfigId]] = field(default_factory=list)
    hopeful: set[ConfigId] = field(default_factory=set)
    last: list[tuple[_Key, ConfigId]] = field(default_factory=list)

    def num_good(self, eta: float) -> int:
        return math.floor(self.num_results / eta * (1 + _TOLERANCE))

    def _num_possible(self, eta: float) -> int:
        spread = math.sqrt(self.num_results * (eta - 1)) / eta
        return min(self.num_results, self.num_good(eta) + math.ceil(_BEYOND_CHANCE * spread))

    def add(self, key: _Key, eta: float) -> None:
        self.num_results += 1
        self.good.add(key, self.num_good(eta))
        self.possible.add(key, self._num_possible(eta))

    def wait(self, key: _Key, config_id: ConfigId) -> None:
        heapq.heappush(self.waiting, (key, config_id))
        heapq.heappush(self.last, (_negated(key), config_id))
        self.hopeful.add(config_id)

    def candidate(self, num_above: int, eta: float) -> ConfigId | None:
        """The best one that waits, if the rule lets it go on to a rung that ``num_above`` have entered."""
        if not self.waiting or num_above >= self.num_good(eta):
            return None
        key, config_id = self.waiting[0]
        return config_id if key <= self.good.worst else None

    def give_up(self) -> list[ConfigId]:
        """Those that wait in vain, each once."""
        out = []
        while self.last:
            negated, config_id = self.last[0]
            if config_id in self.hopeful:
                if len(self.hopeful) <= _MOST_WAITING and _negated(negated) <= self.possible.worst:
                    break
                self.hopeful.remove(config_id)
                out.append(config_id)
            heapq.heappop(self.last)
        return out


def _negated(key: _Key) -> _Key:
    return -key[0], -key[1]


class Ladder:
    """The rungs of one bracket. Telling costs O(log n) on average, with n results; asking costs O(number of rungs).

    Args:
        budgets: the budget of each rung, ascending.
        eta: one in ``eta`` goes on.

    Attributes:
        budgets: the budget of each rung, as plain numbers.

    Raises:
        InvalidArgumentError: an event cannot happen; the message names the configuration.

    Example:
        >>> ladder = Ladder([1, 3], eta=3)
        >>> for index, loss in enumerate([0.5, 0.1, 0.9]):
        ...     ladder.enter((0, 0, index), 1)
        ...     _ = ladder.tell((0, 0, index), 1, loss)
        >>> ladder.promotable()
        ((0, 0, 1), 3)
        >>> ladder.enter((0, 0, 1), 3)
        >>> ladder.promotable() is None
        True
        >>> list(ladder.paused())
        [((0, 0, 0), 3), ((0, 0, 2), 3)]
    """

    def __init__(self, budgets: Sequence[float], eta: float) -> None:
        self.budgets: tuple[float, ...] = tuple(plain(budget, "budget") for budget in budgets)
        self.eta = eta
        self._rungs = [_Rung() for _ in self.budgets]
        self._numbers = {budget: i for i, budget in enumerate(self.budgets)}
        self._order: dict[ConfigId, int] = {}
        self._running: dict[ConfigId, int] = {}
        self._paused: dict[ConfigId, int] = {}

    def __contains__(self, config_id: ConfigId) -> bool:
        """Whether the configuration has ever entered."""
        return config_id in self._order

    def enter(self, config_id: ConfigId, budget: float) -> None:
        """A job of this configuration is due: of a new one, or of a paused one on any higher rung."""
        rung = self._numbers[budget]
        if config_id in self._order and self._paused.get(config_id, rung) >= rung:
            raise InvalidArgumentError(
                "config_id",
                config_id,
                f"is neither new nor paused below budget {budget_text(budget)}",
                "tell how it ended first",
            )
        self._order.setdefault(config_id, len(self._order))
        below = self._paused.pop(config_id, None)
        self._running[config_id] = rung
        self._rungs[rung].num_entered += 1
        if below is not None:
            self._drop(below, config_id)

    def tell(self, config_id: ConfigId, budget: float, loss: float | None) -> list[ConfigId]:
        """The job ended; None or a loss that is not finite is a failure, which is worse than any loss.

        Returns:
            Those that wait on the same rung and are given up from now on; nothing happens to them until
            :meth:`eliminate`.
        """
        number = self._leave(config_id, budget)
        failed = loss is None or not math.isfinite(loss)
        key = (math.inf if failed or loss is None else float(loss), self._order[config_id])
        rung = self._rungs[number]
        rung.add(key, self.eta)
        if not failed and number + 1 < len(self._rungs):
            self._paused[config_id] = number
            rung.wait(key, config_id)
        return rung.give_up()

    def eliminate(self, config_id: ConfigId) -> None:
        """A configuration that waits never goes on."""
        self._drop(self._paused.pop(config_id), config_id)

    def withdraw(self, config_id: ConfigId, budget: float) -> None:
        """The job was lost or cancelled: the configuration leaves its rung, and competes no more."""
        self._rungs[self._leave(config_id, budget)].num_entered -= 1

    def promotable(self) -> tuple[ConfigId, float] | None:
        """Who may go on, and to which budget: from the highest rung that has anybody, the best; changes nothing."""
        for number in reversed(range(len(self._rungs) - 1)):
            config_id = self._rungs[number].candidate(self._rungs[number + 1].num_entered, self.eta)
            if config_id is not None:
                return config_id, self.budgets[number + 1]
        return None

    def paused(self) -> Iterator[tuple[ConfigId, float]]:
        """Everyone who succeeded on the last budget and waits, with the next budget."""
        return ((config_id, self.budgets[number + 1]) for config_id, number in self._paused.items())

    def _leave(self, config_id: ConfigId, budget: float) -> int:
        number = self._numbers[budget]
        if self._running.get(config_id) != number:
            raise InvalidArgumentError(
                "config_id",
                config_id,
                f"does not run on budget {budget_text(budget)}",
                "let it enter first, and tell once",
            )
        return self._running.pop(config_id)

    def _drop(self, number: int, config_id: ConfigId) -> None:
        """It does not wait on this rung any more."""
        self._rungs[number].hopeful.discard(config_id)
        waiting = self._rungs[number].waiting
        while waiting and self._paused.get(waiting[0][1]) != number:
            heapq.heappop(waiting)


class AsyncBrackets:
    """Brackets of asynchronous Hyperband: each promotes among its own, and all share the budget as planned.

    A new configuration starts in the bracket that is most behind its share of what was spent, the configuration
    included; the shares are those of the brackets' total budgets. So Hyperband's proportions hold at any time, and the
    longest bracket begins. One bracket alone is asynchronous successive halving.

    Args:
        brackets: each begins on a budget of its own.
        eta: one in ``eta`` goes on.

    Attributes:
        budgets: all budgets, ascending.
        spent: the sum of the budgets of all jobs that were ever due.

    Raises:
        InvalidArgumentError: two brackets begin on the same budget; or see :class:`Ladder`.

    Example:
        >>> from hpbandster_ng.engine.schedule import hyperband_brackets
        >>> brackets = AsyncBrackets(hyperband_brackets(1, 9), eta=3)
        >>> for index in range(8):
        ...     budget = brackets.start_budget()
        ...     brackets.enter((0, 0, index), budget)
        ...     print(budget, end=" ")
        1.0 1.0 1.0 1.0 3.0 1.0 1.0 1.0
    """

    def __init__(self, brackets: Sequence[Bracket], eta: float) -> None:
        self._ladders = [Ladder(bracket.budgets, eta) for bracket in brackets]
        self._first = {ladder.budgets[0]: i for i, ladder in enumerate(self._ladders)}
        if len(self._first) < len(self._ladders):
            raise InvalidArgumentError(
                "brackets", brackets, "must each begin on a budget of its own", "drop one of the two"
            )
        self._shares = [bracket.total_budget for bracket in brackets]
        self._num_runs = sum(bracket.num_runs for bracket in brackets)
        self._spent = [0.0] * len(self._ladders)
        self._bracket_of: dict[ConfigId, int] = {}
        self.budgets = tuple(sorted({budget for ladder in self._ladders for budget in ladder.budgets}))
        self.spent = 0.0

    def __contains__(self, config_id: ConfigId) -> bool:
        """Whether the configuration has ever entered."""
        return config_id in self._bracket_of

    @property
    def budget_a_run(self) -> float:
        """What a run costs on average, where each bracket has the sizes it was planned with."""
        return sum(self._shares) / self._num_runs

    def start_budget(self) -> float:
        """On which budget the next new configuration starts; of equals, the longest bracket comes first."""
        after = ((self._spent[i] + ladder.budgets[0]) / self._shares[i] for i, ladder in enumerate(self._ladders))
        _, behind = min(zip(after, range(len(self._ladders)), strict=True))
        return self._ladders[behind].budgets[0]

    def enter(self, config_id: ConfigId, budget: float) -> None:
        """A job is due; a new configuration enters the bracket that begins on this budget."""
        if config_id not in self._bracket_of:
            if budget not in self._first:
                raise InvalidArgumentError(
                    "budget", budget, f"must be one of {list(self._first)}, on which a bracket begins", "start there"
                )
            self._bracket_of[config_id] = self._first[budget]
        bracket = self._bracket_of[config_id]
        self._ladders[bracket].enter(config_id, budget)
        self._spent[bracket] += budget
        self.spent += budget

    def tell(self, config_id: ConfigId, budget: float, loss: float | None) -> list[ConfigId]:
        """See :meth:`Ladder.tell`."""
        return self._ladders[self._bracket_of[config_id]].tell(config_id, budget, loss)

    def eliminate(self, config_id: ConfigId) -> None:
        """See :meth:`Ladder.eliminate`."""
        self._ladders[self._bracket_of[config_id]].eliminate(config_id)

    def withdraw(self, config_id: ConfigId, budget: float) -> None:
        """See :meth:`Ladder.withdraw`; what it cost stays spent."""
        self._ladders[self._bracket_of[config_id]].withdraw(config_id, budget)

    def promotable(self) -> tuple[ConfigId, float] | None:
        """Who may go on: to the highest budget first, and of equals from the longest bracket; changes nothing."""
        promotions = [promotion for ladder in self._ladders if (promotion := ladder.promotable())]
        return max(promotions, key=lambda promotion: promotion[1], default=None)

    def paused(self) -> Iterator[tuple[ConfigId, float]]:
        """Everyone who waits, with the next budget, bracket by bracket."""
        return (waiting for ladder in self._ladders for waiting in ladder.paused())
