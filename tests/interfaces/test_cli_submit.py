"""What ``hpbandster-ng submit`` writes, and what it refuses; real schedulers are in ``tests/clusters``."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from hpbandster_ng.interfaces.cli.main import main

CLUSTER_SCRIPTS = Path(__file__).parents[2] / "cluster_scripts"
MARKS = {"slurm": "#SBATCH", "sge": "#$"}
HERE = ["--workers", "2", "script.py"]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    (tmp_path / "script.py").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HPB_NIC_NAME", raising=False)
    return tmp_path


@pytest.fixture
def programs(tmp_path, monkeypatch):
    """A PATH with these programs, which answer as they are told."""
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))

    def make(name, text):
        path = tmp_path / "bin" / name
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)

    return make


def call(*arguments):
    return CliRunner().invoke(main, ["submit", *arguments])


@pytest.mark.parametrize("name", MARKS)
def test_a_dry_run_prints_the_job_script_with_what_belongs_to_this_job(name):
    options = ["--workers", "8", "--time-limit", "4:00:00", "--nic-name", "ib0", "--run-id", "mine", "-o", "--one=1"]
    answer = call("--scheduler", name, *options, "-o", "-x a", "--dry-run", "script.py", "--n_iterations", "8", "a b")
    assert answer.exit_code == 0, answer.output
    lines = answer.output.splitlines()
    added = [line for line in lines if line not in (CLUSTER_SCRIPTS / f"{name}.sh").read_text().splitlines()]
    limits = {"slurm": ["--array=1-9", "--time=04:00:00"], "sge": ["-t 1-9", "-l h_rt=14400"]}[name]
    assert added == [
        *(f"{MARKS[name]} {option}" for option in (*limits, "--one=1", "-x a")),
        f"export HPB_PYTHON={sys.executable}",
        "export HPB_NIC_NAME=ib0",
        "export HPB_RUN_ID=mine",
        "set -- script.py --n_iterations 8 'a b'",
    ]
    assert [line for line in lines if line not in added and line] == [
        line for line in (CLUSTER_SCRIPTS / f"{name}.sh").read_text().splitlines() if line
    ]
    assert subprocess.run(["bash", "-n"], input=answer.output, text=True, check=False).returncode == 0


@pytest.mark.parametrize(
    ("options", "array", "arguments"),
    [
        (["--workers", "3"], "1-4", ""),
        (["--only-master", "--run-id", "r"], "1-1", ""),
        (["--only-workers", "--workers", "3", "--run-id", "r"], "1-3", " --worker"),
    ],
)
def test_master_and_workers_are_one_array_or_two(options, array, arguments):
    text = call("--scheduler", "slurm", *options, "--dry-run", "script.py", "-n").output
    assert f"#SBATCH --array={array}\n" in text
    assert f"set -- script.py{arguments} -n\n" in text


@pytest.mark.parametrize("name", MARKS)
def test_no_argument_is_a_line_of_its_own(folder, name):
    odd = ["a\n#$ -q b\n#SBATCH -p b", "'\n'", "$(touch x)", "", "ü", "--worker=1"]
    text = call("--scheduler", name, "--workers", "1", "--dry-run", "script.py", *odd).output
    lines = text.splitlines()
    assert [line for line in lines if line.startswith(("#$ -q", "#SBATCH -p"))] == []
    (command,) = [line for line in lines if line.startswith("set -- ")]
    printed = subprocess.run(["bash", "-c", f'{command}; printf "%s\\0" "$@"'], capture_output=True, check=True).stdout
    assert printed.decode().split("\0")[:-1] == ["script.py", *odd]


def test_a_name_that_is_no_text_is_handed_on(folder, programs):
    programs("sbatch", 'while read -r line; do echo "$line" >> received; done; echo 7')
    name = os.fsdecode(b"script\xff.py")
    (folder / name).touch()
    assert call("--workers", "1", name).output == "7\n"
    assert b"\nset -- 'script\xff.py'\n" in (folder / "received").read_bytes()


def test_json_has_the_script_or_the_job(programs):
    programs("sbatch", "exec cat > received; ")
    answer = call("--json", "--dry-run", *HERE)
    assert json.loads(answer.output)["script"].startswith("#!/bin/bash\n")
    programs("sbatch", "echo '4711;cluster'")
    assert json.loads(call("--json", *HERE).output) == {
        "scheduler": "slurm",
        "job": "4711",
        "run_id": "4711",
        "shared_directory": str(Path.cwd() / "hpbandster_ng_4711"),
    }
    assert call(*HERE).output == "4711\n"


def test_the_scheduler_that_is_here_is_taken(programs):
    programs("qsub", "echo 4711.1-3:1")
    assert call(*HERE).output == "4711\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["script.py"], "give --workers N; the master is one more."),
        (["--workers", "0", "script.py"], "'--workers': 0 is not in the range x>=1."),
        (["--workers", "1", "missing.py"], "File 'missing.py' does not exist."),
        (["--workers", "1"], "Missing argument 'SCRIPT'."),
        (["--only-master", "script.py"], "belong to one run; give both the same --run-id."),
        (["--only-workers", "--workers", "1", "script.py"], "belong to one run; give both the same --run-id."),
        (
            ["--only-workers", "--only-master", "--run-id", "r", "script.py"],
            "are two jobs; submit one after the other.",
        ),
        (["--only-master", "--workers", "1", "--run-id", "r", "script.py"], "--workers is not for --only-master; "),
        ([*HERE, "--worker"], "--worker is not for the script here; give --only-workers, before it."),
        ([*HERE, "--shared_directory=/scratch"], "leave --shared_directory out, the job gives it: it is "),
        (["--time-limit", "4h", *HERE], "'4h' is no time; write hours, minutes and seconds, as 4:00:00."),
        (["--time-limit", "0:02:00", *HERE], "0:02:00 is too short, "),
        (["--scheduler", "slurm", "-o", "a\nb", *HERE], "--option: an option is one line."),
        (["--scheduler", "pbs", *HERE], "'pbs' is not one of 'slurm', 'sge'."),
        (HERE, "neither sbatch nor qsub is on the PATH here; say which by --scheduler slurm|sge."),
    ],
)
def test_wrong_usage_is_one_error(programs, arguments, message):
    answer = call(*arguments)
    assert answer.exit_code == 2, answer.output
    assert message in answer.output.splitlines()[-1]


def test_two_schedulers_are_one_too_many(programs):
    programs("sbatch", "")
    programs("qsub", "")
    answer = call(*HERE)
    assert answer.exit_code == 2
    assert "sbatch and qsub are both on the PATH here; say which by --scheduler slurm|sge." in answer.output


def test_what_the_scheduler_says_is_one_line(programs):
    assert call("--scheduler", "sge", *HERE).output == (
        "Error: there is no qsub on the PATH; submit on a machine that has it, or give --dry-run\n"
    )
    programs("sbatch", "echo 'no such\npartition' >&2; exit 1")
    answer = call(*HERE)
    assert (answer.exit_code, answer.output) == (1, "Error: sbatch refuses the job: no such partition\n")
    assert call("--scheduler", "slurm", "--run-id", "a/b", *HERE).output.startswith("Error: run_id='a/b' must be ")


def test_the_job_scripts_are_part_of_the_package():
    for name in MARKS:
        link = CLUSTER_SCRIPTS / f"{name}.sh"
        assert link.samefile(CLUSTER_SCRIPTS.parent / "hpbandster_ng" / "interfaces" / "cluster" / f"{name}.sh")
        assert os.access(link, os.X_OK)
    assert shutil.which("bash")
