"""The examples of "How to add a generator", "a storage" and "a backend" pass their contracts, as the pages say."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys

import pytest

from tests.docs.fences import ROOT, blocks

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

MOST_LINES = 40
PAGES = {
    "adding_a_generator": "evolution",
    "adding_a_storage": "directory_storage",
    "adding_a_backend": "thread_backend",
}


@pytest.mark.parametrize("page", PAGES)
def test_the_example_of_the_page_passes_its_contract(page, tmp_path):
    example, test = blocks(f"docs/{page}.md", "python")
    (command,) = blocks(f"docs/{page}.md", "console")
    name = PAGES[page]
    assert sum(bool(line.strip()) for line in example.text.splitlines()) <= MOST_LINES
    (tmp_path / f"{name}.py").write_text(example.text, encoding="utf-8")
    (tmp_path / f"test_{name}.py").write_text(test.text, encoding="utf-8")
    python, *arguments = shlex.split(command.text)
    assert (python, arguments) == ("python", ["-m", "pytest", f"test_{name}.py"])
    done = subprocess.run(
        [sys.executable, *arguments, "-x"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^=+ \d+ passed in ", done.stdout, flags=re.MULTILINE), done.stdout
