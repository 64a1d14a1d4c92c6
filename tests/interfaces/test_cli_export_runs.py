"""``hpbandster-ng export`` of runs: from each kind of storage, while the run goes on and after it."""

from __future__ import annotations

import csv
import inspect
import io
import json
import math

import ConfigSpace
import pytest
from click.testing import CliRunner

from hpbandster_ng.backends.inprocess import InProcessBackend
from hpbandster_ng.core.result import Result
from hpbandster_ng.engine.events import EndJob
from hpbandster_ng.interfaces.cli.main import main
from hpbandster_ng.optimizers import BOHB

SPACE = ConfigSpace.ConfigurationSpace({"x": (0.0, 1.0), "kind": [1, "a"]}, seed=0)
SEPARATE = {"mix_stderr": False} if "mix_stderr" in inspect.signature(CliRunner).parameters else {}


def compute(config, budget, **_):
    if config["x"] > 0.8:
        raise ValueError("x is too large")
    return {"loss": config["x"], "info": {"accuracy": 1 - config["x"], "deep": {"er": 1}, "broken": float("nan")}}


def call(*arguments, code=0):
    answer = CliRunner(**SEPARATE).invoke(main, [*map(str, arguments)])
    assert answer.exit_code == code, answer.output
    return answer


def run(url, directory, *observers):
    settings = {"run_id": "first", "seed": 1, "storage": url, "backend": InProcessBackend(compute, str(directory))}
    with BOHB(SPACE, min_budget=1, max_budget=9, observers=observers, **settings) as optimizer:
        return optimizer.run(n_iterations=2)


@pytest.fixture(params=["journal", "sqlite"])
def url(request, tmp_path):
    return {"journal": f"journal:{tmp_path}/log", "sqlite": f"sqlite:///{tmp_path}/runs.db"}[request.param]


def test_a_run_is_exported_as_it_was(url, tmp_path):
    result = run(url, tmp_path / "run")
    rows = [*csv.DictReader(io.StringIO(call("export", "first", "--storage", url).stdout))]
    runs = sorted(result.get_all_runs(), key=lambda run: run.time_stamps["finished"])
    assert len(rows) == len(runs)
    for row, run_ in zip(rows, runs, strict=True):
        assert tuple(int(row[name]) for name in ("iteration", "stage", "index")) == run_.config_id
        assert (float(row["budget"]), row["outcome"], row["worker"]) == (run_.budget, run_.outcome.value, "inprocess")
        assert float(row["finished"]) == pytest.approx(run_.time_stamps["finished"], abs=1e-2)
        assert row["config.x"] == str(result[run_.config_id].config["x"])
        assert row["model_based_pick"] == str(result[run_.config_id].config_info["model_based_pick"])
        if run_.is_success:
            assert (float(row["loss"]), float(row["info.accuracy"])) == (run_.loss, run_.info["accuracy"])
            assert json.loads(row["info"])["deep"] == {"er": 1}
        else:
            assert "x is too large" in row["error"]
            assert row["loss"] == row["info"] == ""


def test_what_is_alone_needs_no_name(url, tmp_path):
    run(url, tmp_path / "run")
    rows = json.loads(call("export", "--storage", url, "--format", "json").stdout)
    assert len(rows) > 13
    assert [row["finished"] for row in rows] == sorted(row["finished"] for row in rows)
    assert {row["info.broken"] for row in rows if "loss" in row} == {None}


def test_a_pickle_of_a_run_is_its_result(url, tmp_path):
    result = run(url, tmp_path / "run")
    call("export", "first", "--storage", url, "--format", "pickle", "--output", tmp_path / "r.pkl")
    read = Result.from_pickle(tmp_path / "r.pkl")
    assert [(run.config_id, run.budget, run.loss) for run in read.get_all_runs()] == [
        (run.config_id, run.budget, run.loss) for run in result.get_all_runs()
    ]
    assert read.HB_config | {"time_ref": None} == result.HB_config | {"time_ref": None}
    assert read.get_incumbent_id() == result.get_incumbent_id()


def test_a_parquet_file_has_columns_of_one_type(tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed (pip install pyarrow)")
    result = run(f"journal:{tmp_path}/log", tmp_path / "run")
    output = tmp_path / "rows.parquet"
    call("export", "--storage", f"journal:{tmp_path}/log", "--format", "parquet", "--output", output)
    table = parquet.read_table(output)
    kinds = {field.name: str(field.type) for field in table.schema}
    assert (kinds["index"], kinds["loss"], kinds["model_based_pick"]) == ("int64", "double", "bool")
    assert kinds["config.kind"] == kinds["outcome"] == "string"
    rows = table.to_pylist()
    assert {row["config.kind"] for row in rows} == {"1", "a"}
    assert len(rows) == len(result.get_all_runs())
    assert math.isnan(next(row["info.broken"] for row in rows if row["loss"] is not None))


def test_a_run_is_exported_while_it_goes_on(tmp_path):
    url, seen = f"journal:{tmp_path}/log", []

    def look(event):
        if isinstance(event, EndJob):
            seen.append(len([*csv.DictReader(io.StringIO(call("export", "--storage", url).stdout))]))

    result = run(url, tmp_path / "run", look)
    assert seen == [*range(1, len(result.get_all_runs()) + 1)]


def test_a_run_that_is_not_there_is_told_in_a_line(tmp_path):
    url = f"sqlite:///{tmp_path}/runs.db"
    run(url, tmp_path / "run")
    answer = call("export", "other", "--storage", url, code=1)
    assert answer.stdout == ""
    assert answer.stderr == "Error: there is no experiment or run 'other' here; there are first\n"


def test_a_directory_without_a_log_is_told_in_a_line(tmp_path):
    answer = call("export", "--storage", f"journal:{tmp_path}/nothing", code=1)
    assert len(answer.stderr.splitlines()) == 1
    assert "must hold a run" in answer.stderr
