from __future__ import annotations

import ConfigSpace as CS
import pytest

from hpbandster_ng.errors import SearchSpaceError
from hpbandster_ng.optimizers.config_generators.random_sampling import RandomSampling


@pytest.fixture
def space():
    return CS.ConfigurationSpace({"x": (0.0, 1.0), "n": (1, 9), "c": ["a", "b"]})


def test_is_legal_and_says_that_it_is_random(space):
    sampler = RandomSampling(space)
    for _ in range(10):
        config, info = sampler.get_config(budget=3)
        CS.Configuration(space, values=config)
        assert info == {"model_based_pick": False}
        assert {type(value) for value in config.values()} == {float, int, str}


def test_seed_decides(space):
    picks = []
    for seed in (1, 1, 2):
        sampler = RandomSampling(space)
        sampler.seed(seed)
        picks.append([sampler.get_config(1)[0] for _ in range(3)])
    assert picks[0] == picks[1] != picks[2]


def test_results_do_not_matter(space):
    sampler = RandomSampling(space, logger=None)
    sampler.new_result(None)
    assert sampler.get_config(1)[1] == {"model_based_pick": False}


def test_refuses_a_wrong_space():
    with pytest.raises(SearchSpaceError):
        RandomSampling(None)
