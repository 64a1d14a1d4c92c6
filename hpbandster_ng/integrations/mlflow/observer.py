"""The master's side: what happens in a run, handed to the thread that tells MLflow."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from hpbandster_ng.analysis.standing import Standing
from hpbandster_ng.engine.events import EndJob, Event, QueueJob, RunDescribed, RunResumed, StartJob
from hpbandster_ng.engine.records import Job, JobReport
from hpbandster_ng.integrations.mlflow.tracker import IncumbentPoint, Tracker
from hpbandster_ng.integrations.sender import Sender

__all__ = ["MlflowObserver"]

_TOOL = "mlflow"
"""The name of its settings in what travels with a job."""

_PATIENCE = 3.0
"""Seconds that a job waits for its child run."""

_GOODBYE = 15.0
"""Seconds for which the end of a run waits until all is told."""

_PART = 20
"""So many evaluations of earlier masters are looked at in one go."""


class MlflowObserver:
    """Logs a run to MLflow; an entry of ``observers``.

    The parent is the run that is active when the optimizer's ``run`` is called first, and is then left as it is;
    otherwise one is begun, named as the ``run_id``, and ended with the optimizer. Server and experiment are those that
    MLflow has there (``mlflow.set_tracking_uri``, ``mlflow.set_experiment``, or their environment variables).

    ==========  ========================================================================================================
    parent run  parameters: the optimizer's settings; metrics ``incumbent_loss`` and ``incumbent_budget`` over the
                number of runs that ended
    child run   parameters: the configuration; metrics ``loss``, ``budget``, ``seconds``, and the numbers of ``info``,
                nested ones by dotted names; tags ``hpbandster_ng.state``, ``.error``, ``.worker``, ``.iteration``,
                ``.bracket`` (where the iterations take turns: whose turn it is), ``.model_based_pick``
    step        the budget; where budgets are no whole numbers, their rank among those of the run
    ==========  ========================================================================================================

    ``compute`` may log to the child run by ``mlflow.log_param`` and its kind, on whatever machine, as long as it can
    reach the server; further runs that it starts are nested ones (``mlflow.start_run(nested=True)``). What it has
    logged when its first evaluation ends keeps its name; if ours is the same, ours gets a suffix.

    If MLflow is slow or away, the run goes on without it: up to 10,000 calls wait, further ones are dropped, and the
    log says how many. A run that goes on from its storage adds what is missing. How long a single call may take, and
    how often it is repeated, say MLflow's own ``MLFLOW_HTTP_REQUEST_TIMEOUT`` and ``MLFLOW_HTTP_REQUEST_MAX_RETRIES``.

    Example::

        mlflow.set_tracking_uri("http://mlflow.example.org:5000")
        mlflow.set_experiment("digits")
        with BOHB(space, observers=[MlflowObserver()], min_budget=1, max_budget=27, **address) as bohb:
            bohb.run(n_iterations=8)
    """

    def __init__(self) -> None:
        self._sender = Sender("MLflow")
        self._tracker: Tracker | None = None
        self._standing = Standing()

    def __call__(self, event: Event) -> None:
        if isinstance(event, RunDescribed):
            self._tracker = Tracker(event, is_new=True)
        if self._tracker is None:  # a log that does not begin with its beginning is no run's
            return
        match event:
            case RunDescribed():
                self._sender.put(self._tracker.begin)
            case RunResumed():
                self._sender.put(self._tracker.go_on)
            case QueueJob():
                self._sender.put(partial(self._tracker.child_of, event.job), first=True)
            case StartJob():
                self._sender.put(partial(self._tracker.start, event))
            case EndJob():
                self._sender.put(partial(self._tracker.end, event.report))
                if incumbent := self._challenge(event):
                    self._sender.put(partial(self._tracker.tell_incumbents, [incumbent]))

    def replay(self, events: Sequence[Event]) -> None:
        """Find what earlier masters have logged, and add what they have not."""
        described = next((event for event in events if isinstance(event, RunDescribed)), None)
        if described is None:
            return
        self._tracker = Tracker(described, is_new=False)
        self._sender.put(self._tracker.begin)
        ends = [event for event in events if isinstance(event, EndJob)]
        incumbents = list(filter(None, map(self._challenge, ends)))
        self._sender.put(partial(self._tracker.tell_incumbents, incumbents))
        self._catch_up(self._tracker, [event.report for event in ends])

    def context(self, job: Job) -> dict[str, dict[str, str]]:
        """Which child run a job's worker logs to; none if MLflow does not tell in time."""
        if (tracker := self._tracker) is None:
            return {}
        if job.config_id not in tracker.children:
            self._sender.put(partial(tracker.child_of, job), first=True)
        if not self._sender.wait_for(lambda: job.config_id in tracker.children, _PATIENCE):
            return {}
        return {_TOOL: tracker.settings(job.config_id)}

    def close(self) -> None:
        """End the parent run, if it was begun here; wait a while until all is told."""
        if self._tracker is not None:
            self._sender.put(self._tracker.finish)
        self._sender.close(_GOODBYE)

    def _challenge(self, event: EndJob) -> IncumbentPoint | None:
        """What the parent run is told, if this is the new incumbent."""
        before = self._standing.incumbent
        self._standing.handle(event)
        if self._standing.incumbent is before or event.report.result is None:
            return None
        report = event.report
        return IncumbentPoint(event.report.result["loss"], report.job.budget, report.finished, self._standing.n_done)

    def _catch_up(self, tracker: Tracker, reports: Sequence[JobReport]) -> None:
        """In small parts, between which a child run that a job waits for is made."""
        self._sender.put(partial(tracker.end_all, reports[:_PART]))
        if reports[_PART:]:
            self._sender.put(partial(self._catch_up, tracker, reports[_PART:]))
