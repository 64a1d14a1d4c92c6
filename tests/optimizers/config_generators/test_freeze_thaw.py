from __future__ import annotations

import math
from types import SimpleNamespace

import ConfigSpace as CS
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hpbandster_ng.engine.records import Job, JobReport, Outcome, OutcomeState
from hpbandster_ng.engine.steps import Promote, Start
from hpbandster_ng.errors import InvalidArgumentError, SearchSpaceError
from hpbandster_ng.optimizers.config_generators import freeze_thaw as module
from hpbandster_ng.optimizers.config_generators.freeze_thaw import FreezeThaw
from tests.optimizers.config_generators.spaces import everything, pairs_of_spaces, space_of

BUDGETS = (1.0, 3.0, 9.0)
FEW = settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))


def floats(n=2):
    return space_of(*(CS.UniformFloatHyperparameter(f"x{i}", 0, 1) for i in range(n)))


def numbers_of(config):
    return [value for value in config.values() if isinstance(value, float | int) and not isinstance(value, bool)]


def distance(config, budget=9.0):
    return sum((value - 0.3) ** 2 for value in numbers_of(config)) + 0.1 / budget


def bumpy(config, budget):
    """Low budgets tell something, not all."""
    return distance(config) + math.sin(20 * config["x0"]) / budget


class Desk:
    """Stands in for planner, iteration and workers: announces jobs, tells results, and knows who is paused.

    Attributes:
        told: every call of the generator that it must hear of again after a crash.
    """

    def __init__(self, space, seed=3, budgets=BUDGETS, loss=distance):
        self.generator = FreezeThaw(space, budgets)
        self.space, self.seed, self.budgets, self.loss = space, seed, budgets, loss
        self.running: list[Job] = []
        self.paused: dict = {}
        self.told: list = []
        self.configs: dict = {}
        self.num_jobs = 0

    def tell(self, method, argument):
        self.told.append((method, argument))
        getattr(self.generator, method)(argument)

    def start(self, config, budget, config_id=None):
        config_id = config_id or (0, self.budgets.index(budget), self.num_jobs)
        job = Job(config_id, budget, config, {})
        self.num_jobs += 1
        self.configs[config_id] = config
        self.paused.pop(config_id, None)
        self.running.append(job)
        self.tell("new_job", job)
        return job

    def sample(self, budget=None):
        self.generator.seed(self.seed, self.num_jobs)
        budget = budget or self.budgets[0]
        return self.start(self.generator.get_config(budget)[0], budget)

    def ask(self):
        self.generator.seed(self.seed, self.num_jobs, 1)
        return self.generator.choose(list(self.paused.items()))

    def choose(self):
        choice = self.ask()
        if isinstance(choice, Promote):
            assert choice.budget >= self.paused[choice.config_id]
            return self.start(self.configs[choice.config_id], choice.budget, choice.config_id)
        CS.Configuration(self.space, values=choice.config)
        return self.start(dict(choice.config), choice.budget)

    def end(self, which=0, loss="by its merit"):
        job = self.running.pop(which % len(self.running))
        loss = self.loss(job.config, job.budget) if loss == "by its merit" else loss
        result = None if loss is None else {"loss": loss, "info": None}
        state = OutcomeState.FAILED if loss is None else OutcomeState.SUCCEEDED
        self.tell("new_result", JobReport(job, Outcome(state, result), "w", 0.0, 0.0, 1.0))
        above = self.budgets.index(job.budget) + 1
        if loss is not None and math.isfinite(loss) and above < len(self.budgets):
            self.paused[job.config_id] = self.budgets[above]

    def lose(self, which=0):
        self.tell("withdraw", self.running.pop(which % len(self.running)))

    def begin(self, n=None, loss="by its merit"):
        for _ in range(n or self.generator.num_initial):
            self.sample()
            self.end(loss=loss)
        return self

    def go_on(self, n, loss="by its merit"):
        for _ in range(n):
            self.choose()
            self.end(loss=loss)
        return self

    def resumed(self):
        """A fresh generator that was told the same, at once."""
        fresh = FreezeThaw(self.space, self.budgets)
        for method, argument in self.told:
            getattr(fresh, method)(argument)
        return fresh


def results_on(configs, budget, loss):
    return [
        SimpleNamespace(id=(-1, 0, i), kwargs={"config": config, "budget": budget}, result={"loss": loss(config)})
        for i, config in enumerate(configs)
    ]


# What it chooses


def test_finds_the_minimum_and_ends_on_the_full_budget():
    desk = Desk(floats()).begin().go_on(40)
    best = min((job for method, job in desk.told if method == "new_job"), key=lambda job: distance(job.config))
    assert distance(best.config) < 0.02
    budgets = [job.budget for method, job in desk.told if method == "new_job"]
    assert set(budgets) == set(BUDGETS)


def test_goes_on_with_what_is_paused_and_promising():
    """One of 30 levels is far better than the others, and on the full budget nothing is known of it."""
    space = space_of(CS.CategoricalHyperparameter("c", list(range(30))))
    desk = Desk(space, loss=lambda config, budget: (config["c"] - 7) ** 2 / 400 + 0.1 / budget)
    for level in (3, 12, 7, 20, 25, 15, 1, 10):
        desk.start({"c": level}, 1.0)
        desk.end()
    choice = desk.ask()
    assert isinstance(choice, Promote)
    assert desk.configs[choice.config_id] == {"c": 7}


def test_only_who_is_paused_is_thawed_and_never_on_a_budget_that_it_had():
    desk = Desk(floats()).begin().go_on(20)
    keys = [job.key for method, job in desk.told if method == "new_job"]
    assert len(set(keys)) == len(keys)
    desk.paused.clear()
    assert isinstance(desk.ask(), Start)


def test_low_budgets_that_tell_nothing_are_not_asked_for_long():
    """Which rung runs follows from how much the low ones tell of the full budget."""

    def misleading(config, budget):
        x = config["x0"]
        return (x - 0.3) ** 2 if budget == 9 else math.sin(1000 * budget * x * (1 + x))

    def telling(config, budget):
        return (config["x0"] - 0.3) ** 2

    def share_on_the_full_budget(loss, seed):
        desk = Desk(floats(1), seed, loss=loss).begin(12)
        for _ in range(4):
            desk.sample(9.0)
            desk.end()
        desk.go_on(30)
        late = [job.budget for method, job in desk.told if method == "new_job"][-20:]
        return late.count(9.0) / len(late)

    shares = {
        loss: np.mean([share_on_the_full_budget(loss, seed) for seed in (3, 4, 5)]) for loss in (misleading, telling)
    }
    assert shares[misleading] > shares[telling] + 0.1
    assert shares[misleading] > 0.9


def after_results_on_both(low_loss, n=14):
    """So many results on each of two budgets that cost about the same, so that the full one is always worth it."""
    desk = Desk(floats(3), budgets=(8.0, 9.0))
    draws = np.random.default_rng(5).random((2 * n, 3))
    configs = [dict(zip(desk.space, map(float, draw), strict=True)) for draw in draws]
    for report in results_on(configs[:n], 9.0, distance) + results_on(configs[n:], 8.0, low_loss):
        desk.tell("new_result", report)
    return desk


def test_every_second_job_on_the_full_budget_does_not_depend_on_what_low_budgets_said():
    reverse = after_results_on_both(lambda config: -distance(config))
    noisy = after_results_on_both(lambda config: math.sin(1e4 * config["x0"]))
    agreed = []
    for _ in range(8):
        answer, other = reverse.ask(), noisy.ask()
        assert answer.budget == other.budget == 9.0
        agreed.append(answer == other)
        for desk in (reverse, noisy):
            desk.start(dict(answer.config), 9.0)
            desk.end()
    assert agreed[1::2] == [True] * 4
    assert not any(agreed[::2])


def test_a_second_opinion_is_the_same_after_a_crash_and_counts_what_is_pending():
    desk = after_results_on_both(lambda config: -distance(config))
    configs = []
    for _ in range(8):
        answer, fresh = desk.ask(), desk.resumed()
        fresh.seed(desk.seed, desk.num_jobs, 1)
        assert fresh.choose(list(desk.paused.items())) == answer
        configs.append(desk.choose().config)
    seconds = np.array([list(config.values()) for config in configs[1::2]])
    apart = np.abs(seconds[:, None] - seconds).max(axis=2)[np.triu_indices(4, 1)]
    assert apart.min() > 0.01


def test_the_second_opinion_may_be_to_go_on_with_what_is_paused():
    """Of 16 configurations two are left, both paused; the lower budget prefers one, the full budget the other."""
    grid = [{"a": a, "b": b} for a in range(4) for b in range(4)]
    space = space_of(*(CS.UniformIntegerHyperparameter(name, 0, 3) for name in "ab"))
    desk = Desk(space, budgets=(8.0, 9.0), loss=lambda config, _: (config["a"] - 1) ** 2 + (config["b"] - 1) ** 2)
    good, bad = {"a": 1, "b": 1}, {"a": 3, "b": 3}
    for config, loss in ((good, 9.0), (bad, -9.0)):
        desk.start(config, 8.0)
        desk.end(loss=loss)
    for config in grid:
        if config not in (good, bad):
            desk.start(config, 8.0)
            desk.end(loss=0.0)
            desk.start(config, 9.0, next(reversed(desk.paused)))
            desk.end()
    names = {str(desk.configs[config_id]): config_id for config_id in desk.paused}
    assert desk.ask() == Promote(names[str(bad)], 9.0)
    desk.generator.new_job(Job((9, 0, 0), 9.0, grid[0], {}))
    assert desk.ask() == Promote(names[str(good)], 9.0)


def test_a_choice_says_what_it_is():
    desk = Desk(floats()).begin()
    desk.paused.clear()
    choice = desk.ask()
    assert choice.config_info == {"model_based_pick": True, "model_budget": 9.0}


def test_what_ran_before_comes_from_the_default_and_then_from_the_priors():
    desk = Desk(floats())
    assert desk.sample().config == {"x0": 0.5, "x1": 0.5}
    assert desk.sample().config != {"x0": 0.5, "x1": 0.5}
    assert FreezeThaw(floats(), BUDGETS).get_config(1)[1]["model_based_pick"] is False


def test_the_default_is_not_drawn_again_where_anything_is_known():
    generator = FreezeThaw(floats(), BUDGETS)
    generator.new_result(results_on([{"x0": 0.1, "x1": 0.2}], 1.0, distance)[0])
    assert generator.get_config(1)[1]["random_reason"] == "drawn without the model"


# Spaces


SPACES = {
    "everything": everything(),
    "categories": space_of(*(CS.CategoricalHyperparameter(f"c{i}", list("abcd")) for i in range(4))),
    "30 levels": space_of(CS.CategoricalHyperparameter("c", list(range(30))), CS.UniformFloatHyperparameter("x", 0, 1)),
    "integers": space_of(
        CS.UniformIntegerHyperparameter("i", 1, 9), CS.UniformIntegerHyperparameter("log", 1, 10**6, log=True)
    ),
    "ordinals": space_of(*(CS.OrdinalHyperparameter(f"o{i}", ["s", "m", "l", "xl"]) for i in range(3))),
    "logs": space_of(*(CS.UniformFloatHyperparameter(f"l{i}", 1e-8, 1.0, log=True) for i in range(2))),
    "priors": space_of(
        CS.NormalFloatHyperparameter("normal", mu=0.2, sigma=0.1, lower=-1, upper=1),
        CS.BetaFloatHyperparameter("beta", alpha=2, beta=5, lower=0, upper=1),
        CS.NormalIntegerHyperparameter("whole", mu=4, sigma=2, lower=1, upper=9),
    ),
    "a constant": space_of(CS.Constant("c", 3), CS.UniformFloatHyperparameter("x", 0, 1)),
    "70 dimensions": floats(70),
}


@pytest.mark.parametrize("name", SPACES)
def test_every_choice_is_legal_in(name):
    desk = Desk(SPACES[name]).begin().go_on(15)
    while len(desk.running) < 6:
        desk.choose()
    infos = [desk.ask() for _ in range(2)]
    assert infos[0] == infos[1]


@FEW
@given(pairs_of_spaces(), st.integers(0, 99))
def test_every_choice_is_legal_in_random_spaces_with_conditions_and_forbidden_clauses(spaces, seed):
    desk = Desk(spaces[0], seed).begin().go_on(4)
    for _ in range(3):
        desk.choose()


def test_the_default_runs_first_where_it_is_legal():
    space = everything()
    generator = FreezeThaw(space, BUDGETS)
    config, info = generator.get_config(1)
    assert info["random_reason"] == "the default configuration of the space"
    default = dict(space.get_default_configuration())
    assert config.keys() == default.keys()
    np.testing.assert_allclose(
        numbers_of(config), [default[name] for name in config if config[name] in numbers_of(config)]
    )


def test_70_dimensions_are_learned_from():
    desk = Desk(floats(70), loss=lambda config, budget: (config["x0"] - 0.3) ** 2).begin().go_on(40)
    late = [job.config["x0"] for method, job in desk.told if method == "new_job"][-15:]
    assert np.mean([(x - 0.3) ** 2 for x in late]) < 0.04


def test_a_misleading_prior_is_left():
    space = space_of(CS.NormalFloatHyperparameter("x", mu=0.9, sigma=0.02, lower=0.0, upper=1.0))
    desk = Desk(space).begin().go_on(40)
    best = min(distance(job.config) for method, job in desk.told if method == "new_job")
    assert best < 0.012


def test_a_small_space_is_exhausted_before_anything_repeats_and_choosing_goes_on():
    space = space_of(CS.CategoricalHyperparameter("c", list("abcde")), CS.OrdinalHyperparameter("o", ["s", "m"]))
    desk = Desk(space, budgets=(9.0,))
    desk.begin(4).go_on(6)
    configs = [tuple(job.config.items()) for method, job in desk.told if method == "new_job"]
    assert len(set(configs)) == 10
    desk.go_on(5)
    for _ in range(5):
        desk.choose()
    configs = [tuple(job.config.items()) for method, job in desk.told if method == "new_job"]
    assert len(configs) == 20
    assert len(set(configs[10:])) == 10


def test_of_an_exhausted_space_the_paused_go_on_until_none_is_left():
    desk = Desk(space_of(CS.CategoricalHyperparameter("c", list("abc"))), loss=lambda config, budget: ord(config["c"]))
    desk.begin(3)
    for _ in range(20):
        if not desk.paused:
            break
        assert isinstance(desk.ask(), Promote)
        desk.go_on(1)
    assert not desk.paused
    again = desk.ask()
    assert (again.budget, again.config_info["model_based_pick"]) == (9.0, False)


def test_a_space_of_constants():
    desk = Desk(space_of(CS.Constant("c", 3)), budgets=(1.0, 9.0)).begin()
    desk.go_on(4)
    assert {job.config["c"] for method, job in desk.told if method == "new_job"} == {3}


def test_a_withdrawn_configuration_comes_back_when_nothing_else_is_left():
    desk = Desk(space_of(CS.CategoricalHyperparameter("c", list("abc"))), budgets=(9.0,)).begin(2)
    lost = desk.choose().config
    desk.lose()
    assert desk.ask().config == lost


# Losses


@pytest.mark.parametrize("loss", [None, math.nan, math.inf, -math.inf, 0.0, 1e300, -1e300])
def test_results_that_are_all_the_same_are_survived(loss):
    desk = Desk(floats()).begin(loss=loss).go_on(8, loss=loss)
    configs = [tuple(job.config.items()) for method, job in desk.told if method == "new_job"]
    assert len({*configs}) >= 8


def test_huge_losses_among_others_are_survived():
    def loss(config, budget):
        huge = (1e300, -1e-300, 1.7e308)[min(2, int(config["x1"] * 3))]
        return distance(config, budget) if config["x0"] < 0.5 else huge

    desk = Desk(floats(), loss=loss).begin().go_on(20)
    assert np.isfinite(numbers_of(desk.choose().config)).all()


@pytest.mark.parametrize("failure", [None, math.nan, math.inf])
def test_where_30_percent_fail_the_rest_is_searched(failure):
    def loss(config, budget):
        return failure if config["x1"] > 0.7 else distance(config, budget)

    desk = Desk(floats(), loss=loss).begin().go_on(40)
    late = [job.config for method, job in desk.told if method == "new_job"][-20:]
    assert sum(config["x1"] > 0.7 for config in late) <= 4
    assert min(map(distance, late)) < 0.02


@pytest.mark.parametrize("loss", ["by its merit", None])
def test_one_result_is_enough_to_choose(loss):
    desk = Desk(floats()).begin(1, loss=loss)
    assert desk.choose()
    assert desk.choose()


@pytest.mark.parametrize("budget", [0, -1, math.nan, math.inf])
def test_a_result_on_no_budget_is_refused_and_changes_nothing(budget):
    desk = Desk(floats()).begin()
    before = desk.ask()
    with pytest.raises(InvalidArgumentError, match=r"^budget=.* must be a number greater than 0"):
        desk.generator.new_result(results_on([{"x0": 0.5, "x1": 0.1}], budget, distance)[0])
    assert desk.generator.num_results == desk.generator.num_initial
    assert desk.ask() == before
    assert desk.go_on(2)


def test_a_result_of_another_space_is_refused():
    with pytest.raises(InvalidArgumentError, match="y"):
        FreezeThaw(floats(), BUDGETS).new_result(results_on([{"y": 0.5}], 1.0, lambda config: 0.0)[0])


def test_what_is_no_space_is_refused():
    with pytest.raises(SearchSpaceError):
        FreezeThaw({"x": (0, 1)}, BUDGETS)


# Budgets


def test_with_one_budget_it_is_plain_bayesian_optimization():
    desk = Desk(floats(), budgets=(9.0,)).begin().go_on(15)
    assert {job.budget for method, job in desk.told if method == "new_job"} == {9.0}
    assert min(distance(job.config) for method, job in desk.told if method == "new_job") < 0.013


@pytest.mark.parametrize("budget", [0.01, 1.0, 2.0, 9.0, 81.0])
def test_results_of_another_run_with_other_budgets_are_learned_from(budget):
    rng = np.random.default_rng(0)
    earlier = [{"x0": x, "x1": y} for x, y in rng.random((30, 2)).tolist()]
    desk = Desk(floats())
    for report in results_on(earlier, budget, distance):
        desk.tell("new_result", report)
    assert desk.generator.num_results == 30
    desk.go_on(10)
    configs = [job.config for method, job in desk.told if method == "new_job"]
    assert not [config for config in configs if config in earlier]
    assert min(map(distance, configs)) < min(map(distance, earlier))


# What is pending


def test_simultaneous_choices_never_repeat_and_spread():
    desk = Desk(floats()).begin()
    jobs = [desk.choose() for _ in range(60)]
    assert len({job.key for job in jobs}) == 60
    codes = np.array([numbers_of(job.config) for job in jobs])
    assert len(np.unique(codes.round(9), axis=0)) == len({job.config_id for job in jobs})
    assert np.ptp(codes, axis=0).min() > 0.3


def test_simultaneous_choices_in_a_finite_space_never_repeat():
    space = space_of(*(CS.UniformIntegerHyperparameter(name, 0, 7) for name in "ab"))
    desk = Desk(space, budgets=(9.0,)).begin()
    jobs = [desk.choose() for _ in range(64 - desk.generator.num_initial)]
    configs = [tuple(job.config.items()) for method, job in desk.told if method == "new_job"]
    assert len(set(configs)) == 64
    assert len(jobs) == 58


def test_what_is_pending_is_not_evaluated_next_door():
    desk = Desk(floats()).begin().go_on(10)
    first = desk.ask()
    if isinstance(first, Promote):
        desk.paused.clear()
        first = desk.ask()
    desk.choose()
    second = desk.ask()
    gap = np.abs(np.subtract(numbers_of(first.config), numbers_of(getattr(second, "config", first.config))))
    assert isinstance(second, Promote) or gap.max() > 1e-3


def test_asking_again_gives_the_same_answer_and_leaves_no_trace():
    desk, other = Desk(floats()).begin().go_on(6), Desk(floats()).begin().go_on(6)
    assert desk.ask() == desk.ask() == other.ask()
    desk.choose()
    other.choose()
    assert desk.ask() == other.ask()


# The same history, the same choice

MOVES = st.lists(
    st.tuples(st.sampled_from(["choose"] * 4 + ["sample", "end", "end", "fail", "lose"]), st.integers(0, 9)),
    max_size=25,
)
NAMED = st.sampled_from(["everything", "30 levels", "categories", "priors"])


@FEW
@given(NAMED, MOVES, st.integers(0, 9))
def test_a_fresh_generator_that_is_told_the_same_at_once_chooses_the_same(name, moves, seed):
    """Also in the middle of many choices without a result between: what was asked is no part of the history."""
    desk = Desk(SPACES[name], seed).begin()
    for move, which in moves:
        if move == "choose":
            answer = desk.ask()
            fresh = desk.resumed()
            fresh.seed(desk.seed, desk.num_jobs, 1)
            assert fresh.choose(list(desk.paused.items())) == answer
            desk.choose()
        elif move == "sample":
            desk.sample()
        elif desk.running:
            {"end": desk.end, "lose": desk.lose, "fail": lambda i: desk.end(i, None)}[move](which)


@pytest.mark.parametrize("name", ["30 levels", "tiny"])
def test_a_batch_can_be_interrupted_anywhere(name):
    tiny = space_of(*(CS.UniformIntegerHyperparameter(name, 0, 3) for name in "ab"))
    desk = Desk({**SPACES, "tiny": tiny}[name]).begin()
    desk.sample()
    for _ in range(20):
        answer = desk.ask()
        fresh = desk.resumed()
        fresh.seed(desk.seed, desk.num_jobs, 1)
        assert fresh.choose(list(desk.paused.items())) == answer
        desk.choose()


def test_the_seed_makes_the_difference():
    first, second, third = (Desk(floats(), seed).begin().go_on(5) for seed in (1, 1, 2))
    assert first.told[-1][1].job == second.told[-1][1].job != third.told[-1][1].job


def test_more_than_can_compete_are_paused(monkeypatch):
    """Only some of the paused are seen; a resumed run sees the same ones."""
    monkeypatch.setattr(module, "_MOST_PAUSED", 3)
    desk = Desk(floats(), loss=bumpy).begin(30)
    for _ in range(8):
        answer, fresh = desk.ask(), desk.resumed()
        fresh.seed(desk.seed, desk.num_jobs, 1)
        assert fresh.choose(list(desk.paused.items())) == answer
        desk.choose()
