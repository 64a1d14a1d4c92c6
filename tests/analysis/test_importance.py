"""Variance decompositions that are known: additive, Ishigami's function, a product, categories, inactive values."""

from __future__ import annotations

import numpy as np
import pytest

from hpbandster_ng.analysis.importance import importance
from hpbandster_ng.analysis.parameters import Parameter
from hpbandster_ng.analysis.surrogate import fitted
from hpbandster_ng.errors import InvalidArgumentError


def shares(effects):
    return [effect.share for effect in effects]


def analysed(codes, losses, parameters=None, seed=0):
    parameters = parameters or [Parameter(f"x{i}") for i in range(codes.shape[1])]
    return importance(fitted(parameters, codes, losses, np.random.default_rng(seed)))


def uniform(rows, columns, seed=0):
    return np.random.default_rng(seed).random((rows, columns))


def ishigami(codes):
    """Ishigami & Homma 1990, with a = 7 and b = 0.1."""
    x = np.pi * (2 * codes - 1)
    return np.sin(x[:, 0]) + 7 * np.sin(x[:, 1]) ** 2 + 0.1 * x[:, 2] ** 4 * np.sin(x[:, 0])


def test_effects_that_add_up_have_no_interactions():
    codes = uniform(500, 4)
    found = analysed(codes, 2 * codes[:, 0] + codes[:, 1] + 3)
    assert shares(found.main) == pytest.approx([0.8, 0.2, 0, 0], abs=0.03)
    assert shares(found.total) == pytest.approx([0.8, 0.2, 0, 0], abs=0.03)
    assert shares(found.interactions) == pytest.approx([0] * 6, abs=0.01)
    assert found.explained > 0.95
    assert [effect.names for effect in found.main] == [("x0",), ("x1",), ("x2",), ("x3",)]


def test_the_sobol_indices_of_ishigamis_function():
    codes = uniform(1000, 4)
    found = analysed(codes, ishigami(codes))
    assert shares(found.main) == pytest.approx([0.314, 0.442, 0, 0], abs=0.08)
    assert shares(found.total) == pytest.approx([0.558, 0.442, 0.244, 0], abs=0.08)
    first = found.interactions[0]
    assert first.names == ("x0", "x2")
    assert first.share == pytest.approx(0.244, abs=0.08)
    assert [found.is_told_from_noise(effect) for effect in found.total] == [True, True, True, False]


def test_a_product_is_interaction_alone():
    codes = uniform(600, 3)
    found = analysed(codes, (codes[:, 0] - 0.5) * (codes[:, 1] - 0.5))
    assert shares(found.main) == pytest.approx([0, 0, 0], abs=0.03)
    assert shares(found.total) == pytest.approx([1, 1, 0], abs=0.1)
    assert found.interactions[0].names == ("x0", "x1")
    assert found.interactions[0].share == pytest.approx(1, abs=0.1)


def test_noise_is_no_effect():
    codes = uniform(1000, 6)
    noise = np.random.default_rng(1).standard_normal(1000)
    found = analysed(codes, 2 * codes[:, 0] + codes[:, 1] + 0.32 * noise)
    assert shares(found.main) == pytest.approx([0.8, 0.2, 0, 0, 0, 0], abs=0.03)
    assert shares(found.total) == pytest.approx([0.8, 0.2, 0, 0, 0, 0], abs=0.03)
    assert [found.is_told_from_noise(effect) for effect in found.total] == [True, True] + [False] * 4


def test_of_noise_alone_hardly_anything_is_told_from_noise():
    told = [
        found.is_told_from_noise(effect)
        for seed in range(10)
        for found in [analysed(uniform(100, 5, seed), np.random.default_rng(99 + seed).standard_normal(100), seed=seed)]
        for effect in found.total
    ]
    assert len(told) == 50
    assert sum(told) <= 8  # expected: 4
    assert analysed(uniform(100, 5), np.random.default_rng(99).standard_normal(100)).explained < 0.1


def test_categories_and_inactive_values():
    rng = np.random.default_rng(0)
    kind = rng.integers(3, size=800).astype(float)
    rate = np.where(kind == 0, rng.random(800), np.nan)  # a number that one kind alone has
    losses = np.array([0.0, 1.0, 2.0])[kind.astype(int)]
    parameters = [Parameter.category("kind", "abc"), Parameter("rate"), Parameter("other")]
    codes = np.column_stack([kind, rate, rng.random(800)])
    found = analysed(codes, losses, parameters)
    assert found.main[0].share == pytest.approx(1, abs=0.1)
    assert not found.is_told_from_noise(found.total[2])
    found = analysed(codes, losses + np.where(kind == 0, 5 * codes[:, 1], 0.0), parameters)
    assert found.is_told_from_noise(found.total[1])


def test_of_many_values_of_a_category_the_rare_ones_are_one():
    rng = np.random.default_rng(0)
    often = np.repeat(np.arange(5.0), 200)
    codes = np.concatenate([often, np.arange(5.0, 300.0)])[:, None]
    losses = np.minimum(codes[:, 0], 5.0) + 0.01 * rng.random(len(codes))
    found = analysed(codes, losses, [Parameter.category("id", range(300))])
    assert found.main[0].share == pytest.approx(1, abs=0.01)


def test_where_the_search_went_does_not_matter():
    rng = np.random.default_rng(0)
    codes = np.vstack([rng.random((300, 2)), [0.3, 0.6] + 0.02 * rng.random((600, 2))])
    found = analysed(codes, 2 * codes[:, 0] + codes[:, 1])
    assert shares(found.main) == pytest.approx([0.8, 0.2], abs=0.05)


@pytest.mark.parametrize("factor", [1e-200, 1.0, 1e300])
def test_units_do_not_matter(factor):
    codes = uniform(200, 2)
    losses = codes[:, 0] - 0.5
    assert shares(analysed(codes, factor * losses).main) == pytest.approx(shares(analysed(codes, losses).main))


def test_the_same_seed_gives_the_same_numbers():
    codes = uniform(100, 3)
    assert analysed(codes, codes[:, 0]) == analysed(codes, codes[:, 0])
    assert analysed(codes, codes[:, 0], seed=1) != analysed(codes, codes[:, 0])


def test_equal_losses_depend_on_nothing():
    found = analysed(uniform(50, 2), np.full(50, 0.7))
    assert shares(found.main) == shares(found.total) == [0, 0]
    assert not any(map(found.is_told_from_noise, found.total))
    assert found.interactions == ()
    assert found.explained == 0


def test_pairs_are_those_of_the_ten_that_matter_most():
    codes = uniform(300, 14)
    found = analysed(codes, codes[:, 2:12].sum(axis=1))
    assert len(found.interactions) == 45
    assert analysed(codes[:, :1], codes[:, 0]).interactions == ()


def test_too_little_is_refused():
    with pytest.raises(InvalidArgumentError, match=r"losses='9 configurations' must be at least 10"):
        analysed(uniform(9, 2), np.arange(9.0))
    with pytest.raises(InvalidArgumentError, match=r"parameters=\[\] must contain a hyperparameter"):
        analysed(uniform(20, 0), np.arange(20.0))
