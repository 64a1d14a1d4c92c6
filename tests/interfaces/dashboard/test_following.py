"""Which runs are found where, and how a run is followed whose log grows, is replaced, breaks and vanishes."""

from __future__ import annotations

import contextlib
import pickle
import shutil
from pathlib import Path

import pytest

pytest.importorskip("prometheus_client")

from hpbandster_ng.core.result import json_result_logger
from hpbandster_ng.engine.compaction import compacted
from hpbandster_ng.engine.events import OpenIteration, WorkerJoined, WorkerLost
from hpbandster_ng.errors import InvalidArgumentError, LogError
from hpbandster_ng.experiments import Experiment
from hpbandster_ng.interfaces.dashboard.follower import Follower
from hpbandster_ng.interfaces.dashboard.places import Database, Directories, directory_of_run
from hpbandster_ng.optimizers import RandomSearch
from hpbandster_ng.storage.journal import JournalStorage
from hpbandster_ng.storage.sql import SQLStorage
from tests.interfaces.dashboard.logs import SPACE, job, life, run_bohb, success, write
from tests.waiting import wait_until

PREDECESSORS = Path(__file__).resolve().parents[2] / "data" / "predecessor_log"


@contextlib.contextmanager
def following(place):
    (entry,) = place.entries()
    follower = Follower(entry.open(), entry.name, entry.place)
    follower.start()
    try:
        yield follower
    finally:
        follower.close()
        place.close()


def num_events(follower):
    return follower.look(lambda view: view.num_events)


def num_runs(follower):
    return follower.look(lambda view: len(view.runs))


def wait_for_phase(follower, phase):
    wait_until(lambda: follower.condition.phase == phase, f"{phase}, not {follower.condition}")


# Places


def test_the_runs_and_experiments_of_a_database(tmp_path):
    url = f"sqlite:///{tmp_path}/runs.db"
    assert Database(url).entries() == []
    for name in ("two", "one"):
        storage = SQLStorage(url, name)
        storage.open()
        storage.append([OpenIteration(0.0, 0)])
        storage.close()
    with Experiment.create(url, "e", SPACE, RandomSearch, min_budget=1, max_budget=1) as experiment:
        identity = experiment.id

    def found(*chosen):
        place = Database(url, *chosen)
        try:
            return [(entry.name, entry.kind) for entry in place.entries()]
        finally:
            place.close()

    assert found() == [("one", "run"), ("two", "run"), ("e", "experiment")]
    assert found("two") == [("two", "run")]
    assert found(None, "e") == found(None, identity) == [("e", "experiment")]
    with pytest.raises(LogError, match=r"there is no run 'tow' here; did you mean 'two'"):
        found("tow")
    with pytest.raises(LogError, match=r"there is no experiment 'two' here; did you mean"):
        found(None, "two")


def test_what_is_no_database_is_refused():
    with pytest.raises(InvalidArgumentError, match="must be the url of a database"):
        Database("http://localhost")


def test_directories_hold_runs_of_every_kind_and_one_level_below(tmp_path):
    write(tmp_path / "place" / "run_first", [OpenIteration(0.0, 0)])
    shutil.copytree(PREDECESSORS, tmp_path / "place" / "folder")
    (tmp_path / "place" / "pickled").mkdir()
    with (tmp_path / "place" / "pickled" / "results.pkl").open("wb") as file:
        pickle.dump(run_bohb(None, tmp_path / "work"), file)
    (tmp_path / "place" / "nothing").mkdir()
    place = Directories([tmp_path / "place"])
    assert {(entry.name, entry.kind) for entry in place.entries()} == {
        ("run_first", "journal"), ("folder", "folder"), ("pickled", "pickle"),
    }  # fmt: skip
    assert [entry.name for entry in Directories([tmp_path / "place"], "first").entries()] == ["run_first"]
    for name in ("folder", "pickled"):
        with following(Directories([tmp_path / "place" / name])) as follower:
            wait_until(lambda follower=follower: num_runs(follower) > 10, f"the runs of {name}")


@pytest.mark.parametrize(("make", "message"), [
    (lambda path: path, "there is no run in .*; give the directory of a run"),
    (lambda path: path / "none", "cannot be read: No such file or directory"),
])  # fmt: skip
def test_a_directory_without_a_run_is_refused(tmp_path, make, message):
    with pytest.raises(LogError, match=message):
        Directories([make(tmp_path)]).entries()


def test_a_run_of_a_cluster_is_found_by_its_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "hpbandster_ng_42" / "run_42", [OpenIteration(0.0, 0)])
    assert directory_of_run("42") == Path("hpbandster_ng_42/run_42")
    with pytest.raises(LogError, match="there is no run '43' here"):
        directory_of_run("43")


# Following


def test_a_journal_is_followed_while_it_grows(tmp_path):
    storage = JournalStorage(tmp_path)
    storage.open()
    storage.append(life(job(0), success(0.5)))
    with following(Directories([tmp_path])) as follower:
        wait_until(lambda: num_runs(follower) == 1, "the first run")
        before = follower.version
        for index in range(1, 4):
            storage.append(life(job(index), success(0.5)))
            wait_until(lambda count=index + 1: num_runs(follower) == count, "another run")
        assert follower.version != before
        assert num_events(follower) == 16
    storage.close()


def test_a_database_is_followed_while_it_grows(tmp_path):
    url = f"sqlite:///{tmp_path}/runs.db"
    storage = SQLStorage(url, "one")
    storage.open()
    with following(Database(url)) as follower:
        storage.append(life(job(0), success(0.5)))
        wait_until(lambda: num_runs(follower) == 1, "the run")
    storage.close()


def test_an_experiment_is_followed_and_created_again(tmp_path):
    url = f"sqlite:///{tmp_path}/runs.db"

    def create():
        return Experiment.create(url, "e", SPACE, RandomSearch, min_budget=1, max_budget=1)

    with create() as experiment:
        experiment.observe(experiment.suggest(), loss=0.5)
        with following(Database(url)) as follower:
            wait_until(lambda: num_runs(follower) == 1, "the run")
            experiment.observe(experiment.suggest(), loss=0.25)
            wait_until(lambda: num_runs(follower) == 2, "another run")
            experiment.delete()
            wait_for_phase(follower, "gone")
            assert num_runs(follower) == 2
            create().close()
            wait_until(lambda: num_runs(follower) == 0, "the new experiment")
            assert follower.condition.phase == "live"


def test_a_journal_that_is_compacted_meanwhile_is_read_anew(tmp_path):
    events = [WorkerJoined(0.0, "w"), *life(job(0), success(0.5)), WorkerLost(9.0, "w", "gone")]
    write(tmp_path / "run", events)
    with following(Directories([tmp_path / "run"])) as follower:
        wait_until(lambda: num_events(follower) == 6, "all events")
        shorter = [*compacted(events), *life(job(1), success(0.25), "v", 10.0, 11.0)]
        write(tmp_path / "new", shorter)
        (tmp_path / "new" / "journal").replace(tmp_path / "run" / "journal")
        wait_until(lambda: num_events(follower) == len(shorter), "the shorter log")
        assert num_runs(follower) == 2


def test_a_journal_that_is_gone_stays_to_be_seen_and_may_come_back(tmp_path):
    write(tmp_path, life(job(0), success(0.5)))
    journal = tmp_path / "journal"
    with following(Directories([tmp_path])) as follower:
        wait_until(lambda: num_runs(follower) == 1, "the run")
        content = journal.read_bytes()
        journal.unlink()
        wait_for_phase(follower, "gone")
        assert "gone" in follower.condition.message
        assert num_runs(follower) == 1
        journal.write_bytes(content)
        wait_for_phase(follower, "live")
        assert num_runs(follower) == 1


def test_a_journal_that_is_damaged_for_a_moment_is_told_and_read_again(tmp_path):
    write(tmp_path, life(job(0), success(0.5)))
    journal = tmp_path / "journal"
    with following(Directories([tmp_path])) as follower:
        wait_until(lambda: num_runs(follower) == 1, "the run")
        content = journal.read_bytes()
        journal.write_bytes(content + b"rubbish\n" + content.splitlines(keepends=True)[-1])
        wait_for_phase(follower, "trouble")
        assert "damaged" in follower.condition.message
        assert "\n" not in follower.condition.message
        assert num_runs(follower) == 1
        write(tmp_path / "new", [*life(job(0), success(0.5)), *life(job(1), success(0.5))])
        (tmp_path / "new" / "journal").replace(journal)
        wait_until(lambda: num_runs(follower) == 2, "the mended log")
        assert follower.condition.phase == "live"


def test_half_a_log_of_a_folder_is_read_as_far_as_it_goes(tmp_path):
    shutil.copytree(PREDECESSORS, tmp_path / "log")
    results = tmp_path / "log" / "results.json"
    lines = results.read_bytes().splitlines(keepends=True)
    results.write_bytes(b"".join(lines[:3]) + lines[3][:20])
    with following(Directories([tmp_path / "log"])) as follower:
        wait_until(lambda: num_runs(follower) == 3, "what is whole")
        results.write_bytes(b"".join(lines[:5]))
        wait_until(lambda: num_runs(follower) == 5, "the next lines")
        assert follower.condition.phase == "live"


def test_a_folder_that_grows_is_followed(tmp_path):
    logger = json_result_logger(tmp_path / "log")
    run_bohb(None, tmp_path / "work", n_iterations=1, result_logger=logger)
    with following(Directories([tmp_path / "log"])) as follower:
        wait_until(lambda: num_runs(follower) > 0, "the runs")
        before = num_runs(follower)
        again = json_result_logger(tmp_path / "log", overwrite=True)
        run_bohb(None, tmp_path / "work", n_iterations=3, result_logger=again)
        wait_until(lambda: num_runs(follower) > before, "more runs")
