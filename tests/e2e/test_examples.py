"""Every example and every job script runs as a user runs it: real processes, in an empty folder, with small settings.

What is wrong with a process that seems to end well is in ``shell.py``.
"""

from __future__ import annotations

import ast
import pickle
import re
import shutil
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hpbandster_ng.core.result import Result, logged_results_to_HBS_result
from hpbandster_ng.engine.schedule import Plan, hyperband_brackets, repeat
from tests.e2e.shell import CLUSTER_SCRIPTS, EXAMPLES, Script, Shell, opened_shell

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

FOUR_LINES = re.compile(
    r"^Best found configuration: (?P<config>\{.*\})\n"
    r"A total of (?P<configurations>\d+) unique configurations were sampled\.\n"
    r"A total of (?P<runs>\d+) runs were executed\.\n"
    r"Total budget corresponds to (?P<evaluations>[\d.]+) full function evaluations\.$",
    re.MULTILINE,
)


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    yield from opened_shell(tmp_path)


@pytest.fixture
def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def budgets(min_budget: float, max_budget: float, n_iterations: int) -> list[Any]:
    return ["--min_budget", min_budget, "--max_budget", max_budget, "--n_iterations", n_iterations]


def plan(min_budget: float, max_budget: float, n_iterations: int) -> Plan:
    return repeat(hyperband_brackets(min_budget, max_budget), 0, n_iterations)


def check_four_lines(output: str, expected: Plan) -> dict[str, Any]:
    """The best configuration, if the figures are those of the plan."""
    found = FOUR_LINES.search(output)
    assert found is not None, output
    evaluations = expected.total_budget / expected.brackets[-1].budgets[-1]
    assert int(found["configurations"]) == expected.num_configs
    assert int(found["runs"]) == expected.num_runs
    assert found["evaluations"] == f"{evaluations:.1f}"
    return ast.literal_eval(found["config"])


def check_runs(result: Result, expected: Plan) -> None:
    """The runs of the result are those of the plan, budget by budget."""
    planned = [budget for _, _, n, budget, _ in expected.rows for _ in range(n)]
    assert sorted(run.budget for run in result.get_all_runs()) == sorted(planned)


def test_quickstart(shell: Shell) -> None:
    pytest.importorskip("sklearn")
    output = shell.example("quickstart.py", "--n_iterations", 2).end()
    best = check_four_lines(output, plan(1, 27, 2))
    assert best["solver"] in ("adam", "sgd")
    accuracy = re.search(r"It reads ([\d.]+)% of the test pictures correctly", output)
    assert accuracy is not None
    assert float(accuracy[1]) > 95
    assert not shell.files()


def test_example_1_with_its_defaults(shell: Shell) -> None:
    output = shell.example("example_1_local_sequential.py", "--nameserver_port", 0).end()
    best = check_four_lines(output, plan(9, 243, 4))
    assert 0 <= best["x"] < 0.5
    assert not shell.files()


def test_example_2_gains_by_working_in_parallel(shell: Shell) -> None:
    output = shell.example(
        "example_2_local_parallel_threads.py", *budgets(9, 27, 1), "--n_workers", 2, "--nameserver_port", 0
    ).end()
    check_four_lines(output, plan(9, 27, 1))
    seconds = re.search(r"took ([\d.]+) seconds, in which the workers did ([\d.]+) seconds of work", output)
    assert seconds is not None
    assert float(seconds[1]) < float(seconds[2])
    assert not shell.files()


def start_example_3(shell: Shell, free_port: int, *arguments: Any) -> tuple[Script, Script, Script]:
    name, port = "example_3_local_parallel_processes.py", ["--nameserver_port", free_port]
    optimizer = shell.example(name, *arguments, *port)
    optimizer.wait_for("start workers now")
    return optimizer, shell.example(name, "--worker", *port), shell.example(name, "--worker", *port)


def test_example_3_in_three_shells(shell: Shell, free_port: int) -> None:
    optimizer, *workers = start_example_3(shell, free_port, *budgets(9, 27, 1))
    check_four_lines(optimizer.end(), plan(9, 27, 1))
    for worker in workers:
        assert " starts " in worker.end(), "a worker had nothing to do"
    assert not shell.files()


def test_example_3_survives_the_interruption_of_a_worker(shell: Shell, free_port: int) -> None:
    optimizer, first, second = start_example_3(shell, free_port, *budgets(9, 27, 2))
    first.wait_for(" starts ")
    first.process.send_signal(signal.SIGINT)
    assert first.exit_code() == 130
    assert "Traceback" not in first.output
    assert optimizer.exit_code() == 0
    check_four_lines(optimizer.output, plan(9, 27, 2))
    second.end()


def test_example_3_sends_its_workers_home_when_it_is_interrupted(shell: Shell, free_port: int) -> None:
    optimizer, *workers = start_example_3(shell, free_port)
    for worker in workers:
        worker.wait_for(" starts ")
    optimizer.process.send_signal(signal.SIGINT)
    assert optimizer.exit_code() == 130
    assert "Traceback" not in optimizer.output
    for worker in workers:
        worker.end()


def check_example_4(shell: Shell, shared: str, run_id: str, *more: str) -> None:
    """The result is there, the log of the run, and nothing else: no credentials are left."""
    expected = {"results.pkl", f"run_{run_id}/journal", f"run_{run_id}/lock", *more}
    assert {name for name in shell.files() if name.startswith(shared)} == {f"{shared}/{name}" for name in expected}
    result = pickle.loads((shell.folder / shared / "results.pkl").read_bytes())
    check_runs(result, plan(1, 9, 1))
    assert result.get_incumbent_id() in result.data


def test_example_4_with_workers_that_are_there_first(shell: Shell) -> None:
    (shell.folder / "shared").mkdir()
    arguments = ["--run_id", "run_7", "--nic_name", "lo", "--shared_directory", "shared"]
    workers = [shell.example("example_4_cluster.py", *arguments, "--worker") for _ in range(2)]
    master = shell.example("example_4_cluster.py", *arguments, *budgets(1, 9, 1), "--n_workers", 3)
    for script in (master, *workers):
        script.end()
    check_example_4(shell, "shared", "run_7")


JOB_ARRAYS = {
    "slurm.sh": ("SLURM_ARRAY_JOB_ID", "SLURM_ARRAY_TASK_ID", "SLURM_ARRAY_TASK_MIN", "SLURM_SUBMIT_DIR"),
    "sge.sh": ("JOB_ID", "SGE_TASK_ID", "SGE_TASK_FIRST", "SGE_O_WORKDIR"),
}
"""Of each job script: where its scheduler puts the job, the task, the first task, the folder of the submission."""


@pytest.mark.parametrize("name", JOB_ARRAYS)
def test_cluster_script_starts_a_master_and_its_workers(shell: Shell, name: str) -> None:
    job, task, first, folder = JOB_ARRAYS[name]
    command = ["bash", CLUSTER_SCRIPTS / name, EXAMPLES / "example_4_cluster.py", *budgets(1, 9, 1), "--n_workers", 3]
    array = {job: "4711", first: "2", folder: str(shell.folder), "HPB_NIC_NAME": "lo"}
    tasks = [shell.start(*command, **array, **{task: number}) for number in ("4", "2", "3")]
    for script in tasks:
        script.end()
    check_example_4(shell, "hpbandster_ng_4711", "4711", "master.json")


@pytest.mark.parametrize("name", JOB_ARRAYS)
@pytest.mark.parametrize("is_array", [False, True], ids=["no array", "no script"])
def test_cluster_script_says_how_it_is_used(shell: Shell, name: str, is_array: bool) -> None:
    job, task, _, folder = JOB_ARRAYS[name]
    environment = {job: "4711", folder: str(shell.folder)} | ({task: "1"} if is_array else {})
    script = shell.start("bash", CLUSTER_SCRIPTS / name, *([] if is_array else ["script.py"]), **environment)
    assert script.exit_code() == 2
    assert script.output.startswith("usage: ")
    assert not shell.files()


DIGITS_RUN = (1, 9, 9)
"""Budgets and iterations of the run of example 5 that the later examples read: enough for a model on budget 1."""


def run_example_5(shell: Shell, *arguments: Any) -> Result:
    worker = shell.example("example_5_digits.py", "--worker", *arguments)
    master = shell.example("example_5_digits.py", "--n_workers", 2, *arguments)
    assert "Best found configuration: " in master.end()
    worker.end()
    return logged_results_to_HBS_result(str(shell.folder / "digits_run"))


def check_example_5(shell: Shell, result: Result, expected: Plan) -> None:
    check_runs(result, expected)
    for config_id in result.get_id2config_mapping():
        ladder = [0, *(run.budget for run in result.get_runs_by_id(config_id))]
        epochs_before = [run.info["epochs before"] for run in result.get_runs_by_id(config_id)]
        assert epochs_before == ladder[:-1], "a promoted configuration goes on from its checkpoint"
    checkpoint = "checkpoints/config_{}_{}_{}/checkpoint.pkl".format(*result.get_incumbent_id())
    logs = {"configs.json", "results.json", "configspace.json", "hb_config.json"}
    assert shell.files() == {f"digits_run/{name}" for name in {checkpoint, *logs}}


@pytest.fixture(scope="module")
def digits_run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Shell, Result]]:
    pytest.importorskip("sklearn")
    for shell in opened_shell(tmp_path_factory.mktemp("digits")):
        result = run_example_5(shell, *budgets(*DIGITS_RUN))
        check_example_5(shell, result, plan(*DIGITS_RUN))
        yield shell, result


def test_example_5_learns(digits_run: tuple[Shell, Result]) -> None:
    _, result = digits_run
    assert result.get_runs_by_id(result.get_incumbent_id())[-1].info["test accuracy"] > 0.9


def test_example_5_does_not_overwrite_its_log(digits_run: tuple[Shell, Result]) -> None:
    shell, _ = digits_run
    before = shell.files()
    script = shell.example("example_5_digits.py")
    assert script.exit_code() == 1
    message, way_out = script.output.splitlines()
    assert message.startswith("directory='digits_run' must not contain configs.json, unless this very run wrote it")
    assert "--shared_directory another" in way_out
    assert shell.files() == before


def test_example_5_names_the_extra_that_is_missing(shell: Shell) -> None:
    pytest.importorskip("sklearn")
    without_torch = shell.base / "without_torch"
    without_torch.mkdir()
    (without_torch / "torch.py").write_text("raise ModuleNotFoundError(__name__)", encoding="utf-8")
    command = [sys.executable, EXAMPLES / "example_5_digits.py", "--backend", "torch"]
    for arguments in ([], ["--worker"]):
        script = shell.start(*command, *arguments, PYTHONPATH=str(without_torch))
        assert script.exit_code() == 1
        assert script.output.startswith("--backend torch needs PyTorch; install it with: ")
        assert "[torch]" in script.output
        assert len(script.output.splitlines()) == 1
    assert not shell.files()


def test_example_5_with_torch(shell: Shell) -> None:
    pytest.importorskip("sklearn")
    pytest.importorskip("torch", reason="the extra torch is not installed")
    result = run_example_5(shell, *budgets(1, 9, 1), "--backend", "torch")
    check_example_5(shell, result, plan(1, 9, 1))


PLOTS = {
    "losses_over_time",
    "concurrent_runs_over_time",
    "finished_runs_over_time",
    "correlation_across_budgets",
    "performance_histogram_model_vs_random",
    "rung_survival",
    "parallel_coordinates",
}


def is_picture(path: Path) -> bool:
    return path.read_bytes().startswith(b"\x89PNG") and path.stat().st_size > 5_000


def test_example_6_describes_and_draws(digits_run: tuple[Shell, Result]) -> None:
    pytest.importorskip("matplotlib")
    shell, result = digits_run
    before = shell.files()
    output = shell.example("example_6_analysis.py").end()
    expected = plan(*DIGITS_RUN)
    assert f"{expected.num_configs} configurations in {expected.num_runs} runs, 0 of which failed." in output
    best = min(run.loss for run in result.get_all_runs(only_largest_budget=False) if run.budget == DIGITS_RUN[1])
    assert f"budget {DIGITS_RUN[1]}: loss {best:.4f}, test accuracy " in output
    assert shell.files() - before == {f"digits_run/{name}.png" for name in PLOTS}
    for name in PLOTS:
        assert is_picture(shell.folder / "digits_run" / f"{name}.png")


def test_example_6_reads_the_log_of_a_run_that_goes_on(digits_run: tuple[Shell, Result], shell: Shell) -> None:
    pytest.importorskip("matplotlib")
    log, copy = digits_run[0].folder / "digits_run", shell.folder / "digits_run"
    copy.mkdir()
    for name, n_lines in {"configs.json": 9, "results.json": 2}.items():
        lines = (log / name).read_text(encoding="utf-8").splitlines(keepends=True)
        (copy / name).write_text("".join(lines[:n_lines]), encoding="utf-8")
    shutil.copy(log / "hb_config.json", copy)
    output = shell.example("example_6_analysis.py").end()
    assert "Nothing has finished on the largest budget yet." in output
    assert "9 configurations in 2 runs, 0 of which failed." in output
    assert {f"digits_run/{name}.png" for name in PLOTS} < shell.files()


def test_example_7_draws(digits_run: tuple[Shell, Result]) -> None:
    pytest.importorskip("matplotlib")
    shell, _ = digits_run
    before = shell.files()
    shell.example("example_7_interactive_plot.py", "--no-show").end()
    assert shell.files() - before == {"digits_run/learning_curves.png"}
    assert is_picture(shell.folder / "digits_run" / "learning_curves.png")


def test_example_7_says_so_if_there_is_no_display(digits_run: tuple[Shell, Result]) -> None:
    pytest.importorskip("matplotlib")
    shell, _ = digits_run
    before = shell.files()
    script = shell.example("example_7_interactive_plot.py")
    assert script.exit_code() == 1
    (message,) = script.output.splitlines()
    assert message.startswith("There is no display here")
    assert message.endswith("--no-show writes digits_run/learning_curves.png.")
    assert shell.files() == before


def test_example_8_begins_with_a_model(digits_run: tuple[Shell, Result]) -> None:
    shell, result = digits_run
    before = shell.files()
    output = shell.example("example_8_warmstart.py", *budgets(1, 9, 1)).end()
    expected = plan(1, 9, 1)
    counts = re.search(
        r"(\d+) configurations were known before; (\d+) were sampled, (\d+) of them by the model\.\n"
        r"A total of (\d+) new runs were executed\.",
        output,
    )
    assert counts is not None, output
    known, sampled, by_model, new_runs = map(int, counts.groups())
    assert (known, sampled, new_runs) == (len(result.data), expected.num_configs, expected.num_runs)
    assert by_model > 0
    assert shell.files() == before


CLUSTER = ["--run_id", "1", "--nic_name", "lo", "--shared_directory", "."]


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("example_1_local_sequential.py", ["--nameserver_port", "0", "--min_budget", "0"], "min_budget=0.0 must be "),
        ("example_1_local_sequential.py", ["--nameserver_port", "0", "--n_iterations", "0"], "n_iterations=0 must be "),
        ("example_2_local_parallel_threads.py", ["--nameserver_port", "0", "--max_budget", "1"], "min_budget=9 must "),
        ("example_3_local_parallel_processes.py", ["--nameserver_port", "0", "--n_workers", "0"], "min_n_workers=0 "),
        ("example_4_cluster.py", [*CLUSTER, "--nic_name", "nic0"], "nic_name='nic0' must be "),
        ("example_4_cluster.py", [*CLUSTER, "--shared_directory", "missing"], "working_directory='missing' must "),
        ("example_4_cluster.py", [*CLUSTER, "--run_id", "a/b", "--worker"], "run_id='a/b' must "),
    ],
)
def test_bad_arguments_end_in_one_error(shell: Shell, name: str, arguments: list[str], message: str) -> None:
    script = shell.example(name, *arguments)
    assert script.exit_code() == 1
    assert script.output.splitlines()[-1].startswith(f"hpbandster_ng.errors.InvalidArgumentError: {message}")
    assert not shell.files()
