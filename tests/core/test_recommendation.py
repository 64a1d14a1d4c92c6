"""What is recommended promises most, and early results on the largest budget do not displace it."""

from __future__ import annotations

import math
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hpbandster_ng.core.recommendation import MAX_RUNGS, recommended
from hpbandster_ng.core.result import Result
from hpbandster_ng.engine.iteration import Datum

NAN, INF = math.nan, math.inf

# (configuration, budget, loss) of each run -> the position of the recommended run
TABLE = {
    "nothing ran": ([], None),
    "all failed": ([(0, 1, NAN), (1, 1, INF)], None),
    "one budget: the lowest loss": ([(0, 3, 0.5), (1, 3, 0.2), (2, 3, 0.3)], 1),
    "of equal ones the first": ([(0, 3, 0.5), (1, 3, 0.2), (2, 3, 0.2)], 1),
    "of equal ones the first, on two budgets": ([(0, 1, 0.2), (1, 1, 0.2), (0, 3, 0.1), (1, 3, 0.1)], 2),
    "failed runs do not count": ([(0, 3, NAN), (1, 3, 0.2), (2, 3, -INF)], 1),
    "a single result": ([(7, 3, 0.5)], 0),
    "a budget but for rounding": ([(0, 1, 0.5), (1, 1 + 1e-9, 0.2), (2, 1, 0.3)], 1),
    "a result on the largest budget shows its level": ([(0, 1, 0.5), (1, 1, 0.1), (2, 1, 0.4), (3, 9, 0.3)], 1),
    "what is better there is taken": ([(0, 1, 0.5), (1, 1, 0.1), (2, 1, 0.4), (3, 9, 0.3), (1, 9, 0.35)], 3),
    "what failed there is not": ([(0, 1, 0.5), (1, 1, 0.1), (2, 1, 0.2), (3, 9, 0.3), (1, 9, NAN)], 2),
    "unless all did": ([(0, 1, 0.5), (1, 1, 0.1), (0, 3, NAN), (1, 3, NAN)], 1),
    "all the same": ([(0, 1, 0.5), (1, 1, 0.5), (0, 3, 0.5)], 2),
    "clipped losses keep their order": ([(0, 1, 5.0), (1, 1, 0.0), (2, 1, 0.0), (3, 1, 0.0), (0, 3, 5.0)], 1),
}


@pytest.mark.parametrize(("runs", "expected"), TABLE.values(), ids=TABLE)
def test_what_is_recommended(runs, expected):
    assert recommended(*zip(*runs, strict=True) if runs else ([], [], [])) == expected


def halving(rng, num=63, drop=0.0, noise=0.1, factor=1.0):
    """Configurations of successive halving on 1, 3, 9 and 27, and three random ones that began on 27.

    Returns:
        configs, budgets, losses in the order of the budgets, the random ones last, and the true loss of each.
    """
    true = rng.normal(size=num + 3)
    configs, budgets, losses = [], [], []
    alive = np.arange(num)
    for rung, budget in enumerate((1.0, 3.0, 9.0)):
        seen = (true[alive] + noise * rng.normal(size=len(alive)) * (3 - rung)) * factor ** (rung - 3) - drop * rung
        configs, budgets, losses = [*configs, *alive], [*budgets, *[budget] * len(alive)], [*losses, *seen]
        alive = alive[np.argsort(seen)[: len(alive) // 3]]
    return (
        np.append(configs, num + np.arange(3)).astype(int),
        np.append(budgets, [27.0] * 3),
        np.append(losses, true[num:] - 3 * drop),
        true,
    )


@pytest.mark.parametrize(("drop", "factor"), [(0.0, 1.0), (5.0, 1.0), (-5.0, 1.0), (0.0, 3.0), (0.0, 1 / 3)])
def test_early_random_results_on_the_largest_budget_do_not_displace_the_best_of_many(drop, factor):
    gained = []
    for seed in range(20):
        configs, budgets, losses, true = halving(np.random.default_rng(seed), drop=drop, factor=factor)
        best_there = true[configs[-3:]].min()
        gained.append(best_there - true[configs[recommended(configs, budgets, losses)]])
    assert np.mean(np.array(gained) >= 0) >= 0.9
    assert np.mean(gained) > 0.5


def test_a_budget_that_foretells_nothing_is_not_trusted():
    rng = np.random.default_rng(1)
    low, full = rng.normal(size=60), rng.normal(size=60)
    configs = np.append(np.arange(60), np.arange(40))  # the last 20 ran on the low budget only, one of them luckily
    low[50] = -4.0
    best = recommended(configs, [1] * 60 + [3] * 40, np.append(low, full[:40]))
    assert configs[best] == np.argmin(full[:40])


def gone_farther(num_farther, noise, lucky):
    """60 configurations on a low budget, number 50 lucky there, and the first few on the full one, too.

    Returns:
        Who is recommended, and who is the best on the full budget.
    """
    rng = np.random.default_rng(1)
    full = rng.normal(size=60)
    low = full + noise * rng.normal(size=60)
    low[50] = lucky
    configs, budgets = np.append(np.arange(60), np.arange(num_farther)), [1] * 60 + [3] * num_farther
    best = recommended(configs, budgets, np.append(low, 2 * full[:num_farther] + 7))
    return configs[best], np.argmin(full[:num_farther])


@pytest.mark.parametrize("num_farther", [3, 8, 40])
def test_a_budget_that_foretells_all_is_trusted(num_farther):
    assert gone_farther(num_farther, noise=0.0, lucky=-4.0)[0] == 50


def test_the_more_have_gone_farther_the_surer_must_be_who_has_not():
    assert gone_farther(3, noise=0.5, lucky=-3.0)[0] == 50
    best, best_farther = gone_farther(40, noise=0.5, lucky=-3.0)
    assert best == best_farther


def test_a_loss_below_cannot_displace_those_that_a_model_sent_to_the_largest_budget():
    """The chosen ones were good for reasons that no loss on the lower budget shows."""
    chosen, low = np.linspace(0.01, 0.02, 8), np.linspace(0.5, 1.0, 40)
    configs, budgets = np.arange(48), [1] * 40 + [9] * 8
    assert recommended(configs, budgets, np.append(low, chosen)) == 40


def test_a_lucky_result_on_a_low_budget_does_not_displace_the_best_of_twenty_on_the_largest():
    """A run whose low budgets are noise, and whose model therefore sent nearly all to the full one."""
    low = [(0, 4, 3.715), (1, 4, 0.327), (2, 4, 0.574), (1, 11, 0.463), (3, 4, 5.25), (4, 4, 2.314), (5, 4, 0.941)]
    low += [(2, 11, 0.458), (6, 4, 1.139), (2, 33, -0.219), (7, 33, 0.606), (8, 4, 1.382), (9, 33, -1.127)]
    low += [(10, 33, 0.117), (11, 33, 0.197), (12, 4, 1.087), (13, 11, 1.057)]
    full = [-0.271, -2.445, -2.577, -3.652, -3.035, -3.132, -3.844, -0.232, -0.466, -0.254, -3.825, -0.017, -2.574]
    full += [-2.213, -0.283, -1.775, -3.797, -3.804]
    runs = [*low, (2, 100, -1.55), (12, 100, -3.765), *((14 + i, 100, loss) for i, loss in enumerate(full))]
    assert recommended(*zip(*runs, strict=True)) == runs.index((20, 100, -3.844))


def test_a_budget_is_never_taken_for_the_opposite_of_another():
    low = np.linspace(0, 1, 40)  # the best eight go on, and there their order is reversed
    configs, losses = np.append(np.arange(40), np.arange(8)), np.append(low, 10 - 50 * low[:8])
    assert recommended(configs, [1] * 40 + [3] * 8, losses) == 47


def test_losses_that_diverged_do_not_hide_differences_of_good_ones():
    configs, budgets, losses, _ = halving(np.random.default_rng(3))
    before = configs[recommended(configs, budgets, losses)]
    worst = np.argsort(losses[budgets == 1.0])[-20:]
    for huge in (1e6, 1e200, 1.7e308):
        losses[worst] = huge
        assert configs[recommended(configs, budgets, losses)] == before


@pytest.mark.parametrize("seed", [6, 8, 49])
def test_where_most_losses_are_the_best_possible_rounding_recommends_none_of_the_others(seed):
    rng = np.random.default_rng(seed)
    runs = []
    for config in range(60):
        first, is_good = int(rng.integers(4)), rng.random(4) < 0.7
        losses = np.where(is_good, -1.0, rng.uniform(-1, 0, size=4))
        losses[:2] -= np.where(is_good[0], 1e-7 * rng.integers(0, 2, size=2), 0.0)
        last = 4 if is_good[0] or rng.random() < 0.3 else first + 1
        runs += [(config, 3.0**rung, losses[rung]) for rung in range(first, last)]
    configs, budgets, losses = zip(*runs, strict=True)
    assert losses[recommended(configs, budgets, losses)] <= -1.0


def test_where_most_losses_are_next_to_the_best_who_was_left_behind_is_not_recommended():
    """A search that has found the optimum goes on around it, and nothing follows for those that it left behind."""
    left_behind = [(0, 4, 1.403), (0, 11, 0.631), (1, 11, -0.466), (1, 33, -0.653), (2, 4, 3.584)]
    found = [-0.313, -0.01, -0.971, -3.852, -3.849, -3.849, -3.852, -3.854, -3.861] + [-3.862] * 5 + [-3.863] * 10
    runs = left_behind + [(3 + i, 100, loss) for i, loss in enumerate(found)]
    assert recommended(*zip(*runs, strict=True)) == runs.index((17, 100, -3.863))


def test_runs_may_have_many_budgets():
    rng = np.random.default_rng(0)
    budgets = np.sort(rng.uniform(1, 100, 20 * MAX_RUNGS))
    losses = rng.uniform(size=len(budgets)) - 0.01 * budgets
    losses[-1] = -5.0
    assert recommended(np.arange(len(budgets)), budgets, losses) == len(budgets) - 1


RUNS = st.lists(
    st.tuples(st.integers(0, 6), st.sampled_from([1.0, 3.0, 9.0]), st.floats(allow_nan=True, allow_infinity=True)),
    unique_by=lambda run: run[:2],
    max_size=20,
)


@settings(deadline=None)
@given(RUNS)
def test_it_recommends_a_success_whenever_there_is_one(runs):
    configs, budgets, losses = (list(column) for column in zip(*runs, strict=True)) if runs else ([], [], [])
    best = recommended(configs, budgets, losses)
    if best is None:
        assert not np.isfinite(losses).any()
    else:
        assert math.isfinite(losses[best])
        same = [budget for config, budget, loss in runs if config == configs[best] and math.isfinite(loss)]
        assert budgets[best] == max(same)


@settings(deadline=None)
@given(st.permutations(range(12)))
def test_the_order_of_the_runs_is_of_no_account(order):
    configs, budgets, losses, _ = halving(np.random.default_rng(5), num=9)
    order = np.array(order)
    configs, budgets, losses = configs[:12], budgets[:12], losses[:12]
    expected = recommended(configs, budgets, losses)
    assert order[recommended(configs[order], budgets[order], losses[order])] == expected


# ---- of a result


def datum(*runs, as_numpy=False):
    made = Datum({"x": 0.5}, {})
    for budget, loss in runs:
        key = np.float64(budget) if as_numpy else budget
        made.results[key] = None if loss is None else {"loss": loss, "info": {}}
        made.time_stamps[key] = {"submitted": 0.0, "started": 0.0, "finished": 1.0}
        made.exceptions[key] = None
    return made


def story(**kwargs):
    return {
        (0, 0, 0): datum((1.0, 0.5), **kwargs),
        (0, 0, 1): datum((1.0, 0.1), **kwargs),
        (0, 0, 2): datum((1.0, 0.4), **kwargs),
        (1, 0, 0): datum((9.0, 0.3), **kwargs),
        (1, 0, 1): datum((9.0, None), **kwargs),
    }


def test_a_result_recommends_what_it_expects_most_of():
    result = Result(story(), {"max_budget": 9.0})
    assert (result.recommend(), result.get_incumbent_id()) == ((0, 0, 1), (1, 0, 0))


@pytest.mark.parametrize("data", [{}, {(0, 0, 0): datum()}, {(0, 0, 0): datum((1.0, None), (3.0, math.nan))}])
def test_a_result_without_a_success_recommends_nothing(data):
    assert Result(data, {}).recommend() is None


def test_configurations_of_a_warm_start_count():
    assert Result({**story(), (-1, 0, 0): datum((1.0, 0.05))}, {}).recommend() == (-1, 0, 0)


def test_a_result_of_the_predecessor_recommends_the_same():
    result = Result.__new__(Result)
    result.__setstate__({"HB_config": {"budgets": np.array([1.0, 9.0])}, "data": story(as_numpy=True)})
    assert result.recommend() == (0, 0, 1)


def test_a_result_of_five_thousand_runs_recommends_in_a_moment():
    configs, budgets, losses, _ = halving(np.random.default_rng(0), num=3400)
    assert len(losses) > 4900
    data = {}
    for config, budget, loss in zip(configs.tolist(), budgets.tolist(), losses.tolist(), strict=True):
        data.setdefault((0, 0, config), Datum({}, {})).results[budget] = {"loss": loss, "info": {}}
    result, took = Result(data, {}), []
    for _ in range(5):
        began = time.process_time()
        result.recommend()
        took.append(time.process_time() - began)
    assert min(took) < 0.05
