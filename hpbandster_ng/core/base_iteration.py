"""The predecessor's import path of brackets: for subclasses of users, and for warm starts."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from hpbandster_ng.engine.config_generator import ConfigGenerator
from hpbandster_ng.engine.iteration import ConfigSampler, Datum, Iteration
from hpbandster_ng.engine.records import Config, ConfigId, Outcome, OutcomeState

if TYPE_CHECKING:
    from hpbandster_ng.core.result import Result
    from hpbandster_ng.core.run import Run

__all__ = ["BaseIteration", "Datum", "WarmStartIteration"]


class BaseIteration(Iteration):
    """:class:`~hpbandster_ng.engine.iteration.Iteration` with a logger, for subclasses of users.

    Override :meth:`_advance_to_next_stage`.

    Example:
        >>> class KeepHalf(BaseIteration):
        ...     def _advance_to_next_stage(self, config_ids, losses):
        ...         return losses.argsort().argsort() < self.num_configs[self.stage]
        >>> bracket = KeepHalf(0, [2, 1], [1, 3], config_sampler=lambda budget: ({"x": 0.5}, {}))
        >>> bracket.get_next_run()
        ((0, 0, 0), {'x': 0.5}, 1)
    """

    def __init__(
        self,
        HPB_iter: int,
        num_configs: Sequence[int],
        budgets: Sequence[float],
        config_sampler: ConfigSampler | None,
        logger: logging.Logger | None = None,
        result_logger: Any = None,
    ) -> None:
        logger = logger or logging.getLogger("hpbandster_ng")
        super().__init__(HPB_iter, num_configs, budgets, config_sampler, logger, result_logger)


class WarmStartIteration(Iteration):
    """The runs of an earlier result as a complete bracket, which the config generator learns from.

    Its configurations have the ids ``(-1, 0, i)``; its time stamps are shifted so that the last run finished at 0.

    Args:
        Result: the earlier :class:`~hpbandster_ng.core.result.Result`.
        config_generator: told of each run, but for those that were lost with their worker.
    """

    def __init__(self, Result: Result, config_generator: ConfigGenerator) -> None:
        configs = Result.get_id2config_mapping()
        super().__init__(-1, [len(configs)], [None], None)  # type: ignore[list-item]
        runs = Result.get_all_runs()
        end = max((run.time_stamps["finished"] for run in runs if "finished" in run.time_stamps), default=0.0)
        new_ids = {
            config_id: self.add_configuration(known["config"], known["config_info"])
            for config_id, known in configs.items()
        }
        num_to_tell = sum(run.outcome is not OutcomeState.LOST for run in runs)
        for run in runs:
            stamps = {name: at - end for name, at in run.time_stamps.items()}
            job = _PastJob(new_ids[run.config_id], configs[run.config_id]["config"], run, stamps)
            self.register_result(job, skip_sanity_checks=True)
            if run.outcome is not OutcomeState.LOST:
                num_to_tell -= 1
                config_generator.new_result(job, update_model=num_to_tell == 0)
        self.is_finished = True


class _PastJob:
    """A run of an earlier result, in the shape that brackets and generators read."""

    def __init__(self, config_id: ConfigId, config: Config, run: Run, timestamps: dict[str, float]) -> None:
        self.id = config_id
        self.kwargs = {"config": config, "budget": run.budget}
        self.result = None if run.loss is None else {"loss": run.loss, "info": run.info}
        self.exception = run.error_logs
        self.outcome = Outcome(run.outcome, self.result, self.exception)
        self.worker_name = run.worker
        self.timestamps = timestamps
