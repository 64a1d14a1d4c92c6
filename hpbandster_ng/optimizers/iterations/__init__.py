"""Brackets: who goes on to the next rung, when it ends or at any time."""

from __future__ import annotations

from hpbandster_ng.optimizers.iterations.asynchronous import AsynchronousHalving, AsynchronousIteration
from hpbandster_ng.optimizers.iterations.ladder import AsyncBrackets, Ladder
from hpbandster_ng.optimizers.iterations.successivehalving import SuccessiveHalving
from hpbandster_ng.optimizers.iterations.successiveresampling import SuccessiveResampling

__all__ = [
    "AsyncBrackets",
    "AsynchronousHalving",
    "AsynchronousIteration",
    "Ladder",
    "SuccessiveHalving",
    "SuccessiveResampling",
]
