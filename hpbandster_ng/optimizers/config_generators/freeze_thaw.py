"""A model of all budgets decides what runs next: a new configuration or one that is paused, and on which budget.

In the spirit of freeze-thaw Bayesian optimization (Swersky, Snoek & Adams, arXiv 1406.3896, 2014): a Gaussian process
over configurations and budgets predicts losses on the full budget. The new configuration that promises most there and
those that are paused compete; whose result promises most for its cost runs, on the budget where it does. Where that is
the full one, every second time a model that has seen no other budget says instead who runs.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence
from itertools import compress, islice
from typing import Any

import numpy as np
import numpy.typing as npt

from hpbandster_ng.engine.config_generator import Report
from hpbandster_ng.engine.records import ConfigId, Job, JobKey
from hpbandster_ng.engine.steps import Promote, Start
from hpbandster_ng.errors import InvalidArgumentError
from hpbandster_ng.optimizers.config_generators.experts import Expert, Opinion
from hpbandster_ng.optimizers.config_generators.known import SpaceGenerator
from hpbandster_ng.optimizers.config_generators.prospects import Prospects
from hpbandster_ng.optimizers.config_generators.scenes import Duel, Finalist, Scene, View
from hpbandster_ng.optimizers.config_generators.trials import Trials
from hpbandster_ng.optimizers.gaussian_process.acquisition import DIGITS
from hpbandster_ng.optimizers.gaussian_process.features import Features

__all__ = ["FreezeThaw"]

Array = npt.NDArray[np.float64]

_MOST_INITIAL = (20, 10)
"""So many results, or two a hyperparameter, are there before the model is asked: with several budgets, of which the low
ones cost little, and with one alone."""

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

_ENOUGH_ON_FULL_BUDGET = 12
_SECOND_OPINIONS = 2
"""With so many results on the full budget, one in so many of the jobs there is chosen by the model that knows no
other."""

_CANDIDATES = (2, 3)
"""Behind the run's seed and the number of results: tells the random numbers of each model's candidates from those of
the planner's picks and decisions, which have nothing or 1 there."""


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
        self._expert = Expert(self.search_space, self._features, self.num_initial)
        self._expert_on_full = Expert(self.search_space, self._features, _ENOUGH_ON_FULL_BUDGET)
        self._num_begun_on_full = 0
        self._codes: dict[ConfigId, Array] = {}
        self._pending: dict[JobKey, Array] = {}
        self._taken: set[bytes] = set()
        self._reported: set[bytes] = set()
        self._view = View(0, 0, {})
        self._run_seed: tuple[int, ...] = ()
        self.given_up: list[ConfigId] = []

    def seed(self, *entropy: int) -> None:
        """Restart :attr:`rng`; the first number, the run's own, seeds the candidates of all picks between results."""
        super().seed(*entropy)
        self._run_seed = entropy[:1]

    @property
    def num_results(self) -> int:
        """How many results it learned from, failures included."""
        return len(self._expert)

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
        self._num_begun_on_full += job.budget == self.budgets[-1]

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
            report = config_id, code, fidelity, math.inf if loss is None else float(loss)
            self._expert.add(*report)
            if len(self.budgets) > 1 and fidelity == 1.0:
                self._expert_on_full.add(*report)
        num_new = self.num_results - self._view.num_results
        if self._view.num_results < self.num_initial or num_new * _PATIENCE > len(self._pending):
            self._look_anew()

    def _take(self, key: bytes) -> None:
        if key not in self._taken:
            self._taken.add(key)
            self._view.taken_since.add(key)

    def _look_anew(self) -> None:
        self._view = View(self.num_results, len(self._expert_on_full), dict(self._pending))

    def choose(self, paused: Iterable[tuple[ConfigId, float]]) -> Start | Promote:
        """What runs next.

        Args:
            paused: configurations that could go on, and the next budget of each.

        Returns:
            A new configuration or one of ``paused``, and the budget it is to run on.
        """
        next_budgets = dict(paused)
        view = self._view
        duel = view.duel = view.duel or self._new_duel(view, next_budgets)
        duel.expect([evaluation for _, evaluation in view.since])
        choice = self._choice(duel, next_budgets)
        chosen = choice.config_id if isinstance(choice, Promote) else None
        self.given_up = [each for each in duel.hopeless if each in next_budgets and each != chosen]
        return choice

    def _choice(self, duel: Duel, next_budgets: dict[ConfigId, float]) -> Start | Promote:
        most_new = min(1 + len(self._pending), _MOST_FINALISTS)
        new, paused = self._best_new(duel, most_new), self._best_paused(duel, next_budgets, _MOST_FINALISTS)
        finalists = self._finalists(duel, next_budgets, new, paused)
        if not finalists:
            return Start(*self.get_config(self.budgets[-1]), self.budgets[-1])
        winner, budget = self._winner(duel, finalists)
        if budget == self.budgets[-1] and self._wants_second_opinion:
            winner = self._second_opinion(duel, next_budgets) or winner
        if winner.paused_id is not None:
            return Promote(winner.paused_id, budget)
        config = self.search_space.decode(winner.code, self.rng)
        if config is None:
            return Start(*self.get_config(self.budgets[-1]), self.budgets[-1])
        return Start(config, {"model_based_pick": True, "model_budget": self.budgets[-1]}, budget)

    @property
    def _wants_second_opinion(self) -> bool:
        return (
            self._view.num_on_full >= _ENOUGH_ON_FULL_BUDGET
            and self._num_begun_on_full % _SECOND_OPINIONS == _SECOND_OPINIONS - 1
        )

    def _second_opinion(self, duel: Duel, next_budgets: dict[ConfigId, float]) -> Finalist | None:
        """Who promises most on the full budget in the eyes of the model that knows no other."""
        view = self._view
        scene = view.second = view.second or self._new_scene(view, duel)
        scene.expect([evaluation for _, evaluation in view.since if evaluation[-1] == 1.0])
        new, paused = self._best_new(scene, 1), self._best_paused(scene, next_budgets, 1)
        if new and paused:
            prefers_paused = scene.paused.values[paused[0]] >= scene.fresh.values[new[0]]
            new, paused = ([], paused) if prefers_paused else (new, [])
        return next(iter(self._finalists(scene, next_budgets, new, paused)), None)

    def _best_new(self, scene: Scene, most: int) -> list[int]:
        """The numbers of the new configurations that promise most on the full budget."""
        keys = self.search_space.keys(scene.fresh.codes)
        return list(islice((i for i in scene.fresh.best_first().tolist() if keys[i] not in self._taken), most))

    def _best_paused(self, scene: Scene, next_budgets: Collection[ConfigId], most: int) -> list[int]:
        best_first = scene.paused.best_first().tolist()
        return list(islice((i for i in best_first if scene.paused_ids[i] in next_budgets), most))

    def _finalists(
        self, scene: Scene, next_budgets: dict[ConfigId, float], new: Sequence[int], paused: Sequence[int]
    ) -> list[Finalist]:
        """New and paused configurations of the scene, by their numbers."""
        fresh, waiting = scene.fresh, scene.paused
        keys = self.search_space.keys(fresh.codes[new])
        finalists = [
            Finalist(key, fresh.codes[i], None, 0, float(fresh.log_chances[i]))
            for key, i in zip(keys, new, strict=True)
        ]
        for i in paused:
            paused_id, code = scene.paused_ids[i], waiting.codes[i]
            lowest = self.budgets.index(next_budgets[paused_id])
            finalists.append(Finalist(self._key(code), code, paused_id, lowest, float(waiting.log_chances[i])))
        return finalists

    def _winner(self, duel: Duel, finalists: Sequence[Finalist]) -> tuple[Finalist, float]:
        """Who runs next, and on which budget: where a result promises most for its cost.

        It costs what it adds to the budget that the configuration has had. The more evaluations are pending, the more
        the cost counts: what they will show is not known yet, and short ones end soon.
        """
        unknown = [each for each in finalists if each.key not in duel.numbers]
        if unknown:
            codes = np.repeat([each.code for each in unknown], len(self.budgets), axis=0)
            duel.numbers.update({each.key: len(duel.trials) + i for i, each in enumerate(unknown)})
            duel.trials.add(self._features(codes, np.tile(self._fidelities, len(unknown))))
        promises = duel.trials.promises([duel.numbers[each.key] for each in finalists])
        alone, crowded = _COST_EXPONENTS
        exponent = crowded + (alone - crowded) / (1 + len(self._pending))
        values = np.full(promises.shape, -math.inf)
        for i, each in enumerate(finalists):
            spent = self.budgets[each.lowest - 1] if each.lowest else 0.0
            costs = np.array(self.budgets[each.lowest :]) - spent
            values[i, each.lowest :] = promises[i, each.lowest :] + each.log_chance - exponent * np.log(costs)
        number, rung = divmod(int(np.argmax(values.round(DIGITS))), len(self.budgets))
        return finalists[number], self.budgets[rung]

    def _new_duel(self, view: View, paused: Collection[ConfigId]) -> Duel:
        """Everything that could run, as it was when the last of the view's results came in.

        Whenever the question is asked: so a run that is resumed meanwhile sees what the undisturbed one saw.
        """
        opinion = self._opinion(self._expert, view.num_results, view, list(view.pending.values()))
        started = {config_id for (config_id, _), _ in view.since}
        were_paused = {*paused, *started, *view.eliminated_since} - {config_id for config_id, _ in view.pending}
        paused_ids = [config_id for config_id in opinion.ids if config_id in were_paused][:_MOST_PAUSED]
        waiting = self._prospects(opinion, paused_ids)
        hopeless = list(compress(paused_ids, waiting.are_beyond(_BEYOND_HOPE)))
        if len(paused_ids) == _MOST_PAUSED:
            hopeless += sorted(were_paused.intersection(self._expert.ids(view.num_results)).difference(paused_ids))
        trials = Trials(opinion.posterior, len(self.budgets), opinion.best)
        return Duel(opinion, waiting, paused_ids, hopeless, trials)

    def _new_scene(self, view: View, duel: Duel) -> Scene:
        """The same moment in the eyes of the model that knows the full budget only."""
        pending = [evaluation for evaluation in view.pending.values() if evaluation[-1] == 1.0]
        opinion = self._opinion(self._expert_on_full, view.num_on_full, view, pending)
        return Scene(opinion, self._prospects(opinion, duel.paused_ids), duel.paused_ids)

    def _opinion(self, expert: Expert, size: int, view: View, pending: Sequence[Array]) -> Opinion:
        rng = np.random.default_rng((*self._run_seed, view.num_results, _CANDIDATES[expert is self._expert_on_full]))
        evaluations = np.array(pending).reshape(-1, len(self._features.groups))
        return expert.opinion(size, evaluations, rng, self._taken - view.taken_since)

    def _prospects(self, opinion: Opinion, ids: Sequence[ConfigId]) -> Prospects:
        """What these promise in the eyes of that model."""
        codes = np.array([self._codes[config_id] for config_id in ids])
        return opinion.prospects(codes.reshape(len(ids), self.search_space.dimensions))

    def _key(self, code: Array) -> bytes:
        return self.search_space.keys(code[None])[0]

    def _fidelity(self, budget: float) -> float:
        """0 for the smallest budget, 1 for the full one, on a logarithmic scale."""
        if not 0 < budget < math.inf:
            raise InvalidArgumentError("budget", budget, "must be a number greater than 0", "correct the result")
        lowest, highest = self.budgets[0], self.budgets[-1]
        return 1.0 if lowest == highest else math.log(budget / lowest) / math.log(highest / lowest)
