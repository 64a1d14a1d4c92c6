"""Processes as a user starts them in a shell, in an empty folder.

A process fails the test if it ends with an error, prints a traceback or a warning, logs a WARNING or worse, outlives
the test, or leaves a file where none belongs.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest

REPOSITORY = Path(__file__).parents[2]
EXAMPLES = REPOSITORY / "examples"
CLUSTER_SCRIPTS = REPOSITORY / "cluster_scripts"
LIMIT = 120.0
"""Seconds that any one process may take."""

TROUBLE = re.compile(r"^.*(Traceback|\w+Warning: |^(WARNING|ERROR|CRITICAL)\b).*$", re.MULTILINE)


def is_alive_in_session(process: psutil.Process, session: int) -> bool:
    try:
        return os.getsid(process.pid) == session and process.status() != psutil.STATUS_ZOMBIE
    except (ProcessLookupError, psutil.NoSuchProcess):
        return False


@dataclass
class Script:
    """A process in a session of its own, so that whatever it starts can be found again."""

    process: subprocess.Popen[bytes]
    output_file: Path

    @property
    def output(self) -> str:
        return self.output_file.read_text(encoding="utf-8")

    def wait_for(self, text: str) -> None:
        deadline = time.monotonic() + LIMIT
        while text not in self.output:
            assert time.monotonic() < deadline, f"no {text!r} in time:\n{self.output}"
            try:
                self.process.wait(timeout=0.05)
            except subprocess.TimeoutExpired:
                continue
            assert text in self.output, f"ended without {text!r}:\n{self.output}"

    def end(self) -> str:
        """What it printed and logged; it must have ended well."""
        assert self.exit_code() == 0, self.output
        trouble = TROUBLE.search(self.output)
        assert trouble is None, f"{trouble and trouble.group()}\n\nin:\n{self.output}"
        return self.output

    def exit_code(self) -> int:
        """How it ended; it must have taken everything that it started with it."""
        try:
            code = self.process.wait(timeout=LIMIT)
        except subprocess.TimeoutExpired:
            pytest.fail(f"still running after {LIMIT:g} s:\n{self.output}")
        _, alive = psutil.wait_procs(self.session(), timeout=5)
        assert not alive, f"left running: {alive}"
        return code

    def session(self) -> list[psutil.Process]:
        return [process for process in psutil.process_iter() if is_alive_in_session(process, self.process.pid)]

    def kill(self) -> None:
        for process in self.session():
            process.kill()
        self.process.wait()


@dataclass
class Shell:
    """Starts processes in an empty folder, with a folder of its own for temporary files."""

    base: Path
    scripts: list[Script] = field(default_factory=list)

    def __post_init__(self) -> None:
        for folder in (self.folder, self.temporary):
            folder.mkdir()

    @property
    def folder(self) -> Path:
        return self.base / "folder"

    @property
    def temporary(self) -> Path:
        return self.base / "temporary"

    def example(self, name: str, *arguments: Any) -> Script:
        return self.start(sys.executable, EXAMPLES / name, *arguments)

    def start(self, *command: Any, **environment: str) -> Script:
        output_file = self.base / f"output_{len(self.scripts)}.txt"
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        settings = {
            "MPLBACKEND": "Agg",
            "PATH": path,
            "PYTHONUNBUFFERED": "1",
            "TMPDIR": str(self.temporary),
            "TORCHINDUCTOR_CACHE_DIR": str(self.base / "torch_cache"),  # PyTorch's own; it stays, wherever it is
        }
        with output_file.open("wb") as output:
            process = subprocess.Popen(
                [str(part) for part in command],
                cwd=self.folder,
                env=os.environ | settings | environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.scripts.append(Script(process, output_file))
        return self.scripts[-1]

    def files(self) -> set[str]:
        """All files in the folder, by their path in it."""
        return {str(path.relative_to(self.folder)) for path in self.folder.rglob("*") if path.is_file()}

    def close(self) -> None:
        for script in self.scripts:
            script.kill()


def files_of_the_repository() -> set[Path]:
    folders = (REPOSITORY, EXAMPLES, CLUSTER_SCRIPTS)
    return {path for folder in folders for path in folder.iterdir() if path.name[0] not in "._"}


def opened_shell(base: Path) -> Iterator[Shell]:
    before = files_of_the_repository()
    shell = Shell(base)
    try:
        yield shell
    finally:
        shell.close()
    assert files_of_the_repository() <= before, "files were left in the repository"
    assert not list(shell.temporary.iterdir()), "temporary files were left behind"
