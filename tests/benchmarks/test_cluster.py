"""The virtual workers of other packages' optimizers, and that they cost what ours cost."""

import math

import numpy as np
import pytest

from benchmarks.quality import accounting, cluster, ours, trace
from benchmarks.quality.problems import own_suite, suite_budget


class Script:
    """Proposes what a list says, then one new configuration after the other at the full budget."""

    def __init__(self, jobs, problem):
        self.jobs = list(jobs)
        self.told = []
        self.default = dict(problem.configspace(0).get_default_configuration())
        self.full = problem.max_budget
        self.number = 1000

    def ask(self):
        if self.jobs:
            job = self.jobs.pop(0)
            return None if job is None else (job[0], self.default, job[1])
        self.number += 1
        return self.number, self.default, self.full

    def tell(self, key, config, budget, loss, seconds):
        self.told.append((key, budget, loss))


class Failing:
    """A problem on which everything fails."""

    min_budget, max_budget = 1.0, 81.0

    def __call__(self, config, budget):
        return math.inf, 1.0


HARTMANN = own_suite()["own-hartmann3"]


def test_a_promoted_configuration_takes_the_additional_budget():
    peer = Script([("a", 27), ("a", 81), ("b", 27), ("b", 27)], HARTMANN)
    done = cluster.run(peer, HARTMANN, workers=1, seed=0, total=4, version="1")
    assert done.finished_at == pytest.approx([1 / 3, 1, 4 / 3, 4 / 3, 7 / 3, 10 / 3])
    assert done.config.tolist() == [0, 0, 1, 1, 2, 3]
    assert done.budget.tolist() == [27, 81, 27, 27, 81, 81]
    assert done.idle == pytest.approx(0, abs=1e-12)


def test_a_failed_evaluation_brings_a_configuration_nowhere():
    problem = Failing()
    peer = Script([("a", 27), ("a", 81)], HARTMANN)
    done = cluster.run(peer, problem, workers=1, seed=0, total=2, version="1")
    assert done.finished_at == pytest.approx([1 / 3, 4 / 3])
    assert np.isinf(done.loss).all()
    assert np.isinf(done.full_loss).all()


def test_what_ends_with_the_time_counts_and_what_runs_then_does_not():
    done = cluster.run(Script([], HARTMANN), HARTMANN, workers=1, seed=0, total=2.5, version="1")
    assert done.finished_at.tolist() == [1, 2]
    done = cluster.run(Script([], HARTMANN), HARTMANN, workers=1, seed=0, total=3, version="1")
    assert done.finished_at.tolist() == [1, 2, 3]


def test_who_waits_lets_workers_idle_until_something_ends(monkeypatch):
    monkeypatch.setattr(cluster, "STRAGGLING", 0.0)
    peer = Script([("a", 81), None], HARTMANN)
    done = cluster.run(peer, HARTMANN, workers=2, seed=0, total=4, version="1")
    assert done.finished_at.tolist() == [1, 2, 2]
    assert done.idle == pytest.approx(1 / 4)


def test_who_waits_for_nothing_is_told():
    with pytest.raises(RuntimeError, match="waits for nothing after 1 results"):
        cluster.run(Script([("a", 81), None], HARTMANN), HARTMANN, workers=1, seed=0, total=4, version="1")


def test_jobs_straggle_by_a_factor_of_mean_one_with_more_than_one_worker():
    done = cluster.run(Script([], HARTMANN), HARTMANN, workers=2, seed=1, total=4000, version="1")
    assert len(done.loss) == pytest.approx(4000, rel=0.03)
    again = cluster.run(Script([], HARTMANN), HARTMANN, workers=2, seed=1, total=4000, version="1")
    assert (done.finished_at == again.finished_at).all()


@pytest.mark.parametrize("workers", [1, 4])
def test_random_search_of_ours_and_behind_ask_and_tell_get_as_far(workers):
    total = suite_budget(HARTMANN)
    mine = ours.run("RandomSearch", HARTMANN, workers, 0, total)
    theirs = cluster.run(Script([], HARTMANN), HARTMANN, workers, 0, total, version="1")
    assert mine.wall_clock == theirs.wall_clock
    assert len(mine.loss) == pytest.approx(len(theirs.loss), rel=0 if workers == 1 else 0.15)
    assert mine.idle == pytest.approx(theirs.idle, abs=1e-9)


def test_a_run_of_ours_is_the_same_under_the_same_seed():
    first, second = (ours.run("HyperBand", HARTMANN, 3, 5, 20) for _ in range(2))
    assert (first.finished_at == second.finished_at).all()
    assert (first.full_loss == second.full_loss).all()


def test_the_plain_baseline_spends_half_on_the_lowest_budget():
    done = ours.run("LowestBudgetFirst", HARTMANN, 1, 0, 20)
    assert done.budget.tolist() == [1.0] * 810 + [81.0] * 10
    screened, promoted = done.loss[:810], done.full_loss[810:]
    best = done.full_loss[np.argsort(screened, kind="stable")[:10]]
    assert promoted.tolist() == best.tolist()


def test_a_trace_is_kept_for_its_version_and_its_length(tmp_path):
    done = ours.run("RandomSearch", HARTMANN, 2, 0, 20)
    key = trace.RunKey("own-hartmann3", "RandomSearch", 2, 0)
    trace.save(done, key.path(tmp_path))
    kept = trace.load(key.path(tmp_path), "1", 10.0)
    for name, value in vars(done).items():
        assert np.array_equal(getattr(kept, name), value), name
    assert trace.load(key.path(tmp_path), "2", 10.0) is None
    assert trace.load(key.path(tmp_path), "1", 20.0) is None
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["RandomSearch-w2-s0.npz"]


def test_the_time_of_evaluations_is_known():
    watched = accounting.Watched(HARTMANN)
    config = dict(HARTMANN.configspace(0).get_default_configuration())
    assert watched(config, 81) == HARTMANN(config, 81)
    assert watched.seconds >= 0
