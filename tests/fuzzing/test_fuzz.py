"""Whatever stands in our files or comes over the wire: errors of our own tree only."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow]

RUNS = 20_000


@pytest.mark.parametrize("target", ["journal", "credentials", "logs", "wire"])
def test_a_fuzzer_finds_no_other_error(target, tmp_path):
    pytest.importorskip("atheris", reason="atheris has no wheel for this Python (pip install atheris)")
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzzing.fuzz", target, str(tmp_path), str(RUNS)],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    assert f"Done {RUNS} runs" in done.stderr
