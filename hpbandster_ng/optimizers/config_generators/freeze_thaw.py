"""A model of all budgets decides what runs next: a new configuration or one that is paused, and on which budget.

In the spirit of freeze-thaw Bayesian optimization (Swersky, Snoek & Adams, arXiv 1406.3896, 2014): a Gaussian process
over configurations and budgets predicts losses on the full budget. The configuration that promises most there runs, on
the budget that tells most about the full one for its cost.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from hpbandster_ng.engine.config_generator import Report
from hpbandster_ng.engine.records import ConfigId, Job, JobKey
from hpbandster_ng.engine.steps import Promote, Start
from hpbandster_ng.errors import InvalidArgumentError
from hpbandster_ng.optimizers.config_generators.known import SpaceGenerator
from hpbandster_ng.optimizers.config_generators.prospects import Prospects, add_candidates
from hpbandster_ng.optimizers.gaussian_process.features import Features
from hpbandster_ng.optimizers.gaussian_process.posterior import Posterior
from hpbandster_ng.optimizers.gaussian_process.surrogate import Surrogate

__all__ = ["FreezeThaw"]

Array = npt.NDArray[np.float64]

_MOST_INITIAL = 20
"""So many results, or two a hyperparameter, are there before the model is asked."""

_NUM_PARENTS = 6
"""Of the configurations evaluated, so many with the best predictions have children among the candidates."""

_MOST_PAUSED = 200
"""Of the paused configurations, so many with the best predictions compete."""

_COST_EXPONENT = 0.7
"""What a result tells is divided by this power of what it costs."""


@dataclass
class _Scene:
    """What could run next, seen with the same results: new configurations, and those that are paused.

    Attributes:
        num_expected: how many of the jobs that began since are taken into account.
    """

    posterior: Posterior
    fresh: Prospects
    paused: Prospects
    paused_ids: list[ConfigId]
    num_expected: int = 0


class FreezeThaw(SpaceGenerator):
    """Chooses by expected improvement on the full budget.

    Everything it answers depends on what it was told, in that order, and on :attr:`rng`. Failures count as a little
    worse than the worst loss. Configurations that are pending are expected to end as predicted.

    Args:
        configspace: the search space; it is copied.
        budgets: of the rungs, ascending; with one alone, this is plain Bayesian optimization.
        kwargs: go to :class:`~hpbandster_ng.engine.config_generator.ConfigGenerator`.

    Attributes:
        num_initial: how many results there must be before :meth:`choose` may be asked.

    Raises:
        SearchSpaceError: see :class:`~hpbandster_ng.optimizers.config_generators.search_space.SearchSpace`.

    Example:
        >>> import ConfigSpace
        >>> from types import SimpleNamespace
        >>> model = FreezeThaw(ConfigSpace.ConfigurationSpace({"x": (0.0, 1.0)}), budgets=[1, 3, 9])
        >>> model.seed(1)
        >>> model.get_config(budget=1)
        ({'x': 0.5}, {'model_based_pick': False, 'random_reason': 'the default configuration of the space'})
        >>> for x in (0.1, 0.3, 0.6, 0.9):
        ...     model.new_result(SimpleNamespace(kwargs={"config": {"x": x}, "budget": 1}, result={"loss": x * x}))
        >>> start = model.choose(paused=[])
        >>> start.config["x"] < 0.1, start.budget in model.budgets
        (True, True)
    """

    def __init__(self, configspace: Any, budgets: Sequence[float], **kwargs: Any) -> None:
        super().__init__(configspace, **kwargs)
        self.budgets = tuple(budgets)
        self.num_initial = min(2 * self.search_space.dimensions + 2, _MOST_INITIAL)
        self._fidelities = np.array([self._fidelity(budget) for budget in self.budgets])
        self._features = Features(self.search_space.kinds, self.search_space.num_values.tolist())
        self._surrogate = Surrogate(self._features, self.num_initial)
        self._codes: dict[ConfigId, Array] = {}
        self._pending: dict[tuple[Any, float], Array] = {}
        self._history: list[Array] = []
        self._ids: list[ConfigId | None] = []
        self._taken: set[bytes] = set()
        self._reported: set[bytes] = set()
        self._scene: _Scene | None = None
        self._since: list[tuple[JobKey, Array]] = []
        self._taken_since: set[bytes] = set()
        self._run_seed: tuple[int, ...] = ()

    def seed(self, *entropy: int) -> None:
        """Restart :attr:`rng`; the first number, the run's own, seeds the candidates of all picks between results."""
        super().seed(*entropy)
        self._run_seed = entropy[:1]

    @property
    def num_results(self) -> int:
        """How many results it learned from, failures included."""
        return len(self._surrogate)

    def get_config(self, budget: float) -> tuple[dict[str, Any], dict[str, Any]]:
        """A configuration that owes nothing to the model: first the default one of the space, then random ones."""
        info = {"model_based_pick": False, "random_reason": "drawn without the model"}
        if not self._taken:
            default = self.search_space.decode(self.search_space.default_code(), self.rng)
            if default is not None:
                return default, {**info, "random_reason": "the default configuration of the space"}
        return self.known.sample(self.rng), info

    def new_job(self, job: Job) -> None:
        """The configuration is pending on that budget."""
        super().new_job(job)
        code = self._codes.get(job.config_id)
        if code is None:
            code = self._codes[job.config_id] = self.search_space.encode(job.config)
            self._taken_since |= {self._key(code)} - self._taken
            self._taken |= self._taken_since
        self._pending[job.key] = self._features(code[None], self._fidelity(job.budget))[0]
        self._since.append((job.key, self._pending[job.key]))

    def withdraw(self, job: Job) -> None:
        """It came to nothing, and nothing is learned."""
        super().withdraw(job)
        self._pending.pop(job.key, None)
        key = self._key(self._codes[job.config_id])
        if key not in self._reported:
            self._taken.discard(key)
        self._end_scene()

    def new_result(self, job: Report, update_model: bool = True) -> None:
        """Learn from a finished job, of this run or another.

        A model of one budget alone leaves out results on others, which it could not tell from its own.

        Raises:
            InvalidArgumentError: the configuration does not belong to the search space, or the budget is no positive
                number.
        """
        config_id, budget = getattr(job, "id", None), job.kwargs["budget"]
        code, fidelity = self.search_space.encode(job.kwargs["config"]), self._fidelity(budget)
        loss = None if job.result is None else job.result["loss"]
        super().new_result(job)
        self._pending.pop((config_id, budget), None)
        key = self._key(code)
        self._reported.add(key)
        self._taken.add(key)
        self._end_scene()
        if len(self.budgets) > 1 or budget == self.budgets[0]:
            self._history.append(code)
            self._ids.append(config_id)
            self._surrogate.add(code, fidelity, math.inf if loss is None else float(loss))

    def _end_scene(self) -> None:
        self._scene = None
        self._since = []
        self._taken_since = set()

    def choose(self, paused: Iterable[tuple[ConfigId, float]]) -> Start | Promote:
        """What runs next.

        Args:
            paused: configurations that could go on, and the next budget of each.

        Returns:
            A new configuration or one of ``paused``, and the budget it is to run on.
        """
        next_budgets = dict(paused)
        scene = self._scene or self._new_scene(next_budgets)
        self._scene = scene
        for _, evaluation in self._since[scene.num_expected :]:
            scene.fresh.expect(evaluation)
            scene.paused.expect(evaluation)
        scene.num_expected = len(self._since)
        keys = self.search_space.keys(scene.fresh.codes)
        new, value = _best(scene.fresh, lambda i: keys[i] not in self._taken)
        paused_one, paused_value = _best(scene.paused, lambda i: scene.paused_ids[i] in next_budgets)
        if paused_one is not None and paused_value >= value:
            thaw = scene.paused_ids[paused_one]
            lowest = self.budgets.index(next_budgets[thaw])
            return Promote(thaw, self._budget(scene.posterior, self._codes[thaw], lowest))
        code = None if new is None else scene.fresh.codes[new]
        config = None if code is None else self.search_space.decode(code, self.rng)
        if code is None or config is None:
            return Start(*self.get_config(self.budgets[-1]), self.budgets[-1])
        info = {"model_based_pick": True, "model_budget": self.budgets[-1]}
        return Start(config, info, self._budget(scene.posterior, code, 0))

    def _new_scene(self, paused: Collection[ConfigId]) -> _Scene:
        """Everything that could run, as it was when the last result came in, whenever the question is asked.

        So a run that is resumed between two results sees what the undisturbed one saw.
        """
        started = {key for key, _ in self._since}
        before = [features for key, features in self._pending.items() if key not in started]
        pending = np.array(before).reshape(-1, len(self._features.groups))
        posterior = self._surrogate.posterior().with_pending(pending)
        rows = self._surrogate.rows_in_use().tolist()
        evaluated = np.array([self._history[i] for i in rows])
        means = posterior.means(self._features(evaluated, 1.0))
        best = float(means.min())
        order = np.argsort(means, kind="stable")
        _, firsts = np.unique(self.search_space.keys(evaluated[order]), return_index=True)
        parents = evaluated[order[np.sort(firsts)[:_NUM_PARENTS]]]
        dimensions = self.search_space.dimensions
        feasibility = self._surrogate.feasibility()
        fresh, waiting = (Prospects(posterior, self._features, feasibility, dimensions, best) for _ in range(2))
        rng = np.random.default_rng((*self._run_seed, self.num_results))
        taken = self._taken - self._taken_since
        add_candidates(fresh, self.search_space, rng, parents, taken, self.num_results)
        by_mean = dict.fromkeys(self._ids[rows[i]] for i in order)
        were_paused = {*paused, *(config_id for config_id, _ in started)}
        paused_ids = [config_id for config_id in by_mean if config_id in were_paused][:_MOST_PAUSED]
        waiting.add(np.array([self._codes[config_id] for config_id in paused_ids]).reshape(len(paused_ids), dimensions))
        return _Scene(posterior, fresh, waiting, paused_ids)

    def _budget(self, posterior: Posterior, code: Array, lowest: int) -> float:
        """The budget that tells most for its cost, of rung ``lowest`` and those above.

        What a result tells is the square of its correlation with the loss on the full budget, noise included; it costs
        what it adds to the budget that the configuration has had.
        """
        features = self._features(np.repeat(code[None], len(self.budgets), axis=0), self._fidelities)
        points = posterior.at(features)
        covariances = posterior.kernel(features, features[-1:])[:, 0] - points.reduced.T @ points.reduced[:, -1]
        told = covariances**2 / (points.variances + posterior.kernel.noise_at(features))
        spent = self.budgets[lowest - 1] if lowest else 0.0
        costs = np.array(self.budgets[lowest:]) - spent
        return self.budgets[lowest + int(np.argmax(told[lowest:] / costs**_COST_EXPONENT))]

    def _key(self, code: Array) -> bytes:
        return self.search_space.keys(code[None])[0]

    def _fidelity(self, budget: float) -> float:
        """0 for the smallest budget, 1 for the full one, on a logarithmic scale."""
        if not 0 < budget < math.inf:
            raise InvalidArgumentError("budget", budget, "must be a number greater than 0", "correct the result")
        lowest, highest = self.budgets[0], self.budgets[-1]
        return 1.0 if lowest == highest else math.log(budget / lowest) / math.log(highest / lowest)


def _best(prospects: Prospects, is_free: Callable[[int], bool]) -> tuple[int | None, float]:
    """The number of the most promising of those that are free, and what it promises; None if none is free."""
    values = prospects.values
    for i in np.argsort(-values, kind="stable").tolist():
        if is_free(i):
            return i, float(values[i])
    return None, -math.inf
