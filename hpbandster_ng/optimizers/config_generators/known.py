"""The configurations that a run has taken already, so that none is taken twice while others are left."""

from __future__ import annotations

import math
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from hpbandster_ng.engine.config_generator import ConfigGenerator, Report
from hpbandster_ng.engine.records import ConfigId, Job
from hpbandster_ng.optimizers.config_generators.search_space import Kind, SearchSpace

__all__ = ["KnownConfigurations", "SpaceGenerator"]

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

_MOST_ENUMERATED = 100_000
"""Combinations of values that are all written down, once, when draws find nothing new: some 20 MB, a fifth of a second.

In a larger space draws alone must find what is left. All of :data:`_MOST_DRAWS` miss it in one of 10,000 picks if what
is left has a hundredth of the prior's weight, and before that, more than 99,000 configurations must have been taken.
"""

_DRAWS = 64
"""Drawn at once after the first draw was a known one."""

_MOST_DRAWS = 1024
"""Drawn in a space that is not enumerated, before a configuration is repeated."""


class KnownConfigurations:
    """Which configurations of a finite space were taken: evaluated, failed, or pending, whoever proposed them.

    Results of a previous run count as well: to evaluate a configuration again tells little. When all configurations
    are taken, a new round begins, in which each is free once more. What is inactive makes no difference, and a
    configuration that a clause forbids is none. Whatever is answered depends on what was told and on the random numbers
    alone, so that a resumed run picks as an undisturbed one does.

    In a space with a continuous hyperparameter nothing is kept, because draws do not repeat there.

    Args:
        search_space: whose configurations these are.

    Attributes:
        is_finite: whether every hyperparameter has countably many values.

    Example:
        >>> import ConfigSpace
        >>> space = SearchSpace(ConfigSpace.ConfigurationSpace({"optimizer": ["sgd", "adam"]}))
        >>> known = KnownConfigurations(space)
        >>> known.new_job(Job((0, 0, 0), 1.0, {"optimizer": "sgd"}, {}))
        >>> known.free(np.array([[0.0], [1.0]]))
        array([False,  True])
        >>> known.sample(np.random.default_rng(0))
        {'optimizer': 'adam'}
    """

    def __init__(self, search_space: SearchSpace) -> None:
        self._space = search_space
        self.is_finite = all(kind is not Kind.NUMBER for kind in search_space.kinds) and bool(
            (search_space.num_values > 0).all()
        )
        self._size = math.prod(search_space.num_values.tolist())
        self._counts: dict[bytes, int] = {}
        self._jobs: dict[ConfigId, tuple[bytes, int]] = {}
        self._everything: tuple[Array, list[bytes]] | None = None

    def new_job(self, job: Job) -> None:
        """The job's configuration is taken; a promotion of a configuration takes nothing more."""
        if self.is_finite:
            key, jobs = self._jobs.get(job.config_id) or (self._key(job.config), 0)
            self._jobs[job.config_id] = key, jobs + 1
            if not jobs:
                self._counts[key] = self._counts.get(key, 0) + 1

    def withdraw(self, job: Job) -> None:
        """The job came to nothing: its configuration is free again, unless it had another job."""
        if job.config_id in self._jobs:
            key, jobs = self._jobs.pop(job.config_id)
            if jobs > 1:
                self._jobs[job.config_id] = key, jobs - 1
            else:
                self._counts[key] -= 1

    def new_result(self, report: Report) -> None:
        """The configuration is known, also if it was never announced as a job."""
        if self.is_finite:
            key = self._key(report.kwargs["config"])
            self._counts[key] = max(self._counts.get(key, 0), 1)

    def free(self, codes: Array) -> Mask:
        """Which configurations may be taken now.

        Args:
            codes: of legal configurations, shape (n, dimensions).

        Returns:
            Shape (n,). True where a configuration is unknown; if all are known, and so are all others of the space,
            where it was not taken in this round.
        """
        if not self.is_finite:
            return np.ones(len(codes), dtype=bool)
        counts = self._counts_of(self._space.keys(codes))
        if (counts == 0).any() or self._size > _MOST_ENUMERATED or not len(codes):
            return np.asarray(counts == 0)
        return np.asarray(counts == self._all_counts().min())

    def candidates(self, rng: np.random.Generator, n: int) -> Array:
        """Codes of configurations that are free: draws from the priors, else any of what is left.

        Returns:
            Shape (m, dimensions); m is at least 1 and at most ``n``, and a configuration may occur twice. In a space of
            more than 100,000 combinations of values all may be known, if many draws found nothing else.
        """
        if not self.is_finite:
            return self._space.sample_codes(rng, n)
        draws, choice = (np.random.default_rng(seed) for seed in rng.integers(2**63, size=2))
        is_enumerable = self._size <= _MOST_ENUMERATED
        for size in (n, _DRAWS if is_enumerable else _MOST_DRAWS):
            codes = self._space.sample_codes(draws, size)
            unknown = codes[self._counts_of(self._space.keys(codes)) == 0]
            if len(unknown):
                return np.asarray(unknown[:n])
        if not is_enumerable:
            return self._space.sample_codes(choice, n)
        counts = self._all_counts()
        left = np.flatnonzero(counts == counts.min())
        return np.asarray(self._enumerated()[0][choice.choice(left, size=min(n, len(left)), replace=False)])

    def sample(self, rng: np.random.Generator) -> dict[str, Any]:
        """A configuration that is free, from the priors as long as draws find one."""
        if not self.is_finite:
            return self._space.sample(rng)
        return cast("dict[str, Any]", self._space.decode(self.candidates(rng, 1)[0], rng))

    def _key(self, config: Any) -> bytes:
        return self._space.keys(self._space.encode(config)[None])[0]

    def _counts_of(self, keys: list[bytes]) -> npt.NDArray[np.intp]:
        return np.array([self._counts.get(key, 0) for key in keys], dtype=np.intp)

    def _all_counts(self) -> npt.NDArray[np.intp]:
        return self._counts_of(self._enumerated()[1])

    def _enumerated(self) -> tuple[Array, list[bytes]]:
        """The codes of all configurations, and their keys."""
        if self._everything is None:
            codes = self._space.all_codes()
            self._everything = codes, self._space.keys(codes)
        return self._everything


class SpaceGenerator(ConfigGenerator):
    """Base of the samplers over a ConfigSpace that do not repeat themselves.

    A subclass asks :attr:`known` which of its candidates are free, or for a random one that is; if it overrides one of
    the methods that tell of jobs, it calls the one here, too.

    Args:
        configspace: the search space; it is copied.
        kwargs: go to :class:`~hpbandster_ng.engine.config_generator.ConfigGenerator`.

    Attributes:
        search_space: the :class:`~hpbandster_ng.optimizers.config_generators.search_space.SearchSpace`.
        configspace: the copy.
        known: the :class:`KnownConfigurations`.

    Raises:
        SearchSpaceError: see :class:`~hpbandster_ng.optimizers.config_generators.search_space.SearchSpace`.

    Example:
        >>> class Random(SpaceGenerator):
        ...     def get_config(self, budget):
        ...         return self.known.sample(self.rng), {}
    """

    def __init__(self, configspace: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.search_space = SearchSpace(configspace)
        self.configspace = self.search_space.configspace
        self.known = KnownConfigurations(self.search_space)

    def new_job(self, job: Job) -> None:
        self.known.new_job(job)

    def withdraw(self, job: Job) -> None:
        self.known.withdraw(job)

    def new_result(self, job: Report, update_model: bool = True) -> None:
        self.known.new_result(job)
