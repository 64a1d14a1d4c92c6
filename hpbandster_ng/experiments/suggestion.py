"""What a process is asked to evaluate."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from hpbandster_ng.engine.events import EndJob, StartJob
from hpbandster_ng.engine.records import Config, ConfigId
from hpbandster_ng.engine.suggestions import OpenJob
from hpbandster_ng.experiments.ledger import worker_of
from hpbandster_ng.storage.shared import Record

__all__ = ["Suggestion", "closed_suggestions"]


@dataclass(frozen=True)
class Suggestion:
    """A configuration to be evaluated on a budget.

    Attributes:
        id: of this suggestion, no other's; any process can observe it.
        config: plain Python values by hyperparameter name.
        budget: how much to spend, in the unit of ``min_budget`` and ``max_budget``.
        config_id: the configuration's; the same on each of its budgets.
        previous_budget: the largest budget that it has succeeded on, or None.
        worker: who has it.
        attempt: 1 for the first try, one more after each loss.
        time_limit: seconds that the evaluation may take by the optimizer's ``job_timeout``, or None.
        outcome: what came of it: ``"succeeded"``, ``"failed"``, ``"invalid return"``, ``"timed out"``, ``"lost"`` or
            ``"cancelled"``; None while it is open.

    Example:
        >>> import ConfigSpace
        >>> from hpbandster_ng.experiments import Experiment
        >>> from hpbandster_ng.optimizers import RandomSearch
        >>> from hpbandster_ng.storage.memory_logs import MemoryLogs
        >>> space = ConfigSpace.ConfigurationSpace({"x": (0.0, 1.0)})
        >>> settings = {"min_budget": 9, "max_budget": 9, "n_iterations": 2, "seed": 1}
        >>> experiment = Experiment.create(MemoryLogs(), "first", space, RandomSearch, **settings)
        >>> suggestion = experiment.suggest(worker="me")
        >>> suggestion.config_id, suggestion.budget, suggestion.worker, suggestion.attempt
        ((0, 0, 0), 9, 'me', 1)
        >>> experiment.close()
    """

    id: str
    config: Config
    budget: float
    config_id: ConfigId
    previous_budget: float | None
    worker: str
    attempt: int
    time_limit: float | None
    outcome: str | None = None

    @classmethod
    def of(cls, job: OpenJob) -> Suggestion:
        """As the log has it."""
        start = job.start
        return cls(
            job.holder,
            dict(job.job.config),
            start.budget,
            start.config_id,
            start.previous_budget,
            worker_of(job.holder),
            start.attempt,
            start.time_limit,
        )


def closed_suggestions(records: Iterable[Record]) -> Iterator[Suggestion]:
    """Those whose evaluation has ended, in the order of their ends.

    What was given back, or lost and offered again, goes on under another id, and is none of them.

    Args:
        records: all of an experiment.
    """
    starts: dict[str, StartJob] = {}
    for record in records:
        for event in record.events:
            match event:
                case StartJob():
                    starts[event.worker] = event
                case EndJob() if (holder := str(event.report.worker_name)) in starts:
                    suggestion = Suggestion.of(
                        OpenJob(holder, event.report.job, event.report.submitted, starts.pop(holder))
                    )
                    yield replace(suggestion, outcome=event.report.outcome.state.value)
