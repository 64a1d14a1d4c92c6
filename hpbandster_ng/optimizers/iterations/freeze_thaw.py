"""Iterations in which a model decides, and a safety net that owes nothing to it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from hpbandster_ng.engine.records import ConfigId, Job
from hpbandster_ng.engine.schedule import Bracket
from hpbandster_ng.engine.steps import Choose, Promote, Sample, Start, Step
from hpbandster_ng.optimizers.config_generators.freeze_thaw import FreezeThaw
from hpbandster_ng.optimizers.iterations.asynchronous import AsynchronousIteration
from hpbandster_ng.optimizers.iterations.ladder import AsyncBrackets, Ladder

__all__ = ["FreezeThawIteration", "FreezeThawStandings"]

_NET_SHARE = (0.1, 0.05)
"""Of what is spent, for the safety net: at the beginning and in the end."""

_NET_DECAY = 100.0
"""Results in which all but 1/e of the difference is gone."""


class FreezeThawStandings:
    """Who stands where: every configuration on one ladder, and those of the safety net in brackets of their own.

    Args:
        brackets: of the safety net, the longest first; it names all budgets.
        eta: one in ``eta`` configurations of the net goes on.

    Example:
        >>> from hpbandster_ng.engine.schedule import hyperband_brackets
        >>> standings = FreezeThawStandings(hyperband_brackets(1, 9, 3), eta=3)
        >>> standings.enter((0, 0, 0), 1.0)
        >>> standings.budgets, standings.spent
        ((1.0, 3.0, 9.0), 1.0)
    """

    def __init__(self, brackets: Sequence[Bracket], eta: float) -> None:
        self.net = AsyncBrackets(brackets, eta)
        self.budgets = self.net.budgets
        self.spent = 0.0
        self.num_results = 0
        self._all = Ladder(self.budgets, eta)
        self._given_up_by_net: set[ConfigId] = set()

    @property
    def budget_a_run(self) -> float | None:
        """None if there is more than one budget: on which of them jobs run, the model decides."""
        return self.budgets[0] if len(self.budgets) == 1 else None

    def enter(self, config_id: ConfigId, budget: float) -> None:
        self._all.enter(config_id, budget)
        self.spent += budget
        if config_id in self.net:
            self._given_up_by_net.discard(config_id)
            self.net.enter(config_id, budget)

    def tell(self, config_id: ConfigId, budget: float, loss: float | None) -> tuple[()]:
        """Nobody is given up: what many results on one budget mean on the full one, the model knows."""
        self.num_results += 1
        self._all.tell(config_id, budget, loss)
        if config_id in self.net:
            self._given_up_by_net.update(self.net.tell(config_id, budget, loss))
        return ()

    def competes_in_net(self, config_id: ConfigId) -> bool:
        """Whether the safety net, too, may promote it."""
        return config_id in self.net and config_id not in self._given_up_by_net

    def eliminate(self, config_id: ConfigId) -> None:
        self._all.eliminate(config_id)
        if config_id in self.net:
            self.net.eliminate(config_id)

    def withdraw(self, config_id: ConfigId, budget: float) -> None:
        self._all.withdraw(config_id, budget)
        if config_id in self.net:
            self.net.withdraw(config_id, budget)

    def paused(self) -> Iterator[tuple[ConfigId, float]]:
        return self._all.paused()

    @property
    def is_net_due(self) -> bool:
        """Whether the safety net has had less than its share."""
        first, last = _NET_SHARE
        return self.net.spent < (last + (first - last) * math.exp(-self.num_results / _NET_DECAY)) * self.spent


class FreezeThawIteration(AsynchronousIteration):
    """Successive halving from the lowest rung until the model has something to learn from; then the model decides.

    The safety net answers as often as it is due, and whenever there is no time to ask the model.

    Args:
        HPB_iter: the number of this iteration.
        generator: the model.
        standings: shared by all iterations of the run.
        spend_until: see :class:`~hpbandster_ng.optimizers.iterations.asynchronous.AsynchronousIteration`.
    """

    standings: FreezeThawStandings

    def __init__(
        self, HPB_iter: int, generator: FreezeThaw, standings: FreezeThawStandings, spend_until: float
    ) -> None:
        super().__init__(HPB_iter, generator.get_config, standings, spend_until)
        self.generator = generator

    def _next(self) -> Step:
        is_beginning = self.generator.num_results < self.generator.num_initial
        net, lowest = self.standings.net, self.standings.budgets[0]
        promotion = net.promotable()
        step = Promote(*promotion) if promotion else Sample(lowest if is_beginning else net.start_budget())
        return step if is_beginning or self.standings.is_net_due else Choose(lowest, otherwise=step)

    def choose(self) -> Start | Promote:
        """What the model wants to run next."""
        return self.generator.choose(self.standings.paused())

    def given_up(self) -> list[ConfigId]:
        """Those that the model gave up when it chose, and that the safety net will not promote either."""
        return [each for each in self.generator.given_up if not self.standings.competes_in_net(each)]

    def give_up(self, config_id: ConfigId) -> None:
        """One that waits is not to wait any more; the model is told, too."""
        super().give_up(config_id)
        self.generator.eliminate(config_id)

    def enter(self, job: Job) -> None:
        """A job is due; whatever the model did not choose competes in the safety net."""
        is_new = job.config_id not in self.data
        super().enter(job)
        if is_new and not job.config_info.get("model_based_pick"):
            self.standings.net.enter(job.config_id, job.budget)
