"""A result as a study of Optuna, for its visualisations and its dashboard."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import ConfigSpace

from hpbandster_ng.core.result import Result, Run
from hpbandster_ng.engine.numbers import numbers_of
from hpbandster_ng.errors import InvalidArgumentError, MissingExtraError
from hpbandster_ng.integrations.measures import step_of

try:
    import optuna
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
    from optuna.trial import TrialState
except ImportError as error:
    raise MissingExtraError("optuna_study", "optuna", "optuna") from error

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial

__all__ = ["optuna_study"]


def optuna_study(result: Result, configspace: ConfigSpace.ConfigurationSpace) -> optuna.Study:
    """A study, in memory, with a trial for each configuration that was evaluated.

    ====================  ==============================================================================================
    ``value``             the loss on the largest budget on which the configuration succeeded
    ``intermediate``      its losses by budget; where budgets are no whole numbers, by their rank
    ``state``             ``COMPLETE`` if it succeeded on the run's ``max_budget``, ``FAIL`` if its last run did not
                          succeed, otherwise ``PRUNED``
    ``user_attrs``        ``config_id``, ``budget``, ``error`` where it failed, ``model_based_pick``, and the numbers of
                          the last ``info``
    ====================  ==============================================================================================

    Args:
        configspace: that was searched; it says what Optuna calls distributions. An ordinal hyperparameter becomes a
            categorical one, and one without bounds gets those of what was drawn.

    Raises:
        InvalidArgumentError: the space does not fit the result.

    Example:
        >>> from hpbandster_ng.examples.commons import MyWorker
        >>> from hpbandster_ng.backends.inprocess import InProcessBackend
        >>> from hpbandster_ng.optimizers import HyperBand
        >>> space, backend = MyWorker.get_configspace(), InProcessBackend(MyWorker(run_id="0").compute)
        >>> with HyperBand(space, min_budget=1, max_budget=9, backend=backend, seed=0) as optimizer:
        ...     study = optuna_study(optimizer.run(n_iterations=1), space)
        >>> [trial.state.name for trial in study.trials].count("COMPLETE"), len(study.trials)
        (1, 9)
        >>> # optuna.visualization.plot_param_importances(study).show()
    """
    distributions = _distributions(result, configspace)
    trials = [
        _stamped(_trial(result, config_id, runs, distributions), result, runs) for config_id, runs in _evaluated(result)
    ]
    with _quiet():
        study = optuna.create_study(direction="minimize")
        study.add_trials(trials)
    return study


def _evaluated(result: Result) -> Iterator[tuple[Any, list[Run]]]:
    """Configurations with their runs, in the order in which the first of each ended."""
    by_id = {config_id: result.get_runs_by_id(config_id) for config_id in result.data}
    ended = [(config_id, runs) for config_id, runs in by_id.items() if runs]
    yield from sorted(ended, key=lambda each: min(run.time_stamps.get("finished", 0.0) for run in each[1]))


def _trial(
    result: Result, config_id: Any, runs: Sequence[Run], distributions: Mapping[str, BaseDistribution]
) -> FrozenTrial:
    config, info = result.data[config_id].config, result.data[config_id].config_info
    budgets = result.HB_config.get("budgets")
    losses = {step_of(run.budget, budgets): run.loss for run in runs if run.is_success and run.loss is not None}
    last = runs[-1]
    state = TrialState.FAIL
    if last.is_success:
        state = TrialState.COMPLETE if last.budget == result.HB_config.get("max_budget") else TrialState.PRUNED
    attributes = {
        "config_id": "_".join(map(str, config_id)),
        "budget": last.budget,
        "error": last.error_logs,
        "model_based_pick": info.get("model_based_pick"),
        **numbers_of(last.info),
    }
    return optuna.trial.create_trial(
        state=state,
        value=list(losses.values())[-1] if last.is_success else None,
        params=dict(config),
        distributions={name: distributions[name] for name in config},
        user_attrs={name: value for name, value in attributes.items() if value is not None},
        intermediate_values=losses,
    )


def _stamped(trial: FrozenTrial, result: Result, runs: Sequence[Run]) -> FrozenTrial:
    """Optuna stamps a trial with the time of its making; ours began and ended earlier."""
    begin = result.HB_config.get("time_ref") or 0.0
    stamps = [run.time_stamps for run in runs]
    trial.datetime_start = _local(begin + min(each.get("started", each["finished"]) for each in stamps))
    trial.datetime_complete = _local(begin + max(each["finished"] for each in stamps))
    return trial


def _local(at: float) -> datetime:
    """As Optuna keeps times: by the clock of this machine, without its zone."""
    return datetime.fromtimestamp(at, tz=timezone.utc).astimezone().replace(tzinfo=None)


def _distributions(result: Result, configspace: ConfigSpace.ConfigurationSpace) -> dict[str, BaseDistribution]:
    configs = [datum.config for datum in result.data.values()]
    if strangers := sorted({name for config in configs for name in config} - set(configspace)):
        raise InvalidArgumentError(
            "configspace", list(configspace), f"does not have {strangers}, which a configuration of the result has",
            "give the space that the run searched",
        )  # fmt: skip
    return {
        name: _distribution(configspace[name], [config[name] for config in configs if name in config])
        for name in configspace
    }


def _distribution(hyperparameter: Any, drawn: Sequence[Any]) -> BaseDistribution:
    if isinstance(hyperparameter, ConfigSpace.CategoricalHyperparameter):
        return CategoricalDistribution([*map(_plain, hyperparameter.choices)])
    if isinstance(hyperparameter, ConfigSpace.OrdinalHyperparameter):
        return CategoricalDistribution([*map(_plain, hyperparameter.sequence)])
    if isinstance(hyperparameter, ConfigSpace.Constant):
        return CategoricalDistribution([_plain(hyperparameter.value)])
    low, high = _bounds(hyperparameter, drawn)
    is_log = bool(getattr(hyperparameter, "log", False)) and low > 0
    if all(isinstance(value, int) for value in (*drawn, low, high)):
        return IntDistribution(int(low), int(high), log=is_log)
    return FloatDistribution(float(low), float(high), log=is_log)


def _bounds(hyperparameter: Any, drawn: Sequence[Any]) -> tuple[Any, Any]:
    """Those of the hyperparameter, and wide enough for what was drawn."""
    given = [getattr(hyperparameter, name, None) for name in ("lower", "upper")]
    known = [_plain(value) for value in given if value is not None and math.isfinite(value)]
    return min([*known, *drawn], default=0), max([*known, *drawn], default=0)


def _plain(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else value


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Optuna prints that it has made a study."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)
