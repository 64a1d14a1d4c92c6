"""One call for people who want one: minimise a function of a configuration and a budget."""

from __future__ import annotations

import contextlib
import logging
import math
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from hpbandster_ng.backends.evaluation import Call, evaluate
from hpbandster_ng.backends.isolation import Child
from hpbandster_ng.engine.checks import check_seconds, check_whole, is_number
from hpbandster_ng.engine.records import ConfigId, Outcome
from hpbandster_ng.errors import (
    HpbandsterError,
    InvalidArgumentError,
    NoSuggestionError,
    SuggestionError,
)
from hpbandster_ng.experiments import Best, Experiment, Metric, Suggestion
from hpbandster_ng.optimizers import BOHB
from hpbandster_ng.storage.memory_logs import MemoryLogs
from hpbandster_ng.storage.shared import SharedLogs
from hpbandster_ng.terminal import progressbar

__all__ = ["fmin"]

_logger = logging.getLogger("hpbandster_ng")

_LOOK = 0.2
"""Seconds after which who waits for a suggestion looks whether all is over."""


def fmin(
    fn: Callable[[dict[str, Any], float], Any],
    space: Any,
    optimizer: Any = BOHB,
    *,
    min_budget: float,
    max_budget: float,
    n_iterations: int,
    n_workers: int = 1,
    timeout: float | None = None,
    early_stop_fn: Callable[[Experiment], bool] | None = None,
    loss_threshold: float | None = None,
    max_queue_len: int | None = None,
    storage: SharedLogs | str | None = None,
    name: str | None = None,
    metrics: Sequence[Metric | Mapping[str, Any]] = ({"name": "loss"},),
    seed: int | None = None,
    show_progressbar: bool = True,
    **settings: Any,
) -> Best | None:
    """Find the configuration with the lowest loss on the largest budget.

    Args:
        fn: called as ``fn(config, budget)``; returns the loss, or ``{"loss": number, "info": anything plain}``. What it
            raises counts as a failure of the configuration, and the first is logged.
        space: a ``ConfigSpace.ConfigurationSpace``.
        optimizer: a class of :mod:`hpbandster_ng.optimizers`.
        min_budget, max_budget: of an evaluation.
        n_iterations: how many brackets.
        n_workers: how many evaluations run at a time. One runs here; more run in processes of their own, so that ``fn``
            must be defined in a module, or in a script that calls this below ``if __name__ == "__main__":``.
        timeout: seconds, after which nothing new begins, and what runs in another process is given up.
        early_stop_fn: asked after each evaluation with the experiment; ends all when it returns True.
        loss_threshold: ends all when a configuration is as good on the largest budget.
        max_queue_len: how many evaluations may be open at a time, in all processes of the experiment together.
        storage: keeps the experiment: ``"sqlite:///FILE"``, ``"postgresql://..."``, ``"mongodb://..."``, or an object.
            Then the same call returns at once if all is done, and goes on if not; other processes can help, or look.
        name: of the experiment in the storage; that of ``fn`` by default.
        metrics: see :meth:`~hpbandster_ng.experiments.Experiment.create`; the number that ``fn`` returns is the
            value of the first.
        seed: makes the sequence of configurations reproducible.
        show_progressbar: whether :class:`~hpbandster_ng.terminal.progress.ProgressBar` shows how far it is.
        settings: further arguments of the optimizer.

    Returns:
        The best, or None if nothing has succeeded.

    Raises:
        InvalidArgumentError: an argument cannot be.
        RunDiffersError: the storage has an experiment of that name with other settings.

    Example:
        >>> import ConfigSpace
        >>> space = ConfigSpace.ConfigurationSpace({"x": (0.0, 1.0)})
        >>> def loss(config, budget):
        ...     return (config["x"] - 0.5) ** 2 + 1 / budget
        >>> best = fmin(loss, space, min_budget=1, max_budget=9, n_iterations=3, seed=1, show_progressbar=False)
        >>> round(best.config["x"], 1), best.budget
        (0.5, 9.0)
    """
    if not callable(fn):
        raise InvalidArgumentError("fn", fn, "must be a function of a configuration and a budget", "give one")
    check_whole("n_workers", n_workers, 1, "1 is the default")
    check_whole("n_iterations", n_iterations, 1, "a timeout may end it earlier")
    if loss_threshold is not None and not (is_number(loss_threshold) and not math.isnan(loss_threshold)):
        raise InvalidArgumentError("loss_threshold", loss_threshold, "must be a number", "None means no threshold")
    limit = math.inf if timeout is None else check_seconds("timeout", timeout)
    asked = {"min_budget": min_budget, "max_budget": max_budget, **settings} | ({} if seed is None else {"seed": seed})
    experiment = Experiment.create(
        MemoryLogs() if storage is None else storage,
        name or str(getattr(fn, "__name__", "fmin")),
        space,
        optimizer,
        n_iterations,
        metrics,
        max_queue_len,
        exist_ok=True,
        **asked,
    )
    with experiment, _shown(experiment, show_progressbar) as draw:
        search = _Search(experiment, _Function(fn), time.monotonic() + limit, draw)
        search.stops_when(early_stop_fn, loss_threshold, max_budget)
        search.run(n_workers)
        return experiment.best()


class _Function:
    """The user's function as the ``compute`` of a worker."""

    def __init__(self, fn: Callable[[dict[str, Any], float], Any]) -> None:
        self.fn = fn

    def __call__(self, config_id: ConfigId, config: dict[str, Any], budget: float, working_directory: str) -> Any:
        returned = self.fn(config, budget)
        return returned if isinstance(returned, Mapping) else {"loss": returned}


class _Search:
    """Evaluates suggestions, in one thread or in several, until something ends it."""

    def __init__(self, experiment: Experiment, compute: _Function, deadline: float, draw: Callable[[], None]) -> None:
        self._experiment = experiment
        self._compute = compute
        self._deadline = deadline
        self._draw = draw
        self._is_stopped = threading.Event()
        self._is_good_enough: Callable[[], bool] = lambda: False
        self._lock = threading.Lock()
        self._children: list[Child] = []
        self._errors: list[BaseException] = []
        self._has_told = False

    def stops_when(
        self, early_stop_fn: Callable[[Experiment], bool] | None, loss_threshold: float | None, max_budget: float
    ) -> None:
        experiment = self._experiment
        guide = experiment.metrics.guide

        def is_good_enough() -> bool:
            if early_stop_fn is not None and early_stop_fn(experiment):
                return True
            if loss_threshold is None:
                return False
            best = experiment.best()
            if best is None or best.budget < max_budget:
                return False
            return guide.as_loss(best.metrics[guide.name]) <= guide.as_loss(loss_threshold)

        self._is_good_enough = is_good_enough

    def run(self, n_workers: int) -> None:
        """Raises what a worker raised."""
        if n_workers == 1:
            self._work(Child(self._compute), isolate=False)
            return
        self._children = [Child(self._compute) for _ in range(n_workers)]
        self._children[0].start()  # what cannot be pickled is found out here
        threads = [
            threading.Thread(target=self._work_in_thread, args=(child,), name=f"hpbandster-fmin-{number}", daemon=True)
            for number, child in enumerate(self._children)
        ]
        try:
            for thread in threads:
                thread.start()
            self._wait_for(threads)
        finally:
            self._stop()
            for thread in threads:
                thread.join()
        if self._errors:
            raise self._errors[0]

    def _wait_for(self, threads: Sequence[threading.Thread]) -> None:
        while any(thread.is_alive() for thread in threads) and not self._is_over:
            self._is_stopped.wait(min(_LOOK, max(0.0, self._deadline - time.monotonic())))
            self._draw()

    @property
    def _is_over(self) -> bool:
        return self._is_stopped.is_set() or time.monotonic() >= self._deadline

    def _stop(self) -> None:
        self._is_stopped.set()
        for child in self._children:
            child.abandon()

    def _work_in_thread(self, child: Child) -> None:
        try:
            self._work(child, isolate=True)
        except BaseException as error:  # noqa: BLE001 - raised again where fmin was called
            self._errors.append(error)
            self._is_stopped.set()

    def _work(self, child: Child, isolate: bool) -> None:
        try:
            while not self._is_over:
                try:
                    suggestion = self._experiment.suggest(
                        timeout=min(_LOOK, max(0.0, self._deadline - time.monotonic()))
                    )
                except NoSuggestionError:
                    continue
                if suggestion is None:
                    return
                self._evaluate(suggestion, child, isolate)
                if not isolate:
                    self._draw()
        finally:
            child.close()

    def _evaluate(self, suggestion: Suggestion, child: Child, isolate: bool) -> None:
        call = Call(suggestion.config_id, suggestion.config, suggestion.budget, ".")
        try:
            if isolate or suggestion.time_limit is not None:
                outcome = child.evaluate(call, suggestion.time_limit)
            else:
                outcome = evaluate(self._compute, call)
        except BaseException as error:
            with contextlib.suppress(SuggestionError):
                self._experiment.release(suggestion)
            if self._is_stopped.is_set() and isinstance(error, HpbandsterError):
                return  # the child was given up
            raise
        self._observe(suggestion, outcome)

    def _observe(self, suggestion: Suggestion, outcome: Outcome) -> None:
        try:
            self._experiment.observe_outcome(suggestion, outcome)
        except SuggestionError as error:
            _logger.warning("%s", error)
        with self._lock:
            if outcome.error is not None and not self._has_told:
                self._has_told = True
                _logger.warning(
                    "fn %s with %s on budget %g; further ones are not told: %s",
                    outcome.state.value, suggestion.config, suggestion.budget, outcome.error.strip(),
                )  # fmt: skip
            if not self._is_stopped.is_set() and self._is_good_enough():
                self._is_stopped.set()


@contextlib.contextmanager
def _shown(experiment: Experiment, is_wanted: bool) -> Iterator[Callable[[], None]]:
    """A progress bar, if it can be drawn; yields what draws it anew."""
    if not is_wanted:
        yield lambda: None
        return
    bar, seen = progressbar(), 0

    def draw() -> None:
        nonlocal seen
        for record in experiment.records(after=seen):
            seen = record.number
            for event in record.events:
                bar(event)

    try:
        yield draw
        draw()
    finally:
        bar.close()
