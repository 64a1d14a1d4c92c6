"""An experiment that lives in a database: any process suggests, evaluates and observes, and there is no master."""

from __future__ import annotations

import contextlib
import math
import os
import socket
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

from hpbandster_ng.core.result import Result
from hpbandster_ng.engine.checks import check_number, check_whole
from hpbandster_ng.engine.events import Event
from hpbandster_ng.engine.plain import plain
from hpbandster_ng.engine.records import Outcome, OutcomeState
from hpbandster_ng.engine.schedule import BudgetPlan, Plan
from hpbandster_ng.errors import (
    HpbandsterError,
    InvalidArgumentError,
    NoSuggestionError,
    SuggestionError,
)
from hpbandster_ng.experiments.catalogue import check_is_same, find, names
from hpbandster_ng.experiments.exchange import Exchange
from hpbandster_ng.experiments.ledger import Ledger, Progress
from hpbandster_ng.experiments.metrics import Metric
from hpbandster_ng.experiments.outcomes import Best, best_of, pareto_front
from hpbandster_ng.experiments.specification import Specification, check_text
from hpbandster_ng.experiments.suggestion import Suggestion, closed_suggestions
from hpbandster_ng.storage.shared import Record, SharedLogs
from hpbandster_ng.storage.urls import logs_closed_on_error

__all__ = ["Experiment", "Suggestion"]

_Self = TypeVar("_Self", bound="Experiment")

_LEASE = 60.0


class Experiment:
    """A handle to an experiment; made by :meth:`create` or :meth:`open`, in as many processes as you like.

    Threads may share one. As a context manager, it closes itself.

    Attributes:
        id: what it is opened by; derived from its name.
        name: one of its kind in its database.
        metadata: what the user gave to :meth:`create`.
        metrics: what evaluations measure.
        parallel_bandwidth: how many suggestions may be open at a time; None for no limit.

    Example:
        >>> import tempfile
        >>> import ConfigSpace
        >>> from hpbandster_ng.optimizers import BOHB
        >>> space = ConfigSpace.ConfigurationSpace({"x": (0.0, 1.0)})
        >>> url = f"sqlite:///{tempfile.mkdtemp()}/experiments.db"
        >>> Experiment.create(url, "first", space, BOHB, min_budget=1, max_budget=9, n_iterations=1).close()
        >>> experiment = Experiment.open(url, "first")  # anywhere else
        >>> while (suggestion := experiment.suggest()) is not None:
        ...     experiment.observe(suggestion, loss=suggestion.config["x"] / suggestion.budget)
        >>> experiment.progress.observed, experiment.best().budget
        ({'succeeded': 13}, 9.0)
        >>> experiment.close()
    """

    def __init__(self, logs: SharedLogs, specification: Specification) -> None:
        self._logs = logs
        self._specification = specification
        self._exchange = Exchange(logs, specification)
        self.id = specification.id
        self.name = specification.name
        self.metadata = dict(specification.metadata)
        self.metrics = specification.metrics
        self.parallel_bandwidth = specification.parallel_bandwidth

    @classmethod
    def create(
        cls: type[_Self],
        storage: SharedLogs | str,
        name: str,
        configspace: Any,
        optimizer: Any,
        n_iterations: int | None = None,
        metrics: Sequence[Metric | Mapping[str, Any]] = ({"name": "loss"},),
        parallel_bandwidth: int | None = None,
        metadata: Mapping[str, Any] | None = None,
        lease: float = _LEASE,
        exist_ok: bool = False,
        **settings: Any,
    ) -> _Self:
        """Begin an experiment.

        Args:
            storage: ``"sqlite:///FILE"``, ``"postgresql://USER:PASSWORD@HOST/DATABASE"``,
                ``"mongodb://HOST:PORT/DATABASE"``, or an object.
            name: of the experiment; none of the database has it yet.
            configspace: the search space.
            optimizer: a class of :mod:`hpbandster_ng.optimizers`, its name, or a subclass of yours, which other
                processes must be able to import.
            n_iterations: how many brackets; None goes on for ever.
            metrics: :class:`Metric`, or dictionaries of its arguments; the first that is optimised guides the search.
            parallel_bandwidth: how many suggestions may be open at a time; None for no limit.
            metadata: plain values, to be kept.
            lease: seconds after which a suggestion is offered again if nothing is heard of who has it. While its
                process lives, it is heard of.
            exist_ok: open the experiment of that name, if there is one with the same settings; it is extended, if these
                iterations are more.
            settings: arguments of the optimizer, such as ``min_budget``, ``max_budget``, ``seed``; plain values.

        Raises:
            InvalidArgumentError: an argument cannot be, or the name is taken.
            RunDiffersError: it is taken by an experiment with other settings; with ``exist_ok`` only.
            NotPlainError: one cannot be kept.
            StorageError: the database cannot be written.
        """
        if n_iterations is not None:
            check_whole("n_iterations", n_iterations, 1, "None means no limit")
        specification = Specification.checked(
            name, optimizer, settings, configspace, metrics, parallel_bandwidth, lease, metadata or {}
        )
        described = specification.described(time.time(), specification.new_optimizer().seed)
        request = specification.request(described.at, n_iterations)
        with logs_closed_on_error(storage) as logs:
            if logs.create(specification.id, [described, request]):
                return cls.open(logs, specification.id)
            if not exist_ok:
                raise InvalidArgumentError("name", name, "is taken", "open that experiment, or choose another name")
            check_is_same(logs, described, settings.get("seed"))
            there = cls.open(logs, specification.id)
            if (math.inf if n_iterations is None else n_iterations) > there.progress.n_iterations:
                there.extend(n_iterations)
            return there

    @classmethod
    def open(cls: type[_Self], storage: SharedLogs | str, experiment: str) -> _Self:
        """An experiment that was created before.

        Args:
            storage: see :meth:`create`.
            experiment: its id, or its name.

        Raises:
            LogError: there is none; the message lists those that are most like it. Or it is one of a later version.
            StorageError: the database cannot be read.
        """
        with logs_closed_on_error(storage) as logs:
            return cls(logs, find(logs, experiment))

    @staticmethod
    def names(storage: SharedLogs | str) -> dict[str, str]:
        """The experiments of a database: names by id.

        Raises:
            StorageError: the database cannot be read.
        """
        with logs_closed_on_error(storage, closes_always=True) as logs:
            return names(logs)

    def suggest(self, worker: str | None = None, timeout: float | None = None) -> Suggestion | None:
        """A configuration to be evaluated; waits while there is none, because a rung fills or too many are open.

        Args:
            worker: who will evaluate it, as others are to see it; host and process by default.
            timeout: seconds to wait; None waits until the experiment is finished.

        Returns:
            None if the experiment is finished.

        Raises:
            NoSuggestionError: the timeout is over.
            StorageError: the database cannot be reached, read or written.
        """
        if timeout is not None:
            check_number("timeout", timeout, "None waits until the experiment is finished")
        worker = check_text("worker", worker or f"{socket.gethostname()}.{os.getpid()}")
        give_up = math.inf if timeout is None else time.monotonic() + timeout
        while True:
            job = self._exchange.suggested(worker)
            if job is not None:
                return Suggestion.of(job)
            progress = self.progress
            if progress.is_finished:
                return None
            if not self._exchange.has_news(give_up):
                raise NoSuggestionError(
                    f"experiment {self.name!r} had nothing to be evaluated for timeout={timeout:g} seconds; "
                    f"{progress.open} suggestions are open: wait for longer"
                )

    def observe(
        self,
        suggestion: Suggestion | str,
        loss: float | None = None,
        metrics: Mapping[str, float] | None = None,
        info: Any = None,
        metadata: Mapping[str, Any] | None = None,
        error: str | None = None,
    ) -> None:
        """Tell what an evaluation gave.

        Args:
            suggestion: an open one, or its id; whoever has it.
            loss: the value of the only metric, or of the one that guides the search.
            metrics: values by name, of all metrics that ``loss`` is not.
            info: anything plain, kept with the result.
            metadata: plain values, kept with the result.
            error: why there are no values: the evaluation has failed, and the configuration counts as bad.

        Raises:
            SuggestionError: the suggestion is not open any more, or not of this experiment. Nothing is recorded.
            InvalidArgumentError: a value is missing, unknown, or no finite number. Nothing is recorded.
            NotPlainError: ``info`` or ``metadata`` cannot be kept.
            StorageError: the database cannot be reached, read or written.
        """
        if error is not None:
            self._end(suggestion, Outcome(OutcomeState.FAILED, error=str(error)))
            return
        values = self._values(loss, metrics)
        kept = {"info": plain(info, "info"), "metadata": plain(dict(metadata or {}), "metadata")}
        self._end(suggestion, Outcome(OutcomeState.SUCCEEDED, {"metrics": values, **kept}))

    def observe_outcome(
        self, suggestion: Suggestion | str, outcome: Outcome, metadata: Mapping[str, Any] | None = None
    ) -> None:
        """Tell how ``compute`` of a worker ended; its ``loss`` is the value of the metric that guides the search.

        Values that cannot be count as an invalid return.

        Raises:
            SuggestionError, NotPlainError, StorageError: as :meth:`observe`.
        """
        kept = plain(dict(metadata or {}), "metadata")
        if (returned := outcome.result) is not None:
            try:
                values = self._values(returned.get("loss"), returned.get("metrics"))
            except (HpbandsterError, TypeError, ValueError) as error:
                outcome = Outcome(OutcomeState.INVALID, error=str(error))
            else:
                result = {"metrics": values, "info": returned.get("info"), "metadata": kept}
                outcome = Outcome(OutcomeState.SUCCEEDED, result)
        self._end(suggestion, outcome)

    def release(self, suggestion: Suggestion | str) -> None:
        """Give a suggestion back: it is offered again, and that is no loss.

        Raises:
            SuggestionError: it is not open any more, or not of this experiment.
            StorageError: the database cannot be reached, read or written.
        """
        holder = _holder(suggestion)

        def decide(ledger: Ledger, at: float) -> list[Event]:
            return ledger.suggestions.take_back(at, holder, "it was released", is_lost=False)

        self._exchange.change(partial(Ledger.check_open, holder=holder), decide, holder)

    def suggestions(self, state: str = "open") -> list[Suggestion]:
        """The suggestions that somebody has, the oldest first; any of them can be observed or released from here.

        Args:
            state: ``"open"``; or ``"closed"`` for those whose evaluation has ended, in the order of their ends. What
                was measured is in :meth:`result`, by ``config_id`` and ``budget``.
        """
        if state == "closed":
            return list(closed_suggestions(self.records()))
        _check_state(state, "open", "closed")
        with self._exchange.ledger() as ledger:
            suggestions = ledger.suggestions
            return [Suggestion.of(suggestions.job_of(holder)) for holder in suggestions.holders]

    def delete_suggestions(self, state: str = "open") -> int:
        """Take the configurations of all open suggestions out of the experiment; returns how many."""
        _check_state(state, "open")
        deleted = 0
        for suggestion in self.suggestions():
            with contextlib.suppress(SuggestionError):  # somebody was faster
                self._end(suggestion, Outcome(OutcomeState.CANCELLED, error="it was deleted"))
                deleted += 1
        return deleted

    def delete(self) -> None:
        """Remove the experiment from its database, with everything observed; whoever works for it gets an error.

        Raises:
            StorageError: the database cannot be reached or written.
        """
        self._logs.delete(self.id)

    def extend(self, n_iterations: int | None) -> None:
        """Ask for more: so many iterations in all; None goes on for ever.

        Raises:
            InvalidArgumentError: these are fewer than before.
        """
        if n_iterations is not None:
            check_whole("n_iterations", n_iterations, 1, "None means no limit")

        def check(ledger: Ledger) -> None:
            asked = ledger.n_iterations
            if (math.inf if n_iterations is None else n_iterations) < asked:
                raise InvalidArgumentError(
                    "n_iterations", n_iterations, f"must be at least {asked:g}, which were asked for before",
                    "an experiment can only grow",
                )  # fmt: skip

        planned = self._specification.request(0.0, n_iterations)  # before it is this process's turn to write

        def decide(ledger: Ledger, at: float) -> list[Event]:
            request = replace(planned, at=at)
            ledger.suggestions.fold([request])
            return [request]

        self._exchange.change(check, decide)

    def plan(self, n_iterations: int) -> Plan | BudgetPlan | None:
        """What so many iterations run, from the first on; None if the optimizer does not tell."""
        return self._specification.plan(n_iterations)

    def records(self, after: int = 0) -> list[Record]:
        """What was recorded, beyond the record of that number."""
        return self._logs.read(self.id, after)

    @property
    def progress(self) -> Progress:
        """How far it is, now."""
        with self._exchange.ledger() as ledger:
            return ledger.progress

    def result(self) -> Result:
        """Everything evaluated so far; losses are what the optimizer was told, to be minimised."""
        with self._exchange.ledger() as ledger:
            return ledger.result()

    def best(self) -> Best | None:
        """The best feasible configuration on the largest budget that has one; None if there is none."""
        return best_of(self.result(), self.metrics)

    def pareto_front(self) -> list[Best]:
        """Feasible configurations that no other one dominates; the best by the first metric first."""
        return pareto_front(self.result(), self.metrics)

    def close(self) -> None:
        """Let go of the database; what this process has open is offered again when its lease has ended."""
        self._exchange.close()

    def __enter__(self: _Self) -> _Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _values(self, loss: float | None, metrics: Mapping[str, float] | None) -> dict[str, float]:
        values = dict(metrics or {})
        if loss is not None:
            values.setdefault(self.metrics.guide.name, loss)
        return self.metrics.check(values)

    def _end(self, suggestion: Suggestion | str, outcome: Outcome) -> None:
        """Record how an evaluation ended; one that succeeded gets the loss that the optimizer is told."""
        holder = _holder(suggestion)

        def told(lowest: float, highest: float) -> Outcome:
            if outcome.result is None:
                return outcome
            loss = self.metrics.loss(outcome.result["metrics"], lowest, highest)
            return Outcome(outcome.state, {"loss": loss, **outcome.result})

        def decide(ledger: Ledger, at: float) -> list[Event]:
            return ledger.suggestions.end(at, holder, told(ledger.lowest, ledger.highest))

        is_plain = outcome.result is None or self.metrics.is_feasible(outcome.result["metrics"])
        if is_plain and self._exchange.end(holder, told(math.inf, -math.inf)):
            return
        self._exchange.change(partial(Ledger.check_open, holder=holder), decide, holder)


def _holder(suggestion: object) -> str:
    if isinstance(suggestion, Suggestion):
        return suggestion.id
    if isinstance(suggestion, str):
        return suggestion
    raise InvalidArgumentError(
        "suggestion", suggestion, "must be a Suggestion, or the id of one", "suggest() returns it"
    )


def _check_state(state: object, *legal: str) -> None:
    if state not in legal:
        raise InvalidArgumentError("state", state, f"must be {' or '.join(map(repr, legal))}", "correct it")
