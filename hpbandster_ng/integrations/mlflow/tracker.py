"""What a run has in MLflow, and how it gets there."""

from __future__ import annotations

import hashlib
import posixpath
import re
import time
from collections.abc import Container, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import mlflow
from mlflow.entities import Metric, Param, Run, RunStatus, RunTag
from mlflow.tracking import fluent
from mlflow.tracking.context.registry import resolve_tags

from hpbandster_ng.engine.events import RunDescribed, StartJob
from hpbandster_ng.engine.records import ConfigId, Job, JobReport, OutcomeState
from hpbandster_ng.integrations.measures import measures_of, step_of

__all__ = ["IncumbentPoint", "Tracker"]

_MAX_PARAMS, _MAX_METRICS, _MAX_RUNS = 100, 500, 1000
"""Of one request."""

_LONGEST_NAME, _LONGEST_PARAM, _LONGEST_TAG = 200, 6000, 5000
"""Characters that MLflow takes; a name may get a suffix, too."""

_PREFIX = "hpbandster_ng."
_RUN, _CONFIG_ID, _BUDGETS = f"{_PREFIX}run", f"{_PREFIX}config_id", f"{_PREFIX}budgets"
"""Tags by which a master finds again what an earlier one has logged."""

_PARENT, _NAME = "mlflow.parentRunId", "mlflow.runName"

_STATUS = {OutcomeState.SUCCEEDED: "FINISHED", OutcomeState.CANCELLED: "KILLED"}
"""All others have failed."""


class IncumbentPoint(NamedTuple):
    """The best run so far.

    Attributes:
        at: when it ended, in unix seconds.
        number: so many runs had ended then.
    """

    loss: float
    budget: float
    at: float
    number: int


@dataclass
class _Child:
    """A child run.

    Attributes:
        budgets: those that have been logged.
        taken: names of metrics that are not ours; None before anybody has looked.
    """

    run_id: str
    artifact_uri: str
    budgets: set[str] = field(default_factory=set)
    is_running: bool = True
    taken: set[str] | None = None


class Tracker:
    """What a run has in MLflow; made in the run's thread, otherwise used by the sender's.

    Args:
        described: the first entry of the run's log.
        is_new: whether no other master can have logged anything of it.

    Attributes:
        children: child runs, by configuration.
    """

    def __init__(self, described: RunDescribed, is_new: bool) -> None:
        self.children: dict[ConfigId, _Child] = {}
        self._described = described
        self._is_new = is_new
        self._identity = hashlib.sha256(f"{described.run_id}\n{described.at!r}".encode()).hexdigest()[:16]
        self._tracking_uri = mlflow.get_tracking_uri()
        self._active = mlflow.active_run()
        self._experiment_id: Any = None if self._active is None else self._active.info.experiment_id
        self._parent_id: Any = None
        self._has_begun = False
        self._is_running = False
        self._taken: set[str] = set()

    def begin(self) -> None:
        """Have a parent run, and tell it what runs; what cannot be done now is tried again with the next call."""
        if self._has_begun:
            return
        self._client = mlflow.MlflowClient(self._tracking_uri)
        self._experiment_id = self._experiment_id or fluent._get_experiment_id()
        self._common_tags = resolve_tags()
        if not self._is_new:
            self._find()
        if self._parent_id is None:
            self._parent_id = self._create_parent() if self._active is None else self._active.info.run_id
        parent = self._client.get_run(self._parent_id)
        self._is_running = parent.info.status == "RUNNING"
        self._taken = self._foreign(parent.data.metrics, has_ours=not self._is_new)
        self._log_settings(parent.data.params)
        self._has_begun = True

    def go_on(self) -> None:
        """The parent run is running again, if it is ours."""
        self.begin()
        if self._ends_parent:
            self._set_status(self._parent_id, "RUNNING")
            self._is_running = True

    def child_of(self, job: Job) -> _Child:
        """The child run of a configuration; made when it is asked for first."""
        if job.config_id not in self.children:
            self.begin()
            name = "config_{}_{}_{}".format(*job.config_id)
            tags = {**self._common_tags, _RUN: self._identity, _PARENT: self._parent_id, _NAME: name}
            tags |= self._tags(self._about(job))
            run = self._client.create_run(self._experiment_id, tags=tags, run_name=name)
            self.children[job.config_id] = _Child(run.info.run_id, run.info.artifact_uri)
        return self.children[job.config_id]

    def settings(self, config_id: ConfigId) -> dict[str, str]:
        """For :class:`ChildRun`."""
        child = self.children[config_id]
        return {
            "run_id": child.run_id,
            "experiment_id": self._experiment_id,
            "artifact_uri": child.artifact_uri,
            "tracking_uri": self._tracking_uri,
        }

    def start(self, start: StartJob) -> None:
        child = self.children.get(start.config_id)
        if child is not None and not child.is_running:
            self._set_status(child.run_id, "RUNNING")
            child.is_running = True

    def end(self, report: JobReport) -> None:
        """Log an evaluation, unless that was done."""
        child, budget = self.child_of(report.job), repr(report.job.budget)
        status = _STATUS.get(report.outcome.state, "FAILED")
        if budget in child.budgets:
            if child.is_running:  # a master was killed between the two
                self._end(child, status, report.finished)
            return
        params: list[Param] = []
        if child.taken is None:
            data = self._client.get_run(child.run_id).data
            child.taken = self._foreign(data.metrics, has_ours=bool(child.budgets))
            params = self._params(report.job.config, data.params)
        tags = {"state": report.outcome.state.value, "worker": report.worker_name, "error": report.exception}
        told = {*child.budgets, budget}
        step = step_of(report.job.budget, self._described.description.get("budgets"))
        texts = {**self._tags(tags), _BUDGETS: ",".join(sorted(told, key=float))}
        metrics = self._metrics(measures_of(report), child.taken, report.finished, step)
        self._log(child.run_id, metrics, params, [RunTag(name, text) for name, text in texts.items()])
        child.budgets = told
        self._end(child, status, report.finished)

    def _end(self, child: _Child, status: str, at: float) -> None:
        self._set_status(child.run_id, status, at)
        child.is_running = False

    def end_all(self, reports: Sequence[JobReport]) -> None:
        for report in reports:
            self.end(report)

    def tell_incumbents(self, points: Sequence[IncumbentPoint]) -> None:
        self.begin()
        metrics = [
            metric
            for point in points
            for metric in self._metrics(
                {"incumbent_loss": point.loss, "incumbent_budget": point.budget}, self._taken, point.at, point.number
            )
        ]
        self._log(self._parent_id, metrics)

    def finish(self) -> None:
        """End what is not ended; it is running again if the run goes on."""
        self.begin()
        cut_off = [child for child in self.children.values() if child.is_running]
        for child in cut_off:
            self._set_status(child.run_id, "KILLED", time.time())
            child.is_running = False
        if self._ends_parent and self._is_running:
            self._set_status(self._parent_id, "KILLED" if cut_off else "FINISHED", time.time())
            self._is_running = False

    @property
    def _ends_parent(self) -> bool:
        return self._active is None or self._active.info.run_id != self._parent_id

    def _find(self) -> None:
        page: Any = None
        while page is None or page.token:
            page = self._client.search_runs(
                [self._experiment_id], f"tags.`{_RUN}` = '{self._identity}'", max_results=_MAX_RUNS,
                page_token=page and page.token,
            )  # fmt: skip
            for run in page:
                self._take_in(run)

    def _take_in(self, run: Run) -> None:
        tags = run.data.tags
        if _CONFIG_ID not in tags:
            self._parent_id = run.info.run_id
            return
        self._parent_id = tags.get(_PARENT, self._parent_id)
        iteration, stage, index = map(int, tags[_CONFIG_ID].split("_"))
        budgets = set(filter(None, tags.get(_BUDGETS, "").split(",")))
        is_running = run.info.status == "RUNNING"
        self.children[iteration, stage, index] = _Child(run.info.run_id, run.info.artifact_uri, budgets, is_running)

    def _create_parent(self) -> str:
        name = self._described.run_id
        tags = {**self._common_tags, _RUN: self._identity, f"{_PREFIX}run_id": name, _NAME: name}
        run_id: str = self._client.create_run(
            self._experiment_id, _milliseconds(self._described.at), tags, run_name=name
        ).info.run_id
        return run_id

    def _log_settings(self, existing: Mapping[str, str]) -> None:
        """Masters that share a parent run may do so at the same moment: whose names are taken finds out by an error."""
        settings = {name: value for name, value in self._described.description.items() if name != "configspace"}
        with suppress(mlflow.MlflowException):
            self._log(self._parent_id, params=self._params(settings, existing))
            return
        self._log(self._parent_id, params=self._params(settings, {**dict.fromkeys(settings, ""), **existing}))

    def _about(self, job: Job) -> dict[str, Any]:
        turns = self._described.description.get("max_SH_iter")
        iteration = job.config_id[0]
        return {
            "config_id": "_".join(map(str, job.config_id)),
            "iteration": iteration,
            "bracket": iteration % turns if turns else None,
            "model_based_pick": job.config_info.get("model_based_pick"),
        }

    def _suffixed(self, name: str) -> str:
        return f"{name}_{self._identity[:8]}"

    def _free(self, name: str, taken: Container[str]) -> str:
        name = _clean(name)
        while name in taken:
            name = self._suffixed(name)
        return name

    def _foreign(self, metrics: Mapping[str, float], has_ours: bool) -> set[str]:
        """Names that others have logged metrics under: all there are, or those for which ours have got a suffix."""
        return {name for name in metrics if not has_ours or self._suffixed(name) in metrics}

    def _params(self, values: Mapping[str, Any], existing: Mapping[str, str]) -> list[Param]:
        params = []
        for name, value in values.items():
            text, clean = str(value)[:_LONGEST_PARAM], _clean(name)
            if value is not None and text not in (existing.get(clean), existing.get(self._suffixed(clean))):
                params.append(Param(self._free(name, existing), text))
        return params

    def _metrics(self, values: Mapping[str, float], taken: Container[str], at: float, step: int) -> list[Metric]:
        stamp = _milliseconds(at)
        return [Metric(self._free(name, taken), float(value), stamp, step) for name, value in values.items()]

    def _tags(self, values: Mapping[str, Any]) -> dict[str, str]:
        return {f"{_PREFIX}{name}": str(value)[-_LONGEST_TAG:] for name, value in values.items() if value is not None}

    def _set_status(self, run_id: str, status: str, at: float | None = None) -> None:
        """``MlflowClient.set_terminated`` does this, and prints a link for each child run.

        Args:
            at: when it ended, if it has.
        """
        ended = None if at is None else _milliseconds(at)
        store = self._client._tracking_client.store
        store.update_run_info(run_id, RunStatus.from_string(status), ended, run_name=None)

    def _log(
        self,
        run_id: str,
        metrics: Sequence[Metric] = (),
        params: Sequence[Param] = (),
        tags: Sequence[RunTag] = (),
    ) -> None:
        """Tags come last: they say that the rest is there."""
        while len(metrics) > _MAX_METRICS or len(params) > _MAX_PARAMS:
            self._client.log_batch(run_id, metrics[:_MAX_METRICS], params[:_MAX_PARAMS])
            metrics, params = metrics[_MAX_METRICS:], params[_MAX_PARAMS:]
        if metrics or params or tags:
            self._client.log_batch(run_id, metrics, params, tags)


def _clean(name: str) -> str:
    """Of the characters that MLflow takes, and no path that leads anywhere else.

    Example:
        >>> _clean("lr:adam=1"), _clean("time/train"), _clean("/a//b"), _clean("..")
        ('lr_adam_1', 'time/train', '__a__b', '_..')
    """
    clean = re.sub(r"[^\w\-. /]", "_", name)[:_LONGEST_NAME]
    if clean != posixpath.normpath(clean) or clean.startswith((".", "/")):
        return f"_{clean.replace('/', '_')}"[:_LONGEST_NAME]
    return clean


def _milliseconds(at: float) -> int:
    return int(at * 1000)
