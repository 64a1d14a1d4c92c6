"""Persistent experiments that processes share: create, open, suggest, observe."""

from __future__ import annotations

from hpbandster_ng.experiments.experiment import Experiment, Suggestion
from hpbandster_ng.experiments.ledger import Progress
from hpbandster_ng.experiments.metrics import Metric
from hpbandster_ng.experiments.outcomes import Best

__all__ = ["Best", "Experiment", "Metric", "Progress", "Suggestion"]
