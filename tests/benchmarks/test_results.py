"""From runs to tables."""

import numpy as np
import pytest

from benchmarks.quality import report
from benchmarks.quality.bars import bars
from benchmarks.quality.results import SHARES, Row, merged, normalised, read, table, write
from benchmarks.quality.trace import RunKey


def row(problem, optimizer, regret, workers=1, seed=0, best=0.0, idle=0.0, version="1"):
    regret = np.broadcast_to(np.array(regret, float), len(SHARES)).copy()
    return Row(RunKey(problem, optimizer, workers, seed), idle, 1.0, 100, best, regret, version)


def suite(**regret):
    """Two problems, one of which has ten times the losses, two seeds, 1, 8 and 64 workers."""
    return [
        row(problem, optimizer, scale * value * (0.9 + 0.2 * seed), workers, seed)
        for problem, scale in (("a", 1), ("b", 10))
        for optimizer, value in regret.items()
        for workers in (1, 8, 64)
        for seed in (0, 1)
    ]


def test_random_search_at_5_percent_with_one_worker_is_the_unit():
    falling = np.linspace(4, 1, len(SHARES))
    rows = [row("a", "RandomSearch", 2 * falling, seed=0), row("a", "RandomSearch", 4 * falling, seed=1)]
    rows += [row("a", "BOHB", 3 * falling[SHARES.index(0.05)]), row("a", "RandomSearch", 50, workers=8)]
    assert normalised(rows)[RunKey("a", "BOHB", 1, 0)] == pytest.approx(1)


def test_regret_counts_from_the_best_loss_that_any_run_met():
    rows = [row("a", "RandomSearch", 1, best=-3.0), row("a", "BOHB", 0, best=-3.5)]
    regrets = normalised(rows)
    assert regrets[RunKey("a", "RandomSearch", 1, 0)] == pytest.approx(1)
    assert regrets[RunKey("a", "BOHB", 1, 0)] == pytest.approx(0)
    rows.append(row("a", "HyperBand", 0.5, best=-3.0))
    assert normalised(rows)[RunKey("a", "HyperBand", 1, 0)] == pytest.approx(1.0 / 1.5)


def test_a_problem_without_random_search_is_left_out():
    assert normalised([row("a", "BOHB", 1)]) == {}


def test_the_table_has_who_ran_on_every_problem_and_the_best_first():
    rows = [*suite(RandomSearch=1, HyperBand=0.5, BOHB=0.25), row("a", "ASHA", 0.01)]
    measured = table(normalised(rows), 8)
    assert list(measured) == ["BOHB", "HyperBand", "RandomSearch"]
    assert measured["BOHB"].mean == pytest.approx(0.25)
    assert measured["BOHB"].num_seeds == 2
    # two problems, each with the seeds 0.9 m and 1.1 m: a standard error of 0.1 m each
    assert measured["BOHB"].error == pytest.approx(0.1 * 0.25 / np.sqrt(2))


def test_rows_come_back_from_a_file(tmp_path):
    regret = [3.0, 3.0, *np.linspace(2, 0, len(SHARES) - 2)]
    rows = [row("a", "RandomSearch", regret, idle=0.25), row("a", "BOHB", 0.125, seed=3, best=-3.86278, version="7")]
    path = tmp_path / "results.csv"
    write(rows, path)
    back = {each.key: each for each in read(path)}
    assert list(back) == sorted(each.key for each in rows)
    for each in rows:
        assert back[each.key].regret == pytest.approx(each.regret, rel=5e-3)
        assert (back[each.key].best, back[each.key].idle) == (each.best, each.idle)
        assert back[each.key].version == each.version
    assert read(tmp_path / "none.csv") == []


@pytest.mark.parametrize(
    ("here", "committed", "kept"),
    [
        ([], [("a", 0, "1")], [("a", 0, "1")]),  # old, but there is nothing newer
        ([], [("a", 0, "2")], [("a", 0, "2")]),
        ([("a", 1, "2")], [("a", 0, "2")], [("a", 1, "2"), ("a", 0, "2")]),  # more seeds
        ([("a", 1, "2")], [("a", 0, "1")], [("a", 1, "2")]),  # of an older version
        ([("a", 0, "2")], [("a", 0, "2")], [("a", 0, "2")]),
        ([("b", 0, "2")], [("a", 0, "1")], [("b", 0, "2")]),
    ],
)
def test_what_was_measured_here_is_added_to_what_is_committed(here, committed, kept):
    def rows(runs):
        return [row(problem, "BOHB", 1, seed=seed, version=version) for problem, seed, version in runs]

    found = merged(rows(here), rows(committed), current=lambda optimizer: "2")
    assert [(each.key.problem, each.key.seed, each.version) for each in found] == kept


def test_bars_are_judged_when_their_optimizers_were_measured():
    assert bars(suite(RandomSearch=1, BOHB=0.4)) == []
    found = bars(suite(RandomSearch=1, BOHB=0.4, FreezeThaw=0.16, optuna_tpe=0.15))
    assert [bar.is_met for bar in found] == [True, False, True] + [False] * 6 + [True] * 3
    assert "optuna_tpe 0.150" in found[3].value


def test_an_optimizer_that_is_not_better_than_random_search_is_named():
    found = report.not_better_than_random(suite(RandomSearch=1, HyperBand=0.5, BOHB=1, LowestBudgetFirst=2))
    assert found == [
        "BOHB, 1 worker: regret 1.000, random search 1.000",
        "BOHB, 8 workers: regret 1.000, random search 1.000",
        "BOHB, 64 workers: regret 1.000, random search 1.000",
    ]


def test_the_report_and_the_curves(tmp_path):
    rows = suite(RandomSearch=1, HyperBand=0.5, BOHB=0.4, FreezeThaw=0.1)
    written = report.write(rows, tmp_path / "new")
    text = written[0].read_text(encoding="utf-8")
    assert "| FreezeThaw" in text
    assert "## Each problem, 64 workers, 25% of the wall clock" in text
    assert "MISSED" not in text
    assert written[1].read_bytes().startswith(b"\x89PNG")
