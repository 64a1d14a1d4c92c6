from __future__ import annotations

import numpy as np
import pytest

from hpbandster_ng.optimizers.config_generators.imputation import impute

NAN = np.nan


@pytest.mark.parametrize(
    ("column", "num_values", "filled"),
    [
        ([0.1, NAN, 0.9, NAN], 0, [0.1, 0.1, 0.9, 0.9]),
        ([NAN, NAN, 0.9, NAN, 0.1, 0.5], 0, [0.1, 0.5, 0.9, 0.9, 0.1, 0.5]),
        ([2, NAN, NAN, 2, 0], 3, [2, 0, 2, 2, 0]),
        ([NAN] * 4, 0, [0.125, 0.375, 0.625, 0.875]),
        ([NAN] * 4, 2, [0, 0, 1, 1]),
        ([NAN] * 2, 5, [1, 3]),
    ],
)
def test_missing_entries_are_quantiles_of_the_others_from_top_to_bottom(column, num_values, filled):
    data = np.array(column, dtype=float)[:, None]
    np.testing.assert_allclose(impute(data, np.array([num_values]))[:, 0], filled)


def test_the_mean_stays_the_same_where_the_quantiles_fit():
    active = np.random.default_rng(0).random(10)
    data = np.concatenate([active, np.full(30, NAN)])[:, None]
    assert impute(data, np.array([0])).mean() == pytest.approx(active.mean())


def test_leaves_its_input_alone():
    data = np.array([[0.5, NAN], [0.25, 1.0]])
    before = data.copy()
    impute(data, np.array([0, 2]))
    np.testing.assert_array_equal(data, before)
