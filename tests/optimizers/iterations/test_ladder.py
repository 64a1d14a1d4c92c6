from __future__ import annotations

import math
import re

import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from hpbandster_ng.engine.schedule import Bracket, hyperband_brackets
from hpbandster_ng.errors import InvalidArgumentError
from hpbandster_ng.optimizers.iterations.ladder import AsyncBrackets, Ladder


def config(index):
    return 0, 0, index


def ladder_with(losses, budgets=(1, 3, 9), eta=3.0):
    """All of these have ended on the lowest rung, in this order."""
    ladder = Ladder(budgets, eta)
    for index, loss in enumerate(losses):
        ladder.enter(config(index), budgets[0])
        ladder.tell(config(index), budgets[0], loss)
    return ladder


def promoted(ladder):
    """Who is promoted, in order, until nobody can be; nobody ends meanwhile."""
    found = []
    while promotion := ladder.promotable():
        ladder.enter(*promotion)
        found.append((promotion[0][2], promotion[1]))
    return found


@pytest.mark.parametrize(
    ("losses", "eta", "expected"),
    [
        ([], 3, []),
        ([0.1, 0.2], 3, []),
        ([0.3, 0.1, 0.2], 3, [1]),
        ([0.3, 0.1, 0.2, 0.0, 0.5], 3, [3]),
        ([0.6, 0.5, 0.4, 0.3, 0.2, 0.1], 3, [5, 4]),
        ([0.5, 0.5, 0.5, 0.5, 0.5, 0.5], 3, [0, 1]),
        ([None, 0.9, None], 3, [1]),
        ([None, None, None, None, 0.9, None], 3, [4]),
        ([None, None, None], 3, []),
        ([math.inf, math.nan, 0.5], 3, [2]),
        ([-math.inf, 0.7, 0.5], 3, [2]),
        ([0.2, 0.1], 2, [1]),
        ([0.5, 0.4, 0.3, 0.2, 0.1], 2.5, [4, 3]),
        ([0.1 * i for i in range(9)], 3, [0, 1, 2]),
    ],
)
def test_the_best_of_eta_results_go_on(losses, eta, expected):
    assert promoted(ladder_with(losses, eta=eta)) == [(index, 3) for index in expected]


def test_a_better_latecomer_goes_on_only_when_the_rung_has_eta_results_for_each_above():
    ladder = ladder_with([0.3, 0.4, 0.5])
    assert promoted(ladder) == [(0, 3)]
    for index, loss in ((3, 0.1), (4, 0.2)):  # now both are better than whoever went on
        ladder.enter(config(index), 1)
        ladder.tell(config(index), 1, loss)
        assert ladder.promotable() is None  # plain asynchronous successive halving would promote the first one
    ladder.enter(config(5), 1)
    ladder.tell(config(5), 1, None)
    assert promoted(ladder) == [(3, 3)]


def test_who_runs_above_counts_there_before_it_ends_and_no_more_when_it_is_lost():
    ladder = ladder_with([0.1, 0.2, 0.3])
    assert promoted(ladder) == [(0, 3)]
    ladder.withdraw(config(0), 3)
    assert ladder.promotable() is None  # one in three may go on; that was the best, which is gone
    for index in (3, 4, 5):
        ladder.enter(config(index), 1)
        ladder.tell(config(index), 1, 1.0)
    assert promoted(ladder) == [(1, 3)]


def test_higher_rungs_come_first():
    ladder = ladder_with([0.1 * i for i in range(9)])
    for index, _ in promoted(ladder):
        ladder.tell(config(index), 3, float(index))
    for index in (9, 10, 11):
        ladder.enter(config(index), 1)
        ladder.tell(config(index), 1, -1.0)
    assert promoted(ladder) == [(0, 9), (9, 3)]


def test_paused_are_all_that_succeeded_and_did_not_go_on_with_the_next_budget():
    ladder = ladder_with([0.1, None, 0.3, 0.2])
    ladder.enter(config(4), 1)
    ladder.enter(*ladder.promotable())
    assert dict(ladder.paused()) == {config(2): 3, config(3): 3}
    ladder.tell(config(0), 3, 0.1)
    assert dict(ladder.paused())[config(0)] == 9
    ladder.enter(config(0), 9)
    ladder.tell(config(0), 9, 0.1)
    assert config(0) not in dict(ladder.paused())
    assert config(0) in ladder
    assert config(7) not in ladder


def test_a_model_may_send_anybody_paused_to_any_higher_rung():
    ladder = ladder_with([0.1, 0.2, 0.3])
    ladder.enter(config(0), 9)
    assert ladder.promotable() is None  # the place of the best is taken by nobody else
    ladder.enter(config(2), 3)
    ladder.tell(config(2), 3, 0.3)
    assert dict(ladder.paused()) == {config(1): 3, config(2): 9}


@pytest.mark.parametrize(
    ("do", "words"),
    [
        (lambda ladder: ladder.enter(config(0), 1), "config_id=(0, 0, 0) is neither new nor paused below budget 1"),
        (lambda ladder: ladder.enter(config(3), 3), "config_id=(0, 0, 3) is neither new nor paused"),
        (lambda ladder: ladder.tell(config(0), 1, 0.5), "config_id=(0, 0, 0) does not run on budget 1"),
        (lambda ladder: ladder.tell(config(3), 3, 0.5), "config_id=(0, 0, 3) does not run on budget 3"),
        (lambda ladder: ladder.withdraw(config(9), 1), "config_id=(0, 0, 9) does not run on budget 1"),
    ],
)
def test_what_cannot_happen_is_refused(do, words):
    ladder = ladder_with([0.1, 0.2, 0.3])
    ladder.enter(config(3), 1)
    with pytest.raises(InvalidArgumentError, match=re.escape(words)):
        do(ladder)


@given(
    st.lists(st.one_of(st.none(), st.integers(-3, 3).map(float)), max_size=60),
    st.sampled_from([1.5, 2.0, 2.5, 3.0, 4.0]),
)
def test_one_by_one_the_same_as_by_sorting_anew(losses, eta):
    ladder, above, seen = Ladder((1, 3), eta), set(), {}
    for index, loss in enumerate(losses):
        ladder.enter(config(index), 1)
        ladder.tell(config(index), 1, loss)
        seen[index] = math.inf if loss is None else loss
        while True:
            ranking = sorted(seen, key=lambda each: (seen[each], each))
            best = ranking[: math.floor(len(seen) / eta + 1e-9)]
            waiting = [each for each in best if each not in above and seen[each] < math.inf]
            expected = waiting[0] if waiting and len(seen) / (len(above) + 1) >= eta - 1e-9 else None
            promotion = ladder.promotable()
            assert promotion == (None if expected is None else (config(expected), 3))
            if promotion is None:
                break
            ladder.enter(*promotion)
            above.add(expected)


def num_possible(num_results, eta):
    """So many of the best are not beyond chance."""
    spread = math.sqrt(num_results / eta * (1 - 1 / eta))
    return min(num_results, math.floor(num_results / eta + 1e-9) + math.ceil(3 * spread))


@pytest.mark.parametrize("eta", [1.5, 2.0, 3.0, 4.0, 10.0])
def test_who_is_given_up_would_be_among_the_best_of_a_larger_sample_in_one_case_of_a_hundred(eta):
    for num_results in range(1, 3000):
        rank = num_possible(num_results, eta) + 1
        if rank <= num_results:  # the share of a large sample that is better than the rank-th of so many is Beta
            assert scipy.stats.beta.cdf(1 / eta, rank, num_results - rank + 1) < 0.01


@given(
    st.lists(st.one_of(st.none(), st.integers(-3, 30).map(float)), min_size=20, max_size=150),
    st.sampled_from([1.5, 2.0, 2.5, 3.0, 4.0]),
)
def test_those_beyond_chance_are_given_up_each_once(losses, eta):
    ladder, out, seen = Ladder((1, 3), eta), set(), {}
    for index, loss in enumerate(losses):
        ladder.enter(config(index), 1)
        given_up = ladder.tell(config(index), 1, loss)
        seen[index] = math.inf if loss is None else loss
        ranking = sorted(seen, key=lambda each: (seen[each], each))
        beyond = {config(each) for each in ranking[num_possible(len(seen), eta) :] if seen[each] < math.inf}
        assert sorted(given_up) == sorted(beyond - out)
        out |= beyond
        for each in given_up:
            ladder.eliminate(each)
        assert not out & set(dict(ladder.paused()))


def test_of_more_than_a_hundred_that_wait_the_worst_are_given_up():
    ladder = Ladder((1, 3), 3)
    out = []
    for index in range(10_000):
        ladder.enter(config(index), 1)
        for each in ladder.tell(config(index), 1, float((index * 7919) % 10_007)):
            ladder.eliminate(each)
            out.append(each)
    waiting = dict(ladder.paused())
    assert len(waiting) == 100
    assert len(set(out)) == len(out) == 9_900
    losses = sorted((index * 7919) % 10_007 for index in range(10_000))
    assert max((index * 7919) % 10_007 for _, _, index in waiting) == losses[99]


def test_who_went_on_is_not_given_up_where_it_was():
    ladder = ladder_with([0.1 * i for i in range(6)])
    ladder.enter(config(4), 3)  # a model's choice
    given_up = [each for index in range(6, 30) for each in _told(ladder, index, 0.0)]
    assert config(4) not in given_up
    assert config(5) in given_up
    assert given_up.count(config(5)) == 1


def test_who_was_given_up_and_went_on_nevertheless_may_be_given_up_on_the_next_rung():
    ladder = Ladder((1, 3, 9), 3)
    given_up = [each for index in range(9) for each in _told(ladder, index, 0.1 * index)]
    assert config(8) in given_up
    ladder.enter(config(8), 3)
    for index in range(8):
        ladder.enter(config(index), 3)
        assert config(8) not in ladder.tell(config(index), 3, 0.0)
    assert ladder.tell(config(8), 3, 1.0) == [config(8)]


def _told(ladder, index, loss):
    ladder.enter(config(index), 1)
    return ladder.tell(config(index), 1, loss)


class TestBrackets:
    def test_each_gets_its_share_of_the_budget_at_any_time(self):
        planned = hyperband_brackets(1, 27)
        brackets = AsyncBrackets(planned, 3)
        total = sum(bracket.total_budget for bracket in planned)
        spent = dict.fromkeys((bracket.budgets[0] for bracket in planned), 0.0)
        first = {}
        for index in range(3000):
            promotion = brackets.promotable()
            config_id, budget = promotion or (config(index), brackets.start_budget())
            first.setdefault(config_id, budget)
            brackets.enter(config_id, budget)
            brackets.tell(config_id, budget, (index * 7919) % 1009)
            spent[first[config_id]] += budget
            for bracket in planned:
                share = bracket.total_budget / total
                assert abs(spent[bracket.budgets[0]] - share * brackets.spent) <= 3 * 27
        assert brackets.spent == sum(spent.values())

    def test_each_promotes_among_its_own(self):
        brackets = AsyncBrackets((Bracket((3, 1), (1, 3)), Bracket((1,), (3,))), 3)
        for index, budget in enumerate((1, 1, 3)):
            brackets.enter(config(index), budget)
            brackets.tell(config(index), budget, float(index))
        assert brackets.promotable() is None
        brackets.enter(config(3), 1)
        brackets.tell(config(3), 1, 9.0)
        assert brackets.promotable() == (config(0), 3)
        assert dict(brackets.paused()) == {config(0): 3, config(1): 3, config(3): 3}
        assert config(2) in brackets
        assert config(4) not in brackets

    def test_the_promotion_to_the_highest_budget_comes_first(self):
        brackets = AsyncBrackets(hyperband_brackets(1, 9), 3)
        for index, budget in enumerate((1, 1, 1, 3, 3, 3)):
            brackets.enter(config(index), budget)
            brackets.tell(config(index), budget, 0.5)
        assert brackets.promotable() == (config(3), 9)

    def test_a_loss_stays_spent(self):
        brackets = AsyncBrackets(hyperband_brackets(1, 9), 3)
        brackets.enter(config(0), 3)
        brackets.withdraw(config(0), 3)
        assert brackets.spent == 3

    def test_a_new_configuration_enters_where_a_bracket_begins(self):
        brackets = AsyncBrackets(hyperband_brackets(1, 9)[:1], 3)
        with pytest.raises(InvalidArgumentError, match=r"budget=3 must be one of \[1\.0\]"):
            brackets.enter(config(0), 3)

    def test_two_brackets_that_begin_on_one_budget_are_refused(self):
        with pytest.raises(InvalidArgumentError, match=r"^brackets=.* a budget of its own"):
            AsyncBrackets((Bracket((3,), (1,)), Bracket((1,), (1,))), 3)
