"""What the workers of a simulation are like, and what a job costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from hpbandster_ng.engine.checks import check_number
from hpbandster_ng.errors import InvalidArgumentError

__all__ = ["ORDINARY", "Cost", "Workload"]

Cost = Literal["budget", "seconds"]


@dataclass(frozen=True)
class Workload:
    """How long jobs take and how workers fare. By default a job takes its budget, and nothing ever goes wrong.

    A unit of time is a unit of budget, or a second where ``cost="seconds"``.

    Args:
        speeds: one positive number a worker; a worker of speed 2 needs half the time. Empty: all have speed 1.
        straggling: each attempt takes its time times a log-normal factor of mean 1; this is the standard deviation of
            the factor's logarithm.
        crashes: so many crashes are expected a worker and unit of time, busy or idle. What a crashed worker ran
            starts anew elsewhere, as often as the pool's attempts allow.
        repair: units of time after which a crashed worker joins anew.
        continues: whether a promoted configuration goes on where its last evaluation ended, so that it takes the
            additional budget (or seconds) only.
        cost: what a job takes: ``"budget"``, or the ``"seconds"`` that the problem returns.

    Raises:
        InvalidArgumentError: names the field.

    Example:
        >>> Workload(straggling=0.5, crashes=0.01).repair
        0.0
        >>> Workload(speeds=[1, 0])
        Traceback (most recent call last):
        ...
        hpbandster_ng.errors.InvalidArgumentError: speeds[1]=0 must be a finite number greater than 0; 1 is the default
    """

    speeds: Sequence[float] = ()
    straggling: float = 0.0
    crashes: float = 0.0
    repair: float = 0.0
    continues: bool = True
    cost: Cost = "budget"

    def __post_init__(self) -> None:
        object.__setattr__(self, "speeds", _checked_speeds(self.speeds))
        for name in ("straggling", "crashes", "repair"):
            object.__setattr__(self, name, check_number(name, getattr(self, name), "0 is the default"))
        if not isinstance(self.continues, bool):
            raise InvalidArgumentError("continues", self.continues, "must be True or False", "True is the default")
        if self.cost not in get_args(Cost):
            raise InvalidArgumentError("cost", self.cost, f"must be one of {get_args(Cost)}", "budget is the default")


def _checked_speeds(speeds: object) -> tuple[float, ...]:
    if isinstance(speeds, str) or not isinstance(speeds, Sequence | np.ndarray):
        raise InvalidArgumentError("speeds", speeds, "must be one number a worker", "leave it out if all are alike")
    return tuple(
        check_number(f"speeds[{i}]", speed, "1 is the default", positive=True) for i, speed in enumerate(speeds)
    )


ORDINARY = Workload()
"""Equal workers that never fail, and jobs that take their additional budget."""
