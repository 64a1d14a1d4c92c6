"""Evaluating the suggestions of experiments, one of them or all of a database in turn."""

from __future__ import annotations

import contextlib
import logging
import math
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass

from hpbandster_ng.core.termination import Terminated, ended_by_signals
from hpbandster_ng.engine.checks import check_number
from hpbandster_ng.engine.records import Outcome
from hpbandster_ng.errors import InvalidArgumentError, LogError, NoSuggestionError, SuggestionError
from hpbandster_ng.experiments import Experiment, Suggestion
from hpbandster_ng.storage.shared import SharedLogs
from hpbandster_ng.storage.urls import shared_logs_of

__all__ = ["Evaluate", "Service", "check_place"]

_LOOK = 1.0
"""Seconds after which a lease may have ended though nothing was recorded, or somebody may have made an experiment."""

_log = logging.getLogger("hpbandster_ng")

Evaluate = Callable[[Suggestion], Outcome]


@dataclass
class _Served:
    """An experiment.

    Attributes:
        seen: the number of the last record before it was asked last.
        ask_again: when, by the monotonic clock, if nothing is recorded before.
        had_one: whether it had a suggestion when it was asked last.
    """

    experiment: Experiment
    evaluate: Evaluate
    seen: int = 0
    ask_again: float = 0.0
    had_one: bool = True


class Service:
    """Takes suggestions, evaluates them and observes what came of them, one at a time; in the main thread.

    Args:
        logs: the database.
        chosen: the id or name of the experiment to serve; None for all, those that are made meanwhile included.
        evaluator: makes, for an experiment, what evaluates; closed at the end.
        name: of the worker, no other's.
        may_finish: called in a signal handler during an evaluation; says whether that may go on to its end.
    """

    def __init__(
        self,
        logs: SharedLogs,
        chosen: str | None,
        evaluator: Callable[[Experiment], AbstractContextManager[Evaluate]],
        name: str,
        may_finish: Callable[[], bool],
    ) -> None:
        self._logs = logs
        self._chosen = chosen
        self._evaluator = evaluator
        self._name = name
        self._may_finish = may_finish
        self._served: dict[str, _Served] = {}
        self._look_for_new = 0.0
        self._is_ending = False
        self._is_recording = False
        self._is_evaluating = False
        self._stack = ExitStack()

    def run(self, max_idle: float, poll_interval: float) -> str | None:
        """Work.

        SIGTERM, SIGUSR1 and SIGUSR2 end it, and so does Ctrl-C, which is raised from here; what is evaluated is given
        back.

        Args:
            max_idle: seconds without a suggestion, after which it ends.
            poll_interval: seconds between two looks for one.

        Returns:
            Why it ended; None for a signal, which is logged.

        Raises:
            LogError: there is no such experiment, or there is none any more.
            StorageError: the database cannot be reached, read or written.
            HpbandsterError: the evaluation could not be made; the suggestion was given back.
        """
        with self._stack, ended_by_signals(self._on_signal, _log, f"worker {self._name}"):
            if self._chosen is not None:
                self._open(self._chosen)
            return self._serve(max_idle, poll_interval)
        return None  # a signal ended it

    def _serve(self, max_idle: float, poll_interval: float) -> str | None:
        check_number("poll_interval", poll_interval, "it is a number of seconds", positive=True)
        if math.isnan(max_idle):
            raise InvalidArgumentError("max_idle", max_idle, "must be a number of seconds", "leave it out for no limit")
        give_up = time.monotonic() + max_idle
        while not self._is_ending:
            if self._chosen is None:
                self._open_new()
            if self._evaluates_one():
                give_up = time.monotonic() + max_idle
                continue
            now = time.monotonic()
            if self._chosen is not None and self._all_are_finished():
                return f"experiment {self._chosen} is finished"
            if now >= give_up:
                return f"there was nothing to evaluate for {max_idle:g} seconds"
            time.sleep(min(poll_interval, give_up - now))
        return None

    def _on_signal(self, number: int) -> bool:
        """Whether the work ends by itself: a record is not given up halfway, all else may be."""
        self._is_ending = True
        return self._is_recording or (self._is_evaluating and self._may_finish())

    def _open_new(self) -> None:
        now = time.monotonic()
        if now < self._look_for_new:
            return
        self._look_for_new = now + _LOOK
        for identity in Experiment.names(self._logs):
            if identity not in self._served:
                self._open(identity)

    def _open(self, experiment: str) -> None:
        opened = self._stack.enter_context(Experiment.open(self._logs, experiment))
        evaluate = self._stack.enter_context(self._evaluator(opened))
        self._served[opened.id] = _Served(opened, evaluate)

    def _evaluates_one(self) -> bool:
        """Of the first that has one; then that is the last in turn."""
        for identity, served in list(self._served.items()):
            suggestion = self._suggested(served)
            if suggestion is not None:
                self._served[identity] = self._served.pop(identity)
                self._evaluate(served, suggestion)
                return True
            if self._is_ending:
                break
        return False

    def _suggested(self, served: _Served) -> Suggestion | None:
        if not served.had_one:
            records = served.experiment.records(after=served.seen)
            if not records and time.monotonic() < served.ask_again:
                return None
            served.seen = records[-1].number if records else served.seen
        served.ask_again = time.monotonic() + _LOOK
        suggestion = None
        self._is_recording = True
        try:
            with self._unless_deleted(served), contextlib.suppress(NoSuggestionError):
                suggestion = served.experiment.suggest(self._name, timeout=0)
        finally:
            served.had_one = self._is_recording = suggestion is not None
        return suggestion

    @contextlib.contextmanager
    def _unless_deleted(self, served: _Served) -> Iterator[None]:
        """One of many experiments may be deleted meanwhile; it is served no more."""
        try:
            yield
        except LogError:
            if self._chosen is not None or self._logs.head(served.experiment.id) is not None:
                raise
            _log.warning("experiment %s was deleted", served.experiment.name)
            del self._served[served.experiment.id]

    def _all_are_finished(self) -> bool:
        return all(served.experiment.progress.is_finished for served in self._served.values())

    def _evaluate(self, served: _Served, suggestion: Suggestion) -> None:
        experiment = served.experiment
        try:
            self._is_evaluating, self._is_recording = True, False
            if self._is_ending:
                raise Terminated  # the signal came while this was suggested
            _log.info("starts %s on budget %g", suggestion.config_id, suggestion.budget)
            outcome = served.evaluate(suggestion)
            self._is_evaluating, self._is_recording = False, True
        except BaseException:
            with contextlib.suppress(SuggestionError):  # it was lost meanwhile
                experiment.release(suggestion)
            raise
        _log.info("%s on budget %g %s", suggestion.config_id, suggestion.budget, outcome.state.value)
        with self._unless_deleted(served):
            try:
                experiment.observe_outcome(suggestion, outcome, {"worker": self._name})
            except SuggestionError as error:
                _log.warning("%s", error)
        self._is_recording = False


def check_place(storage: str, experiment: str | None) -> None:
    """Find out whether experiments can be read there; a database without any may get some later.

    Raises:
        HpbandsterError: they cannot, or the one that is asked for is not there.
    """
    logs = shared_logs_of(storage)
    if experiment is None:
        Experiment.names(logs)
        logs.close()
    else:
        Experiment.open(logs, experiment).close()
