from __future__ import annotations

import pytest

from hpbandster_ng.engine.records import Job
from hpbandster_ng.engine.steps import AnyIteration, is_success


@pytest.mark.parametrize(
    ("ask", "method"),
    [
        (lambda iteration: iteration.is_finished, "is_finished"),
        (lambda iteration: iteration.next_step(), r"next_step\(\)"),
        (lambda iteration: iteration.choose(), r"choose\(\), or never answer Choose"),
        (lambda iteration: iteration.next_config_id(1.0), r"next_config_id\(budget\)"),
        (lambda iteration: iteration.enter(Job((0, 0, 0), 1.0, {}, {})), r"enter\(job\)"),
        (lambda iteration: iteration.register_result(None), r"register_result\(job\)"),
        (lambda iteration: iteration.withdraw((0, 0, 0)), r"withdraw\(config_id\)"),
    ],
)
def test_what_an_iteration_must_implement_is_named(ask, method):
    with pytest.raises(NotImplementedError, match=f"Half must implement {method}"):
        ask(type("Half", (AnyIteration,), {})(0, None))


def test_what_an_iteration_need_not_implement():
    iteration = AnyIteration(3, None)
    assert iteration.check() is None
    assert list(iteration.process_results()) == []
    assert (iteration.HPB_iter, iteration.data) == (3, {})


@pytest.mark.parametrize(
    ("result", "expected"),
    [(None, False), ({"loss": 1}, True), ({"loss": float("nan")}, False), ({"loss": float("inf")}, False)],
)
def test_success_is_a_finite_loss(result, expected):
    assert is_success(result) is expected
