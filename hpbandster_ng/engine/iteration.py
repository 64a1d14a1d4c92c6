"""A bracket: configurations that compete on rising budgets, rung by rung.

:class:`Iteration` answers one question, :meth:`Iteration.next_step`, with ``Sample`` while a slot of the current rung
is free, ``Promote``, ``Wait`` or ``Done``, and is told what happened by :meth:`add_configuration`,
:meth:`mark_running`, :meth:`register_result` and :meth:`withdraw`. When the last job of a rung ends,
:meth:`process_results` asks :meth:`_advance_to_next_stage`, the hook of every concrete bracket, who goes on.
"""

from __future__ import annotations

import itertools
import math
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from hpbandster_ng.engine.plain import plain
from hpbandster_ng.engine.records import Config, ConfigId, Job
from hpbandster_ng.engine.steps import AnyIteration, ConfigSampler, Datum, Done, Promote, Sample, Step, Wait, record
from hpbandster_ng.errors import InvalidArgumentError

__all__ = ["ConfigSampler", "Datum", "Done", "Iteration", "Promote", "Sample", "Step", "Wait"]


class Iteration(AnyIteration):
    """The rungs of one bracket, and who stands where.

    Args:
        HPB_iter: the number of this iteration.
        num_configs: configurations on each rung, from the lowest budget to the highest.
        budgets: the budget of each rung, ascending.
        config_sampler: draws a new configuration for a budget; None where none is ever drawn.
        logger: kept for subclasses; never called from here.
        result_logger: told of every configuration by ``new_config(config_id, config, config_info)``; leave it out
            inside a run, which reports by itself.

    Attributes:
        data: :class:`~hpbandster_ng.engine.steps.Datum` by configuration id, in the order of arrival.
        stage: the number of the current rung.
        actual_num_configs: how many configurations have reached each rung.
        is_finished: whether the bracket is complete.

    Raises:
        InvalidArgumentError: ``num_configs`` and ``budgets`` do not match, or the budgets do not rise.

    Example:
        >>> bracket = Iteration(0, num_configs=[3, 1], budgets=[1, 3], config_sampler=None)
        >>> bracket.next_step()
        Sample(budget=1)
    """

    is_finished = False

    def __init__(
        self,
        HPB_iter: int,
        num_configs: Sequence[int],
        budgets: Sequence[float],
        config_sampler: ConfigSampler | None,
        logger: Any = None,
        result_logger: Any = None,
    ) -> None:
        if len(num_configs) != len(budgets) or not len(budgets):
            raise InvalidArgumentError(
                "num_configs",
                num_configs,
                f"must have one entry for each of the budgets {list(budgets)}",
                "give both the same length, at least 1",
            )
        if any(lower >= higher for lower, higher in itertools.pairwise(budgets)):
            raise InvalidArgumentError(
                "budgets", list(budgets), "must rise from rung to rung", "a configuration runs once on each budget"
            )
        super().__init__(HPB_iter, config_sampler, logger, result_logger)
        self.num_configs = [int(n) for n in num_configs]
        self.budgets = [plain(budget, "budget") for budget in budgets]
        self.stage = 0
        self.actual_num_configs = [0] * len(self.num_configs)
        self.num_running = 0
        self._free_slots = self.num_configs[0]
        self._queued: deque[ConfigId] = deque()

    def check(self) -> None:
        """Refuse an empty lowest rung.

        Raises:
            InvalidArgumentError: ``num_configs`` begins with less than 1.
        """
        if self.num_configs[0] < 1:
            raise InvalidArgumentError(
                "num_configs",
                self.num_configs,
                "must begin with at least one configuration",
                f"correct what get_next_iteration({self.HPB_iter}, ...) returns",
            )

    def next_step(self) -> Step:
        """What to do next; changes nothing."""
        if self.is_finished:
            return Done()
        if self._queued:
            config_id = self._queued[0]
            return Promote(config_id, self.data[config_id].budget)
        if self._free_slots:
            return Sample(self.budgets[self.stage])
        return Wait()

    def next_config_id(self, budget: float | None = None) -> ConfigId:
        """The id that the next new configuration will carry; it enters on the current rung, whatever the budget."""
        return self.HPB_iter, self.stage, self.actual_num_configs[self.stage]

    def add_configuration(self, config: Config | None = None, config_info: Mapping[str, Any] | None = None) -> ConfigId:
        """Put a configuration on the current rung; without one, the sampler draws it.

        Returns:
            Its id.

        Raises:
            InvalidArgumentError: the bracket is complete, or the rung is full.
        """
        if self.is_finished or not self._free_slots:
            raise InvalidArgumentError(
                "config",
                config,
                f"finds no free slot on rung {self.stage} of iteration {self.HPB_iter}",
                "add it to the next iteration",
            )
        if config is None:
            if self.config_sampler is None:
                raise InvalidArgumentError(
                    "config", None, "is needed in an iteration without a config_sampler", "pass the configuration"
                )
            config, config_info = self.config_sampler(self.budgets[self.stage])
        config_id = self.next_config_id()
        self.data[config_id] = Datum(config, dict(config_info or {}), budget=self.budgets[self.stage])
        self.actual_num_configs[self.stage] += 1
        self._free_slots -= 1
        self._queued.append(config_id)
        if self.result_logger is not None:
            self.result_logger.new_config(config_id, config, self.data[config_id].config_info)
        return config_id

    def enter(self, job: Job) -> None:
        """A job is due: add its configuration unless it is here, and mark it as running."""
        if job.config_id not in self.data:
            self.add_configuration(job.config, job.config_info)
        self.mark_running(job.config_id)

    def mark_running(self, config_id: ConfigId) -> None:
        """Take a queued configuration off the queue."""
        self._queued.remove(config_id)
        self.data[config_id].status = "RUNNING"
        self.num_running += 1

    def get_next_run(self) -> tuple[ConfigId, Config, float] | None:
        """Start the next evaluation by hand, without a planner.

        Returns:
            ``(config_id, config, budget)``, or None while the rung has to wait or when the bracket is complete.
        """
        if self.stage_is_complete:
            self.process_results()
        step = self.next_step()
        if isinstance(step, Sample):
            self.add_configuration()
            step = self.next_step()
        if not isinstance(step, Promote):
            return None
        self.mark_running(step.config_id)
        return step.config_id, self.data[step.config_id].config, step.budget

    def register_result(self, job: Any, skip_sanity_checks: bool = False) -> None:
        """Record how a job ended.

        Args:
            job: has ``id``, ``kwargs``, ``result``, ``exception`` and ``timestamps``.
            skip_sanity_checks: accept a result for a configuration that is not running, on any budget.

        Raises:
            InvalidArgumentError: the configuration is unknown, not running, or runs on another budget.
        """
        datum = self._known(job, must_run=not skip_sanity_checks)
        if datum.status == "RUNNING":
            self.num_running -= 1
        elif datum.status == "QUEUED":
            self._queued.remove(job.id)
        record(datum, job)

    def withdraw(self, config_id: ConfigId) -> None:
        """Take a running configuration out without a result: its evaluation was cancelled, so there is none."""
        self.data[config_id].status = "TERMINATED"
        self.num_running -= 1

    @property
    def stage_is_complete(self) -> bool:
        """Whether every slot of the current rung is taken and nothing of it runs or waits."""
        return not (self.is_finished or self._free_slots or self._queued or self.num_running)

    def process_results(self) -> Sequence[ConfigId]:
        """End the current rung: the hook says who advances, and the next rung opens; nothing while jobs are missing.

        A slot that a crash left empty stays empty; one that the hook left empty on purpose, although enough
        configurations were successful, is filled with a new one.

        Returns:
            Those that succeeded on the rung and do not advance.

        Raises:
            InvalidArgumentError: the hook did not answer with one truth value a configuration.
        """
        if not self.stage_is_complete:
            return ()
        budget = self.budgets[self.stage]
        reviewed = [
            config_id for config_id, datum in self.data.items() if datum.status == "REVIEW" and datum.budget == budget
        ]
        self.stage += 1
        if self.stage >= len(self.num_configs):
            self._finish(reviewed)
            return ()
        for config_id, goes_on in zip(reviewed, self._who_goes_on(reviewed, budget), strict=True):
            datum = self.data[config_id]
            datum.status = "QUEUED" if goes_on else "TERMINATED"
            if goes_on:
                datum.budget = self.budgets[self.stage]
                self.actual_num_configs[self.stage] += 1
                self._queued.append(config_id)
        possible = min(self.num_configs[self.stage], len(reviewed))
        self._free_slots = max(0, possible - len(self._queued)) if self.config_sampler is not None else 0
        if not self._queued and not self._free_slots:
            self._finish([])
        return [config_id for config_id in reviewed if self.data[config_id].status == "TERMINATED"]

    def _who_goes_on(self, config_ids: Sequence[ConfigId], budget: float) -> Sequence[bool]:
        if not config_ids:
            return ()
        losses = np.array([_loss(self.data[config_id].results[budget]) for config_id in config_ids])
        advance = self._advance_to_next_stage(config_ids, losses)
        if len(advance) != len(config_ids):
            raise InvalidArgumentError(
                "_advance_to_next_stage",
                advance,
                f"must answer for each of the {len(config_ids)} configurations",
                f"return one truth value a configuration from {type(self).__name__}",
            )
        return advance

    def _finish(self, completed: Sequence[ConfigId]) -> None:
        for config_id in completed:
            self.data[config_id].status = "COMPLETED"
        self.is_finished = True

    def _advance_to_next_stage(self, config_ids: Sequence[ConfigId], losses: np.ndarray) -> Sequence[bool]:
        """Decide who goes on to the rung ``self.stage``, which is already the next one.

        Args:
            config_ids: the successful configurations of the rung that ended.
            losses: their losses, shape ``(len(config_ids),)``.

        Returns:
            One truth value a configuration.
        """
        raise NotImplementedError(f"{type(self).__name__} must implement _advance_to_next_stage(config_ids, losses)")


def _loss(result: Mapping[str, Any] | None) -> float:
    return math.inf if result is None else float(result["loss"])
