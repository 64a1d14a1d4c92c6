"""What users name: a schedule and a config generator, put into a master."""

from __future__ import annotations

from hpbandster_ng.optimizers.bohb import BOHB
from hpbandster_ng.optimizers.h2bo import H2BO
from hpbandster_ng.optimizers.hyperband import HyperBand
from hpbandster_ng.optimizers.lcnet import LCNet
from hpbandster_ng.optimizers.randomsearch import RandomSearch

__all__ = ["BOHB", "H2BO", "HyperBand", "LCNet", "RandomSearch"]
