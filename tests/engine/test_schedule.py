"""Budgets and sizes of rungs and brackets, against the facts and against the definition over any (min, max, eta)."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpbandster_ng.engine.schedule import (
    Bracket,
    BudgetPlan,
    Plan,
    full_budget_brackets,
    hyperband_brackets,
    repeat,
    rung_budgets,
    validate_budgets,
)
from hpbandster_ng.errors import InvalidArgumentError

BUDGETS = st.floats(min_value=1e-3, max_value=1e6, allow_nan=False, allow_infinity=False)
ETAS = st.one_of(st.integers(2, 10), st.floats(min_value=1.2, max_value=10))
SIZES = st.sampled_from(["floor", "paper"])


@st.composite
def schedules(draw):
    """(min_budget, max_budget, eta) of at most 21 rungs."""
    eta = draw(ETAS)
    max_budget = draw(BUDGETS)
    ratio = draw(st.floats(min_value=1, max_value=min(1e6, eta**20)))
    return max_budget / ratio, max_budget, eta


@st.composite
def exact_powers(draw):
    """(min_budget, max_budget, eta, rungs) with max = min * eta**(rungs - 1) as floating point computes it."""
    eta = draw(st.one_of(st.integers(2, 10), st.sampled_from([1.1, 1.5, 2.5, math.e, 3.3])))
    steps = draw(st.integers(0, 12))
    min_budget = draw(st.one_of(st.integers(1, 1000), st.sampled_from([0.01, 0.1, 0.3, 1 / 3, 0.7])))
    return min_budget, min_budget * eta**steps, eta, steps + 1


# The facts.

RUNGS = [
    ((1, 243, 3), [1, 3, 9, 27, 81, 243]),
    ((9, 243, 3), [9, 27, 81, 243]),
    ((1, 10, 10), [1, 10]),
    ((1, 1000, 10), [1, 10, 100, 1000]),
    ((1, 100, 3), [100 / 81, 100 / 27, 100 / 9, 100 / 3, 100]),
    ((0.01, 1, 3), [1 / 81, 1 / 27, 1 / 9, 1 / 3, 1]),
    ((0.1, 0.3, 3), [0.1, 0.3]),
    ((1, 6.25, 2.5), [1, 2.5, 6.25]),
    ((2, 9, 2.5), [3.6, 9]),
    ((7, 7, 3), [7]),
    ((7, 20, 3), [20]),
]

BRACKETS = [
    ("floor", (9, 243, 3), [[27, 9, 3, 1], [9, 3, 1], [6, 2], [4]]),
    ("paper", (9, 243, 3), [[27, 9, 3, 1], [12, 4, 1], [6, 2], [4]]),
    ("floor", (1, 81, 3), [[81, 27, 9, 3, 1], [27, 9, 3, 1], [9, 3, 1], [6, 2], [5]]),
    ("paper", (1, 81, 3), [[81, 27, 9, 3, 1], [34, 11, 3, 1], [15, 5, 1], [8, 2], [5]]),
    ("floor", (1, 10, 10), [[10, 1], [2]]),
    ("paper", (1, 10, 10), [[10, 1], [2]]),
    ("floor", (1, 1000, 10), [[1000, 100, 10, 1], [100, 10, 1], [20, 2], [4]]),
    ("paper", (1, 1000, 10), [[1000, 100, 10, 1], [134, 13, 1], [20, 2], [4]]),
    ("floor", (1, 6.25, 2.5), [[6, 2, 1], [2, 1], [3]]),
    ("paper", (1, 6.25, 2.5), [[7, 2, 1], [4, 1], [3]]),
    ("floor", (5, 5, 3), [[1]]),
]


@pytest.mark.parametrize(("arguments", "expected"), RUNGS)
def test_budgets_of_the_rungs(arguments, expected):
    assert rung_budgets(*arguments) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(("sizes", "arguments", "expected"), BRACKETS)
def test_sizes_of_the_brackets(sizes, arguments, expected):
    assert [list(bracket.num_configs) for bracket in hyperband_brackets(*arguments, sizes)] == expected


def test_default_is_eta_3_and_sizes_rounded_down():
    assert hyperband_brackets(1, 81) == hyperband_brackets(1, 81, 3, "floor")


@pytest.mark.parametrize(
    ("arguments", "runs"),
    [((9, 243, 3), 4), ((1, 81, 3), 5), ((1, 10, 10), 2), ((7, 7, 3), 1)],
)
def test_random_search_runs_one_rung_on_the_largest_budget(arguments, runs):
    assert full_budget_brackets(*arguments) == (Bracket((runs,), (arguments[1],)),)


# The definition.


@given(schedules())
def test_budgets_are_the_powers_of_eta_between_the_two(schedule):
    min_budget, max_budget, eta = schedule
    budgets = rung_budgets(*schedule)
    assert budgets[-1] == max_budget
    assert budgets[0] >= min_budget * (1 - 1e-8)
    assert budgets[0] / eta < min_budget
    for k, budget in enumerate(reversed(budgets)):
        assert budget == pytest.approx(max_budget / eta**k, rel=1e-12)


@given(exact_powers())
def test_exact_powers_count_in_full(case):
    min_budget, max_budget, eta, rungs = case
    assert len(rung_budgets(min_budget, max_budget, eta)) == rungs


@given(st.integers(2, 10), st.integers(1, 8), st.integers(1, 100))
def test_just_below_an_exact_power_is_a_rung_less(eta, steps, min_budget):
    max_budget = min_budget * eta**steps * (1 - 1e-6)
    assert len(rung_budgets(min_budget, max_budget, eta)) == steps


@given(schedules(), SIZES)
def test_each_bracket_starts_a_rung_later_and_ends_on_the_largest_budget(schedule, sizes):
    budgets = rung_budgets(*schedule)
    brackets = hyperband_brackets(*schedule, sizes)
    assert [bracket.budgets for bracket in brackets] == [budgets[i:] for i in range(len(budgets))]
    assert all(len(bracket.num_configs) == len(bracket.budgets) for bracket in brackets)


@given(schedules(), SIZES)
def test_rungs_shrink_by_eta_and_are_never_empty(schedule, sizes):
    eta = schedule[2]
    for bracket in hyperband_brackets(*schedule, sizes):
        first = bracket.num_configs[0]
        for i, size in enumerate(bracket.num_configs):
            assert size >= 1
            assert size == 1 or first / eta**i * (1 - 1e-8) - 1 < size <= first / eta**i * (1 + 1e-8)
        assert list(bracket.num_configs) == sorted(bracket.num_configs, reverse=True)


@given(st.integers(2, 6), st.integers(0, 8))
def test_first_rungs_equal_the_formulas_in_exact_arithmetic(eta, steps):
    rungs = steps + 1
    for sizes, formula in (
        ("floor", lambda s: rungs // (s + 1) * eta**s),
        ("paper", lambda s: math.ceil(Fraction(rungs * eta**s, s + 1))),
    ):
        first = [bracket.num_configs[0] for bracket in hyperband_brackets(1, eta**steps, eta, sizes)]
        assert first == [formula(s) for s in reversed(range(rungs))]


@given(schedules())
def test_the_paper_never_starts_fewer_than_the_predecessor(schedule):
    for paper, floor in zip(hyperband_brackets(*schedule, "paper"), hyperband_brackets(*schedule), strict=True):
        assert paper.num_configs[0] >= floor.num_configs[0]


@given(schedules(), SIZES)
def test_random_search_costs_at_most_a_full_bracket(schedule, sizes):
    (bracket,) = full_budget_brackets(*schedule, sizes)
    limit = hyperband_brackets(*schedule, sizes)[0].total_budget
    assert bracket.budgets == (schedule[1],)
    assert bracket.num_runs == 1 or bracket.total_budget <= limit * (1 + 1e-8)
    assert bracket.total_budget + schedule[1] > limit * (1 - 1e-8)


# What cannot be scheduled.


@pytest.mark.parametrize(
    ("arguments", "parameter"),
    [
        ((0, 1, 3), "min_budget"),
        ((-1, 1, 3), "min_budget"),
        ((2, 1, 3), "min_budget"),
        ((1, 9, 1), "eta"),
        ((1, 9, 0.5), "eta"),
        ((1, 9, -3), "eta"),
        ((math.nan, 9, 3), "min_budget"),
        ((1, math.inf, 3), "max_budget"),
        ((1, 9, math.nan), "eta"),
        (("1", 9, 3), "min_budget"),
        ((None, 9, 3), "min_budget"),
        ((True, 9, 3), "min_budget"),
    ],
)
@pytest.mark.parametrize("function", [validate_budgets, rung_budgets, hyperband_brackets, full_budget_brackets])
def test_refused_with_the_parameter_and_its_value(function, arguments, parameter):
    with pytest.raises(InvalidArgumentError) as caught:
        function(*arguments)
    assert caught.value.parameter == parameter
    assert f"{parameter}={arguments[['min_budget', 'max_budget', 'eta'].index(parameter)]!r}" in str(caught.value)


def test_unknown_bracket_sizes_are_refused():
    with pytest.raises(InvalidArgumentError, match="bracket_sizes='ceil' must be 'floor' or 'paper'"):
        hyperband_brackets(1, 9, 3, "ceil")


# The plan.


def test_plan_rows_are_one_a_rung():
    plan = Plan(hyperband_brackets(9, 243, 3)[2:])
    assert plan.rows == ((0, 0, 6, 81.0, 486.0), (0, 1, 2, 243.0, 486.0), (1, 0, 4, 243.0, 972.0))
    assert (plan.num_configs, plan.num_runs, plan.total_budget) == (10, 12, 1944.0)


def test_plan_prints_as_a_table():
    lines = str(Plan(hyperband_brackets(9, 243, 3))).splitlines()
    assert lines[0].split() == ["iteration", "rung", "configurations", "budget", "total"]
    assert [line.split() for line in lines[1:5]] == [
        ["0", "0", "27", "9", "243"],
        ["0", "1", "9", "27", "243"],
        ["0", "2", "3", "81", "243"],
        ["0", "3", "1", "243", "243"],
    ]
    assert len({len(line) for line in lines[:-1]}) == 1
    assert lines[-1] == "4 iterations, 46 configurations, 65 runs, total budget 3645 (15 full evaluations)"


@given(schedules(), SIZES)
def test_plan_sums_are_those_of_its_rows(schedule, sizes):
    plan = Plan(hyperband_brackets(*schedule, sizes))
    assert plan.num_runs == sum(row[2] for row in plan.rows)
    assert plan.num_configs == sum(row[2] for row in plan.rows if row[1] == 0)
    assert plan.total_budget == pytest.approx(math.fsum(row[4] for row in plan.rows))
    assert len(str(plan).splitlines()) == len(plan.rows) + 2


def test_an_empty_plan_prints():
    assert str(Plan(())).splitlines()[-1].startswith("0 iterations, 0 configurations, 0 runs, total budget 0")


@given(schedules(), st.integers(0, 50), st.integers(0, 20))
def test_a_run_goes_through_the_brackets_in_turn(schedule, first, count):
    brackets = hyperband_brackets(*schedule)
    plan = repeat(brackets, first, count)
    assert len(plan.brackets) == count
    for i, bracket in enumerate(plan.brackets, start=first):
        assert bracket == brackets[i % len(brackets)]


def test_an_eta_next_to_1_is_refused_before_its_brackets_fill_the_memory():
    with pytest.raises(InvalidArgumentError, match=r"eta=1\.0001 makes more than 100 rungs between min_budget=1"):
        hyperband_brackets(1, 1e6, 1.0001)


class TestBudgetPlan:
    PLAN = BudgetPlan((27.0, 18.0), max_budget=9.0, budget_a_run=2.0, first_iteration=3)

    def test_a_row_an_iteration(self):
        assert self.PLAN.rows == ((3, 27.0), (4, 18.0))
        assert self.PLAN.total_budget == 45.0

    def test_the_number_of_runs_is_an_estimate_and_says_so(self):
        assert self.PLAN.num_runs == 22
        assert "about 22 runs" in str(self.PLAN)

    def test_the_table(self):
        assert str(self.PLAN).splitlines() == [
            "iteration  total",
            "        3     27",
            "        4     18",
            "2 iterations, about 22 runs, total budget 45 (5 full evaluations)",
        ]
