"""Runs the fast tests on each Python of this machine, with the oldest and the newest dependencies that setup.py allows.

Usage: ``python scripts/matrix.py all | ends``. ``ends`` runs two: the oldest Python with the oldest dependencies and
the newest Python with the newest. Each has its own virtual environment under ``.matrix/``, installed once from wheels
only, so that a dependency that would need a compiler fails here.
"""

from __future__ import annotations

import ast
import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
HOME = ROOT / ".matrix"

PYTHONS = ("3.10", "3.11", "3.12", "3.13")

# The oldest of a Python is setup.py's lower bound, except where that release has no wheel for this Python.
FIRST_WITH_WHEELS = {
    "3.12": {"ConfigSpace": "1.2.2"},
    "3.13": {
        "ConfigSpace": "1.2.2",
        "matplotlib": "3.9.2",
        "numpy": "2.1.0",
        "pandas": "2.2.3",
        "scikit-learn": "1.5.2",
        "scipy": "1.14.1",
        "statsmodels": "0.14.4",
    },
}
TOOLS = (
    "furo", "hypothesis", "myst-parser", "onnxruntime", "psutil", "pytest", "pytest-timeout", "pytest-xdist", "sphinx",
    "torch",
)  # fmt: skip
"""What setup.py names for the work on this package; always the newest."""

SHOWN = ("numpy", "ConfigSpace")

AT_ONCE = 2
"""Environments that are tested at the same time, and processes of tests in each: they wait as much as they compute."""


@dataclass(frozen=True)
class Cell:
    """One environment of the matrix: a Python (``"3.12"``) with the oldest or the newest dependencies."""

    python: str
    end: str

    @property
    def home(self) -> Path:
        return HOME / f"{self.python}-{self.end}"

    @property
    def interpreter(self) -> Path:
        return self.home / "bin" / "python"


def find_python(version: str) -> str | None:
    """An interpreter of this version that starts; pyenv's shims exist for versions that are not switched on."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    candidates = [sys.executable, shutil.which(f"python{version}"), *sorted(pyenv.glob(f"{version}.*/bin/python"))]
    question = "import sys; print('%d.%d' % sys.version_info[:2])"
    for candidate in filter(None, candidates):
        answer = subprocess.run([candidate, "-c", question], capture_output=True, text=True, check=False)
        if answer.stdout.strip() == version:
            return str(candidate)
    return None


def lower_bounds() -> dict[str, str]:
    """Every ``name>=version`` of setup.py, by name."""
    bounds = {}
    for node in ast.walk(ast.parse((ROOT / "setup.py").read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            found = re.fullmatch(r"([A-Za-z][\w-]*)>=([\d.]+)", node.value)
            if found:
                bounds[found[1]] = found[2]
    return bounds


def constraints(cell: Cell) -> str:
    if cell.end == "newest":
        return ""
    pins = {name: version for name, version in lower_bounds().items() if name not in TOOLS}
    pins.update(FIRST_WITH_WHEELS.get(cell.python, {}))
    return "".join(f"{name}=={version}\n" for name, version in sorted(pins.items()))


def install(cell: Cell, python: str) -> None:
    """Make the environment, unless one of the same constraints and the same setup.py is there."""
    pins, stamp = constraints(cell), cell.home / "installed"
    key = hashlib.sha256((pins + (ROOT / "setup.py").read_text(encoding="utf-8")).encode()).hexdigest()
    if stamp.exists() and stamp.read_text(encoding="utf-8") == key:
        return
    shutil.rmtree(cell.home, ignore_errors=True)
    HOME.mkdir(exist_ok=True)
    subprocess.run([str(ROOT / "scripts" / "make_venv.sh"), python, str(cell.home)], check=True)
    file = cell.home / "constraints.txt"
    file.write_text(pins, encoding="utf-8")
    pip = [str(cell.interpreter), "-m", "pip", "install", "-qq", "--only-binary=:all:", "--upgrade"]
    subprocess.run([*pip, "pip"], check=True)
    subprocess.run([*pip, "--constraint", str(file), "--editable", f"{ROOT}[test]"], check=True)
    stamp.write_text(key, encoding="utf-8")


def versions(cell: Cell) -> list[str]:
    code = "import sys, importlib.metadata as m; print(*map(m.version, sys.argv[1:]))"
    answer = subprocess.run([str(cell.interpreter), "-c", code, *SHOWN], capture_output=True, text=True, check=True)
    return answer.stdout.split()


def run_tests(cell: Cell) -> tuple[bool, str]:
    """Run the fast tests, compiled as by `make test`; the whole output is printed only where they fail."""
    subprocess.run([str(cell.interpreter), "-m", "compileall", "-q", "hpbandster_ng", "tests"], cwd=ROOT, check=True)
    command = [str(cell.interpreter), "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "not slow and not bench"]
    command += ["-n", str(AT_ONCE), "--dist", "loadfile"]
    answer = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if answer.returncode:
        print(answer.stdout)
    summaries = re.findall(r"^=* ?(\d+ \w+.* in [0-9.]+s.*?) ?=*$", answer.stdout, flags=re.MULTILINE)
    return answer.returncode == 0, summaries[-1] if summaries else "no summary"  # Python may complain after it


def run_cell(cell: Cell, python: str) -> tuple[bool, list[str]]:
    print(f"-- Python {cell.python}, {cell.end} dependencies", flush=True)
    began = time.monotonic()
    try:
        install(cell, python)
    except subprocess.CalledProcessError as error:
        return False, [cell.python, cell.end, *("-" for _ in SHOWN), f"not installable (exit {error.returncode})", ""]
    passed, summary = run_tests(cell)
    return passed, [cell.python, cell.end, *versions(cell), summary, f"{time.monotonic() - began:.0f}"]


def chosen(which: str) -> list[tuple[Cell, str]]:
    here = {version: python for version in PYTHONS if (python := find_python(version))}
    if not here:
        sys.exit(f"none of Python {', '.join(PYTHONS)} is here")
    if which == "ends":
        oldest, *_ = here
        *_, newest = here
        return [(Cell(oldest, "oldest"), here[oldest]), (Cell(newest, "newest"), here[newest])]
    return [(Cell(version, end), python) for version, python in here.items() for end in ("oldest", "newest")]


def main() -> None:
    which = sys.argv[1] if len(sys.argv) > 1 else "all"
    if which not in ("all", "ends"):
        sys.exit(f"{which!r} must be 'all' or 'ends'")
    rows, failures = [["Python", "ends", *SHOWN, "tests", "seconds"]], 0
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for passed, row in pool.map(lambda chosen_cell: run_cell(*chosen_cell), chosen(which)):
            failures += not passed
            rows.append(row)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
