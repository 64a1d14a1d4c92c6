"""A model of a run: what loss a configuration has, as far as the run tells."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hpbandster_ng.analysis.forest import Grid, Tree, gridded, grown
from hpbandster_ng.analysis.observations import Observations, comparable
from hpbandster_ng.analysis.parameters import Parameter, encoded, inferred
from hpbandster_ng.analysis.runs import AnyRun
from hpbandster_ng.engine.records import Config, ConfigId
from hpbandster_ng.errors import InvalidArgumentError

__all__ = ["Surrogate", "fitted", "modelled"]

Array = npt.NDArray[np.float64]

_NUM_TREES = 32
_NUM_SHADOWS = 8
_FEWEST = 10
"""Configurations."""


@dataclass(frozen=True)
class Surrogate:
    """A forest, and what it was fitted to.

    Attributes:
        parameters: the hyperparameters, which are the first columns of the grid.
        grid: the configurations as cells; the columns after the parameters are the shadows.
        trees: each fitted to a sample of the configurations, drawn with replacement.
        center, scale: the trees predict ``(loss - center) / scale``.
        explained: which share of the variance of the losses the trees explain that were not fitted to them (the
            out-of-bag coefficient of determination). Near 0 or below, one configuration's loss cannot be told from its
            hyperparameters: there is more noise, or there are fewer configurations, than that.
    """

    parameters: tuple[Parameter, ...]
    grid: Grid
    trees: tuple[Tree, ...]
    center: float
    scale: float
    explained: float


def modelled(
    runs: Iterable[AnyRun],
    configs: Mapping[ConfigId, Config],
    rng: np.random.Generator,
    *,
    parameters: Sequence[Parameter] = (),
    budget: float | None = None,
) -> tuple[Surrogate, Observations]:
    """Fit a forest to a run.

    Args:
        runs: of a result.
        configs: the configurations that ran.
        rng: as for :func:`fitted`.
        parameters: the hyperparameters; those that are seen in ``configs`` by default.
        budget: look at the runs on this budget alone, instead of moving all losses to the largest.

    Returns:
        The forest, and what it was fitted to.

    Raises:
        InvalidArgumentError: fewer than ten configurations have a loss, or they have no hyperparameter.
    """
    observed = comparable(runs, rng, budget)
    chosen = [configs[config_id] for config_id in observed.config_ids]
    parameters = parameters or inferred(chosen)
    return fitted(parameters, encoded(parameters, chosen), observed.losses, rng), observed


def fitted(parameters: Sequence[Parameter], codes: Array, losses: Array, rng: np.random.Generator) -> Surrogate:
    """Fit a forest to the losses of configurations.

    Beside each hyperparameter, the forest sees shadows: columns of the table whose values are shuffled, so that they
    have nothing to do with the loss. How much they seem to matter is how much noise seems to (Kursa & Rudnicki, J.
    Stat. Softw. 36, 2010).

    Args:
        parameters: the hyperparameters.
        codes: the configurations, of :func:`~hpbandster_ng.analysis.parameters.encoded`, shape (n, parameters).
        losses: finite, shape (n,).
        rng: draws the shadows and the samples that the trees are fitted to.

    Raises:
        InvalidArgumentError: there are fewer than ten configurations, or there is no hyperparameter.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> x = rng.random((200, 1))
        >>> fitted([Parameter("x")], x, 5.0 * x[:, 0], rng).explained > 0.99
        True
    """
    if len(losses) < _FEWEST:
        raise InvalidArgumentError(
            "losses", f"{len(losses)} configurations", f"must be at least {_FEWEST}", "wait until more have a loss"
        )
    if not len(parameters):
        raise InvalidArgumentError("parameters", [], "must contain a hyperparameter", "look at the configurations")
    num_values = np.array([len(each.values) for each in parameters])
    shadowed = rng.integers(len(parameters), size=_NUM_SHADOWS)
    shadows = rng.permuted(codes[:, shadowed], axis=0)
    grid = gridded(np.hstack([codes, shadows]), np.concatenate([num_values, num_values[shadowed]]))
    center, scale = _center_and_scale(losses)
    targets = losses / scale - center / scale  # the difference of the largest floats overflows
    samples = rng.integers(len(losses), size=(_NUM_TREES, len(losses)))
    trees = tuple(grown(grid, targets, sample, rng) for sample in samples)
    return Surrogate(tuple(parameters), grid, trees, center, scale, _explained(grid, trees, samples, targets))


def _center_and_scale(losses: Array) -> tuple[float, float]:
    largest = float(np.abs(losses).max()) or 1.0
    units = losses / largest
    return float(units.mean()) * largest, (float(units.std()) or 1.0) * largest


def _explained(grid: Grid, trees: Sequence[Tree], samples: npt.NDArray[np.int64], targets: Array) -> float:
    total, count = np.zeros(len(targets)), np.zeros(len(targets))
    for tree, sample in zip(trees, samples, strict=True):
        unseen = np.ones(len(targets), dtype=bool)
        unseen[sample] = False
        total[unseen] += tree.predict(grid.cells[unseen])
        count[unseen] += 1
    told = count > 0
    variance = float(targets[told].var()) if told.any() else 0.0
    if variance == 0:
        return 0.0
    return 1.0 - float(((targets[told] - total[told] / count[told]) ** 2).mean()) / variance
