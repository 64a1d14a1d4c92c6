"""What could run next, and what it promises."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import numpy.typing as npt

from hpbandster_ng.optimizers.config_generators.search_space import SearchSpace
from hpbandster_ng.optimizers.gaussian_process.acquisition import DIGITS, augmented_log_improvement
from hpbandster_ng.optimizers.gaussian_process.feasibility import Feasibility
from hpbandster_ng.optimizers.gaussian_process.features import Features
from hpbandster_ng.optimizers.gaussian_process.outlook import Outlook
from hpbandster_ng.optimizers.gaussian_process.posterior import Posterior

__all__ = ["Prospects", "add_candidates"]

Array = npt.NDArray[np.float64]

_NUM_RANDOM = 500
_NUM_CHILDREN = 10
_CHILD_STEPS = (0.3, 0.1, 0.03)
"""Random candidates, and around each of the best configurations so many mutations of each size."""

_PRIOR_WEIGHT = 50
"""After so many results, half as many candidates are drawn without regard to the priors as are drawn from them."""

_REFINEMENTS = (1.0, 1.0, 0.1, 0.03, 0.01)
_NUM_REFINED = 5
_NUM_REFINEMENTS = 12
"""Rounds of mutations around the most promising candidates, by size: the first go anywhere in a
hyperparameter's range, often to its bounds."""


class Prospects:
    """Configurations that could run, each with what it promises; kept up to date while evaluations are sent out.

    Args:
        posterior: the model.
        features: turns codes and a fidelity into features.
        feasibility: how likely each is to succeed.
        best: the loss to beat, in the model's units.

    Attributes:
        codes: of the configurations, shape (n, dimensions).
        log_chances: the logarithm of the chance of each to succeed, shape (n,); 0 where few fail.
        values: what each promises on the full budget, shape (n,): the logarithm of its augmented expected
            improvement, times that chance.

    Example:
        >>> from hpbandster_ng.optimizers.config_generators.columns import Kind
        >>> from hpbandster_ng.optimizers.gaussian_process.kernel import Kernel
        >>> kernel = Kernel(np.array([2.0, 1.0]), variance=1.0, offset_variance=0.0, noise=1e-6)
        >>> observed, losses = np.array([[0.0, 1.0], [1.0, 1.0]]), np.array([1.0, -1.0])
        >>> posterior = Posterior.of(kernel, observed, losses)
        >>> feasibility = Feasibility(kernel, observed, np.array([True, True]))
        >>> prospects = Prospects(posterior, Features([Kind.NUMBER], [0]), feasibility, 1, best=-1.0)
        >>> prospects.add(np.array([[0.1], [0.8]]))
        >>> prospects.best_first()
        array([1, 0])
    """

    def __init__(
        self, posterior: Posterior, features: Features, feasibility: Feasibility, dimensions: int, best: float
    ) -> None:
        self.codes = np.empty((0, dimensions))
        self._feasibility = feasibility
        self.log_chances = np.empty(0)
        self._features = features
        self._outlook = Outlook(posterior)
        self._kernel = posterior.kernel
        self._best = best

    def add(self, codes: Array) -> None:
        """More that could run, shape (k, dimensions)."""
        if len(codes):
            features = self._features(codes, 1.0)
            self.codes = np.concatenate([self.codes, codes])
            self._outlook.add(features)
            self.log_chances = np.concatenate([self.log_chances, self._feasibility.logarithm(features)])

    def expect(self, evaluation: Array, predicted: float) -> None:
        """An evaluation at these features was sent out, of a configuration predicted to have that loss in full."""
        self._outlook.expect(evaluation)
        self._best = min(self._best, predicted)

    @property
    def values(self) -> Array:
        outlook = self._outlook
        noise = self._kernel.noise_at(outlook.features)
        promises = augmented_log_improvement(outlook.means, outlook.variances, self._best, noise)
        return promises + self.log_chances

    def are_beyond(self, deviations: float) -> npt.NDArray[np.bool_]:
        """Which are predicted worse than the loss to beat by more than so many standard deviations: shape (n,)."""
        outlook = self._outlook
        return outlook.means - self._best > deviations * np.sqrt(outlook.variances)

    def best_first(self) -> npt.NDArray[np.intp]:
        """The numbers of the configurations, the most promising first.

        Equals stay in their order: see ``DIGITS``.
        """
        return np.argsort(-self.values.round(DIGITS), kind="stable")


def add_candidates(
    prospects: Prospects,
    space: SearchSpace,
    rng: np.random.Generator,
    parents: Array,
    taken: Collection[bytes],
    num_results: int,
) -> None:
    """Add random configurations, mutations of the parents, and mutations of what promises most of all these.

    Random ones are always among them: in a small discrete space the neighbours of the best are soon all taken.

    Args:
        prospects: where to add them.
        space: the search space.
        rng: the only source of randomness.
        parents: codes of good configurations, shape (k, dimensions).
        taken: keys of configurations that are no candidates any more.
        num_results: the more there are, the less the space's priors weigh in the random draws.
    """

    def add(codes: Array) -> None:
        prospects.add(codes[[key not in taken for key in space.keys(codes)]])

    def mutated(codes: Array, count: int, step: float) -> Array:
        return space.mutate_codes(rng, np.repeat(codes, count, axis=0), step)

    add(space.sample_codes(rng, _NUM_RANDOM))
    if space.has_priors:
        add(space.sample_codes(rng, _NUM_RANDOM * num_results // (num_results + _PRIOR_WEIGHT), uniform=True))
    add(np.concatenate([mutated(parents, _NUM_CHILDREN, step) for step in _CHILD_STEPS]))
    for step in _REFINEMENTS:
        add(mutated(prospects.codes[prospects.best_first()[:_NUM_REFINED]], _NUM_REFINEMENTS, step))
