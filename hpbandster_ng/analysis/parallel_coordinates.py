"""Configurations as lines across parallel axes, one a hyperparameter, and one for the loss."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

from hpbandster_ng.analysis.parameters import Parameter, encoded, inferred
from hpbandster_ng.analysis.runs import AnyRun, by_budget, spans_magnitudes, successful_runs
from hpbandster_ng.analysis.ticks import parameter_ticks
from hpbandster_ng.engine.records import Config, ConfigId
from hpbandster_ng.engine.schedule import budget_text
from hpbandster_ng.errors import InvalidArgumentError

__all__ = ["ParallelCoordinates", "axis_ticks", "loss_ticks", "parallel_coordinates"]

Array = npt.NDArray[np.float64]

_INACTIVE = -0.08
"""Where a line meets the axis of an inactive hyperparameter: below all values."""


@dataclass(frozen=True)
class ParallelCoordinates:
    """What parallel coordinates show, from the worst line to the best, so that the best is drawn over the others.

    Attributes:
        parameters: the axes.
        config_ids: n lines.
        positions: where each line meets each axis: 0 to 1 from the lower to the upper end of its range, below 0 where
            the hyperparameter is inactive. Shape (n, parameters).
        losses: shape (n,).
        ranks: 0 for the best of the configurations, 1 for the worst, shape (n,).
        budget: the losses are those on this budget.
        is_log: whether the losses span orders of magnitude.
        num_configs: how many configurations ran on the budget; more than n where only some are shown.
    """

    parameters: tuple[Parameter, ...]
    config_ids: tuple[ConfigId, ...]
    positions: Array
    losses: Array
    ranks: Array
    budget: float
    is_log: bool
    num_configs: int

    @property
    def title(self) -> str:
        shown = len(self.config_ids)
        some = f"{shown} of {self.num_configs:,}" if shown < self.num_configs else f"{shown:,}"
        return f"{some} configuration{'' if some == '1' else 's'} on budget {budget_text(self.budget)}"

    @property
    def loss_positions(self) -> Array:
        """Where each line meets the axis of the loss, 0 to 1."""
        losses = np.log(self.losses) if self.is_log else self.losses
        low, high = losses.min(), losses.max()
        return np.asarray((losses - low) / ((high - low) or 1.0))


def parallel_coordinates(
    runs: Iterable[AnyRun],
    configs: Mapping[ConfigId, Config],
    parameters: Sequence[Parameter] = (),
    budget: float | None = None,
    max_configs: int = 500,
) -> ParallelCoordinates:
    """Put the configurations that ran on one budget on parallel axes.

    Args:
        runs: of a result.
        configs: the configurations that ran.
        parameters: the axes; the hyperparameters that are seen in ``configs`` by default.
        budget: which; the largest on which ten configurations succeeded by default, or, if there is none, the one on
            which most did.
        max_configs: of more, half are the best, and the other half are spread evenly over the ranks of the others.

    Raises:
        InvalidArgumentError: no run was successful, none on ``budget`` was, or they have no hyperparameter.

    Example:
        >>> from hpbandster_ng.core.run import Run
        >>> runs = [Run((0, 0, i), 9, loss, None, {}, None) for i, loss in enumerate([0.5, 0.7, 0.2])]
        >>> configs = {(0, 0, i): {"x": x} for i, x in enumerate([1.0, 2.0, 5.0])}
        >>> lines = parallel_coordinates(runs, configs)
        >>> lines.losses.tolist(), lines.positions.tolist()
        ([0.7, 0.5, 0.2], [[0.25], [0.0], [1.0]])
    """
    on_budgets = by_budget(run for run, _ in successful_runs(runs))
    budget = _default_budget(on_budgets) if budget is None else budget
    if budget not in on_budgets:
        raise InvalidArgumentError(
            "budget", budget, "must be one on which a run was successful", f"there are {list(on_budgets)}"
        )
    chosen = on_budgets[budget]
    losses = np.array([run.loss for run in chosen], dtype=np.float64)
    order = np.argsort(losses, kind="stable")
    shown = order[_spread(len(order), max_configs)][::-1]
    config_ids = tuple(chosen[i].config_id for i in shown)
    parameters = tuple(parameters or inferred([configs[run.config_id] for run in chosen]))
    if not parameters:
        raise InvalidArgumentError("parameters", [], "must contain a hyperparameter", "look at the configurations")
    codes = encoded(parameters, [configs[config_id] for config_id in config_ids])
    return ParallelCoordinates(
        parameters,
        config_ids,
        _positions(parameters, codes),
        losses[shown],
        (rankdata(losses)[shown] - 1) / max(1, len(losses) - 1),
        budget,
        spans_magnitudes(losses.tolist()),
        len(chosen),
    )


def _default_budget(on_budgets: Mapping[float, Sequence[AnyRun]]) -> float:
    enough = [budget for budget, runs in on_budgets.items() if len(runs) >= 10]
    return max(enough) if enough else max(on_budgets, key=lambda budget: (len(on_budgets[budget]), budget))


def _spread(count: int, limit: int) -> npt.NDArray[np.int64]:
    """Which of ``count`` ranks are shown."""
    if count <= limit:
        return np.arange(count)
    num_best = limit // 2
    return np.concatenate([np.arange(num_best), np.linspace(num_best, count - 1, limit - num_best).astype(np.int64)])


def _positions(parameters: Sequence[Parameter], codes: Array) -> Array:
    """Values of a category stand in the middle of equal parts of their axis."""
    num_values = np.array([len(each.values) for each in parameters])
    positions = np.where(num_values > 0, (codes + 0.5) / np.maximum(num_values, 1), codes)
    return np.where(np.isnan(codes), _INACTIVE, positions)


def axis_ticks(told: ParallelCoordinates, parameter: Parameter) -> list[tuple[float, str]]:
    """Some values of an axis: where they are on it, and a text."""
    ticks = parameter_ticks(parameter)
    codes = np.array([[code] for code, _ in ticks])
    positions = _positions([parameter], codes)[:, 0].tolist()
    found = [(position, text) for position, (_, text) in zip(positions, ticks, strict=True)]
    has_inactive = (told.positions[:, told.parameters.index(parameter)] < 0).any()
    return [(_INACTIVE, "inactive"), *found] if has_inactive else found


def loss_ticks(told: ParallelCoordinates) -> list[tuple[float, str]]:
    """Some losses: where they are on the axis of the loss, and a text."""
    axis = Parameter("loss", (), float(told.losses.min()), float(told.losses.max()), told.is_log)
    return parameter_ticks(axis)
