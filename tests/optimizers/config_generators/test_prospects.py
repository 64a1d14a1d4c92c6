from __future__ import annotations

import ConfigSpace as CS
import numpy as np
import pytest

from hpbandster_ng.optimizers.config_generators import prospects as module
from hpbandster_ng.optimizers.config_generators.prospects import Prospects, add_candidates
from hpbandster_ng.optimizers.config_generators.search_space import SearchSpace
from hpbandster_ng.optimizers.gaussian_process.acquisition import augmented_log_improvement
from hpbandster_ng.optimizers.gaussian_process.feasibility import Feasibility
from hpbandster_ng.optimizers.gaussian_process.features import Features
from hpbandster_ng.optimizers.gaussian_process.fitting import Model
from hpbandster_ng.optimizers.gaussian_process.posterior import Posterior
from tests.optimizers.config_generators.spaces import everything, space_of


def scene(space, n=12, seed=0, failures=0):
    """Prospects after ``n`` results, which are better the smaller the sum of the codes."""
    features = Features(space.kinds, space.num_values.tolist())
    codes = space.sample_codes(np.random.default_rng(seed), n)
    model = Model(features.groups, features.num_groups)
    kernel = model.kernel(model.prior[0])
    rows = features(codes, 1.0)
    losses = np.nansum(codes, axis=1)
    posterior = Posterior.of(kernel, rows, (losses - losses.mean()) / (losses.std() or 1.0))
    feasibility = Feasibility(kernel, rows, np.arange(n) >= failures)
    best = float(posterior.means(rows).min())
    return Prospects(posterior, features, feasibility, space.dimensions, best), codes, posterior, best


def square(names="xy"):
    return SearchSpace(space_of(*(CS.UniformFloatHyperparameter(name, 0, 1) for name in names)))


class TestProspects:
    def test_promise_the_augmented_expected_improvement_on_the_full_budget(self):
        space = square()
        prospects, _, posterior, best = scene(space)
        grid = space.sample_codes(np.random.default_rng(1), 40)
        prospects.add(grid[:15])
        prospects.add(np.empty((0, 2)))
        prospects.add(grid[15:])
        features = Features(space.kinds, space.num_values.tolist())(grid, 1.0)
        seen = posterior.at(features)
        expected = augmented_log_improvement(seen.means, seen.variances, best, posterior.kernel.noise_at(features))
        np.testing.assert_allclose(prospects.values, expected, atol=1e-9)
        np.testing.assert_array_equal(prospects.codes, grid)
        order = prospects.best_first()
        assert (np.diff(prospects.values[order]) <= 0).all()

    def test_promise_less_where_an_evaluation_was_sent_out(self):
        space = square()
        prospects, *_ = scene(space)
        prospects.add(space.sample_codes(np.random.default_rng(1), 40))
        before, first = prospects.values, prospects.best_first()[0]
        features = Features(space.kinds, space.num_values.tolist())(prospects.codes[[first]], 1.0)
        prospects.expect(features[0], predicted=np.inf)
        assert (prospects.values <= before + 1e-9).all()
        assert before[first] - prospects.values[first] > 1.0

    def test_what_is_sent_out_and_predicted_to_be_better_is_to_be_beaten(self):
        space = square()
        (prospects, codes, _, best), (expected, *_) = scene(space), scene(space)
        for each in (prospects, expected):
            each.add(space.sample_codes(np.random.default_rng(1), 40))
        evaluation = Features(space.kinds, space.num_values.tolist())(codes[:1], 1.0)[0]
        prospects.expect(evaluation, predicted=best - 1.0)
        expected.expect(evaluation, predicted=best + 1.0)
        assert (prospects.values < expected.values).all()

    def test_promise_less_where_evaluations_fail(self):
        space = square()
        plain, *_ = scene(space)
        failing, codes, *_ = scene(space, failures=6)
        for prospects in (plain, failing):
            prospects.add(codes)
        assert (failing.values < plain.values).all()
        lost = plain.values - failing.values
        assert lost[:6].mean() > 1.5 * lost[6:].mean()

    def test_of_none_there_is_no_best(self):
        prospects, *_ = scene(square())
        assert len(prospects.best_first()) == 0


class TestCandidates:
    @pytest.mark.parametrize("num_results", [1, 1000])
    def test_are_legal_and_not_taken(self, num_results):
        space = SearchSpace(everything())
        prospects, codes, *_ = scene(space)
        taken = set(space.keys(codes))
        add_candidates(prospects, space, np.random.default_rng(0), codes[:6], taken, num_results)
        assert space.are_valid(prospects.codes).all()
        assert not taken & set(space.keys(prospects.codes))
        assert 600 < len(prospects.codes) < 2000

    def test_come_from_everywhere_and_crowd_around_what_promises_most(self):
        space = square()
        prospects, codes, *_ = scene(space)
        add_candidates(prospects, space, np.random.default_rng(0), codes[:2], set(), 12)
        cells = {tuple(cell) for cell in np.minimum(prospects.codes * 5, 4).astype(int)}
        assert len(cells) == 25
        best = prospects.codes[prospects.best_first()[0]]
        near = (np.abs(prospects.codes - best).max(axis=1) < 0.03).sum()
        assert near > 30
        assert near > 3 * 500 * 0.06**2

    def test_reach_the_corner_where_the_best_configuration_may_lie(self):
        space = square()
        prospects, *_ = scene(space)
        near_corner = np.full((1, 2), 0.95)
        add_candidates(prospects, space, np.random.default_rng(0), near_corner, set(), 12)
        assert (prospects.codes == 1.0).all(axis=1).any()

    def test_refinement_finds_more_than_random_draws_do(self):
        space = square("uvwxyz")
        prospects, codes, *_ = scene(space)
        add_candidates(prospects, space, np.random.default_rng(0), codes[:6], set(), 12)
        values = prospects.values
        assert values.max() > values[:500].max() + 0.1

    def test_of_a_small_space_all_that_is_left_are_found(self):
        space = SearchSpace(space_of(CS.CategoricalHyperparameter("c", list(range(30)))))
        prospects, *_ = scene(space, n=5)
        taken = set(space.keys(np.arange(27.0)[:, None]))
        add_candidates(prospects, space, np.random.default_rng(0), np.array([[0.0]]), taken, 27)
        assert set(prospects.codes[:, 0].tolist()) == {27.0, 28.0, 29.0}

    def test_none_are_left_when_all_are_taken(self):
        space = SearchSpace(space_of(CS.CategoricalHyperparameter("c", ["a", "b"])))
        prospects, *_ = scene(space, n=2)
        add_candidates(
            prospects, space, np.random.default_rng(0), np.array([[0.0]]), set(space.keys(np.array([[0.0], [1.0]]))), 2
        )
        assert len(prospects.codes) == 0

    def test_priors_weigh_less_the_more_results_there_are(self):
        space = SearchSpace(space_of(CS.NormalFloatHyperparameter("x", mu=0.9, sigma=0.01, lower=0.0, upper=1.0)))
        shares = []
        for num_results in (1, 50, 2000):
            prospects, *_ = scene(space, n=3)
            add_candidates(prospects, space, np.random.default_rng(0), np.array([[0.9]]), set(), num_results)
            shares.append(float((prospects.codes[: 500 * 2, 0] < 0.5).mean()))
        assert shares[0] < 0.1 < shares[1] < shares[2]

    def test_steps_through_the_whole_range_find_more_among_many_hyperparameters(self, monkeypatch):
        """Where the best candidate differs from all others by the far end of a range, small steps end too early."""

        def most_promising(seed):
            space = square("klmnopqrstuvwxyz")
            prospects, codes, *_ = scene(space, n=40, seed=seed)
            parents = codes[np.argsort(codes.sum(axis=1))[:6]]
            add_candidates(prospects, space, np.random.default_rng(seed), parents, set(), 40)
            return prospects.values.max()

        found = np.array([most_promising(seed) for seed in range(8)])
        monkeypatch.setattr(module, "_REFINEMENTS", (0.1, 0.03, 0.01))
        without = np.array([most_promising(seed) for seed in range(8)])
        assert (found > without).sum() >= 7
        assert (found - without).mean() > 0.15

    def test_equal_promises_stay_in_their_order(self):
        """Levels that were never tried promise the same, whatever the last digits are."""
        space = SearchSpace(space_of(CS.CategoricalHyperparameter("c", list(range(30)))))
        prospects, *_ = scene(space, n=5)
        levels = np.arange(30.0)[:, None]
        prospects.add(levels[20:])
        prospects.add(levels[:20])
        values = prospects.values
        untried = [number for number in prospects.best_first() if abs(values[number] - np.median(values)) < 1e-9]
        assert len(untried) > 20
        assert untried == sorted(untried)
