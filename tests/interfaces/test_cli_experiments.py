"""The commands on experiments, on a real SQLite file: what they print, what they change, what they refuse."""

from __future__ import annotations

import contextlib
import csv
import inspect
import io
import json
import pickle
import re
import sqlite3
import sys

import pytest
from click.testing import CliRunner

from hpbandster_ng.core.result import Result
from hpbandster_ng.experiments import Experiment
from hpbandster_ng.interfaces.cli.main import main

FILE = """
name: classifier
parameters:
- {name: x, type: double, min: 0, max: 1}
- {name: c, type: categorical, values: [a, "[red]b"]}
metrics:
- {name: accuracy, objective: maximize}
- {name: latency, strategy: constraint, threshold: 0.5}
optimizer: HyperBand
min_budget: 1
max_budget: 9
n_iterations: 1
seed: 1
metadata: {git: abc}
"""


@pytest.fixture
def url(tmp_path, monkeypatch):
    url = f"sqlite:///{tmp_path}/e.db"
    monkeypatch.setenv("HPBANDSTER_STORAGE", url)
    return url


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "experiment.yml"
    path.write_text(FILE)
    return path


SEPARATE = {"mix_stderr": False} if "mix_stderr" in inspect.signature(CliRunner).parameters else {}
"""What click 8.1 needs so that a test can tell the two streams apart."""


def call(*arguments, code=0, **settings):
    answer = CliRunner(**SEPARATE).invoke(main, [*map(str, arguments)], **settings)
    assert answer.exit_code == code, answer.output
    return answer


def answer_of(*arguments):
    return json.loads(call(*arguments, "--json").stdout)


def error_of(*arguments, code=1):
    answer = call(*arguments, code=code)
    assert answer.stdout == ""
    lines = answer.stderr.splitlines()
    assert code == 2 or len(lines) == 1
    assert lines[-1].startswith("Error: ")
    return lines[-1].removeprefix("Error: ")


@pytest.fixture
def identity(url, file):
    return call("create", file).stdout.strip()


@pytest.fixture
def observed(url, identity):
    """The experiment, with a failed evaluation, a feasible one, and a better one that is not."""
    with Experiment.open(url, identity) as experiment:
        experiment.observe(experiment.suggest(), error="it broke,\nreally")
        values = {"accuracy": 0.25, "latency": 0.1}
        experiment.observe(experiment.suggest(), metrics=values, info={"epochs": (1, 2)}, metadata={"host": "h"})
        experiment.observe(experiment.suggest(), metrics={"accuracy": 0.75, "latency": 0.9})
    return identity


def test_create_prints_the_id_and_nothing_else(url, file):
    answer = call("create", file)
    assert answer.output == answer.stdout
    identity = answer.stdout.removesuffix("\n")
    with Experiment.open(url, identity) as experiment:
        assert (experiment.name, experiment.metadata) == ("classifier", {"git": "abc"})


def test_create_as_json(url, file):
    assert answer_of("create", file) == {"id": "fe1991a9d8b6", "name": "classifier"}


def test_the_name_is_taken(identity, file):
    assert error_of("create", file).startswith(f"{file}, line 2: name='classifier' is taken; ")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("max: 1", "max: -1", "line 4: parameters.x.min=0 must be less than max=-1; "),
        ("name: classifier", "name: a: b", "line 2: text='name: a: b' is no YAML (mapping values are not allowed here"),
        ("max_budget: 9", "max_budget: 0.5", "line 10: min_budget=1 must "),
        ("HyperBand", "HyperBnd", "line 9: optimizer='HyperBnd' must be one of "),
    ],
)
def test_nothing_is_written_for_a_file_with_an_error(url, file, tmp_path, old, new, message):
    file.write_text(FILE.replace(old, new))
    assert error_of("create", file).startswith(f"{file}, {message}")
    assert [path.name for path in tmp_path.iterdir()] == ["experiment.yml"]


def test_a_file_that_is_not_there(url, tmp_path):
    assert "experiment.yml' cannot be read (" in error_of("create", tmp_path / "experiment.yml")


def test_list(observed):
    lines = call("list").stdout.splitlines()
    assert [re.split(r"\s{2,}", line) for line in lines] == [
        ["id", "name", "state", "iterations", "open", "observed"],
        [observed, "classifier", "running", "1 of 1", "0", "2 succeeded, 1 failed"],
    ]
    (found,) = answer_of("list")
    assert found["progress"]["observed"] == {"succeeded": 2, "failed": 1}


def test_list_of_nothing_makes_no_file(url, tmp_path):
    assert call("list").stdout == "There are no experiments.\n"
    assert answer_of("list") == []
    assert not [*tmp_path.iterdir()]


def test_status_shows_the_best_feasible_configuration_with_the_signs_of_the_user(observed):
    text = call("status", "classifier").stdout
    assert re.search(r"^best +accuracy 0.25, latency 0.1$", text, re.MULTILINE)
    assert re.search(r"^metrics +accuracy \(optimize, maximize\); latency \(constraint, minimize, ", text, re.MULTILINE)
    assert re.search(r'^metadata +\{"git": "abc"\}$', text, re.MULTILINE)
    found = answer_of("status", observed)
    assert (found["id"], found["best"]["metrics"]) == (observed, {"accuracy": 0.25, "latency": 0.1})
    assert found["parallel_bandwidth"] is None


def test_status_of_several_optimised_metrics_shows_the_front(url, file):
    file.write_text(FILE.replace("strategy: constraint, threshold: 0.5", "strategy: optimize"))
    with Experiment.open(url, call("create", file).stdout.strip()) as experiment:
        for accuracy, latency in ((0.5, 0.5), (0.9, 0.9), (0.4, 0.6)):
            experiment.observe(experiment.suggest(), metrics={"accuracy": accuracy, "latency": latency})
    *_, columns, first, second = call("status", "classifier").stdout.splitlines()
    assert columns.split() == ["accuracy", "latency", "configuration"]
    assert [first.split()[:2], second.split()[:2]] == [["0.9", "0.9"], ["0.5", "0.5"]]
    assert [each["metrics"]["latency"] for each in answer_of("status", "classifier")["pareto_front"]] == [0.9, 0.5]


def test_status_of_one_without_limit(url, file):
    file.write_text(FILE.replace("n_iterations: 1", "n_iterations: null"))
    identity = call("create", file).stdout.strip()
    assert "0 of no limit" in call("status", identity).stdout
    assert answer_of("status", identity)["progress"]["n_iterations"] is None


def test_suggestions_and_release(url, identity):
    assert call("suggestions", identity, "--state", "open").stdout == "No suggestion is open.\n"
    with Experiment.open(url, identity) as experiment:
        suggestion = experiment.suggest("me")
        (found,) = answer_of("suggestions", identity)
        assert (found["id"], found["config"], found["worker"]) == (suggestion.id, suggestion.config, "me")
        assert suggestion.id in call("suggestions", identity).stdout
        assert call("release", identity, suggestion.id).stdout == f"Suggestion {suggestion.id} is offered again.\n"
        assert "is closed: " in error_of("release", identity, suggestion.id)
        assert experiment.suggest("me").config == suggestion.config
    assert "'foreign' is no suggestion of experiment 'classifier'; " in error_of("release", identity, "foreign")


def test_delete_asks(observed):
    answer = call("delete", observed, input="n\n", code=1)
    assert "Deleted" not in answer.stdout
    assert "Delete classifier with 3 observations? [y/N]" in answer.stderr
    assert call("delete", observed, code=1).exit_code == 1  # nobody answers
    assert len(answer_of("list")) == 1
    assert call("delete", observed, input="y\n").stdout.endswith("Deleted classifier with 3 observations.\n")
    assert answer_of("list") == []


def test_delete_does_not_ask_with_yes(observed):
    assert answer_of("delete", observed, "--yes") == {"id": observed, "observations": 3}
    assert error_of("delete", observed, "--yes").startswith("there is no experiment ")


def test_delete_suggestions(url, identity):
    with Experiment.open(url, identity) as experiment:
        experiment.suggest()
        experiment.suggest()
    assert call("delete", identity, "--suggestions").stdout == "Deleted 2 open suggestions of classifier.\n"
    assert answer_of("suggestions", identity) == []
    assert answer_of("status", identity)["progress"]["observed"] == {"cancelled": 2}


def test_extend(identity):
    assert call("extend", identity, "--n-iterations", 4).stdout == "classifier has 4 iterations now.\n"
    assert answer_of("status", identity)["progress"]["n_iterations"] == 4
    assert error_of("extend", identity, "--n-iterations", 3).startswith("n_iterations=3 must be at least 4")
    assert "is not in the range" in error_of("extend", identity, "--n-iterations", 0, code=2)


def test_export_as_csv(observed):
    rows = [*csv.DictReader(io.StringIO(call("export", observed).stdout))]
    assert [*rows[0]] == [
        *("iteration", "stage", "index", "budget", "loss", "outcome", "submitted", "started", "finished", "duration"),
        *("worker", "model_based_pick", "error", "config.c", "config.x", "metric.accuracy", "metric.latency"),
        *("info", "metadata"),
    ]
    failed, good, _ = rows
    assert (failed["outcome"], failed["error"], failed["metric.accuracy"]) == ("failed", "it broke,\nreally", "")
    assert (good["outcome"], good["metric.accuracy"], good["budget"]) == ("succeeded", "0.25", "1.0")
    assert json.loads(good["info"]) == {"epochs": [1, 2]}
    assert float(good["started"]) <= float(good["finished"])


def test_export_as_json(observed, tmp_path):
    output = tmp_path / "rows.json"
    assert call("export", observed, "--format", "json", "--output", output).output == ""
    _, good, better = json.loads(output.read_text())
    assert (good["metric.accuracy"], good["metric.latency"]) == (0.25, 0.1)
    assert (good["info"], good["metadata"]) == ({"epochs": [1, 2]}, {"host": "h"})
    assert (better["iteration"], better["stage"], better["index"]) == (0, 0, 2)
    assert {"config.x", "config.c"} < set(better)


def test_export_as_parquet(observed, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed (pip install pyarrow)")
    output = tmp_path / "rows.parquet"
    call("export", observed, "--format", "parquet", "--output", output)
    failed, good, _ = parquet.read_table(output).to_pylist()
    assert (failed["outcome"], failed["error"], failed["metric.accuracy"]) == ("failed", "it broke,\nreally", None)
    assert (good["metric.accuracy"], good["budget"], good["index"]) == (0.25, 1.0, 1)
    assert json.loads(good["info"]) == {"epochs": [1, 2]}


def test_export_as_pickle(observed, tmp_path):
    output = tmp_path / "result.pkl"
    call("export", observed, "--format", "pickle", "--output", output)
    assert len(Result.from_pickle(output).get_all_runs()) == 3
    assert len(pickle.loads(call("export", observed, "--format", "pickle").stdout_bytes).get_all_runs()) == 3


def test_export_to_where_nothing_can_be_written(observed, tmp_path):
    message = error_of("export", observed, "--output", tmp_path / "missing" / "rows.csv")
    assert "rows.csv cannot be written (" in message


@pytest.mark.parametrize("is_file", [True, False])
def test_plan(file, identity, is_file):
    target = file if is_file else identity
    lines = call("plan", target).stdout.splitlines()
    assert [line.split() for line in lines[:-1]] == [
        ["iteration", "rung", "configurations", "budget", "total"],
        *(["0", "0", "9", "1", "9"], ["0", "1", "3", "3", "9"], ["0", "2", "1", "9", "9"]),
    ]
    assert lines[-1].startswith("1 iterations, 9 configurations, 13 runs, total budget 27 ")
    planned = answer_of("plan", target)
    assert (planned["runs"], planned["total_budget"], len(planned["rows"])) == (13, 27, 3)


def test_plan_of_an_asynchronous_optimizer(file):
    file.write_text(FILE.replace("HyperBand", "ASHA"))
    assert [*answer_of("plan", file)["rows"][0]] == ["iteration", "total"]
    assert "about 13 runs" in call("plan", file).stdout


def test_plan_of_an_id_needs_a_storage(monkeypatch):
    assert "'abc' is no file; for the id of an experiment, give --storage" in error_of("plan", "abc", code=2)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("redis://user:secret@host", "storage='redis:...' must be the url of a database; use sqlite:///FILE, "),
        ("nonsense", "storage='nonsense' must be the url of a database; "),
        ("postgresql://user:secret@127.0.0.1:1/db", "cannot be read: "),
    ],
)
@pytest.mark.parametrize("command", ["list", "status"])
def test_a_storage_that_cannot_be(url, message, command):
    found = error_of(command, *(["e"] if command == "status" else []), "--storage", url)
    assert message in found
    assert "secret" not in found


def test_a_journal_holds_no_experiments(tmp_path):
    assert error_of("list", "--storage", "journal:run").endswith("a journal is for a run, which one process writes")


def test_a_database_of_a_later_release_is_refused(identity, tmp_path):
    with contextlib.closing(sqlite3.connect(tmp_path / "e.db")) as connection, connection:
        connection.execute("UPDATE hpbandster_schema SET version = 99")
    for command in (["list"], ["status", identity], ["extend", identity, "--n-iterations", "2"]):
        assert "e.db has tables of version 99, and this release knows those up to " in error_of(*command)


def test_a_file_that_is_no_database_is_refused(url, file, tmp_path):
    (tmp_path / "e.db").write_text("no database at all, but a text that is rather long\n" * 20)
    before = (tmp_path / "e.db").read_bytes()
    for command in (["list"], ["create", file]):
        assert "e.db cannot be " in error_of(*command)
    assert (tmp_path / "e.db").read_bytes() == before


@pytest.fixture
def unreadable(url, observed, tmp_path, monkeypatch):
    """Another experiment, whose optimizer is gone."""
    path = tmp_path / "mine.yml"
    path.write_text(FILE.replace("classifier", "mine").replace("HyperBand", "optimizer_of_a_test:Gone"))
    (tmp_path / "optimizer_of_a_test.py").write_text(
        "from hpbandster_ng.optimizers import HyperBand\nclass Gone(HyperBand): pass"
    )
    with monkeypatch.context() as patch:
        patch.setattr(sys, "path", [*sys.path])
        patch.setattr(sys, "dont_write_bytecode", True)
        patch.chdir(tmp_path)
        identity = call("create", path).stdout.strip()
    sys.modules.pop("optimizer_of_a_test")
    (tmp_path / "optimizer_of_a_test.py").unlink()
    return identity


def test_an_experiment_that_cannot_be_read_here_hides_no_other(unreadable, observed):
    answer = call("list")
    assert [line.split()[:3] for line in sorted(answer.stdout.splitlines()[1:])] == sorted(
        [[unreadable, "mine", "unreadable"], [observed, "classifier", "running"]]
    )
    assert answer.stderr.startswith("mine cannot be read here: optimizer='optimizer_of_a_test:Gone' ")
    listed = {each["name"]: each for each in answer_of("list")}
    assert listed["mine"]["progress"] is None
    assert "No module named 'optimizer_of_a_test'" in listed["mine"]["error"]
    assert listed["classifier"]["progress"]["observed"] == {"failed": 1, "succeeded": 2}
    assert "No module named 'optimizer_of_a_test'" in error_of("status", "mine")


def test_an_experiment_that_cannot_be_read_here_can_be_deleted(unreadable, observed):
    assert call("delete", "mine", "--yes").stdout == "Deleted mine with all observations.\n"
    assert [each["id"] for each in answer_of("list")] == [observed]


def test_closed_suggestions(observed):
    rows = [line.split()[1:5] for line in call("suggestions", observed, "--state", "closed").stdout.splitlines()]
    assert rows == [
        ["configuration", "budget", "attempt", "outcome"],
        *(["0_0_0", "1", "1", "failed"], ["0_0_1", "1", "1", "succeeded"], ["0_0_2", "1", "1", "succeeded"]),
    ]
    assert [each["outcome"] for each in answer_of("suggestions", observed, "--state", "closed")] == [
        *("failed", "succeeded", "succeeded")
    ]


def test_a_storage_must_be_told():
    assert "Missing option '--storage'" in error_of("list", code=2)


def test_an_experiment_that_is_not_there_lists_those_that_are_like_it(identity):
    for command in (
        ["status"],
        ["suggestions"],
        ["export"],
        ["release"],
        ["extend", "--n-iterations", "2"],
        ["delete"],
    ):
        more = ["s"] if command == ["release"] else []
        assert error_of(*command, "clasifier", *more).endswith("did you mean 'classifier'?")


def test_ids_complete_in_a_shell(observed, monkeypatch):
    monkeypatch.setenv("COMP_WORDS", "hpbandster-ng status fe")
    monkeypatch.setenv("COMP_CWORD", "2")
    settings = {"prog_name": "hpbandster-ng", "env": {"_HPBANDSTER_NG_COMPLETE": "bash_complete"}}
    assert call(**settings).stdout == f"plain,{observed}\n"
    monkeypatch.setenv("HPBANDSTER_STORAGE", "postgresql://127.0.0.1:1/db")
    assert call(**settings).stdout.strip() == ""


def test_what_is_no_terminal_gets_a_row_a_line(observed, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    text = call("status", observed).stdout
    assert max(map(len, text.splitlines())) > 80
    assert "\x1b" not in text


def test_the_exit_codes_stand_in_the_help():
    assert "Exit codes:" in call("--help").stdout
    for command in main.commands:
        assert max(map(len, call(command, "--help").stdout.splitlines())) <= 80
