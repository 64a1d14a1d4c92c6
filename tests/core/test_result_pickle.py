"""Pickled results are read without running what a file may hide in them."""

from __future__ import annotations

import collections
import multiprocessing
import os
import pickle
from pathlib import Path

import numpy as np
import pytest

from hpbandster_ng.core.result import Result, logged_results_to_HBS_result
from hpbandster_ng.engine.iteration import Datum
from hpbandster_ng.errors import LogError
from tests.waiting import wait_until

FIXTURES = Path(__file__).parents[1] / "data"
REAL = Path(__file__).parents[3] / "shared" / "data" / "predecessor_run" / "results.pkl"


def save(path, value, protocol=pickle.DEFAULT_PROTOCOL):
    path.write_bytes(pickle.dumps(value, protocol))
    return path


def a_result(info=None):
    datum = Datum({"x": 0.5}, {}, {9.0: {"loss": 0.1, "info": info}}, {9.0: {"finished": 1010.0}}, {9.0: None})
    return Result({(0, 0, 0): datum}, {"time_ref": 1000.0, "max_budget": 9.0, "budgets": [9.0]})


def test_a_pickle_of_the_predecessor_equals_the_log_of_the_same_run():
    pickled = Result.from_pickle(FIXTURES / "predecessor_result.pkl")
    logged = logged_results_to_HBS_result(FIXTURES / "predecessor_log")
    assert pickled.get_all_runs() == logged.get_all_runs()
    assert pickled.get_id2config_mapping() == logged.get_id2config_mapping()
    assert pickled.get_incumbent_id() == (1, 0, 0)
    assert pickled.HB_config["budgets"] == [1.0, 3.0, 9.0]
    assert {type(run.budget) for run in pickled.get_all_runs()} == {float}


@pytest.mark.parametrize("protocol", range(3, pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize(
    "info",
    [
        None,
        {"nested": [1, (2, 3), {4}, frozenset({5}), b"6", 7j, bytearray(b"8")]},
        collections.OrderedDict(a=1),
        np.float32(0.5),
        np.arange(6).reshape(2, 3),
        np.asfortranarray(np.ones((2, 3))),
        np.array(["a", "bc"]),
        np.array(1),
    ],
)
def test_our_own_pickles_are_read(tmp_path, info, protocol):
    read = Result.from_pickle(save(tmp_path / "results.pkl", a_result(info), protocol))
    (run,) = read.get_all_runs()
    assert run.time_stamps == {"finished": 10.0}
    assert type(run.info) is type(info)
    np.testing.assert_equal(run.info, info)


class Trap:
    """Runs a command of the shell when unpickled."""

    def __init__(self, *arguments):
        self.arguments = arguments

    def __reduce__(self):
        return self.arguments


TRAPS = [
    Trap(os.system, ("touch trapped",)),
    Trap(eval, ("open('trapped', 'w')",)),
    Trap(getattr, (Result, "from_pickle")),
    Trap(Path, ("trapped",)),
    Trap(np.load, ("trapped",)),
]


@pytest.mark.parametrize("trap", TRAPS, ids=lambda trap: trap.arguments[0].__name__)
@pytest.mark.parametrize("hide", [lambda trap: trap, lambda trap: a_result({"info": trap})], ids=["bare", "hidden"])
def test_a_foreign_pickle_runs_nothing(tmp_path, trap, hide):
    path = save(tmp_path / "results.pkl", hide(trap))
    with pytest.raises(LogError, match=r"refers to .*, which is no part of a Result; .*pickle\.load"):
        Result.from_pickle(path)
    assert not Path("trapped").exists()


def test_a_foreign_pickle_cannot_change_our_classes(tmp_path):
    # GLOBAL Datum, state (None, {"__eq__": None}), BUILD: sets an attribute of the class itself
    program = b"chpbandster_ng.engine.iteration\nDatum\n(N}V__eq__\nNstb."
    (tmp_path / "evil.pkl").write_bytes(program)
    before = Datum.__eq__
    with pytest.raises(LogError):
        Result.from_pickle(tmp_path / "evil.pkl")
    assert Datum.__eq__ is before


def test_a_result_of_another_package_is_refused(tmp_path):
    (tmp_path / "results.pkl").write_bytes(b"celsewhere.core.result\nResult\n)\x81.")
    with pytest.raises(LogError, match=r"refers to elsewhere\.core\.result\.Result"):
        Result.from_pickle(tmp_path / "results.pkl")


def stub(**state):
    made = Result.__new__(Result)
    vars(made).update(state)
    return made


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        ([1, 2], "it holds a list"),
        (stub(), "lacks data or HB_config"),
        (stub(data=[], HB_config={}), "lacks data or HB_config"),
        (stub(data={(0, 0, 0): 7}, HB_config={}), r"configuration \(0, 0, 0\) is a int"),
    ],
)
def test_what_is_no_result_is_refused(tmp_path, value, complaint):
    with pytest.raises(LogError, match=complaint):
        Result.from_pickle(save(tmp_path / "results.pkl", value))


def test_a_datum_of_another_shape_is_refused(tmp_path):
    strange = Datum({}, {})
    vars(strange)["extra"] = 1
    with pytest.raises(LogError, match="unexpected keyword argument 'extra'"):
        Result.from_pickle(save(tmp_path / "results.pkl", stub(data={(0, 0, 0): strange}, HB_config={})))


@pytest.mark.parametrize("content", [b"", b"not a pickle", None])
def test_an_unreadable_file_is_named(tmp_path, content):
    path = tmp_path / "results.pkl"
    if content is None:
        pass
    else:
        path.write_bytes(content)
    with pytest.raises(LogError, match=rf"path='{path}' must be a pickled Result"):
        Result.from_pickle(path)


@pytest.mark.parametrize("share", [0, 0.01, 0.5, 0.999])
def test_a_file_that_was_not_written_to_its_end_is_told_as_such(tmp_path, share):
    whole = (FIXTURES / "predecessor_result.pkl").read_bytes()
    path = tmp_path / "results.pkl"
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(LogError, match=r"is damaged, or was not written to its end \(.*; make it anew") as told:
        Result.from_pickle(path)
    assert str(path) in str(told.value)
    assert "pickle.load" not in str(told.value)


def test_a_file_that_is_not_there_is_told_as_such(tmp_path):
    with pytest.raises(LogError, match=r"none\.pkl' .* cannot be read \(No such file or directory\); correct the path"):
        Result.from_pickle(tmp_path / "none.pkl")


@pytest.mark.parametrize("damage", [{"results": 7}, {"results": {np.dtype(float): None}}, {"budget": Datum({}, {})}])
def test_a_datum_that_is_damaged_is_refused(tmp_path, damage):
    damaged = Datum({}, {})
    vars(damaged).update(damage)
    with pytest.raises(LogError, match=r"configuration \(0, 0, 0\)"):
        Result.from_pickle(save(tmp_path / "results.pkl", stub(data={(0, 0, 0): damaged}, HB_config={})))


def test_what_is_written_is_read(tmp_path):
    path = tmp_path / "results.pkl"
    a_result("first").to_pickle(path)
    a_result("second").to_pickle(str(path))
    assert Result.from_pickle(path).get_all_runs()[0].info == "second"
    assert pickle.loads(path.read_bytes()).get_all_runs()[0].info == "second"
    assert [*tmp_path.iterdir()] == [path]


def write_for_ever(path):
    result = a_result("x" * 5_000_000)
    while True:
        result.to_pickle(path)


def test_a_process_that_is_killed_as_it_writes_leaves_a_whole_file(tmp_path):
    path = tmp_path / "results.pkl"
    process = multiprocessing.get_context("spawn").Process(target=write_for_ever, args=(path,))
    process.start()
    try:
        wait_until(path.exists, "the first file is there")
        for _ in range(20):
            assert len(Result.from_pickle(path).get_all_runs()) == 1
    finally:
        process.kill()
        process.join()
    assert len(Result.from_pickle(path).get_all_runs()) == 1


@pytest.mark.skipif(not REAL.is_file(), reason="the predecessor's real pickle is not on this machine")
def test_the_real_pickle_of_the_predecessor():
    read = Result.from_pickle(REAL)
    assert len(read.data) == 30
    crashed = [run for run in read.get_all_runs() if run.loss is None]
    assert len(crashed) == 3
    assert all("diverged" in run.error_logs for run in crashed)
    assert read.get_incumbent_id() == (3, 0, 7)
    assert read.HB_config["max_budget"] == 9


def test_who_computed_a_run_is_kept_and_pickles_that_do_not_tell_are_read(tmp_path):
    result = a_result()
    result.data[0, 0, 0].workers[9.0] = "w"
    path = save(tmp_path / "results.pkl", result)
    assert [each.get_all_runs()[0].worker for each in (Result.from_pickle(path), pickle.loads(path.read_bytes()))] == [
        "w",
        "w",
    ]
    del vars(result.data[0, 0, 0])["workers"]
    path = save(tmp_path / "old.pkl", result)
    assert Result.from_pickle(path).get_all_runs()[0].worker is None
    assert pickle.loads(path.read_bytes()).get_all_runs()[0].worker is None
