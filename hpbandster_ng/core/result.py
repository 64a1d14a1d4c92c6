"""What a run found out: the object that ``optimizer.run()`` returns."""

from __future__ import annotations

import copy
import dataclasses
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from hpbandster_ng.core.recommendation import recommended
from hpbandster_ng.core.result_html import Incumbent, result_html, summary
from hpbandster_ng.core.result_pickle import plain_datum, read_pickle, write_pickle
from hpbandster_ng.core.result_tables import LossFunction, fanova_data, pandas_dataframe, tidy_dataframe
from hpbandster_ng.core.run import LearningCurve, Run, extract_HBS_learning_curves
from hpbandster_ng.engine.iteration import Datum
from hpbandster_ng.engine.records import ConfigId, OutcomeState
from hpbandster_ng.errors import InvalidArgumentError
from hpbandster_ng.storage.legacy_json import json_result_logger, read_log

if TYPE_CHECKING:
    from ConfigSpace import ConfigurationSpace

__all__ = [
    "Result",
    "Run",
    "extract_HBS_learning_curves",
    "json_result_logger",
    "logged_results_to_HBS_result",
]


def logged_results_to_HBS_result(directory: str | os.PathLike[str]) -> Result:
    """Read what :class:`json_result_logger` wrote, ours or the predecessor's.

    A last line that is cut off is skipped. A log of the predecessor does not tell ``max_budget``, as ours do: the
    largest budget seen is taken for it, so that the incumbent of a run that broke off may be one of a lower budget.

    Args:
        directory: where ``configs.json`` and ``results.json`` are.

    Raises:
        LogError: a file is missing, or a line is broken; names the directory, or the file and the line.
    """
    return Result(*read_log(directory))


def _loss(run: Run) -> float:
    return run.loss  # type: ignore[return-value]


class Result:
    """Everything that a run evaluated, with what came of it and when.

    The time stamps handed in are unix seconds; those of the result are relative to ``HB_config["time_ref"]``, the
    start of the run. They are made relative here and nowhere else, on copies. Configurations of iteration -1, which a
    warm start brought along, come with time stamps that are relative already and are left as they are.

    Args:
        HB_iteration_data: ``{config_id: Datum}`` of the whole run, or one such dictionary an iteration.
        HB_config: the run's settings: ``time_ref`` in unix seconds (None: all time stamps are relative already),
            ``max_budget``, ``budgets``, ``eta`` ...

    Attributes:
        data: :class:`Datum` by configuration id.
        HB_config: the settings.

    Example:
        >>> stamps = {"submitted": 1000.0, "started": 1000.5, "finished": 1002.0}
        >>> datum = Datum({"x": 0.5}, {}, {9.0: {"loss": 0.1, "info": {}}}, {9.0: stamps}, {9.0: None})
        >>> result = Result({(0, 0, 0): datum}, {"time_ref": 1000.0, "max_budget": 9.0, "budgets": [9.0]})
        >>> result
        <Result: 1 configuration, 1 run in 2 s, incumbent (0, 0, 0)>
        >>> result.get_all_runs()[0].time_stamps["finished"]
        2.0
    """

    def __init__(
        self,
        HB_iteration_data: Mapping[ConfigId, Datum] | Iterable[Mapping[ConfigId, Datum]],
        HB_config: Mapping[str, Any],
    ) -> None:
        parts = [HB_iteration_data] if isinstance(HB_iteration_data, Mapping) else HB_iteration_data
        time_ref = HB_config.get("time_ref") or 0.0
        self.HB_config: dict[str, Any] = dict(HB_config)
        self.data: dict[ConfigId, Datum] = {
            config_id: _relative_copy(datum, 0.0 if config_id[0] < 0 else time_ref)
            for part in parts
            for config_id, datum in part.items()
        }

    @classmethod
    def from_pickle(cls, path: str | os.PathLike[str]) -> Result:
        """Read a pickled result, ours or the predecessor's; unlike ``pickle.load``, this runs no code of the file.

        Raises:
            LogError: the file is damaged, or is not a pickled ``Result`` made of plain Python and numpy.
        """
        result = cls.__new__(cls)
        result.__setstate__(read_pickle(path))
        return result

    def to_pickle(self, path: str | os.PathLike[str]) -> None:
        """Pickle it for :meth:`from_pickle`; a process that is killed meanwhile leaves the old file, or none."""
        write_pickle(self, path)

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Results of the predecessor have numpy numbers for budgets; here they become Python's."""
        self.HB_config = dict(state["HB_config"])
        if isinstance(self.HB_config.get("budgets"), np.ndarray):
            self.HB_config["budgets"] = self.HB_config["budgets"].tolist()
        self.data = {config_id: plain_datum(datum) for config_id, datum in state["data"].items()}

    def __getitem__(self, config_id: ConfigId) -> Datum:
        return self.data[config_id]

    def __repr__(self) -> str:
        return f"<Result: {summary(self.get_all_runs(), len(self.data))}, incumbent {self.get_incumbent_id()}>"

    def _repr_html_(self) -> str:
        """What notebooks show: the runs on each budget, the incumbent, and how its loss came down."""
        config_id = self.get_incumbent_id()
        name = "Recommended, without a result on the largest budget:" if config_id is None else "Incumbent"
        best = self.recommend() if config_id is None else config_id
        if best is None:
            return result_html(self.get_all_runs(), len(self.data), None)
        curve = self.get_incumbent_trajectory(all_budgets=False)
        incumbent = Incumbent(name, best, self.data[best].config, curve["times_finished"], curve["losses"])
        return result_html(self.get_all_runs(), len(self.data), incumbent)

    def get_incumbent_id(self) -> ConfigId | None:
        """The configuration with the lowest loss on ``max_budget``; None if nothing succeeded there."""
        max_budget = self.HB_config.get("max_budget")
        runs = [run for run in self.get_all_runs() if run.is_success and run.budget == max_budget]
        return min(runs, key=_loss).config_id if runs else None

    def recommend(self) -> ConfigId | None:
        """The configuration with the lowest predicted loss on the largest budget that has a result; None without any.

        Unlike :meth:`get_incumbent_id`, this needs no result on ``max_budget``, and its first results, of a few
        configurations that happen to be early, do not displace the best of many on lower budgets: the losses of the
        configurations that ran on several budgets tell how well each budget foretells the next, and what is not known
        yet is predicted from that (:mod:`hpbandster_ng.core.recommendation` says how). If all ran on one budget,
        the lowest loss is recommended. Configurations of a warm start count like all others.

        Measured on 14 problems with the five optimizers of the Hyperband family and with FreezeThaw (model): the true
        full-budget regret of what is recommended, in units of random search's after 5 % of its budget.

        ===========  =========  =======================  =====  =====  =====  =====  =====  =====
        workers      optimizer  rule; share of the time  2 %    5 %    10 %   25 %   50 %   100 %
        ===========  =========  =======================  =====  =====  =====  =====  =====  =====
        1            the five   best on largest budget   1.02   1.02   0.60   0.44   0.34   0.26
        1            the five   this                     0.91   0.68   0.58   0.44   0.34   0.26
        1            model      best on largest budget   0.85   0.62   0.37   0.15   0.08   0.05
        1            model      this                     0.80   0.60   0.37   0.15   0.08   0.05
        8            the five   best on largest budget   2.07   1.45   0.76   0.47   0.34   0.26
        8            the five   this                     0.93   0.72   0.63   0.46   0.34   0.26
        8            model      best on largest budget   1.06   0.73   0.63   0.36   0.13   0.05
        8            model      this                     0.85   0.70   0.54   0.35   0.13   0.05
        64           the five   best on largest budget   2.29   1.72   1.35   1.87   0.57   0.32
        64           the five   this                     1.14   0.89   0.70   0.59   0.43   0.32
        64           model      best on largest budget   1.28   0.96   0.77   0.52   0.39   0.20
        64           model      this                     1.00   0.72   0.56   0.44   0.33   0.20
        ===========  =========  =======================  =====  =====  =====  =====  =====  =====

        Example:
            >>> def ran(losses):
            ...     stamps = {budget: {"finished": 0.0} for budget in losses}
            ...     return Datum({}, {}, {budget: {"loss": loss} for budget, loss in losses.items()}, stamps, {})
            >>> data = {(0, 0, 0): ran({1.0: 0.5}), (0, 0, 1): ran({1.0: 0.1}), (0, 0, 2): ran({1.0: 0.4, 9.0: 0.3})}
            >>> result = Result(data, {"max_budget": 9.0})
            >>> result.recommend(), result.get_incumbent_id()
            ((0, 0, 1), (0, 0, 2))
        """
        runs = [
            (number, budget, np.nan if result is None or result["loss"] is None else result["loss"])
            for number, datum in enumerate(self.data.values())
            for budget, result in datum.results.items()
            if datum.outcomes.get(budget) != OutcomeState.LOST.value  # which says nothing about the configuration
        ]
        best = recommended(*zip(*runs, strict=True)) if runs else None
        return None if best is None else list(self.data)[runs[best][0]]

    def get_incumbent_trajectory(
        self, all_budgets: bool = True, bigger_is_better: bool = True, non_decreasing_budget: bool = True
    ) -> dict[str, list[Any]]:
        """How the best configuration changed with time.

        Args:
            all_budgets: consider every run; otherwise those on ``max_budget`` only.
            bigger_is_better: a run on a larger budget than the incumbent's takes its place whatever its loss.
            non_decreasing_budget: a run on a smaller budget than the incumbent's never takes its place.

        Returns:
            ``{"config_ids", "times_finished", "budgets", "losses"}``: four lists with an entry a change, times in
            seconds. The last incumbent is repeated with the time when the last run finished, unless it was that run,
            so that a step plot reaches the end.

        Example:
            >>> Result({}, {}).get_incumbent_trajectory()
            {'config_ids': [], 'times_finished': [], 'budgets': [], 'losses': []}
        """
        max_budget = self.HB_config.get("max_budget")
        runs = [run for run in self.get_all_runs() if all_budgets or run.budget == max_budget]
        runs.sort(key=lambda run: run.time_stamps["finished"])
        changes: list[tuple[float, Run]] = []
        for run in runs:
            incumbent = changes[-1][1] if changes else None
            if run.is_success and _replaces(run, incumbent, bigger_is_better, non_decreasing_budget):
                changes.append((run.time_stamps["finished"], run))
        if changes and changes[-1][1] is not runs[-1]:
            changes.append((runs[-1].time_stamps["finished"], changes[-1][1]))
        return {
            "config_ids": [run.config_id for _, run in changes],
            "times_finished": [at for at, _ in changes],
            "budgets": [run.budget for _, run in changes],
            "losses": [run.loss for _, run in changes],
        }

    def get_runs_by_id(self, config_id: ConfigId) -> list[Run]:
        """All runs of a configuration, by ascending budget.

        Raises:
            InvalidArgumentError: no such configuration.
        """
        if config_id not in self.data:
            raise InvalidArgumentError(
                "config_id",
                config_id,
                f"is none of the {len(self.data)} configurations of this result",
                "get_id2config_mapping() lists them",
            )
        datum = self.data[config_id]
        return [_run(config_id, datum, budget) for budget in sorted(datum.results)]

    def get_all_runs(self, only_largest_budget: bool = False) -> list[Run]:
        """All runs, configuration by configuration, by ascending budget.

        Args:
            only_largest_budget: of each configuration, the run on the largest budget that it reached.
        """
        first = -1 if only_largest_budget else 0
        return [run for config_id in self.data for run in self.get_runs_by_id(config_id)[first:]]

    def get_id2config_mapping(self) -> dict[ConfigId, dict[str, Any]]:
        """``{config_id: {"config": ..., "config_info": ...}}``, copies that the caller may change."""
        return {
            config_id: {"config": copy.deepcopy(datum.config), "config_info": copy.deepcopy(datum.config_info)}
            for config_id, datum in self.data.items()
        }

    def num_iterations(self) -> int:
        """The number of iterations that were begun."""
        return max((config_id[0] for config_id in self.data), default=-1) + 1

    def get_learning_curves(
        self,
        lc_extractor: Callable[[list[Run]], list[LearningCurve]] = extract_HBS_learning_curves,
        config_ids: Iterable[ConfigId] | None = None,
    ) -> dict[ConfigId, list[LearningCurve]]:
        """The learning curves of each configuration.

        Args:
            lc_extractor: gets all runs of a configuration, failed ones with ``loss`` and ``info`` None included, and
                returns its curves, lists of ``(t, loss)``.
            config_ids: which configurations; all by default.

        Raises:
            InvalidArgumentError: no such configuration.
        """
        chosen = self.data if config_ids is None else config_ids
        return {config_id: lc_extractor(self.get_runs_by_id(config_id)) for config_id in chosen}

    def get_fANOVA_data(
        self,
        config_space: ConfigurationSpace,
        budgets: Sequence[float] | None = None,
        loss_fn: LossFunction = _loss,
        failed_loss: float | None = None,
    ) -> tuple[np.ndarray, np.ndarray, ConfigurationSpace]:
        """The run as numbers, for fANOVA and its kind.

        Args:
            config_space: the space that was searched; it is not changed.
            budgets: which runs; those on all of the run's budgets by default. With more than one, the budget is a
                hyperparameter of its own, ``budget``.
            loss_fn: gives the loss of a successful run.
            failed_loss: the loss of a failed run; failed runs are left out if it is None, and lost ones always.

        Returns:
            ``X`` of shape (runs, hyperparameters), ``y`` of shape (runs,), and the space that names the columns of
            ``X`` in their order. Numbers are given as they are, categorical and ordinal values by their position,
            constants as 0, inactive hyperparameters as NaN.

        Raises:
            InvalidArgumentError: the space does not fit the run, or has a ``budget`` already.
        """
        configs = {config_id: datum.config for config_id, datum in self.data.items()}
        runs, wanted = self.get_all_runs(), self._budgets(budgets)
        return fanova_data(runs, configs, config_space, wanted, loss_fn=loss_fn, failed_loss=failed_loss)

    def get_pandas_dataframe(
        self, budgets: Sequence[float] | None = None, loss_fn: LossFunction = _loss
    ) -> tuple[Any, Any]:
        """The run as two data frames with a row for each successful run.

        Args:
            budgets: which runs; those on all of the run's budgets by default.
            loss_fn: gives the loss of a run.

        Returns:
            A frame of the configurations, with a column ``budget`` if there is more than one, and a frame with the
            column ``loss``.

        Raises:
            InvalidArgumentError: there is a hyperparameter ``budget`` and more than one budget.
            MissingExtraError: pandas is not installed.
        """
        configs = {config_id: datum.config for config_id, datum in self.data.items()}
        return pandas_dataframe(self.get_all_runs(), configs, self._budgets(budgets), loss_fn)

    def to_pandas(self) -> Any:
        """The run as one data frame with a row for each run, failed ones included.

        ====================================  ==========================================================================
        ``iteration``, ``stage``, ``index``   the three parts of the configuration's id
        ``budget``, ``loss``                  on what it ran, and what came of it, if anything did
        ``outcome``                           ``succeeded``, ``failed``, ``invalid return``, ``timed out`` or ``lost``
        ``submitted``, ``started``,           seconds since the start of the run, as in ``time_stamps`` of :class:`Run`
        ``finished``
        ``duration``                          seconds from ``started`` to ``finished``
        ``worker``                            who computed it, where that is known
        ``model_based_pick``                  whether a model picked the configuration, where the generator tells
        ``error``                             the traceback or the reason if it failed
        ``config.*``                          a column for each hyperparameter; missing where inactive
        ``metric.*``                          a column for each metric of an experiment that has several
        ``info.*``                            a column for each number, text or truth value in a mapping ``info``
        ====================================  ==========================================================================

        Returns:
            The data frame; the columns up to ``error`` are always there.

        Raises:
            MissingExtraError: pandas is not installed.
        """
        return tidy_dataframe(self.get_all_runs(), self.data)

    def _budgets(self, budgets: Sequence[float] | None) -> list[float]:
        if budgets is None:
            budgets = self.HB_config.get("budgets", ())
        return [float(budget) for budget in budgets]


def _relative_copy(datum: Datum, time_ref: float) -> Datum:
    """The dictionaries are copied as well: the run that hands them in may go on."""
    stamps = {
        budget: {name: at - time_ref for name, at in at_budget.items()}
        for budget, at_budget in datum.time_stamps.items()
    }
    return dataclasses.replace(
        datum,
        results=dict(datum.results),
        time_stamps=stamps,
        exceptions=dict(datum.exceptions),
        outcomes=dict(datum.outcomes),
        workers=dict(datum.workers),
    )


def _run(config_id: ConfigId, datum: Datum, budget: float) -> Run:
    result = datum.results[budget]
    loss, info = (None, None) if result is None else (result["loss"], result.get("info"))
    run = Run(config_id, budget, loss, info, datum.time_stamps[budget], datum.exceptions.get(budget))
    if budget in datum.outcomes:
        run.outcome = OutcomeState(datum.outcomes[budget])
    run.worker = datum.workers.get(budget)
    return run


def _replaces(run: Run, incumbent: Run | None, bigger_is_better: bool, non_decreasing_budget: bool) -> bool:
    if incumbent is None:
        return True
    if non_decreasing_budget and run.budget < incumbent.budget:
        return False
    return _loss(run) < _loss(incumbent) or (bigger_is_better and run.budget > incumbent.budget)
