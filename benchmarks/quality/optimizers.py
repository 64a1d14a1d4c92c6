"""The optimizers that are measured: ours by name, and where those of others are found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.quality.lowest_budget_first import LowestBudgetFirst
from hpbandster_ng.optimizers import ASHA, BOHB, GPBO, H2BO, AsyncHyperBand, FreezeThaw, HyperBand, RandomSearch

__all__ = ["BASELINES", "OURS", "REFERENCE", "Entry", "peers", "version"]


@dataclass(frozen=True)
class Entry:
    """How to make an optimizer.

    Attributes:
        make: what :func:`~hpbandster_ng.simulator.simulate` takes as ``optimizer``.
        version: raise it when the optimizer decides differently from before, so that it is measured anew.
        knows_total: whether it is given ``total``, what the run may spend in full evaluations.
    """

    make: Callable[..., Any]
    version: str = "1"
    knows_total: bool = False


OURS = {
    "RandomSearch": Entry(RandomSearch),
    "LowestBudgetFirst": Entry(LowestBudgetFirst, version="2", knows_total=True),
    "HyperBand": Entry(HyperBand),
    "ASHA": Entry(ASHA),
    "AsyncHyperBand": Entry(AsyncHyperBand),
    "BOHB": Entry(BOHB, version="2"),
    "BOHB-async": Entry(partial(BOHB, asynchronous=True)),
    "BOHB-capped": Entry(partial(BOHB, categorical_bandwidth="capped")),
    "H2BO": Entry(H2BO),
    "GPBO": Entry(GPBO, version="5"),
    "FreezeThaw": Entry(FreezeThaw, version="7"),
}

REFERENCE = "RandomSearch"
"""Its regret after 5 % of the wall clock, with one worker, is 1."""

BASELINES = ("RandomSearch", "LowestBudgetFirst")
"""Those that need not be better than random search."""

PEER_VERSIONS = {"optuna_tpe": "2"}
"""As the version of an entry; "1" if it is not here."""


def peers() -> list[str]:
    """The names of other packages' optimizers, each a module of ``peers/``."""
    folder = Path(__file__).with_name("peers")
    return sorted(path.stem for path in folder.glob("[!_]*.py"))


def version(optimizer: str) -> str:
    """What a cached trace of this optimizer must carry."""
    return OURS[optimizer].version if optimizer in OURS else PEER_VERSIONS.get(optimizer, "1")
