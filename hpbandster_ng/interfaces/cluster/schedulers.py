"""The schedulers that there are."""

from __future__ import annotations

from hpbandster_ng.interfaces.cluster.scheduler import Scheduler
from hpbandster_ng.interfaces.cluster.sge import SGE
from hpbandster_ng.interfaces.cluster.slurm import Slurm

__all__ = ["SCHEDULERS"]

SCHEDULERS: dict[str, Scheduler] = {scheduler.name: scheduler for scheduler in (Slurm(), SGE())}
