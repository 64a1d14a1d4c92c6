from __future__ import annotations

import math

import numpy as np
import pytest

from hpbandster_ng.analysis.parallel_coordinates import parallel_coordinates
from hpbandster_ng.analysis.parameters import Parameter
from hpbandster_ng.analysis.rungs import Rung, rung_survival
from hpbandster_ng.core.run import Run
from hpbandster_ng.errors import InvalidArgumentError


def runs(table):
    """``{config_id: {budget: loss}}``"""
    return [
        Run(config_id, budget, loss, None, {"finished": 0.0}, None)
        for config_id, losses in table.items()
        for budget, loss in losses.items()
    ]


def test_how_far_configurations_came():
    table = {
        (0, 0, 0): {1: 0.5},
        (0, 0, 1): {1: 0.4, 3: 0.3, 9: None},
        (0, 0, 2): {1: None},
        (0, 1, 0): {3: math.nan},  # entered on the second rung
        (1, 0, 0): {3: 0.2},
        (-1, 0, 0): {9: 0.1},
    }
    assert rung_survival(runs(table)) == (
        Rung(-1, 9, reached=1, entered=1, promoted=0, failed=0, best=0.1),
        Rung(0, 1, reached=3, entered=3, promoted=1, failed=1, best=0.4),
        Rung(0, 3, reached=2, entered=1, promoted=1, failed=1, best=0.3),
        Rung(0, 9, reached=1, entered=0, promoted=0, failed=1, best=None),
        Rung(1, 3, reached=1, entered=1, promoted=0, failed=0, best=0.2),
    )
    with pytest.raises(InvalidArgumentError, match=r"runs=\[\] must contain at least one run"):
        rung_survival([])


def line(number):
    return (0, 0, number)


def test_lines_from_the_worst_to_the_best():
    configs = {line(0): {"x": 1.0, "act": "b"}, line(1): {"x": 3.0}, line(2): {"x": 2.0, "act": "a"}}
    found = parallel_coordinates(runs({line(0): {1: 0.5}, line(1): {1: 0.9}, line(2): {1: 0.1}}), configs)
    assert [each.name for each in found.parameters] == ["x", "act"]
    assert found.config_ids == (line(1), line(0), line(2))
    np.testing.assert_allclose(found.positions, [[1.0, -0.08], [0.0, 0.75], [0.5, 0.25]])
    assert found.losses.tolist() == [0.9, 0.5, 0.1]
    assert found.ranks.tolist() == [1.0, 0.5, 0.0]
    assert found.loss_positions == pytest.approx([1.0, 0.5, 0.0])
    assert not found.is_log


def test_losses_over_magnitudes_stand_on_a_logarithmic_axis():
    configs = {line(i): {"x": i} for i in range(3)}
    found = parallel_coordinates(runs({line(0): {1: 1.0}, line(1): {1: 1000.0}, line(2): {1: 1e6}}), configs)
    assert found.is_log
    assert found.loss_positions == pytest.approx([1.0, 0.5, 0.0])


def test_the_budget_is_the_largest_with_enough_to_show():
    table = {line(i): {1: 0.5, 3: 0.4} if i < 10 else {1: 0.5} for i in range(30)}
    table[line(0)][9] = 0.3
    configs = {config_id: {"x": 0.5} for config_id in table}
    assert parallel_coordinates(runs(table), configs).budget == 3
    assert parallel_coordinates(runs({line(0): table[line(0)], line(1): {1: 0.5}}), configs).budget == 1
    found = parallel_coordinates(runs(table), configs, budget=9)
    assert (found.config_ids, found.num_configs) == ((line(0),), 1)
    with pytest.raises(InvalidArgumentError, match=r"budget=27 must be one on which a run was successful; there are"):
        parallel_coordinates(runs(table), configs, budget=27)


def test_of_too_many_lines_the_best_and_some_others_are_shown():
    table = {line(i): {1: float(i)} for i in range(1000)}
    configs = {config_id: {"x": 0.5} for config_id in table}
    found = parallel_coordinates(runs(table), configs, [Parameter("x")], max_configs=20)
    assert found.num_configs == 1000
    assert found.losses.tolist()[::-1][:10] == list(range(10))
    assert found.losses[0] == 999
    assert len(set(found.losses)) == 20


def test_without_a_hyperparameter_there_is_no_axis():
    with pytest.raises(InvalidArgumentError, match=r"parameters=\[\] must contain a hyperparameter"):
        parallel_coordinates(runs({line(0): {1: 0.5}}), {line(0): {}})
