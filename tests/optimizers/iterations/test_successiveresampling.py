from __future__ import annotations

from types import SimpleNamespace

import pytest

from hpbandster_ng.errors import InvalidArgumentError
from hpbandster_ng.optimizers.iterations.successiveresampling import SuccessiveResampling


def run_to_end(bracket, fails=lambda x: False):
    ran = []
    while (run := bracket.get_next_run()) is not None:
        config_id, config, budget = run
        ran.append((config_id, budget))
        result = None if fails(config["x"]) else {"loss": config["x"], "info": None}
        bracket.register_result(
            SimpleNamespace(id=config_id, kwargs={"budget": budget}, result=result, exception=None, timestamps={})
        )
    return ran


def bracket_of(num_configs, **kwargs):
    drawn = iter(range(1000))
    budgets = [3**i for i in range(len(num_configs))]
    return SuccessiveResampling(4, num_configs, budgets, lambda budget: ({"x": next(drawn)}, {}), **kwargs)


@pytest.mark.parametrize(
    ("rate", "least", "kept_of_4"),
    [(0.5, 1, 2), (0.25, 1, 3), (0.0, 1, 4), (1.0, 1, 1), (1.0, 0, 0), (1.0, 2, 2), (0.5, 3, 3), (0.5, 9, 4)],
)
def test_the_rate_says_how_many_places_go_to_new_configurations(rate, least, kept_of_4):
    bracket = bracket_of([8, 4], resampling_rate=rate, min_samples_advance=least)
    second = [config_id for config_id, budget in run_to_end(bracket) if budget == 3]
    assert second == [(4, 0, i) for i in range(kept_of_4)] + [(4, 1, i) for i in range(kept_of_4, 4)]
    assert bracket.is_finished


def test_every_rung_is_full_when_nothing_fails():
    ran = run_to_end(bracket_of([9, 3, 2]))
    assert [sum(budget == b for _, budget in ran) for b in (1, 3, 9)] == [9, 3, 2]


def test_new_configurations_compete_on_the_rungs_above():
    bracket = bracket_of([2, 2, 1], resampling_rate=0.5)
    losses = iter([5, 6, 1])
    bracket.config_sampler = lambda budget: ({"x": next(losses)}, {})
    assert run_to_end(bracket)[-1] == ((4, 1, 1), 9)


def test_only_the_deliberate_gaps_are_filled_not_those_of_crashes():
    bracket = bracket_of([8, 4], resampling_rate=0.5)
    ran = run_to_end(bracket, fails=lambda x: 3 <= x < 8)
    assert [config_id for config_id, budget in ran if budget == 3] == [(4, 0, 0), (4, 0, 1), (4, 1, 2)]


def test_a_rung_on_which_all_crash_ends_the_bracket():
    bracket = bracket_of([8, 4])
    assert len(run_to_end(bracket, fails=lambda x: True)) == 8
    assert bracket.is_finished


@pytest.mark.parametrize(
    ("kwargs", "parameter"),
    [
        ({"resampling_rate": -0.1}, "resampling_rate"),
        ({"resampling_rate": 1.1}, "resampling_rate"),
        ({"resampling_rate": float("nan")}, "resampling_rate"),
        ({"min_samples_advance": -1}, "min_samples_advance"),
    ],
)
def test_settings_out_of_range_are_refused(kwargs, parameter):
    with pytest.raises(InvalidArgumentError, match=f"^{parameter}="):
        bracket_of([8, 4], **kwargs)
