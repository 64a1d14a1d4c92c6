"""What NePS chooses by itself (``optimizer="auto"``) for a space with a fidelity and without priors: Hyperband.

Its two models of several fidelities are left out. ifBO needs the weights of a trained network, which the package
downloads. PriorBand's Gaussian process takes 4 seconds of thinking a configuration even with 20 results, and has no
default for when it takes over.
"""

from __future__ import annotations

import ConfigSpace as CS
import neps

from benchmarks.quality.peers._neps import Neps

__all__ = ["NepsHyperband", "make"]


class NepsHyperband(Neps):
    """Hyperband with random configurations."""

    def __init__(
        self,
        space: CS.ConfigurationSpace,
        min_budget: float,
        max_budget: float,
        total: float,
        n_workers: int,
        seed: int,
    ) -> None:
        super().__init__(space, min_budget, max_budget, seed, neps.algorithms.hyperband)


make = NepsHyperband
