"""Where a run stands: what was asked for, call by call, as the planner takes it."""

from __future__ import annotations

import math

import pytest

from hpbandster_ng.analysis.standing import Standing
from hpbandster_ng.engine.events import OpenIteration, RunRequested, RunResumed
from hpbandster_ng.engine.schedule import hyperband_brackets, repeat

BRACKETS = hyperband_brackets(1, 9)


def request(at, count, first=0, **kwargs):
    plan = repeat(BRACKETS, first, count)
    return RunRequested(at, count, planned_runs=plan.num_runs, planned_budget=plan.total_budget, **kwargs)


def standing_of(*events):
    standing = Standing()
    for event in events:
        standing.handle(event)
    return standing


def test_a_further_call_adds_iterations():
    standing = standing_of(request(0.0, 1), OpenIteration(1.0, 0), request(2.0, 2, first=1, call=2))
    assert (standing.n_asked, standing.n_planned) == (3, repeat(BRACKETS, 0, 3).num_runs)


@pytest.mark.parametrize("count", [2, 3])
def test_a_call_that_is_made_again_by_a_script_that_was_started_again_takes_the_place_of_the_first(count):
    first = [request(0.0, 2), OpenIteration(1.0, 0), OpenIteration(2.0, 1)]
    standing = standing_of(*first, RunResumed(3.0), request(4.0, count))
    assert (standing.n_asked, standing.n_planned) == (count, repeat(BRACKETS, 0, count).num_runs)
    assert standing.is_finished is (count == 2)


def test_without_a_limit_nobody_knows_how_much_is_left():
    standing = standing_of(RunRequested(0.0, 0, is_open_ended=True))
    assert (standing.n_asked, standing.n_planned) == (math.inf, None)
