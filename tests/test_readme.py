"""What the README shows runs, and what it points to is there."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


@pytest.mark.e2e
def test_the_script_runs_and_finds_the_optimum(tmp_path):
    (script,) = blocks("python")
    (tmp_path / "script.py").write_text(script, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "script.py"], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert abs(float(re.fullmatch(r"\{'x': ([\d.e-]+)\}\n", done.stdout)[1]) - 0.3) < 0.2


def test_every_make_command_is_a_target():
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE)
    commands = re.findall(r"make ([a-z]+)$|`make ([a-z]+)`", README, flags=re.MULTILINE)
    assert {first or second for first, second in commands} == {"quickstart", "test", "docs", "chaos"}
    assert {first or second for first, second in commands} <= set(targets)


def test_every_link_leads_somewhere():
    links = re.findall(r"\]\(([^)]+)\)", README)
    assert len(links) >= 7
    assert [link for link in links if not (ROOT / link).exists()] == []
