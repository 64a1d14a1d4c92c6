"""No configuration of a finite space is taken twice while others are left."""

from __future__ import annotations

from types import SimpleNamespace

import ConfigSpace as CS
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from hpbandster_ng.engine.records import Job
from hpbandster_ng.optimizers.config_generators import known as module
from hpbandster_ng.optimizers.config_generators.bohb import BOHB
from hpbandster_ng.optimizers.config_generators.known import KnownConfigurations
from hpbandster_ng.optimizers.config_generators.random_sampling import RandomSampling
from hpbandster_ng.optimizers.config_generators.search_space import SearchSpace
from tests.optimizers.config_generators.spaces import pairs_of_spaces, space_of


def job(config, number=0, budget=1.0):
    return Job((0, 0, number), budget, config, {})


def report(config, loss=1.0):
    return SimpleNamespace(kwargs={"config": config, "budget": 1.0}, result={"loss": loss}, exception=None)


def letters(n=3):
    return SearchSpace(space_of(CS.CategoricalHyperparameter("c", list("abcdefgh")[:n])))


def taken(known, n, first=0):
    """The values of so many picks, all pending."""
    picks = []
    for number in range(first, first + n):
        picks.append(known.sample(np.random.default_rng(number)))
        known.new_job(job(picks[-1], number))
    return [pick["c"] for pick in picks]


class TestKnownConfigurations:
    def test_each_round_takes_everything_once(self):
        known = KnownConfigurations(letters())
        rounds = [sorted(taken(known, 3, 3 * i)) for i in range(4)]
        assert rounds == [["a", "b", "c"]] * 4

    def test_a_promotion_takes_nothing_more(self):
        known = KnownConfigurations(letters(2))
        known.new_job(job({"c": "a"}))
        known.new_job(job({"c": "a"}, budget=3.0))
        known.new_job(job({"c": "b"}, 1))
        known.new_job(job({"c": "b"}, 2))
        assert known.free(np.array([[0.0], [1.0]])).tolist() == [True, False]

    def test_a_withdrawn_configuration_is_free_unless_another_job_of_it_stands(self):
        known = KnownConfigurations(letters())
        first, promoted = job({"c": "a"}), job({"c": "a"}, budget=3.0)
        known.new_job(first)
        known.new_job(promoted)
        known.withdraw(promoted)
        assert not known.free(np.array([[0.0], [1.0]]))[0]
        known.withdraw(first)
        assert known.free(np.array([[0.0], [1.0]]))[0]
        known.withdraw(first)  # nothing to withdraw any more

    def test_results_that_were_never_announced_are_known(self):
        known = KnownConfigurations(letters())
        for value in ("a", "a", "b"):
            known.new_result(report({"c": value}))
        assert taken(known, 1) == ["c"]

    def test_a_resumed_run_picks_as_an_undisturbed_one(self):
        undisturbed = KnownConfigurations(letters(5))
        picks = taken(undisturbed, 20)
        for told in range(20):
            resumed = KnownConfigurations(letters(5))
            for number, value in enumerate(picks[:told]):
                resumed.new_job(job({"c": value}, number))
            assert taken(resumed, 20 - told, told) == picks[told:]

    @settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
    @given(spaces=pairs_of_spaces())
    def test_on_random_spaces_each_round_takes_every_valid_configuration_once(self, spaces):
        space = SearchSpace(spaces[0])
        known = KnownConfigurations(space)
        if not known.is_finite or np.prod(space.num_values) > 200:
            return
        everything = {tuple(space.decode(code, None).items()) for code in space.all_codes()}
        for n in range(2):
            picks = set()
            for number in range(len(everything)):
                pick = known.sample(np.random.default_rng(number))
                picks.add(tuple(pick.items()))
                known.new_job(job(pick, n * len(everything) + number))
            assert picks == everything

    def test_a_space_too_large_to_enumerate_is_drawn_from(self, monkeypatch):
        monkeypatch.setattr(module, "_MOST_ENUMERATED", 2)
        known = KnownConfigurations(letters(3))
        assert sorted(taken(known, 3)) == ["a", "b", "c"]
        assert not known.free(np.array([[0.0]])).any()
        assert taken(known, 1, 3)[0] in "abc"

    def test_100_000_combinations_are_exhausted_exactly(self):
        digits = [CS.UniformIntegerHyperparameter(f"i{n}", 0, 9) for n in range(5)]
        space = SearchSpace(space_of(*digits))
        known = KnownConfigurations(space)
        codes = space.all_codes()
        assert len(codes) == 100_000
        for number, code in enumerate(codes[1:]):
            known.new_job(job(space.decode(code, None), number))
        assert set(known.sample(np.random.default_rng(0)).values()) == {0}

    def test_nothing_is_kept_for_a_space_with_a_continuous_hyperparameter(self):
        space = SearchSpace(space_of(CS.UniformFloatHyperparameter("x", 0, 1)))
        known = KnownConfigurations(space)
        known.new_job(job({"never": "encoded"}))
        known.withdraw(job({"never": "encoded"}))
        assert known.free(np.array([[0.5]])).all()
        assert known.sample(np.random.default_rng(0)) == space.sample(np.random.default_rng(0))

    def test_a_space_of_constants_has_one_configuration(self):
        known = KnownConfigurations(SearchSpace(space_of(CS.Constant("c", 1))))
        assert taken(known, 3) == [1, 1, 1]


class TestGenerators:
    def test_bohb_takes_the_next_best_candidate(self):
        space = space_of(*(CS.UniformIntegerHyperparameter(name, 0, 9) for name in "xy"))
        sampler = BOHB(space, random_fraction=0)
        for x in range(10):
            for y in (0, 3, 9):
                sampler.new_result(report({"x": x, "y": y}, x + y))
        infos, losses = [], []
        for number in range(10):
            sampler.seed(number)
            config, info = sampler.get_config(1.0)
            sampler.new_job(job(config, number))
            infos.append(info["model_based_pick"])
            losses.append(config["x"] + config["y"])
        assert all(infos)
        assert np.mean(losses) < 9
        assert not {config for config in losses if config < 1}  # (0, 0) is known

    def test_bohb_says_why_it_is_random(self):
        space = space_of(CS.CategoricalHyperparameter("c", list(range(40))))
        sampler = BOHB(space, random_fraction=0, num_samples=2)
        for c in range(8):
            sampler.new_result(report({"c": c}, c))
        reasons = {sampler.get_config(1.0)[1].get("random_reason") for _ in range(40)}
        assert "all 2 candidates of the model are forbidden or known already" in reasons

    @pytest.mark.parametrize("make", [RandomSampling, BOHB])
    def test_configurations_of_the_user_are_not_proposed(self, make):
        sampler = make(space_of(CS.CategoricalHyperparameter("c", ["a", "b"])))
        sampler.new_job(job({"c": "a"}))
        assert sampler.get_config(1.0)[0] == {"c": "b"}
