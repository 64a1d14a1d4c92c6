"""Runs in other processes, and those that the cache has already."""

import sys
from types import ModuleType

import pytest

from benchmarks.quality import run_peer, runs, trace
from benchmarks.quality.__main__ import main
from benchmarks.quality.problems import own_suite, suite_budget
from benchmarks.quality.trace import RunKey

SUITE = own_suite()


class FirstGuess:
    """A peer that evaluates the default configuration again and again."""

    def __init__(self, configspace, max_budget):
        self.config = dict(configspace.get_default_configuration())
        self.max_budget = max_budget
        self.number = 0

    def ask(self):
        self.number += 1
        return self.number, self.config, self.max_budget

    def tell(self, key, config, budget, loss, seconds):
        pass


def test_runs_are_made_in_processes_and_found_again(tmp_path):
    keys = [RunKey("own-hartmann3", "RandomSearch", workers, 0) for workers in (1, 4)]
    assert runs.run_all(keys, tmp_path, processes=2, share=0.25) == []
    for key in keys:
        where = SUITE[key.problem]
        kept = runs.cached(key, tmp_path, where, share=0.25)
        assert kept.wall_clock == pytest.approx(suite_budget(where) / 4 / key.workers)
        assert runs.cached(key, tmp_path, where) is None
    assert runs.forget("RandomSearch", tmp_path) == 2
    assert runs.cached(keys[0], tmp_path, SUITE["own-hartmann3"], share=0.25) is None


def test_a_run_that_fails_is_told_and_the_others_go_on(tmp_path):
    keys = [RunKey("own-hartmann3", name, 1, 0) for name in ("nobody_knows_this_peer", "RandomSearch")]
    failed = runs.run_all(keys, tmp_path, processes=1)
    assert len(failed) == 1
    assert "nobody_knows_this_peer on own-hartmann3, 1 workers, seed 0" in failed[0]
    assert keys[1].path(tmp_path).exists()


def test_a_missing_environment_is_told_with_what_makes_it(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"make_peers_venvs\.sh"):
        runs._run_in_its_own_python([str(tmp_path / "python")])


def test_a_peer_runs_in_its_own_process(tmp_path, monkeypatch):
    module = ModuleType("first_guess")
    module.make = lambda space, least, full, total, workers, seed: FirstGuess(space, full)
    monkeypatch.setitem(sys.modules, "benchmarks.quality.peers.first_guess", module)
    out = tmp_path / "trace.npz"
    arguments = ["first_guess", "own-hartmann3", "8", "3", "--out", str(out), "--version", "7"]
    monkeypatch.setattr(sys, "argv", ["run_peer", *arguments])
    run_peer.main()
    kept = trace.load(out, "7", suite_budget(SUITE["own-hartmann3"]) / 8)
    assert len(kept.loss) > 50
    assert kept.idle == pytest.approx(0, abs=1e-9)


def test_a_mistyped_name_is_refused(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["quality", "--optimizers", "BOHBB"])
    with pytest.raises(SystemExit):
        main()
    assert "no optimizer is called ['BOHBB']; there are ['RandomSearch'" in capsys.readouterr().err


def test_an_unknown_problem_is_refused(monkeypatch):
    monkeypatch.setattr("benchmarks.quality.__main__.development_suite", dict)  # as where it is absent
    monkeypatch.setattr(sys, "argv", ["quality", "--problems", "rastrigin"])
    with pytest.raises(SystemExit, match=r"no problem is called \['rastrigin'\]"):
        main()
