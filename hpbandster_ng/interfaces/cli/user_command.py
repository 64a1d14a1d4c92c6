"""The user's own command as what evaluates a suggestion: told by its environment and a file, answering by a file."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from hpbandster_ng.engine.records import Outcome, OutcomeState
from hpbandster_ng.errors import InvalidArgumentError
from hpbandster_ng.experiments import Experiment, Suggestion
from hpbandster_ng.interfaces.cli.processes import guarded

__all__ = ["UserCommand", "environment_of", "outcome_of"]

_PREFIX = "HPBANDSTER_"
_PARAMETER = f"{_PREFIX}PARAM_"

_TAIL = 4_000
"""Characters of what the command said last that are kept as the reason of its failure."""

_GOODBYE = 2.0
"""Seconds in which the rest of its output is waited for: what it left running may hold it open for ever."""


class UserCommand:
    """Runs a command for each suggestion, in the current directory and a process group of its own.

    Args:
        experiment: whose suggestions these are.
        command: the program and its arguments.
        working_directory: in which each evaluation gets a directory.
    """

    def __init__(self, experiment: Experiment, command: Sequence[str], working_directory: Path) -> None:
        self._experiment = experiment
        self._command = command
        self._root = working_directory.absolute()

    def evaluate(self, suggestion: Suggestion) -> Outcome:
        """Run it to its end.

        What interrupts this (Ctrl-C, for example) kills the process group, and comes out again.

        Raises:
            InvalidArgumentError: the directory of the evaluation cannot be made or written to.
        """
        directory = self._root / directory_of(self._experiment.id, suggestion)
        told = _told(self._experiment.id, suggestion, directory)
        output = Path(told["output"])
        input_file = directory / f"input.{suggestion.attempt}.json"
        try:
            directory.mkdir(parents=True, exist_ok=True)
            output.unlink(missing_ok=True)
            input_file.write_text(json.dumps(told, indent=2), encoding="utf-8")
        except OSError as error:
            raise InvalidArgumentError(
                "working_directory", str(directory), f"cannot be written ({error})",
                "choose another by --working-directory",
            ) from error  # fmt: skip
        with _started(self._command, environment_of(told, input_file)) as (process, tail):
            try:
                code = process.wait(suggestion.time_limit)
            except subprocess.TimeoutExpired:
                limit = f"its time limit of {suggestion.time_limit:g} seconds"
                return Outcome(OutcomeState.TIMED_OUT, error=f"the command took longer than {limit} and was killed")
        if code != 0:
            return Outcome(OutcomeState.FAILED, error=f"{tail.text}{how_it_ended(code)}")
        return outcome_of(output, [metric.name for metric in self._experiment.metrics.all])


def directory_of(experiment: str, suggestion: Suggestion) -> Path:
    """The directory of an evaluation; those of a configuration stand beside each other.

    Example:
        >>> suggestion = Suggestion("host.1.ab", {"x": 0.5}, 9.0, (0, 0, 3), None, "host.1", 1, None)
        >>> directory_of("a2e71a9d7bf0", suggestion).as_posix()
        'a2e71a9d7bf0/config_0_0_3/budget_9'
    """
    return Path(experiment, f"config_{_joined(suggestion)}", f"budget_{_number(suggestion.budget)}")


def environment_of(told: Mapping[str, Any], input_file: Path) -> dict[str, str]:
    """The variables that tell a command what to evaluate.

    Args:
        told: what stands in its input file.

    Example:
        >>> told = {"config": {"learning rate": 0.1, "solver": "sgd"}, "budget": 9, "previous_budget": None,
        ...     "config_id": [0, 0, 3], "directory": "d", "output": "d/output.1.json"}
        >>> for name, value in environment_of(told, Path("d/input.1.json")).items():
        ...     print(name, value, sep="=")
        HPBANDSTER_CONFIG={"learning rate": 0.1, "solver": "sgd"}
        HPBANDSTER_BUDGET=9
        HPBANDSTER_CONFIG_ID=0_0_3
        HPBANDSTER_DIRECTORY=d
        HPBANDSTER_INPUT=d/input.1.json
        HPBANDSTER_OUTPUT=d/output.1.json
        HPBANDSTER_PARAM_LEARNING_RATE=0.1
        HPBANDSTER_PARAM_SOLVER=sgd
    """
    variables = {
        "CONFIG": json.dumps(told["config"]),
        "BUDGET": json.dumps(told["budget"]),
        "PREVIOUS_BUDGET": None if told["previous_budget"] is None else json.dumps(told["previous_budget"]),
        "CONFIG_ID": "_".join(map(str, told["config_id"])),
        "DIRECTORY": told["directory"],
        "INPUT": str(input_file),
        "OUTPUT": told["output"],
    }
    parameters = {_variable(name): value for name, value in told["config"].items()}
    counts = Counter(map(_variable, told["config"]))
    return {f"{_PREFIX}{name}": value for name, value in variables.items() if value is not None} | {
        name: value if isinstance(value, str) else json.dumps(value)
        for name, value in parameters.items()
        if counts[name] == 1
    }


def outcome_of(output: Path, metrics: Sequence[str]) -> Outcome:
    """What a command that ended well has written: the metrics, and ``info`` and no more.

    Args:
        metrics: the names of those of the experiment.
    """
    try:
        written = json.loads(output.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return _invalid(f"the command ended well, but has not written {output}, which HPBANDSTER_OUTPUT names")
    except (OSError, ValueError, RecursionError) as error:
        return _invalid(f"{output} is no JSON ({error})")
    if not isinstance(written, dict):
        return _invalid(f'{output} holds {written!r:.80}; write an object of metrics, such as {{"loss": 0.1}}')
    info = written.pop("info", None) if "info" not in metrics else None
    return Outcome(OutcomeState.SUCCEEDED, {"metrics": written, "info": info})


def how_it_ended(code: int) -> str:
    """An exit code that is not 0, as text; a negative one names the signal that killed the process."""
    if code >= 0:
        return f"the command ended with exit code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:  # a real-time signal
        name = f"signal {-code}"
    return f"the command was killed by {name}"


def _invalid(reason: str) -> Outcome:
    return Outcome(OutcomeState.INVALID, error=reason)


def _told(experiment: str, suggestion: Suggestion, directory: Path) -> dict[str, Any]:
    previous = suggestion.previous_budget
    return {
        "experiment": experiment,
        "suggestion": suggestion.id,
        "config": suggestion.config,
        "budget": _number(suggestion.budget),
        "previous_budget": None if previous is None else _number(previous),
        "config_id": list(suggestion.config_id),
        "directory": str(directory),
        "output": str(directory / f"output.{suggestion.attempt}.json"),
    }


def _number(budget: float) -> float | int:
    """A whole budget without a point, as programs take numbers of epochs."""
    return int(budget) if float(budget).is_integer() else budget


def _joined(suggestion: Suggestion) -> str:
    return "_".join(map(str, suggestion.config_id))


def _variable(parameter: str) -> str:
    text = "".join(letter if letter.isascii() and letter.isalnum() else "_" for letter in parameter)
    return f"{_PARAMETER}{text.upper()}"


class _Tail:
    """Passes a stream on, and keeps its end."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._kept = b""
        self._thread = threading.Thread(target=self._copy, name="hpbandster-stderr", daemon=True)
        self._thread.start()

    @property
    def text(self) -> str:
        """The last lines, which end with a line break; empty if there was nothing."""
        text = self._kept.decode(errors="backslashreplace").strip()
        if len(text) > _TAIL:
            text = "..." + text[-_TAIL:]
        return f"{text}\n" if text else ""

    def close(self) -> None:
        self._thread.join(_GOODBYE)

    def _copy(self) -> None:
        sink = sys.stderr.buffer
        with self._stream:
            while chunk := os.read(self._stream.fileno(), 65536):
                self._kept = (self._kept + chunk)[-2 * _TAIL :]
                with contextlib.suppress(OSError):  # nobody listens any more
                    sink.write(chunk)
                    sink.flush()


@contextlib.contextmanager
def _started(command: Sequence[str], variables: Mapping[str, str]) -> Iterator[tuple[subprocess.Popen[bytes], _Tail]]:
    """A process and the end of its output for errors; both are over at the end of the block, with all it left."""
    inherited = {name: value for name, value in os.environ.items() if not _is_of_an_evaluation(name)}
    process = subprocess.Popen(
        guarded(command),
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**inherited, **variables},
        start_new_session=True,
    )
    assert process.stdin is not None
    assert process.stderr is not None
    tail = _Tail(process.stderr)
    try:
        yield process, tail
    finally:
        if os.name == "posix":
            with contextlib.suppress(ProcessLookupError, PermissionError):  # all of the group have ended
                os.killpg(process.pid, signal.SIGKILL)
        process.kill()
        process.wait()
        process.stdin.close()
        tail.close()


def _is_of_an_evaluation(name: str) -> bool:
    """Whether a variable was set for another evaluation, in which this one runs."""
    return name.startswith(_PARAMETER) or name == f"{_PREFIX}PREVIOUS_BUDGET"
