"""What is written line by line can be read back, by us and by readers of the predecessor's logs, whatever happened."""

from __future__ import annotations

import io
import json
import math
import re
from pathlib import Path
from types import SimpleNamespace

import ConfigSpace
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hpbandster_ng.engine.iteration import Datum
from hpbandster_ng.engine.records import Outcome, OutcomeState
from hpbandster_ng.engine.steps import record
from hpbandster_ng.errors import LogError, LogExistsError, NotPlainError
from hpbandster_ng.storage.legacy_json import json_result_logger, read_log

STAMPS = {"submitted": 100.0, "started": 101.0, "finished": 103.5}
PREDECESSOR_LOG = Path(__file__).parents[1] / "data" / "predecessor_log"


def job(config_id=(0, 0, 0), budget=1.0, result=None, exception=None, stamps=STAMPS):
    kwargs = {"config": {"x": 0.5}, "budget": budget}
    return SimpleNamespace(id=config_id, kwargs=kwargs, timestamps=stamps, result=result, exception=exception)


def success(config_id=(0, 0, 0), budget=1.0, loss=0.25, info=None):
    return job(config_id, budget, {"loss": loss, "info": info})


def lines(path):
    return path.read_text().splitlines()


def write(directory, configs, results):
    (directory / "configs.json").write_text(configs)
    (directory / "results.json").write_text(results)
    return directory


CONFIG_LINE = '[[0, 0, 0], {"x": 0.5}, {}]\n'
RESULT_LINE = '[[0, 0, 0], 1.0, {"submitted": 1.0, "started": 2.0, "finished": 3.0}, {"loss": 0.5, "info": {}}, null]\n'


# ---- writing


def test_the_lines_are_those_of_the_predecessor(tmp_path):
    logger = json_result_logger(tmp_path)
    logger.new_config((0, 0, 0), {"x": 0.5}, {"model_based_pick": False})
    logger(success(info={"accuracy": 0.75}))
    logger(job(budget=3.0, exception="RuntimeError: diverged"))
    assert lines(tmp_path / "configs.json") == ['[[0, 0, 0], {"x": 0.5}, {"model_based_pick": false}]']
    stamps = '{"submitted": 100.0, "started": 101.0, "finished": 103.5}'
    assert lines(tmp_path / "results.json") == [
        f'[[0, 0, 0], 1.0, {stamps}, {{"loss": 0.25, "info": {{"accuracy": 0.75}}}}, null]',
        f'[[0, 0, 0], 3.0, {stamps}, null, "RuntimeError: diverged"]',
    ]


@pytest.mark.parametrize(
    ("state", "written"),
    [
        (OutcomeState.FAILED, "why: so"),
        (OutcomeState.INVALID, "invalid return: why: so"),
        (OutcomeState.TIMED_OUT, "timed out: why: so"),
        (OutcomeState.LOST, "lost: why: so"),
    ],
)
def test_how_a_run_came_to_its_end_stands_before_the_exception_and_is_read_again(tmp_path, state, written):
    ended = job(exception="why: so")
    ended.outcome = Outcome(state, error=ended.exception)
    datum = Datum({"x": 0.5}, {})
    record(datum, ended)
    first, second = json_result_logger(tmp_path / "1"), json_result_logger(tmp_path / "2")
    first(ended)
    second.start_run({"time_ref": 0.0}, previous={(-1, 0, 0): datum})
    for directory, config_id in (("1", (0, 0, 0)), ("2", (-1, 0, 0))):
        assert json.loads((tmp_path / directory / "results.json").read_text())[4] == written
        assert read_log(tmp_path / directory)[0][config_id] == datum


@pytest.mark.parametrize("exception", ['"found: x"', "7", "[]"])
def test_an_exception_that_tells_nothing_of_that_kind_stays_as_it_is(tmp_path, exception):
    results = RESULT_LINE.replace('{"loss": 0.5, "info": {}}, null', f"null, {exception}")
    (datum,) = read_log(write(tmp_path, CONFIG_LINE, results))[0].values()
    assert datum.outcomes == {}
    assert datum.exceptions == {1.0: json.loads(exception)}


def test_a_constructor_writes_nothing_and_the_first_line_makes_the_directory(tmp_path):
    directory = tmp_path / "a" / "b"
    logger = json_result_logger(str(directory))
    assert not directory.exists()
    logger.new_config((0, 0, 0), {"x": 1}, {})
    assert sorted(path.name for path in directory.iterdir()) == ["configs.json", "results.json"]


def test_a_configuration_is_written_once_and_even_if_nobody_announced_it(tmp_path):
    logger = json_result_logger(tmp_path)
    logger(success())
    logger.new_config((0, 0, 0), {"x": 0.5}, {"late": True})
    assert lines(tmp_path / "configs.json") == ['[[0, 0, 0], {"x": 0.5}, {}]']


@pytest.mark.parametrize("name", ["configs.json", "results.json"])
def test_a_log_is_not_overwritten_by_accident(tmp_path, name):
    (tmp_path / name).write_text("precious")
    with pytest.raises(FileExistsError, match=re.escape(name)) as caught:
        json_result_logger(tmp_path)
    assert isinstance(caught.value, LogExistsError)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == "precious"


def test_a_log_that_appeared_in_the_meantime_is_not_overwritten(tmp_path):
    first, second = json_result_logger(tmp_path), json_result_logger(tmp_path)
    first(success())
    with pytest.raises(LogExistsError):
        second(success(loss=99.0))
    assert read_log(tmp_path)[0][0, 0, 0].results[1.0]["loss"] == 0.25


def test_overwrite_removes_all_of_the_old_log_at_the_first_write(tmp_path):
    old = json_result_logger(tmp_path)
    old.start_run({"max_budget": 9.0}, ConfigSpace.ConfigurationSpace())
    old(success((5, 0, 0)))
    new = json_result_logger(tmp_path, overwrite=True)
    assert len(list(tmp_path.iterdir())) == 4
    new(success())
    data, settings_ = read_log(tmp_path)
    assert list(data) == [(0, 0, 0)]
    assert settings_["max_budget"] == 1.0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["configs.json", "results.json"]


def test_what_json_does_not_have_is_mapped_as_documented(tmp_path):
    info = {
        "tuple": (1, 2),
        "set": {3, 1, 2},
        "mixed": {"a", 1},
        "bytes": b"ab\xff",
        7: "int",
        None: 0,
        True: 1,
        (0, 1): "pair",
        b"k": 2,
        "nested": [{"deep": (b"x",)}],
        "numpy": np.arange(2),
        "nan": float("nan"),
    }
    json_result_logger(tmp_path)(success(info=info))
    read = read_log(tmp_path)[0][0, 0, 0].results[1.0]["info"]
    assert math.isnan(read.pop("nan"))
    assert read == {
        "tuple": [1, 2],
        "set": [1, 2, 3],
        "mixed": ["a", 1],
        "bytes": "ab\\xff",
        "7": "int",
        "null": 0,
        "true": 1,
        "(0, 1)": "pair",
        "k": 2,
        "nested": [{"deep": ["x"]}],
        "numpy": [0, 1],
    }


def test_what_cannot_be_written_is_refused_by_name_and_leaves_no_half_line(tmp_path):
    logger = json_result_logger(tmp_path)
    logger(success())
    with pytest.raises(NotPlainError, match=r"model.*of type object"):
        logger(success(budget=3.0, info={"model": object()}))
    logger(success(budget=9.0))
    assert sorted(read_log(tmp_path)[0][0, 0, 0].results) == [1.0, 9.0]


def test_the_space_is_written_in_configspaces_own_format(tmp_path):
    space = ConfigSpace.ConfigurationSpace({"x": (0.0, 1.0), "kind": ["a", "b"]})
    json_result_logger(tmp_path).start_run({"max_budget": 9.0}, space)
    text = (tmp_path / "configspace.json").read_text()
    if hasattr(ConfigSpace.ConfigurationSpace, "from_json"):
        read = ConfigSpace.ConfigurationSpace.from_json(io.StringIO(text))
    else:
        from ConfigSpace.read_and_write import json as reader

        read = reader.read(text)
    assert read == space


def test_a_space_that_cannot_be_written_is_reported_and_the_run_is_logged(tmp_path):
    logger = json_result_logger(tmp_path)
    with pytest.warns(RuntimeWarning, match="search space is missing in the log"):
        logger.start_run({"max_budget": 9.0}, SimpleNamespace(to_json=lambda file: json.dump(object(), file)))
    logger(success())
    assert read_log(tmp_path)[1]["max_budget"] == 9.0


def test_settings_of_a_users_optimizer_may_be_anything(tmp_path):
    logger = json_result_logger(tmp_path)
    logger.start_run({"budgets": np.array([1.0, 3.0]), "hook": print, "max_budget": np.float64(3)})
    settings_ = read_log(tmp_path)[1]
    assert settings_["budgets"] == [1.0, 3.0]
    assert settings_["max_budget"] == 3.0
    assert settings_["hook"] == repr(print)


def test_a_subclass_of_the_predecessors_time_names_its_own_files(tmp_path):
    class Named(json_result_logger):
        def __init__(self, directory, run_id):
            self.config_fn = str(directory / f"configs_{run_id}.json")
            self.results_fn = str(directory / f"results_{run_id}.json")
            for path in (self.config_fn, self.results_fn):
                Path(path).write_text("")
            self.config_ids = set()

    logger = Named(tmp_path, 7)
    logger.start_run({"max_budget": 9.0})
    logger(success())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["configs_7.json", "hb_config.json", "results_7.json"]
    assert len(lines(tmp_path / "results_7.json")) == 1


# ---- reading


def test_a_log_of_the_predecessor_is_read():
    data, settings_ = read_log(PREDECESSOR_LOG)
    assert len(data) == 7
    assert sum(len(datum.results) for datum in data.values()) == 11
    assert data[0, 0, 3].results == {1.0: None}
    assert "RuntimeError: diverged" in data[0, 0, 3].exceptions[1.0]
    assert data[0, 0, 1].time_stamps[1.0] == {
        "submitted": 1600000003.0,
        "started": 1600000003.5,
        "finished": 1600000005.5,
    }
    assert {config_id: datum.status for config_id, datum in data.items()} == {
        (0, 0, 0): "TERMINATED",
        (0, 0, 1): "COMPLETED",
        (0, 0, 2): "TERMINATED",
        (0, 0, 3): "CRASHED",
        (1, 0, 0): "COMPLETED",
        (1, 0, 1): "TERMINATED",
        (2, 0, 0): "CRASHED",
    }
    assert settings_ == {
        "time_ref": 1600000000.0,
        "eta": 3.0,
        "min_budget": 1.0,
        "max_budget": 9.0,
        "budgets": [1.0, 3.0, 9.0],
        "max_SH_iter": 3,
    }


def test_the_largest_budget_is_the_runs_own_where_the_log_tells_it(tmp_path):
    logger = json_result_logger(tmp_path)
    logger.start_run({"time_ref": 50.0, "max_budget": 9.0, "budgets": [1.0, 3.0, 9.0]})
    logger(success(budget=3.0))
    data, settings_ = read_log(tmp_path)
    assert settings_["max_budget"] == 9.0
    assert settings_["budgets"] == [1.0, 3.0, 9.0]
    assert data[0, 0, 0].status == "TERMINATED"


def test_what_a_warm_start_brought_along_is_in_the_log_in_unix_seconds(tmp_path):
    old = Datum(
        {"x": 1},
        {"warm": 1},
        {3.0: {"loss": 0.5, "info": None}, 9.0: None},
        {3.0: {"finished": -64.0}, 9.0: {"finished": 0.0}},
        {3.0: None, 9.0: "boom"},
        "CRASHED",
        9.0,
    )
    waiting = Datum({"x": 2}, {})
    logger = json_result_logger(tmp_path)
    for _ in range(2):  # a second call of run() brings nothing new
        logger.start_run({"time_ref": 2.0**30, "max_budget": 9.0}, previous={(-1, 0, 0): old, (-1, 0, 1): waiting})
    logger(success())
    assert [json.loads(line)[2]["finished"] for line in lines(tmp_path / "results.json")] == [2**30 - 64, 2**30, 103.5]
    data, _ = read_log(tmp_path)
    assert data[-1, 0, 0] == old
    assert data[-1, 0, 1] == waiting
    assert len(data) == 3


def test_config_lines_of_two_elements_are_read(tmp_path):
    data, _ = read_log(write(tmp_path, '[[0, 0, 0], {"x": 0.5}]\n', RESULT_LINE))
    assert data[0, 0, 0].config == {"x": 0.5}
    assert data[0, 0, 0].config_info == {}


def test_a_run_without_any_result_is_read(tmp_path):
    data, settings_ = read_log(write(tmp_path, CONFIG_LINE, ""))
    assert data[0, 0, 0].status == "QUEUED"
    assert settings_["max_budget"] is None
    assert settings_["budgets"] == []


def test_nan_and_infinity_are_read(tmp_path):
    results = RESULT_LINE.replace('"loss": 0.5', '"loss": NaN, "more": [Infinity, -Infinity]')
    datum = read_log(write(tmp_path, CONFIG_LINE, results))[0][0, 0, 0]
    assert math.isnan(datum.results[1.0]["loss"])
    assert datum.results[1.0]["more"] == [math.inf, -math.inf]
    assert datum.status == "CRASHED"


@given(cut=st.integers(1, len(RESULT_LINE) - 1))
@settings(max_examples=40)
def test_a_last_line_that_is_cut_off_anywhere_is_skipped(tmp_path_factory, cut):
    torn = RESULT_LINE.replace("1.0,", "3.0,", 1)[:cut]
    data, _ = read_log(write(tmp_path_factory.mktemp("log"), CONFIG_LINE, RESULT_LINE + torn))
    assert 1.0 in data[0, 0, 0].results
    assert (3.0 in data[0, 0, 0].results) == (cut == len(RESULT_LINE) - 1)  # only the line's end is missing


@pytest.mark.parametrize("tail", ["[[0, 0, 1], {", "\x00\x00\x00", "[[0, 0, 1], {\n\n"])
def test_a_torn_config_line_takes_the_results_of_that_configuration_along(tmp_path, tail):
    orphan = RESULT_LINE.replace("[0, 0, 0]", "[0, 0, 1]")
    data, _ = read_log(write(tmp_path, CONFIG_LINE + tail, RESULT_LINE + orphan))
    assert list(data) == [(0, 0, 0)]


BROKEN = [
    (CONFIG_LINE + "{oops\n" + CONFIG_LINE, RESULT_LINE, "configs.json, line 2, is not JSON"),
    (CONFIG_LINE, RESULT_LINE + "\n" + RESULT_LINE[:30] + "\n" + RESULT_LINE, "results.json, line 3, is not JSON"),
    (CONFIG_LINE, RESULT_LINE.replace("[0, 0, 0]", "[0, 0, 1]"), "results.json, line 1, speaks of configuration"),
    ("[]\n", "", "configs.json, line 1, must be"),
    ("7\n", "", "configs.json, line 1, must be"),
    ('[[0, 0, 0], "x", {}]\n', "", "configs.json, line 1, must be"),
    ("[[0, 0], {}, {}]\n", "", "line 1, must begin with a config_id"),
    ('[[0, 0, "1"], {}, {}]\n', "", "line 1, must begin with a config_id"),
    (CONFIG_LINE, "[[0, 0, 0], 1.0]\n", "results.json, line 1, must be"),
    (CONFIG_LINE, RESULT_LINE.replace("1.0,", '"1",', 1), "a number as budget"),
    (CONFIG_LINE, RESULT_LINE.replace('{"loss": 0.5, "info": {}}', '{"info": {}}'), "as result"),
    (CONFIG_LINE, RESULT_LINE.replace('"loss": 0.5', '"loss": "0.5"'), "as result"),
]


@pytest.mark.parametrize(("configs", "results", "complaint"), BROKEN)
def test_a_broken_line_is_named(tmp_path, configs, results, complaint):
    with pytest.raises(LogError, match=re.escape(complaint)):
        read_log(write(tmp_path, configs, results))


@pytest.mark.parametrize("settings_", ["[1]", "{", "\x00"])
def test_broken_settings_are_named(tmp_path, settings_):
    write(tmp_path, CONFIG_LINE, RESULT_LINE)
    (tmp_path / "hb_config.json").write_text(settings_)
    with pytest.raises(LogError, match=r"hb_config\.json"):
        read_log(tmp_path)


def test_a_missing_file_is_named_with_its_directory(tmp_path):
    (tmp_path / "configs.json").write_text(CONFIG_LINE)
    with pytest.raises(LogError, match=rf"directory='{tmp_path}'.*results\.json is missing"):
        read_log(tmp_path)
    with pytest.raises(LogError, match="nowhere"):
        read_log("nowhere")


plain_info = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(), children, max_size=3),
    max_leaves=8,
)


@given(
    info=plain_info,
    loss=st.floats(allow_nan=False, allow_infinity=False),
    stamp=st.floats(0, 4e9),
    error=st.none() | st.text(),
)
@settings(max_examples=60)
def test_what_json_has_comes_back_as_it_was(tmp_path_factory, info, loss, stamp, error):
    directory = tmp_path_factory.mktemp("log")
    stamps = {"submitted": stamp, "started": stamp, "finished": stamp}
    logger = json_result_logger(directory)
    logger.start_run({"max_budget": 1.0, "time_ref": stamp})
    logger(job(result={"loss": loss, "info": info}, exception=error, stamps=stamps))
    datum = read_log(directory)[0][0, 0, 0]
    assert datum.results == {1.0: {"loss": loss, "info": info}}
    assert datum.time_stamps == {1.0: stamps}
    assert datum.exceptions == {1.0: error}
