"""What users name: a schedule and a config generator, put into a master."""

from __future__ import annotations

from hpbandster_ng.optimizers.asha import ASHA
from hpbandster_ng.optimizers.asynchyperband import AsyncHyperBand
from hpbandster_ng.optimizers.bohb import BOHB
from hpbandster_ng.optimizers.budgetprobe import BudgetProbe
from hpbandster_ng.optimizers.freezethaw import FreezeThaw
from hpbandster_ng.optimizers.gpbo import GPBO
from hpbandster_ng.optimizers.h2bo import H2BO
from hpbandster_ng.optimizers.hyperband import HyperBand
from hpbandster_ng.optimizers.lcnet import LCNet
from hpbandster_ng.optimizers.randomsearch import RandomSearch

__all__ = [
    "ASHA",
    "BOHB",
    "GPBO",
    "H2BO",
    "AsyncHyperBand",
    "BudgetProbe",
    "FreezeThaw",
    "HyperBand",
    "LCNet",
    "RandomSearch",
]
