"""What a picture shows beside the numbers of the analysis, whoever draws it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from hpbandster_ng.analysis.importance import Importance
from hpbandster_ng.analysis.observations import Observations
from hpbandster_ng.analysis.rungs import Rung
from hpbandster_ng.core.run import ConfigId
from hpbandster_ng.visualization.palette import ACCENT, MUTED, SOFT_ACCENT, budget_label

__all__ = ["CurvesView", "ImportanceBar", "ImportanceView", "importance_view", "rung_parts"]

_MOST_PARAMETERS = 20
_MOST_PAIRS = 5
_SMALLEST_PAIR = 0.01

rung_parts: dict[str, tuple[str, Callable[[Rung], int]]] = {
    "went on": (ACCENT, lambda rung: rung.promoted),
    "last run": (SOFT_ACCENT, lambda rung: rung.reached - rung.promoted - rung.failed),
    "failed": (MUTED, lambda rung: rung.failed),
}
"""Of the configurations on a rung: what became of them, its colour, and how many."""


@dataclass(frozen=True)
class CurvesView:
    """How learning curves are shown.

    Attributes:
        tool_tips: a text by configuration; its id where there is none.
        log_x, log_y: whether the axes are logarithmic.
        is_reset: whether each curve begins at 0.
        title: above the plot.
    """

    tool_tips: Mapping[ConfigId, str]
    log_x: bool
    log_y: bool
    is_reset: bool
    title: str

    @property
    def x_label(self) -> str:
        return "since the first point [budget or s]" if self.is_reset else "budget, or time [s]"


@dataclass(frozen=True)
class ImportanceBar:
    """A hyperparameter, or a pair.

    Attributes:
        label: its name.
        main: its main effect, or the interaction of the pair.
        total: its total effect; that of a pair is its interaction.
        spread: of the total effect.
        is_told: whether it is told from noise.
        is_pair: whether it is a pair.
    """

    label: str
    main: float
    total: float
    spread: float
    is_told: bool
    is_pair: bool


@dataclass(frozen=True)
class ImportanceView:
    """Bars, the most important first, pairs last.

    Attributes:
        bars: no share below 0.
        noise: what is not above it may be noise.
        title: what the bars are.
        subtitle: what they rest on.
    """

    bars: tuple[ImportanceBar, ...]
    noise: float
    title: str
    subtitle: str


def importance_view(found: Importance, observed: Observations) -> ImportanceView:
    """The twenty hyperparameters that matter most, and up to five pairs with an interaction of 1 % or more."""
    effects = sorted(zip(found.main, found.total, strict=True), key=lambda pair: -pair[1].share)[:_MOST_PARAMETERS]
    told = [effect for effect in found.interactions if effect.share > max(found.noise, _SMALLEST_PAIR)][:_MOST_PAIRS]
    bars = [
        _bar(main.names, min(main.share, total.share), total.share, total.spread, found.is_told_from_noise(total))
        for main, total in effects
    ]
    bars += [_bar(each.names, each.share, each.share, each.spread, True) for each in told]
    return ImportanceView(
        tuple(bars),
        found.noise,
        f"Share in the variance of the {'logarithm of the ' if observed.is_log else ''}loss",
        f"{len(observed.losses):,} of {observed.num_configs:,} configurations, losses as if on budget "
        f"{budget_label(observed.budget)}; the model explains {max(0.0, found.explained):.0%}",
    )


def _bar(names: tuple[str, ...], main: float, total: float, spread: float, is_told: bool) -> ImportanceBar:
    return ImportanceBar(" \u00d7 ".join(names), max(0.0, main), max(0.0, total), spread, is_told, len(names) > 1)
