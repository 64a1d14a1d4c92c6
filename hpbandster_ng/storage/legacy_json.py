r"""The predecessor's log of a run: a line of JSON a configuration, a line of JSON an evaluation.

========================  =============================================================================================
``configs.json``          ``[config_id, config, config_info]`` a line
``results.json``          ``[config_id, budget, time_stamps, result, exception]`` a line; time stamps in unix seconds
``configspace.json``      the search space, in ConfigSpace's own format, where it is known
``hb_config.json``        the run's ``HB_config`` (``eta``, ``max_budget``, ``time_ref`` ...), where it is known
``run.json``              which run this is the log of, where that can go on from its storage
========================  =============================================================================================

The first two are what every reader of the predecessor's logs expects. The others are ours: without ``hb_config.json``
nobody can tell the largest budget of a run from the largest budget that was reached; by ``run.json`` a run that goes on
knows its own log.

What JSON does not have is written as follows: a tuple as an array, a set as an array in ascending order, bytes as the
text that they encode in UTF-8 (other bytes as ``\xff``), the keys of a mapping as strings (``(0, 1)`` as
``"(0, 1)"``). NaN and the infinities are written as Python's ``json`` does (``NaN``, ``Infinity``).

The exception of a run that timed out, was lost, or returned what is no result begins with ``timed out:``, ``lost:`` or
``invalid return:``; that of a run that failed is its traceback.
"""

from __future__ import annotations

import json
import math
import os
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from hpbandster_ng.engine.iteration import Datum
from hpbandster_ng.engine.records import ConfigId, OutcomeState
from hpbandster_ng.errors import LogError, LogExistsError
from hpbandster_ng.storage.files import replace_file
from hpbandster_ng.storage.legacy_values import as_json, json_or_text
from hpbandster_ng.storage.spaces import space_as_json

__all__ = ["json_result_logger", "read_log"]

CONFIGS = "configs.json"
RESULTS = "results.json"
SPACE = "configspace.json"
RUN = "hb_config.json"
OWNER = "run.json"

_TOLD = (OutcomeState.INVALID.value, OutcomeState.LOST.value, OutcomeState.TIMED_OUT.value)
"""The outcomes that stand before the exception."""


class json_result_logger:
    """Writes a run down while it goes on; hand it to an optimizer as ``result_logger``.

    Nothing is written before the first call. Each line is written whole, by one write, so that a reader never sees
    half a line of a run that goes on.

    Args:
        directory: where the files go; made on the first write.
        overwrite: replace the files that are there. A run that goes on from its storage replaces its own in any case.

    Attributes:
        config_fn, results_fn: the paths of the two logs. A subclass that chooses its own sets these two and
            ``config_ids`` in its constructor, and makes the files.
        config_ids: the configurations written so far.

    Raises:
        LogExistsError: (a ``FileExistsError``) a log is there and ``overwrite`` is False. Where it may be that of the
            run that is about to go on, this is raised by ``run``, before anything else is done.

    Example:
        >>> import tempfile
        >>> directory = tempfile.mkdtemp()
        >>> logger = json_result_logger(directory)
        >>> logger.new_config((0, 0, 0), {"x": 0.5}, {"model_based_pick": False})
        >>> print(Path(directory, "configs.json").read_text(), end="")
        [[0, 0, 0], {"x": 0.5}, {"model_based_pick": false}]
    """

    _is_started = True
    _owner: dict[str, Any] | None = None

    def __init__(self, directory: str | os.PathLike[str], overwrite: bool = False) -> None:
        self.overwrite = overwrite
        self.config_fn = str(Path(directory) / CONFIGS)
        self.results_fn = str(Path(directory) / RESULTS)
        self.config_ids: set[ConfigId] = set()
        self._is_started = False
        if not overwrite and not (Path(directory) / OWNER).is_file():
            self._refuse_to_overwrite()

    def claim_log(self, run_id: str, described: float | None) -> None:
        """Tell whose log this will be, before anything is written: a run knows its own by its name and its begin.

        Args:
            run_id: the run's name.
            described: when its storage was told of it first, in unix seconds; None if it is kept nowhere, so that no
                log that is there can be its own.

        Raises:
            LogExistsError: the log that is there is another run's, and ``overwrite`` is False.
        """
        if self._is_started:
            return
        self._owner = None if described is None else {"run_id": run_id, "described": described}
        if not self.overwrite:
            self._refuse_to_overwrite()

    def start_run(
        self,
        HB_config: Mapping[str, Any],
        configspace: Any = None,
        previous: Mapping[ConfigId, Datum] | None = None,
    ) -> None:
        """Write what is known before the first evaluation; without this call the two logs alone are written.

        Args:
            HB_config: the run's settings; ``time_ref`` is its start in unix seconds.
            configspace: the search space.
            previous: what a warm start brought along. Its time stamps are relative to ``time_ref``, as they are in a
                ``Result``, and are written in unix seconds as all others are.

        Warns:
            RuntimeWarning: ConfigSpace cannot write this space as JSON; the run is logged without it.
        """
        self._start()
        directory = Path(self.config_fn).parent
        settings = {str(key): json_or_text(value) for key, value in HB_config.items()}
        replace_file(directory / RUN, f"{json.dumps(settings, indent=2)}\n".encode())
        if configspace is not None:
            _write_space(directory / SPACE, configspace)
        time_ref = HB_config.get("time_ref") or 0.0
        for config_id, datum in (previous or {}).items():
            if config_id not in self.config_ids:
                self.new_config(config_id, datum.config, datum.config_info)
                self._log_previous(config_id, datum, time_ref)

    def new_config(self, config_id: ConfigId, config: Mapping[str, Any], config_info: Mapping[str, Any]) -> None:
        """Write a configuration down, once."""
        if config_id in self.config_ids:
            return
        self._append(self.config_fn, [config_id, config, config_info])
        self.config_ids.add(config_id)

    def __call__(self, job: Any) -> None:
        """Write down how an evaluation ended.

        Args:
            job: has ``id``, ``kwargs``, ``timestamps`` (unix seconds), ``result`` and ``exception``, and may have an
                ``outcome``.

        Raises:
            NotPlainError: the result contains what cannot be written; names the place and the type.
        """
        self.new_config(job.id, job.kwargs["config"], {})
        outcome = getattr(job, "outcome", None)  # which jobs of scripts by hand do not have
        exception = _with_outcome(None if outcome is None else outcome.state.value, job.exception)
        self._append(self.results_fn, [job.id, job.kwargs["budget"], job.timestamps, job.result, exception])

    def _log_previous(self, config_id: ConfigId, datum: Datum, time_ref: float) -> None:
        for budget, result in datum.results.items():
            stamps = {name: at + time_ref for name, at in datum.time_stamps[budget].items()}
            exception = _with_outcome(datum.outcomes.get(budget), datum.exceptions.get(budget))
            self._append(self.results_fn, [config_id, budget, stamps, result, exception])

    def _append(self, path: str, entry: list[Any]) -> None:
        line = as_json(entry) + "\n"
        self._start()
        with Path(path).open("a", encoding="ascii") as log:
            log.write(line)

    def _start(self) -> None:
        if self._is_started:
            return
        if not self.overwrite:
            self._refuse_to_overwrite()
        directory = Path(self.config_fn).parent
        directory.mkdir(parents=True, exist_ok=True)
        if self._owner is None:
            (directory / OWNER).unlink(missing_ok=True)
        else:  # first of all, so that who is killed here finds a log of its own
            replace_file(directory / OWNER, f"{json.dumps(self._owner)}\n".encode())
        for name in (SPACE, RUN):
            (directory / name).unlink(missing_ok=True)
        for path in (self.config_fn, self.results_fn):
            Path(path).write_bytes(b"")
        self._is_started = True

    def _refuse_to_overwrite(self) -> None:
        if self._owner is not None and _owner_of(Path(self.config_fn).parent) == self._owner:
            return
        for path in map(Path, (self.config_fn, self.results_fn)):
            if path.exists():
                raise LogExistsError(
                    f"directory={str(path.parent)!r} must not contain {path.name}, unless this very run wrote it and "
                    "goes on from its storage; give an empty directory, or overwrite=True to replace the log that is "
                    "there"
                )


def _owner_of(directory: Path) -> object:
    """What the log there says of its run; None if it says nothing."""
    try:
        return json.loads((directory / OWNER).read_bytes())
    except (OSError, ValueError):
        return None


def _with_outcome(outcome: str | None, exception: str | None) -> str | None:
    return f"{outcome}: {exception}" if outcome in _TOLD else exception


def _write_space(path: Path, configspace: Any) -> None:
    try:
        text = space_as_json(configspace)
    except (TypeError, ValueError, NotImplementedError) as error:
        warnings.warn(f"the search space is missing in the log: {error}", RuntimeWarning, stacklevel=3)
    else:
        replace_file(path, text.encode())


def read_log(directory: str | os.PathLike[str]) -> tuple[dict[ConfigId, Datum], dict[str, Any]]:
    """Read a log, ours or the predecessor's, of a run that ended, broke off or goes on.

    A last line that is cut off is skipped. ``HB_config`` is read from ``hb_config.json``; a log without that file is
    taken for one whose largest budget was reached: ``max_budget`` is then the largest budget seen, ``time_ref`` the
    first submission.

    Returns:
        What ``Result`` is made of: the configurations, with time stamps in unix seconds (those of a warm start, which
        have iteration -1, relative to ``time_ref``), and ``HB_config``.

    Raises:
        LogError: a file is missing, or a line is broken; names the directory, or the file and the line.
    """
    root = Path(directory)
    for name in (CONFIGS, RESULTS):
        if not (root / name).is_file():
            raise LogError(
                f"directory={str(root)!r} must contain {CONFIGS} and {RESULTS}, but {name} is missing; "
                "give the directory that was given to json_result_logger"
            )
    configs = _Lines(root / CONFIGS)
    data = {config_id: Datum(config, info) for config_id, config, info in map(_config_entry, configs)}
    results = _Lines(root / RESULTS)
    for line in results:
        config_id, budget, stamps, result, exception = _result_entry(line)
        if config_id in data:
            _record(data[config_id], budget, stamps, result, exception)
        elif not configs.is_cut_off:
            raise line.error(f"speaks of configuration {list(config_id)}, which {CONFIGS} does not have")
    HB_config = _read_settings(root / RUN, data)
    for config_id, datum in data.items():
        datum.status = _status(datum, HB_config["max_budget"])
        if config_id[0] < 0:
            _make_relative(datum, HB_config["time_ref"])
    return data, HB_config


class _Line:
    def __init__(self, path: Path, number: int, value: Any) -> None:
        self.path = path
        self.number = number
        self.value = value

    def error(self, what: str) -> LogError:
        return LogError(f"{self.path}, line {self.number}, {what}; mend or remove that line")


class _Lines:
    """The lines of a log that hold an entry; ``is_cut_off`` tells, after all are read, whether the last one did not."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.is_cut_off = False

    def __iter__(self) -> Iterator[_Line]:
        try:
            texts = self.path.read_bytes().split(b"\n")
        except OSError as error:
            raise LogError(f"{self.path} cannot be read: {error}; check its permissions") from error
        numbered = [(number, text) for number, text in enumerate(texts, start=1) if text.strip()]
        for number, text in numbered:
            try:
                line = _Line(self.path, number, json.loads(text))
            except (ValueError, RecursionError) as error:
                if number == numbered[-1][0]:
                    self.is_cut_off = True
                    return
                raise _Line(self.path, number, None).error(f"is not JSON ({error})") from error
            yield line


def _config_entry(line: _Line) -> tuple[ConfigId, dict[str, Any], dict[str, Any]]:
    entry = line.value
    if isinstance(entry, list) and len(entry) == 2:  # logs of early versions have no config_info
        entry = [*entry, {}]
    if not (isinstance(entry, list) and len(entry) == 3 and isinstance(entry[1], dict)):
        raise line.error("must be [config_id, config, config_info]")
    return _config_id(line, entry[0]), entry[1], entry[2] or {}


def _result_entry(line: _Line) -> tuple[ConfigId, float, dict[str, float], dict[str, Any] | None, str | None]:
    entry = line.value
    if not (isinstance(entry, list) and len(entry) == 5):
        raise line.error("must be [config_id, budget, time_stamps, result, exception]")
    config_id, budget, stamps, result, exception = entry
    if not isinstance(budget, int | float) or not isinstance(stamps, dict):
        raise line.error("must have a number as budget and an object as time_stamps")
    if result is not None and not (isinstance(result, dict) and isinstance(result.get("loss"), int | float)):
        raise line.error('must have {"loss": number, "info": anything} or null as result')
    return _config_id(line, config_id), budget, stamps, result, exception


def _config_id(line: _Line, value: Any) -> ConfigId:
    if not (isinstance(value, list) and len(value) == 3 and all(isinstance(number, int) for number in value)):
        raise line.error("must begin with a config_id of three whole numbers")
    return value[0], value[1], value[2]


def _record(
    datum: Datum, budget: float, stamps: dict[str, float], result: dict[str, Any] | None, exception: str | None
) -> None:
    datum.results[budget] = result
    datum.time_stamps[budget] = stamps
    outcome, _, reason = exception.partition(": ") if isinstance(exception, str) else ("", "", "")
    if outcome in _TOLD:
        datum.outcomes[budget], exception = outcome, reason
    datum.exceptions[budget] = exception
    datum.budget = max(datum.results)


def _read_settings(path: Path, data: Mapping[ConfigId, Datum]) -> dict[str, Any]:
    if not path.is_file():
        return _guess_settings(data)
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise LogError(f"{path} is not a JSON object ({error}); remove it to have the settings guessed") from error
    if not isinstance(settings, dict):
        raise LogError(f"{path} must be a JSON object; remove it to have the settings guessed")
    return {**_guess_settings(data), **settings}


def _guess_settings(data: Mapping[ConfigId, Datum]) -> dict[str, Any]:
    budgets = sorted({budget for datum in data.values() for budget in datum.results})
    submitted = [
        stamps["submitted"]
        for config_id, datum in data.items()
        for stamps in datum.time_stamps.values()
        if config_id[0] >= 0 and "submitted" in stamps
    ]
    return {
        "time_ref": min(submitted, default=None),
        "eta": budgets[1] / budgets[0] if len(budgets) > 1 and budgets[0] else None,
        "min_budget": budgets[0] if budgets else None,
        "max_budget": budgets[-1] if budgets else None,
        "budgets": budgets,
        "max_SH_iter": len(budgets),
    }


def _status(datum: Datum, max_budget: float | None) -> str:
    """The status that the configuration had at the end of its bracket, as far as the log tells."""
    if not datum.results:
        return "QUEUED"
    result = datum.results[datum.budget]
    if result is None or not math.isfinite(result["loss"]):
        return "CRASHED"
    return "COMPLETED" if datum.budget == max_budget else "TERMINATED"


def _make_relative(datum: Datum, time_ref: float | None) -> None:
    for stamps in datum.time_stamps.values():
        for name in stamps:
            stamps[name] -= time_ref or 0.0
