"""What could run next, as of the results that are in, and what began since."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from hpbandster_ng.engine.records import ConfigId, JobKey
from hpbandster_ng.optimizers.config_generators.experts import Opinion
from hpbandster_ng.optimizers.config_generators.prospects import Prospects
from hpbandster_ng.optimizers.config_generators.trials import Trials

__all__ = ["Duel", "Finalist", "Scene", "View"]

Array = npt.NDArray[np.float64]


@dataclass
class Scene:
    """What could run next in one model's eyes: new configurations, and those that are paused.

    Attributes:
        opinion: of the model.
        paused: those that could go on.
        paused_ids: their names, in that order.
        num_expected: how many of the jobs that began since are taken into account.
    """

    opinion: Opinion
    paused: Prospects
    paused_ids: list[ConfigId]
    num_expected: int = field(default=0, init=False)

    @property
    def fresh(self) -> Prospects:
        return self.opinion.fresh

    def expect(self, evaluations: Sequence[Array]) -> None:
        """These began since the results that are seen, those told before included."""
        for evaluation in evaluations[self.num_expected :]:
            self._expect(evaluation, self.opinion.predicted(evaluation))
        self.num_expected = len(evaluations)

    def _expect(self, evaluation: Array, predicted: float) -> None:
        self.fresh.expect(evaluation, predicted)
        self.paused.expect(evaluation, predicted)


@dataclass
class Duel(Scene):
    """The same, in the eyes of the model of all budgets.

    Attributes:
        hopeless: of the paused, those that are given up.
        trials: of those that were among the most promising so far.
        numbers: of those among the trials, by the key of the configuration.
    """

    hopeless: list[ConfigId]
    trials: Trials
    numbers: dict[bytes, int] = field(default_factory=dict)

    def _expect(self, evaluation: Array, predicted: float) -> None:
        super()._expect(evaluation, predicted)
        self.trials.expect(evaluation, predicted)


@dataclass
class View:
    """The results that choices rest on, and what has happened since.

    Attributes:
        num_results: so many of them.
        num_on_full: how many of those on the full budget the model of that one knows.
        pending: the evaluations that were, by their job.
        since: those that began since.
        taken_since: keys of configurations that are no candidates any more.
        eliminated_since: paused configurations that are out.
        duel, second: what the two models make of them, once they were asked.
    """

    num_results: int
    num_on_full: int
    pending: dict[JobKey, Array]
    since: list[tuple[JobKey, Array]] = field(default_factory=list)
    taken_since: set[bytes] = field(default_factory=set)
    eliminated_since: set[ConfigId] = field(default_factory=set)
    duel: Duel | None = None
    second: Scene | None = None


@dataclass(frozen=True)
class Finalist:
    """A configuration that may run next.

    Attributes:
        paused_id: None if it is new.
        lowest: the number of the lowest budget that it can run on.
        log_chance: the logarithm of its chance to succeed.
    """

    key: bytes
    code: Array
    paused_id: ConfigId | None
    lowest: int
    log_chance: float
