"""What becomes of a suggestion that a user's command evaluates."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import ConfigSpace
import psutil
import pytest

from hpbandster_ng.engine.records import OutcomeState
from hpbandster_ng.errors import InvalidArgumentError
from hpbandster_ng.experiments import Experiment, Suggestion
from hpbandster_ng.interfaces.cli.user_command import UserCommand, environment_of, how_it_ended
from hpbandster_ng.storage.memory_logs import MemoryLogs
from tests.waiting import wait_until, wait_until_gone

pytestmark = pytest.mark.e2e

SUGGESTION = Suggestion("host.1.ab", {"x": 0.5, "solver": "sgd"}, 9.0, (0, 0, 3), 3.0, "host.1", 2, None)


@pytest.fixture
def experiment():
    space = ConfigSpace.ConfigurationSpace({"x": (0.0, 1.0)})
    metrics = [{"name": "accuracy", "objective": "maximize"}]
    with Experiment.create(MemoryLogs(), "e", space, "HyperBand", min_budget=1, max_budget=9, metrics=metrics) as made:
        yield made


@pytest.fixture
def run(experiment, tmp_path):
    def run(script, **changes):
        suggestion = Suggestion(**{**vars(SUGGESTION), **changes})
        return UserCommand(experiment, ["/bin/sh", "-c", script], tmp_path).evaluate(suggestion)

    return run


def test_the_metrics_and_the_info_are_read(run):
    outcome = run("""echo '{"accuracy": 0.75, "info": {"epochs": 3}}' > "$HPBANDSTER_OUTPUT" """)
    assert outcome.state is OutcomeState.SUCCEEDED
    assert outcome.result == {"metrics": {"accuracy": 0.75}, "info": {"epochs": 3}}


def test_the_command_is_told_by_its_environment_and_by_a_file(run, experiment, tmp_path, monkeypatch):
    for name in [name for name in os.environ if name.startswith("HPBANDSTER_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HPBANDSTER_PARAM_OLD", "of an evaluation around this one")
    run('env > "$HPBANDSTER_DIRECTORY/env"; pwd > "$HPBANDSTER_DIRECTORY/pwd"')
    directory = tmp_path / experiment.id / "config_0_0_3" / "budget_9"
    lines = dict(line.split("=", 1) for line in (directory / "env").read_text().splitlines() if "=" in line)
    assert {name: value for name, value in lines.items() if name.startswith("HPBANDSTER_")} == {
        "HPBANDSTER_BUDGET": "9",
        "HPBANDSTER_CONFIG": '{"x": 0.5, "solver": "sgd"}',
        "HPBANDSTER_CONFIG_ID": "0_0_3",
        "HPBANDSTER_DIRECTORY": str(directory),
        "HPBANDSTER_INPUT": str(directory / "input.2.json"),
        "HPBANDSTER_OUTPUT": str(directory / "output.2.json"),
        "HPBANDSTER_PARAM_SOLVER": "sgd",
        "HPBANDSTER_PARAM_X": "0.5",
        "HPBANDSTER_PREVIOUS_BUDGET": "3",
    }
    assert json.loads((directory / "input.2.json").read_text()) == {
        "experiment": experiment.id,
        "suggestion": "host.1.ab",
        "config": {"x": 0.5, "solver": "sgd"},
        "budget": 9,
        "previous_budget": 3,
        "config_id": [0, 0, 3],
        "directory": str(directory),
        "output": str(directory / "output.2.json"),
    }
    assert Path((directory / "pwd").read_text().strip()) == Path.cwd()


def test_there_is_no_previous_budget_at_first(run, monkeypatch):
    monkeypatch.setenv("HPBANDSTER_PREVIOUS_BUDGET", "1")
    script = 'test -z "${HPBANDSTER_PREVIOUS_BUDGET+set}" && echo \'{"accuracy": 1}\' > "$HPBANDSTER_OUTPUT"'
    assert run(script, previous_budget=None).state is OutcomeState.SUCCEEDED


def test_names_that_are_the_same_as_variables_have_none():
    told = {"config": {"a-b": 1, "A_B": 2, "ä": True}, "budget": 0.5, "previous_budget": None, "config_id": [0, 0, 0]}
    variables = environment_of({**told, "directory": "d", "output": "o"}, Path("i"))
    assert {name: value for name, value in variables.items() if "PARAM" in name} == {"HPBANDSTER_PARAM__": "true"}
    assert variables["HPBANDSTER_BUDGET"] == "0.5"


def test_a_failure_keeps_the_end_of_what_was_said_and_passes_it_on(run, capfd):
    outcome = run(
        "echo out; for i in 1 2 3; do head -c 3000 /dev/zero | tr '\\0' $i >&2; done; echo >&2; echo no >&2; exit 3"
    )
    assert outcome.state is OutcomeState.FAILED
    assert outcome.error.endswith("333\nno\nthe command ended with exit code 3")
    assert outcome.error.startswith("...2")
    said = capfd.readouterr()
    assert said.out == "out\n"
    assert said.err.startswith("111")
    assert said.err.endswith("no\n")


def test_what_is_no_text_is_kept_readable(run):
    assert run("printf '\\377' >&2; exit 1").error == "\\xff\nthe command ended with exit code 1"


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("true", "output.2.json, which HPBANDSTER_OUTPUT names"),
        ('echo "{" > "$HPBANDSTER_OUTPUT"', "output.2.json is no JSON ("),
        ('echo "0.5" > "$HPBANDSTER_OUTPUT"', "output.2.json holds 0.5; write an object of metrics"),
        ("printf '\\377' > \"$HPBANDSTER_OUTPUT\"", "output.2.json is no JSON ("),
        ('mkdir "$HPBANDSTER_OUTPUT"', "output.2.json is no JSON ("),
    ],
)
def test_without_metrics_it_is_an_invalid_return(run, script, message):
    outcome = run(script)
    assert outcome.state is OutcomeState.INVALID
    assert message in outcome.error


@pytest.mark.parametrize("written", ['{"loss": 0.5}', '{"accuracy": "high"}', '{"accuracy": NaN}', "{}"])
def test_metrics_that_cannot_be_are_an_invalid_return(run, experiment, written):
    suggestion = experiment.suggest()
    experiment.observe_outcome(suggestion, run(f"echo '{written}' > \"$HPBANDSTER_OUTPUT\""))
    assert experiment.progress.observed == {"invalid return": 1}


def test_what_an_earlier_attempt_wrote_does_not_count(run):
    run("""echo '{"accuracy": 0.75}' > "$HPBANDSTER_OUTPUT" """)
    assert run("true").state is OutcomeState.INVALID


def pid_in(path):
    wait_until(lambda: path.exists() and path.read_text().endswith("\n"), path)
    return int(path.read_text())


def test_a_time_limit_kills_all_that_the_command_started(run, tmp_path):
    outcome = run(f"sleep 1000 & echo $! > {tmp_path}/pid; wait", time_limit=1.0)
    assert (outcome.state, outcome.error) == (
        OutcomeState.TIMED_OUT, "the command took longer than its time limit of 1 seconds and was killed"
    )  # fmt: skip
    wait_until_gone([pid_in(tmp_path / "pid")])


def test_what_a_command_leaves_running_ends_with_it(run, tmp_path):
    outcome = run(f"""sleep 1000 & echo $! > {tmp_path}/pid; echo '{{"accuracy": 1}}' > "$HPBANDSTER_OUTPUT" """)
    assert outcome.state is OutcomeState.SUCCEEDED
    wait_until_gone([pid_in(tmp_path / "pid")])


def test_a_command_that_is_killed_says_by_what(run):
    assert run("kill -9 $$").error == "the command was killed by SIGKILL"
    assert how_it_ended(-200) == "the command was killed by signal 200"


def test_the_command_gets_no_input(run):
    assert run("read line").error == "the command ended with exit code 1"


def test_an_interrupt_kills_it_and_comes_out_again(experiment, tmp_path):
    script = f"import os, signal, time; open({str(tmp_path / 'pid')!r}, 'w').write(f'{{os.getpid()}}\\n'); "
    script += f"os.kill({os.getpid()}, signal.SIGINT); time.sleep(1000)"
    with pytest.raises(KeyboardInterrupt):
        UserCommand(experiment, [sys.executable, "-c", script], tmp_path).evaluate(SUGGESTION)
    assert not psutil.pid_exists(pid_in(tmp_path / "pid"))


def test_a_directory_that_cannot_be_made_is_no_outcome(experiment, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InvalidArgumentError, match=r"cannot be written .* choose another by --working-directory"):
        UserCommand(experiment, ["true"], tmp_path / "file").evaluate(SUGGESTION)
