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
from hpbandster_ng.errors import (
    HpbandsterError,
    InvalidArgumentError,
    LogError,
    NoSuggestionError,
    StorageError,
    SuggestionError,
)
from hpbandster_ng.experiments import Experiment, Suggestion
from hpbandster_ng.interfaces.cli.outage import Outage
from hpbandster_ng.storage.shared import SharedLogs

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

    A database that is away for a while is waited for. Of all experiments, one that cannot be read here is left to
    others.

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
        self._left_out: set[str] = set()
        self._outage = Outage()
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
            StorageError: the database cannot be reached, read or written, for too long; or at the beginning.
            HpbandsterError: the evaluation could not be made; the suggestion was given back.
        """
        with self._stack, ended_by_signals(self._on_signal, _log, f"worker {self._name}"):
            if self._chosen is not None:
                self._serve_too(Experiment.open(self._logs, self._chosen))
            return self._serve(max_idle, poll_interval)
        return None  # a signal ended it

    def _serve(self, max_idle: float, poll_interval: float) -> str | None:
        check_number("poll_interval", poll_interval, "it is a number of seconds", positive=True)
        if math.isnan(max_idle):
            raise InvalidArgumentError("max_idle", max_idle, "must be a number of seconds", "leave it out for no limit")
        give_up = time.monotonic() + max_idle
        while not self._is_ending:
            try:
                if self._chosen is None:
                    self._open_new()
                had_one = self._evaluates_one()
                is_finished = not had_one and self._chosen is not None and self._all_are_finished()
            except StorageError as error:
                self._outage.bear(error)
                continue
            self._outage.ends()
            now = time.monotonic()
            if had_one:
                give_up = now + max_idle
                continue
            if is_finished:
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
            if identity in self._served or identity in self._left_out:
                continue
            try:
                opened = Experiment.open(self._logs, identity)
            except StorageError:
                raise
            except HpbandsterError as error:
                self._leave_out(identity, error)
            else:
                self._serve_too(opened)

    def _leave_out(self, identity: str, error: HpbandsterError) -> None:
        self._left_out.add(identity)
        _log.warning("experiment %s is left to others: %s", identity, error)

    def _serve_too(self, experiment: Experiment) -> None:
        opened = self._stack.enter_context(experiment)
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
            with self._unless_gone(served), contextlib.suppress(NoSuggestionError):
                suggestion = served.experiment.suggest(self._name, timeout=0)
        finally:
            served.had_one = self._is_recording = suggestion is not None
        return suggestion

    @contextlib.contextmanager
    def _unless_gone(self, served: _Served) -> Iterator[None]:
        """One of many experiments may be deleted meanwhile, or be unreadable here; it is served no more."""
        try:
            yield
        except LogError as error:
            if self._chosen is not None:
                raise
            identity = served.experiment.id
            if self._logs.head(identity) is None:
                _log.warning("experiment %s was deleted", served.experiment.name)
            else:
                self._leave_out(identity, error)
            del self._served[identity]

    def _all_are_finished(self) -> bool:
        return all(served.experiment.progress.is_finished for served in self._served.values())

    def _evaluate(self, served: _Served, suggestion: Suggestion) -> None:
        try:
            self._outage.ends()
            self._is_evaluating, self._is_recording = True, False
            if self._is_ending:
                raise Terminated  # the signal came while this was suggested
            _log.info("starts %s on budget %g", suggestion.config_id, suggestion.budget)
            outcome = served.evaluate(suggestion)
            self._is_evaluating, self._is_recording = False, True
        except BaseException:
            self._release(served, suggestion)
            raise
        _log.info("%s on budget %g %s", suggestion.config_id, suggestion.budget, outcome.state.value)
        with self._unless_gone(served):
            self._observe(served.experiment, suggestion, outcome)
        self._is_recording = False

    @staticmethod
    def _release(served: _Served, suggestion: Suggestion) -> None:
        """What cannot be given back is offered again when its lease has ended."""
        try:
            served.experiment.release(suggestion)
        except SuggestionError:  # it was lost meanwhile
            pass
        except StorageError as error:
            _log.warning("suggestion %s could not be given back: %s", suggestion.id, error)

    def _observe(self, experiment: Experiment, suggestion: Suggestion, outcome: Outcome) -> None:
        """Again and again while the database is away; an error of it does not tell whether the first try was kept."""
        is_again = False
        while True:
            try:
                try:
                    experiment.observe_outcome(suggestion, outcome, {"worker": self._name})
                except SuggestionError as error:
                    if not (is_again and suggestion.id in {each.id for each in experiment.suggestions("closed")}):
                        _log.warning("%s", error)
            except StorageError as error:
                is_again = True
                self._bear(error, suggestion, outcome)
            else:
                self._outage.ends()
                return

    def _bear(self, error: StorageError, suggestion: Suggestion, outcome: Outcome) -> None:
        """Wait for the next try to record this; where there is none, it is logged, for who wants to observe it."""
        try:
            if self._is_ending:
                raise error
            self._outage.bear(error)
        except BaseException:
            _log.error("what came of suggestion %s could not be recorded: %s", suggestion.id, outcome)
            raise


def check_place(storage: str, experiment: str | None) -> None:
    """Find out whether experiments can be read there; a database without any may get some later.

    Raises:
        HpbandsterError: they cannot, or the one that is asked for is not there.
    """
    if experiment is None:
        Experiment.names(storage)
    else:
        Experiment.open(storage, experiment).close()
