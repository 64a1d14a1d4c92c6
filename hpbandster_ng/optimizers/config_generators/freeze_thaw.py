"""A model of all budgets decides what runs next: a new configuration or one that is paused, and on which budget.

In the spirit of freeze-thaw Bayesian optimization (Swersky, Snoek & Adams, arXiv 1406.3896, 2014): a Gaussian process
over configurations and budgets predicts losses on the full budget. The new configuration that promises most there and
those that are paused compete; whose result promises most for its cost runs, on the budget where it does.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import compress, islice
from typing import Any

import numpy as np
import numpy.typing as npt

from hpbandster_ng.engine.config_generator import Report
from hpbandster_ng.engine.records import ConfigId, Job, JobKey
from hpbandster_ng.engine.steps import Promote, Start
from hpbandster_ng.errors import InvalidArgumentError
from hpbandster_ng.optimizers.config_generators.known import SpaceGenerator
from hpbandster_ng.optimizers.config_generators.prospects import Prospects, add_candidates
from hpbandster_ng.optimizers.config_generators.trials import Trials
from hpbandster_ng.optimizers.gaussian_process.features import Features
from hpbandster_ng.optimizers.gaussian_process.posterior import Posterior
from hpbandster_ng.optimizers.gaussian_process.surrogate import Surrogate

__all__ = ["FreezeThaw"]

Array = npt.NDArray[np.float64]

_MOST_INITIAL = (20, 10)
"""So many results, or two a hyperparameter, are there before the model is asked: with several budgets, of which the low
ones cost little, and with one alone."""

_NUM_PARENTS = 6
"""Of the configurations evaluated, so many with the best predictions have children among the candidates."""

_MOST_PAUSED = 100
"""Of the paused configurations, so many with the best predictions compete."""

_BEYOND_HOPE = 4.0
"""A paused configuration is given up when its prediction is worse than the best by more than so many standard
deviations, a chance of one in 30,000, or when it is not among those that compete."""

_MOST_FINALISTS = 20
"""Of the configurations that promise most on the full budget, so many of the paused compete on all budgets, and of the
new ones as many as are pending, and one."""

_COST_EXPONENTS = (0.7, 1.3)
"""What a result promises is divided by a power of what it costs: with nothing pending, and with much."""

_PATIENCE = 64
"""While so many evaluations are pending for each result that came in, what could run is not looked at anew."""

_CANDIDATES = 2
"""Behind the run's seed and the number of results: tells the random numbers of candidates from those of the planner's
picks and decisions, which have nothing or 1 there."""


@dataclass
class _Scene:
    """What could run next, seen with the same results: new configurations, and those that are paused.

    Attributes:
        hopeless: of the paused, those that are given up.
        trials: of those that were among the most promising so far.
        numbers: of those among the trials, by the key of the configuration.
        num_expected: how many of the jobs that began since are taken into account.
    """

    posterior: Posterior
    fresh: Prospects
    paused: Prospects
    paused_ids: list[ConfigId]
    hopeless: list[ConfigId]
    trials: Trials
    numbers: dict[bytes, int] = field(default_factory=dict)
    num_expected: int = 0

    def expect(self, evaluations: Sequence[Array]) -> None:
        """These began since the results that are seen, those told before included."""
        for evaluation in evaluations[self.num_expected :]:
            predicted = float(_predicted(self.posterior, evaluation[None])[0])
            for each in (self.fresh, self.paused, self.trials):
                each.expect(evaluation, predicted)
        self.num_expected = len(evaluations)


@dataclass
class _View:
    """The results that choices rest on, and what has happened since.

    Attributes:
        num_results: so many of them.
        pending: the evaluations that were, by their job.
        since: those that began since.
        taken_since: keys of configurations that are no candidates any more.
        eliminated_since: paused configurations that are out.
        scene: once it was asked for.
    """

    num_results: int
    pending: dict[JobKey, Array]
    since: list[tuple[JobKey, Array]] = field(default_factory=list)
    taken_since: set[bytes] = field(default_factory=set)
    eliminated_since: set[ConfigId] = field(default_factory=set)
    scene: _Scene | None = None


@dataclass(frozen=True)
class _Finalist:
    """A configuration that may run next.

    Attributes:
        paused_id: None if it is new.
        lowest: the number of the lowest budget that it can run on.
        log_chance: the logarithm of its chance to succeed.
    """

    key: bytes
    code: Array
    paused_id: ConfigId | None
    lowest: int
    log_chance: float


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
        given_up: those of the paused of the last :meth:`choose` that will hardly ever be chosen.

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
        most_initial = _MOST_INITIAL[len(self.budgets) == 1]
        self.num_initial = min(2 * self.search_space.dimensions + 2, most_initial)
        self._fidelities = np.array([self._fidelity(budget) for budget in self.budgets])
        self._features = Features(self.search_space.kinds, self.search_space.num_values.tolist())
        self._surrogate = Surrogate(self._features, self.num_initial)
        self._codes: dict[ConfigId, Array] = {}
        self._pending: dict[JobKey, Array] = {}
        self._history: list[Array] = []
        self._ids: list[ConfigId | None] = []
        self._taken: set[bytes] = set()
        self._reported: set[bytes] = set()
        self._view = _View(0, {})
        self._run_seed: tuple[int, ...] = ()
        self.given_up: list[ConfigId] = []

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
            self._take(self._key(code))
        self._pending[job.key] = self._features(code[None], self._fidelity(job.budget))[0]
        self._view.since.append((job.key, self._pending[job.key]))

    def withdraw(self, job: Job) -> None:
        """It came to nothing, and nothing is learned."""
        super().withdraw(job)
        self._pending.pop(job.key, None)
        key = self._key(self._codes[job.config_id])
        if key not in self._reported:
            self._taken.discard(key)
        self._look_anew()

    def eliminate(self, config_id: ConfigId) -> None:
        """It will not be among the paused any more."""
        self._view.eliminated_since.add(config_id)

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
        self._pending.pop((config_id, budget), None)  # type: ignore[arg-type]
        key = self._key(code)
        self._reported.add(key)
        self._take(key)
        if len(self.budgets) > 1 or budget == self.budgets[0]:
            self._history.append(code)
            self._ids.append(config_id)
            self._surrogate.add(code, fidelity, math.inf if loss is None else float(loss))
        num_new = self.num_results - self._view.num_results
        if self._view.num_results < self.num_initial or num_new * _PATIENCE > len(self._pending):
            self._look_anew()

    def _take(self, key: bytes) -> None:
        if key not in self._taken:
            self._taken.add(key)
            self._view.taken_since.add(key)

    def _look_anew(self) -> None:
        self._view = _View(self.num_results, dict(self._pending))

    def choose(self, paused: Iterable[tuple[ConfigId, float]]) -> Start | Promote:
        """What runs next.

        Args:
            paused: configurations that could go on, and the next budget of each.

        Returns:
            A new configuration or one of ``paused``, and the budget it is to run on.
        """
        next_budgets = dict(paused)
        view = self._view
        scene = view.scene = view.scene or self._new_scene(view, next_budgets)
        scene.expect([evaluation for _, evaluation in view.since])
        choice = self._choice(scene, self._finalists(scene, next_budgets))
        chosen = choice.config_id if isinstance(choice, Promote) else None
        self.given_up = [each for each in scene.hopeless if each in next_budgets and each != chosen]
        return choice

    def _choice(self, scene: _Scene, finalists: Sequence[_Finalist]) -> Start | Promote:
        if not finalists:
            return Start(*self.get_config(self.budgets[-1]), self.budgets[-1])
        winner, budget = self._winner(scene, finalists)
        if winner.paused_id is not None:
            return Promote(winner.paused_id, budget)
        config = self.search_space.decode(winner.code, self.rng)
        if config is None:
            return Start(*self.get_config(self.budgets[-1]), self.budgets[-1])
        return Start(config, {"model_based_pick": True, "model_budget": self.budgets[-1]}, budget)

    def _finalists(self, scene: _Scene, next_budgets: dict[ConfigId, float]) -> list[_Finalist]:
        """Those that promise most on the full budget, new and paused."""
        fresh, paused = scene.fresh, scene.paused
        keys = self.search_space.keys(fresh.codes)
        most_new = min(1 + len(self._pending), _MOST_FINALISTS)
        new = islice((i for i in fresh.best_first() if keys[i] not in self._taken), most_new)
        finalists = [_Finalist(keys[i], fresh.codes[i], None, 0, float(fresh.log_chances[i])) for i in new]
        best_paused = (i for i in paused.best_first() if scene.paused_ids[i] in next_budgets)
        for i in islice(best_paused, _MOST_FINALISTS):
            paused_id, code = scene.paused_ids[i], paused.codes[i]
            lowest = self.budgets.index(next_budgets[paused_id])
            finalists.append(_Finalist(self._key(code), code, paused_id, lowest, float(paused.log_chances[i])))
        return finalists

    def _winner(self, scene: _Scene, finalists: Sequence[_Finalist]) -> tuple[_Finalist, float]:
        """Who runs next, and on which budget: where a result promises most for its cost.

        It costs what it adds to the budget that the configuration has had. The more evaluations are pending, the more
        the cost counts: what they will show is not known yet, and short ones end soon.
        """
        unknown = [each for each in finalists if each.key not in scene.numbers]
        if unknown:
            codes = np.repeat([each.code for each in unknown], len(self.budgets), axis=0)
            scene.numbers.update({each.key: len(scene.trials) + i for i, each in enumerate(unknown)})
            scene.trials.add(self._features(codes, np.tile(self._fidelities, len(unknown))))
        promises = scene.trials.promises([scene.numbers[each.key] for each in finalists])
        alone, crowded = _COST_EXPONENTS
        exponent = crowded + (alone - crowded) / (1 + len(self._pending))
        values = np.full(promises.shape, -math.inf)
        for i, each in enumerate(finalists):
            spent = self.budgets[each.lowest - 1] if each.lowest else 0.0
            costs = np.array(self.budgets[each.lowest :]) - spent
            values[i, each.lowest :] = promises[i, each.lowest :] + each.log_chance - exponent * np.log(costs)
        number, rung = divmod(int(np.argmax(values)), len(self.budgets))
        return finalists[number], self.budgets[rung]

    def _new_scene(self, view: _View, paused: Collection[ConfigId]) -> _Scene:
        """Everything that could run, as it was when the last of the view's results came in.

        Whenever the question is asked: so a run that is resumed meanwhile sees what the undisturbed one saw.
        """
        pending = np.array(list(view.pending.values())).reshape(-1, len(self._features.groups))
        learned = self._surrogate.learned(view.num_results)
        posterior, rows = learned.posterior.with_pending(pending), learned.rows.tolist()
        evaluated = np.array([self._history[i] for i in rows])
        means = posterior.means(self._features(evaluated, 1.0))
        best = float(min(means.min(), _predicted(posterior, pending).min(initial=math.inf)))
        order = np.argsort(means, kind="stable")
        _, firsts = np.unique(self.search_space.keys(evaluated[order]), return_index=True)
        parents = evaluated[order[np.sort(firsts)[:_NUM_PARENTS]]]
        dimensions = self.search_space.dimensions
        fresh, waiting = (Prospects(posterior, self._features, learned.feasibility, dimensions, best) for _ in range(2))
        rng = np.random.default_rng((*self._run_seed, view.num_results, _CANDIDATES))
        add_candidates(fresh, self.search_space, rng, parents, self._taken - view.taken_since, view.num_results)
        by_mean = dict.fromkeys(self._ids[rows[i]] for i in order)
        started = {config_id for (config_id, _), _ in view.since}
        were_paused = {*paused, *started, *view.eliminated_since} - {config_id for config_id, _ in view.pending}
        paused_ids = [config_id for config_id in by_mean if config_id in were_paused][:_MOST_PAUSED]
        waiting.add(np.array([self._codes[config_id] for config_id in paused_ids]).reshape(len(paused_ids), dimensions))
        hopeless = list(compress(paused_ids, waiting.are_beyond(_BEYOND_HOPE)))
        if len(paused_ids) == _MOST_PAUSED:
            hopeless += sorted(were_paused.intersection(self._ids[: view.num_results]).difference(paused_ids))
        return _Scene(posterior, fresh, waiting, paused_ids, hopeless, Trials(posterior, len(self.budgets), best))

    def _key(self, code: Array) -> bytes:
        return self.search_space.keys(code[None])[0]

    def _fidelity(self, budget: float) -> float:
        """0 for the smallest budget, 1 for the full one, on a logarithmic scale."""
        if not 0 < budget < math.inf:
            raise InvalidArgumentError("budget", budget, "must be a number greater than 0", "correct the result")
        lowest, highest = self.budgets[0], self.budgets[-1]
        return 1.0 if lowest == highest else math.log(budget / lowest) / math.log(highest / lowest)


def _predicted(posterior: Posterior, evaluations: Array) -> Array:
    """The losses on the full budget of configurations that were or are evaluated on any: shape (n,)."""
    return posterior.means(np.column_stack([evaluations[:, :-1], np.ones(len(evaluations))]))
