"""Whether the model picks better configurations than chance does."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hpbandster_ng.analysis.runs import AnyRun, spans_magnitudes, successful_runs
from hpbandster_ng.engine.records import ConfigId

__all__ = ["ModelVsRandom", "model_vs_random"]

Array = npt.NDArray[np.float64]

_MOST_BINS = 40


@dataclass(frozen=True)
class ModelVsRandom:
    """The losses of random and of model-based configurations.

    Attributes:
        losses: by ascending budget: those of random picks (False), and of the model's (True); either may have none.
        bins: the edges of bins that span all losses.
        is_log: whether the losses span orders of magnitude, and so the bins are of equal width in the logarithm.
    """

    losses: dict[float, dict[bool, Array]]
    bins: Array
    is_log: bool

    def shares(self, budget: float, is_from_model: bool) -> Array:
        """The share of each bin in its group; zeros where the group is empty."""
        group = self.losses[budget][is_from_model]
        return np.asarray(np.histogram(group, self.bins)[0] / max(1, len(group)))


def model_vs_random(runs: Iterable[AnyRun], is_from_model: Callable[[ConfigId], bool]) -> ModelVsRandom:
    """Gather the losses by budget and by how the configuration was picked.

    Raises:
        InvalidArgumentError: no run was successful.

    Example:
        >>> from hpbandster_ng.core.run import Run
        >>> runs = [Run((0, 0, i), 9, loss, None, {}, None) for i, loss in enumerate([0.5, 0.7, 0.2])]
        >>> found = model_vs_random(runs, is_from_model=lambda config_id: config_id[2] == 2)
        >>> found.losses[9][False].tolist(), found.losses[9][True].tolist()
        ([0.5, 0.7], [0.2])
    """
    losses: dict[float, dict[bool, list[float]]] = {}
    for run, loss in successful_runs(runs):
        losses.setdefault(run.budget, {False: [], True: []})[is_from_model(run.config_id)].append(loss)
    every_loss = [loss for groups in losses.values() for group in groups.values() for loss in group]
    is_log = spans_magnitudes(every_loss)
    sorted_losses = {
        budget: {kind: np.array(group, dtype=np.float64) for kind, group in losses[budget].items()}
        for budget in sorted(losses)
    }
    return ModelVsRandom(sorted_losses, _bins(every_loss, is_log), is_log)


def _bins(losses: Sequence[float], is_log: bool) -> Array:
    count = min(_MOST_BINS, max(8, math.ceil(2 * math.sqrt(len(losses)))))
    if is_log:
        return np.geomspace(min(losses), max(losses), count + 1)
    return np.histogram_bin_edges(losses, count)
