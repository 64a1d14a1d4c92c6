"""Whatever the documentation shows as code is run: as a doctest, here, or by the test that the table below names."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
import urllib.request
from pathlib import Path

import ConfigSpace
import pytest
import yaml

from hpbandster_ng.backends.inprocess import InProcessBackend
from hpbandster_ng.engine.schedule import hyperband_brackets, repeat
from hpbandster_ng.optimizers import BudgetProbe, HyperBand
from tests.docs.fences import ROOT, blocks, pages
from tests.interfaces.dashboard.serving import commanded

HERE = "tests/docs/test_snippets.py"
TUTORIALS = "tests/docs/test_tutorials.py::test_the_example_of_the_page_passes_its_contract"
OF_EXPERIMENTS = "tests/e2e/test_cli_experiments.py::test_the_page_of_the_documentation_does_what_it_says"
OF_CLUSTERS = "tests/clusters/test_pages.py::test_the_session_of_the_page"
OF_THE_DASHBOARD = f"{HERE}::test_the_dashboard_is_served_and_scraped"
OF_DASK = "tests/backends/test_dask.py::test_the_session_of_the_page"
OF_WORKERS = "tests/e2e/test_cli_worker.py::test_the_page_of_the_documentation_does_what_it_says"
OF_THE_DOCTOR = "tests/e2e/test_doctor.py::test_another_host_is_well_as_the_documentation_shows"

# Page and language -> the tests that run all blocks of that language on that page.
RUN_BY = {
    ("CONTRIBUTING.md", "console"): [f"{HERE}::test_every_make_command_of_the_page_is_a_target"],
    ("README.md", ""): ["tests/test_readme.py::test_every_make_command_is_a_target"],
    ("README.md", "python"): ["tests/test_readme.py::test_the_script_runs_and_finds_the_optimum"],
    ("docs/adding_a_backend.md", "console"): [TUTORIALS],
    ("docs/adding_a_backend.md", "python"): [TUTORIALS],
    ("docs/adding_a_generator.md", "console"): [TUTORIALS],
    ("docs/adding_a_generator.md", "python"): [TUTORIALS],
    ("docs/adding_a_storage.md", "console"): [TUTORIALS],
    ("docs/adding_a_storage.md", "python"): [TUTORIALS],
    ("docs/backends.md", "python"): [f"{HERE}::test_the_script_on_processes_runs"],
    ("docs/budgets.md", "console"): [f"{HERE}::test_a_short_run_gives_advice"],
    ("docs/budgets.md", "text"): [f"{HERE}::test_a_short_run_gives_advice"],
    ("docs/command_line.md", "bash"): [OF_THE_DOCTOR, f"{HERE}::test_a_shell_completes_the_commands"],
    ("docs/command_line.md", "console"): [OF_WORKERS],
    ("docs/command_line.md", "python"): [OF_WORKERS],
    ("docs/command_line.md", "text"): [OF_THE_DOCTOR],
    ("docs/dask.md", "bash"): [f"{HERE}::test_dask_knows_the_settings"],
    ("docs/dask.md", "console"): [OF_DASK],
    ("docs/dask.md", "python"): [OF_DASK],
    ("docs/dashboard.md", "console"): [OF_THE_DASHBOARD],
    ("docs/dashboard.md", "text"): [OF_THE_DASHBOARD],
    ("docs/dashboard.md", "yaml"): [OF_THE_DASHBOARD],
    ("docs/experiments.md", "console"): [OF_EXPERIMENTS],
    ("docs/experiments.md", "python"): [OF_EXPERIMENTS],
    ("docs/experiments.md", "yaml"): [OF_EXPERIMENTS],
    ("docs/log_format.md", "console"): [f"{HERE}::test_a_journal_is_read_from_a_shell"],
    ("docs/migrating.md", "python"): [f"{HERE}::test_old_imports_and_old_pickles_work_as_the_page_says"],
    ("docs/sge.md", "console"): [OF_CLUSTERS],
    ("docs/slurm.md", "console"): [OF_CLUSTERS],
    ("docs/tools.md", "console"): [f"{HERE}::test_runs_are_exported_from_a_shell"],
    ("docs/tools.md", "python"): ["tests/integrations/test_mlflow.py::test_the_script_of_the_page_runs"],
}
OF_ANOTHER_TOOL = "{code-block} python"
"""What stands as "before" on the pages about other tools, which are not installed."""

NO_CODE = re.compile(r"\{(diagram|eval-rst|image|include|toctree)\}")


def page_names():
    return [str(path.relative_to(ROOT)) for path in pages()]


def in_a_shell(command, folder):
    """What a shell prints in which ``python`` and ``hpbandster-ng`` are those of the environment of the tests."""
    programs = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return output_of(["bash", "-eu", "-o", "pipefail", "-c", command], folder, PATH=programs)


def output_of(command, folder, **variables):
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(folder)])} | variables
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("page", page_names())
def test_every_block_is_run(page):
    forgotten = []
    for block in blocks(page):
        is_doctest = block.language == "pycon" and page.startswith("docs/") and "+SKIP" not in block.text
        is_before = block.language == OF_ANOTHER_TOOL and page.startswith("docs/migrating")
        if not (is_doctest or is_before or NO_CODE.match(block.language) or (page, block.language) in RUN_BY):
            forgotten.append(f"{page}:{block.line}: no test runs this block of {block.language or 'no language'}")
    assert forgotten == []


def test_the_table_names_what_is_there():
    shown = {(page, block.language) for page in page_names() for block in blocks(page)}
    assert set(RUN_BY) - shown == set()
    for test in {test for tests in RUN_BY.values() for test in tests}:
        path, function = test.split("::")
        tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
        assert function in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}, test


@pytest.mark.parametrize("page", [page for page in page_names() if blocks(page, OF_ANOTHER_TOOL)])
def test_what_another_tool_runs_is_python(page):
    for block in blocks(page, OF_ANOTHER_TOOL):
        ast.parse(block.text)


def test_a_block_that_nobody_runs_is_found(monkeypatch, tmp_path):
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "new.md").write_text("# New\n\n```python\n1 / 0\n```\n\n```pycon\n>>> 1\n1\n\n```\n")
    monkeypatch.setattr("tests.docs.fences.ROOT", tmp_path)
    with pytest.raises(AssertionError, match=r"docs/new.md:3: no test runs this block of python"):
        test_every_block_is_run("docs/new.md")


def test_every_make_command_of_the_page_is_a_target():
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE)
    (block,) = blocks("CONTRIBUTING.md", "console")
    commands = re.findall(r"^make ([a-z-]+)", block.text, flags=re.MULTILINE)
    assert len(commands) == len(block.text.splitlines())
    assert set(commands) <= set(targets)


@pytest.mark.e2e
def test_the_script_on_processes_runs(tmp_path):
    (script,) = blocks("docs/backends.md", "python")
    (tmp_path / "script.py").write_text(script.text, encoding="utf-8")
    planned = repeat(hyperband_brackets(1, 27), 0, 4)
    assert output_of([sys.executable, "script.py"], tmp_path) == f"{planned.num_runs} runs\n"


@pytest.mark.e2e
def test_old_imports_and_old_pickles_work_as_the_page_says(tmp_path):
    first, second = blocks("docs/migrating.md", "python")
    (tmp_path / "some_library_that_imports_hpbandster.py").write_text("from hpbandster.optimizers import BOHB\n")
    shutil.copy(ROOT / "tests" / "data" / "predecessor_result.pkl", tmp_path / "results.pkl")
    check = "print(some_library_that_imports_hpbandster.BOHB.__module__)"
    assert output_of([sys.executable, "-c", f"{first.text}\n{check}"], tmp_path) == "hpbandster_ng.optimizers.bohb\n"
    check = "print(len(result.get_all_runs()) > 0)"
    assert output_of([sys.executable, "-c", f"{second.text}\n{check}"], tmp_path) == "True\n"


def run_of(kind, n_iterations=1, **settings):
    """A run whose log stays in the current directory."""
    space = ConfigSpace.ConfigurationSpace({"x": (0.0, 1.0)})
    backend = InProcessBackend(lambda config, budget, **_: {"loss": config["x"] / budget, "info": {}})
    budgets = {"min_budget": 1, "max_budget": 9}
    with kind(space, backend=backend, seed=0, **budgets, **settings) as optimizer:
        return optimizer.run(n_iterations=n_iterations)


@pytest.mark.e2e
def test_a_journal_is_read_from_a_shell(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = run_of(HyperBand, run_id="run", storage="journal:run")
    (block,) = blocks("docs/log_format.md", "console")
    lines = in_a_shell(block.text, tmp_path).splitlines()
    assert len(lines) == len(Path("run", "journal").read_text(encoding="utf-8").splitlines())
    assert sum(line.count('"event":"EndJob"') for line in lines) == len(result.get_all_runs())


@pytest.mark.e2e
def test_a_short_run_gives_advice(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run_of(BudgetProbe, 12, run_id="probe", storage="journal:probe")
    (command,), (shown,) = (blocks("docs/budgets.md", kind) for kind in ("console", "text"))
    heads = [line for line in shown.text.splitlines() if line.startswith(("budget ", "min_budget "))]
    told = in_a_shell(command.text, tmp_path).splitlines()
    assert [line for line in told if line.startswith(("budget ", "min_budget "))] == heads


@pytest.mark.e2e
def test_runs_are_exported_from_a_shell(tmp_path, monkeypatch):
    pytest.importorskip("pyarrow")
    monkeypatch.chdir(tmp_path)
    run_of(HyperBand, run_id="digits", storage="sqlite:///runs.db")
    result = run_of(HyperBand, run_id="run", storage="journal:run")
    (block,) = blocks("docs/tools.md", "console")
    in_a_shell(block.text, tmp_path)
    assert len(Path("runs.csv").read_text(encoding="utf-8").splitlines()) == 1 + len(result.get_all_runs())
    assert Path("runs.parquet").stat().st_size


@pytest.mark.e2e
def test_the_dashboard_is_served_and_scraped(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run_of(HyperBand, run_id="first", storage="journal:first")
    ((command,), (shown,), (scraping,)) = (blocks("docs/dashboard.md", kind) for kind in ("console", "text", "yaml"))
    assert shown.text.startswith("The dashboard is at http://127.0.0.1:8321/?token=")
    assert command.text.split()[:2] == ["hpbandster-ng", "dashboard"]
    (job,) = yaml.safe_load(scraping.text)["scrape_configs"]
    (target,) = job["static_configs"][0]["targets"]
    with commanded(*command.text.split()[2:]) as (_, address):
        credentials = job["authorization"]["credentials"].replace("qT2vXq0n...", address.token)
        where = target.replace("8321", str(address.port))
        request = urllib.request.Request(f"http://{where}/metrics", headers={"Authorization": f"Bearer {credentials}"})
        with urllib.request.urlopen(request) as answer:
            assert "hpbandster_runs_total" in answer.read().decode()


@pytest.mark.e2e
def test_a_shell_completes_the_commands(tmp_path):
    (block,) = [block for block in blocks("docs/command_line.md", "bash") if "eval" in block.text]
    assert "hpbandster-ng" in in_a_shell(f"{block.text}\ncomplete -p hpbandster-ng", tmp_path)


SETTINGS = """
python -c 'import dask, distributed
names = "worker.profile.enabled", "admin.tick.interval", "admin.system-monitor.interval"
print(*(dask.config.get(f"distributed.{name}") for name in names))'
"""


@pytest.mark.e2e
def test_dask_knows_the_settings(tmp_path):
    pytest.importorskip("distributed")
    (block,) = blocks("docs/dask.md", "bash")
    before, after = in_a_shell(SETTINGS, tmp_path).split(), in_a_shell(block.text + SETTINGS, tmp_path).split()
    assert after == ["False", "500ms", "10s"]
    assert all(one != other for one, other in zip(before, after, strict=True)), "they change something"
