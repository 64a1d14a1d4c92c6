from __future__ import annotations

import numpy as np
import pytest

from hpbandster_ng.optimizers.gaussian_process.feasibility import Feasibility
from hpbandster_ng.optimizers.gaussian_process.kernel import Kernel

KERNEL = Kernel(np.array([5.0, 1.0]), variance=1.0, offset_variance=0.0, noise=0.1)
GRID = np.column_stack([np.linspace(0, 1, 11), np.ones(11)])


def chances(xs, is_success, at=GRID):
    features = np.column_stack([xs, np.zeros(len(xs))]).reshape(-1, 2)
    return np.exp(Feasibility(KERNEL, features, np.asarray(is_success, dtype=bool)).logarithm(at))


@pytest.mark.parametrize("is_success", [[], [True] * 10, [False] * 10, [True] * 8 + [False] * 2])
def test_makes_no_difference_where_few_fail_or_all(is_success):
    np.testing.assert_array_equal(chances(np.linspace(0, 1, len(is_success)), is_success), np.ones(11))


def test_falls_towards_where_evaluations_fail():
    xs = np.linspace(0, 1, 30)
    found = chances(xs, xs < 0.6)
    assert (np.diff(found)[1:] < 0).all()
    assert found[0] > 0.9
    assert found[-1] < 0.2
    assert (found > 0).all()


def test_far_from_everything_it_is_the_average():
    found = chances([0.0, 0.0, 0.0, 0.0], [True, False, False, False], np.array([[90.0, 1.0]]))
    assert found[0] == pytest.approx(0.25)


def test_the_budget_does_not_matter():
    xs = np.linspace(0, 1, 30)
    low = np.column_stack([GRID[:, 0], np.zeros(11)])
    np.testing.assert_array_equal(chances(xs, xs < 0.5), chances(xs, xs < 0.5, low))
