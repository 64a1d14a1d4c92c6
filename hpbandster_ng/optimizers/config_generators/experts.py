"""A model that learns from results, and what it holds of the configurations that could run next."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hpbandster_ng.engine.records import ConfigId
from hpbandster_ng.optimizers.config_generators.prospects import Prospects, add_candidates
from hpbandster_ng.optimizers.config_generators.search_space import SearchSpace
from hpbandster_ng.optimizers.gaussian_process.features import Features
from hpbandster_ng.optimizers.gaussian_process.posterior import Posterior
from hpbandster_ng.optimizers.gaussian_process.surrogate import Surrogate

__all__ = ["Expert", "Opinion"]

Array = npt.NDArray[np.float64]

_NUM_PARENTS = 6
"""Of the configurations evaluated, so many with the best predictions have children among the candidates."""


@dataclass
class Opinion:
    """What an expert holds of new configurations, with the results that it had and all that is pending.

    Attributes:
        posterior: of the losses.
        fresh: new configurations that could run.
        ids: of the configurations that it knows, the best predicted first; None for those of another run.
        best: the loss to beat when the opinion was formed.
        prospects: what other configurations promise, by their codes, shape (n, dimensions).
    """

    posterior: Posterior
    fresh: Prospects
    ids: list[ConfigId | None]
    best: float
    prospects: Callable[[Array], Prospects]

    def predicted(self, evaluation: Array) -> float:
        """The loss on the full budget of a configuration that is evaluated on any, at features of that shape."""
        return float(_predicted(self.posterior, evaluation[None])[0])


class Expert:
    """A Gaussian process, and the configurations whose results it learned from.

    Args:
        space: the search space.
        features: turns codes and fidelities into features.
        first_fit: the number of results at which its hyperparameters are first fitted.

    Example:
        >>> import ConfigSpace
        >>> from hpbandster_ng.optimizers.config_generators.columns import Kind
        >>> space = SearchSpace(ConfigSpace.ConfigurationSpace({"x": (0.0, 1.0)}))
        >>> expert = Expert(space, Features([Kind.NUMBER], [0]), first_fit=4)
        >>> for i, x in enumerate((0.1, 0.3, 0.6, 0.9)):
        ...     expert.add((0, 0, i), np.array([x]), fidelity=1.0, loss=x * x)
        >>> opinion = expert.opinion(4, np.empty((0, 2)), np.random.default_rng(0), taken=set())
        >>> opinion.ids[0], bool(opinion.fresh.codes[opinion.fresh.best_first()[0], 0] < 0.1)
        ((0, 0, 0), True)
    """

    def __init__(self, space: SearchSpace, features: Features, first_fit: int) -> None:
        self._space = space
        self._features = features
        self._surrogate = Surrogate(features, first_fit)
        self._codes: list[Array] = []
        self._ids: list[ConfigId | None] = []

    def __len__(self) -> int:
        """How many results it learned from, failures included."""
        return len(self._surrogate)

    def add(self, config_id: ConfigId | None, code: Array, fidelity: float, loss: float) -> None:
        """A result; a loss that is not finite is a failure."""
        self._codes.append(code)
        self._ids.append(config_id)
        self._surrogate.add(code, fidelity, loss)

    def ids(self, size: int) -> list[ConfigId | None]:
        """Of the configurations of the first ``size`` results."""
        return self._ids[:size]

    def opinion(self, size: int, pending: Array, rng: np.random.Generator, taken: Collection[bytes]) -> Opinion:
        """What the first ``size`` results tell; later calls may not ask for fewer.

        Args:
            size: how many results.
            pending: features of the evaluations that are, shape (k, features).
            rng: of the candidates.
            taken: keys of configurations that are no candidates.
        """
        learned = self._surrogate.learned(size)
        posterior, rows = learned.posterior.with_pending(pending), learned.rows.tolist()
        evaluated = np.array([self._codes[i] for i in rows])
        means = posterior.means(self._features(evaluated, 1.0))
        best = float(min(means.min(), _predicted(posterior, pending).min(initial=math.inf)))
        order = np.argsort(means, kind="stable")
        _, firsts = np.unique(self._space.keys(evaluated[order]), return_index=True)
        parents = evaluated[order[np.sort(firsts)[:_NUM_PARENTS]]]

        def prospects(codes: Array) -> Prospects:
            promising = Prospects(posterior, self._features, learned.feasibility, self._space.dimensions, best)
            promising.add(codes)
            return promising

        fresh = prospects(np.empty((0, self._space.dimensions)))
        add_candidates(fresh, self._space, rng, parents, taken, size)
        ids = list(dict.fromkeys(self._ids[rows[i]] for i in order))
        return Opinion(posterior, fresh, ids, best, prospects)


def _predicted(posterior: Posterior, evaluations: Array) -> Array:
    """The losses on the full budget of configurations that were or are evaluated on any: shape (n,)."""
    return posterior.means(np.column_stack([evaluations[:, :-1], np.ones(len(evaluations))]))
