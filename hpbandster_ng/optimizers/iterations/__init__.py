"""Brackets: who goes on to the next rung."""

from __future__ import annotations

from hpbandster_ng.optimizers.iterations.successivehalving import SuccessiveHalving
from hpbandster_ng.optimizers.iterations.successiveresampling import SuccessiveResampling

__all__ = ["SuccessiveHalving", "SuccessiveResampling"]
