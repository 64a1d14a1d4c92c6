"""A run as a table: of numbers, for tools that tell which hyperparameters matter, or of all that is known."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import ConfigSpace
import numpy as np

from hpbandster_ng.core.run import Run
from hpbandster_ng.engine.iteration import Datum
from hpbandster_ng.engine.records import Config, ConfigId, OutcomeState
from hpbandster_ng.errors import InvalidArgumentError, MissingExtraError

__all__ = ["LossFunction", "fanova_data", "pandas_dataframe", "run_columns", "run_rows", "tidy_dataframe"]

LossFunction = Callable[[Run], float]

_BUDGET = "budget"
"""The name of the column, and of the hyperparameter, that holds the budget."""


def fanova_data(
    runs: Iterable[Run],
    configs: Mapping[ConfigId, Config],
    config_space: ConfigSpace.ConfigurationSpace,
    budgets: Sequence[float],
    *,
    loss_fn: LossFunction,
    failed_loss: float | None,
) -> tuple[np.ndarray, np.ndarray, ConfigSpace.ConfigurationSpace]:
    """The work of ``Result.get_fANOVA_data``, which documents it."""
    with_budget = len(budgets) > 1
    space = _space_with_budget(config_space, budgets) if with_budget else copy.deepcopy(config_space)
    names = list(space)
    rows: list[list[float]] = []
    losses: list[float] = []
    for run in runs:
        is_without_loss = run.loss is None and (failed_loss is None or run.outcome is OutcomeState.LOST)
        if run.budget not in budgets or is_without_loss:
            continue
        config = {**configs[run.config_id], **({_BUDGET: run.budget} if with_budget else {})}
        _refuse_strangers(config, names, run.config_id)
        rows.append([_as_number(space[name], config.get(name)) for name in names])
        losses.append(loss_fn(run) if run.loss is not None else failed_loss)  # type: ignore[arg-type]
    return np.array(rows, dtype=float).reshape(len(rows), len(names)), np.array(losses, dtype=float), space


def _space_with_budget(
    config_space: ConfigSpace.ConfigurationSpace, budgets: Sequence[float]
) -> ConfigSpace.ConfigurationSpace:
    if _BUDGET in list(config_space):
        raise InvalidArgumentError(
            "budgets",
            list(budgets),
            f"must be one budget where a hyperparameter is called {_BUDGET!r}",
            "ask for each budget on its own",
        )
    space = copy.deepcopy(config_space)
    axis = ConfigSpace.UniformFloatHyperparameter(_BUDGET, float(min(budgets)), float(max(budgets)), log=True)
    add = space.add if hasattr(space, "add") else space.add_hyperparameter  # ConfigSpace 1.x, 0.7
    add(axis)
    return space


def _refuse_strangers(config: Config, names: Sequence[str], config_id: ConfigId) -> None:
    strangers = sorted(set(config) - set(names))
    if strangers:
        raise InvalidArgumentError(
            "config_space",
            names,
            f"does not have {strangers}, which configuration {config_id} has",
            "give the space that the run searched",
        )


def _as_number(hyperparameter: Any, value: Any) -> float:
    if value is None:
        return math.nan
    if isinstance(hyperparameter, ConfigSpace.Constant):
        return 0.0
    if isinstance(hyperparameter, ConfigSpace.CategoricalHyperparameter):
        return _index(hyperparameter, list(hyperparameter.choices), value)
    if isinstance(hyperparameter, ConfigSpace.OrdinalHyperparameter):
        return _index(hyperparameter, list(hyperparameter.sequence), value)
    return float(value)


def _index(hyperparameter: Any, choices: list[Any], value: Any) -> float:
    if value not in choices:
        raise InvalidArgumentError(
            "config_space",
            hyperparameter,
            f"does not offer {value!r}, which a configuration of the run has",
            "give the space that the run searched",
        )
    return float(choices.index(value))


def pandas_dataframe(
    runs: Iterable[Run], configs: Mapping[ConfigId, Config], budgets: Sequence[float], loss_fn: LossFunction
) -> tuple[Any, Any]:
    """The work of ``Result.get_pandas_dataframe``, which documents it."""
    pd = _pandas("Result.get_pandas_dataframe")
    chosen = [run for run in runs if run.budget in budgets and run.loss is not None]
    rows = [dict(configs[run.config_id]) for run in chosen]
    if len(budgets) > 1:
        if any(_BUDGET in row for row in rows):
            raise InvalidArgumentError(
                "budgets",
                list(budgets),
                f"must be one budget where a hyperparameter is called {_BUDGET!r}",
                "ask for each budget on its own",
            )
        rows = [{**row, _BUDGET: run.budget} for row, run in zip(rows, chosen, strict=True)]
    return pd.DataFrame(rows), pd.DataFrame({"loss": [loss_fn(run) for run in chosen]})


def run_rows(runs: Iterable[Run], data: Mapping[ConfigId, Datum]) -> list[dict[str, Any]]:
    """A row a run, with the columns that :func:`run_columns` lists; where a run has no value, the column is absent.

    Args:
        runs: ``result.get_all_runs()``, or some of them.
        data: ``result.data``.

    Example:
        >>> stamps = {"submitted": 0.0, "started": 1.0, "finished": 3.5}
        >>> datum = Datum({"x": 0.5}, {"model_based_pick": True})
        >>> run = Run((0, 0, 3), 9.0, 0.25, {"accuracy": 0.75, "curve": [1, 2]}, stamps, None, worker="w")
        >>> rows = run_rows([run], {(0, 0, 3): datum})
        >>> rows[0]["loss"], rows[0]["duration"], rows[0]["config.x"], rows[0]["info.accuracy"]
        (0.25, 2.5, 0.5, 0.75)
        >>> run_columns(rows)[-3:]
        ['error', 'config.x', 'info.accuracy']
    """
    return [_row(run, data[run.config_id]) for run in runs]


_COLUMNS = (
    *("iteration", "stage", "index", "budget", "loss", "outcome"),
    *("submitted", "started", "finished", "duration", "worker", "model_based_pick", "error"),
)
_PREFIXES = ("config.", "metric.", "info.")
_SCALARS = (bool, int, float, str)


def run_columns(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """The columns of rows, in their order: those that every table has, then configurations, metrics and ``info``."""
    named = dict.fromkeys(name for row in rows for name in row if name not in _COLUMNS)
    return [*_COLUMNS, *(name for prefix in _PREFIXES for name in named if name.startswith(prefix))]


def _row(run: Run, datum: Datum) -> dict[str, Any]:
    told = datum.results.get(run.budget) or {}
    info = run.info if isinstance(run.info, Mapping) else {}
    stamps = run.time_stamps
    row = {
        **dict(zip(("iteration", "stage", "index"), run.config_id, strict=True)),
        "budget": run.budget,
        "loss": run.loss,
        "outcome": run.outcome.value,
        **{name: stamps.get(name) for name in ("submitted", "started", "finished")},
        "duration": stamps["finished"] - stamps["started"] if "started" in stamps else None,
        "worker": run.worker,
        "model_based_pick": datum.config_info.get("model_based_pick"),
        "error": run.error_logs,
        **{f"config.{name}": value for name, value in datum.config.items()},
        **{f"metric.{name}": value for name, value in told.get("metrics", {}).items()},
        **{f"info.{name}": value for name, value in info.items() if isinstance(value, _SCALARS)},
    }
    return {name: value for name, value in row.items() if value is not None}


def tidy_dataframe(runs: Iterable[Run], data: Mapping[ConfigId, Datum]) -> Any:
    """The work of ``Result.to_pandas``, which documents it."""
    pd = _pandas("Result.to_pandas")
    rows = run_rows(runs, data)
    return pd.DataFrame(rows, columns=run_columns(rows))


def _pandas(feature: str) -> Any:
    try:
        import pandas as pd  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise MissingExtraError(feature, "pandas", "pandas") from error
    return pd
