"""Reads a pickled ``Result``, ours or the predecessor's, without trusting the file; and writes one.

A pickle can name any function and have it called. This reader resolves only the few names that a ``Result`` consists
of: the containers of Python, numpy's scalars and arrays, and ``Result``, ``Run`` and ``Datum``. The last three stand
in for themselves as fresh empty classes, so that a file can change nothing of this package either.
"""

from __future__ import annotations

import collections
import dataclasses
import os
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from hpbandster_ng.engine.iteration import Datum
from hpbandster_ng.engine.plain import plain
from hpbandster_ng.engine.records import ConfigId
from hpbandster_ng.errors import LogError
from hpbandster_ng.storage.files import replace_file

__all__ = ["plain_datum", "read_pickle", "write_pickle"]

_TRUSTED = "if you trust the file, read it by pickle.load"
_ANEW = (
    "make it anew from the run's log: by hpbandster-ng export --format pickle from a storage, or from a folder with "
    "results.json by logged_results_to_HBS_result"
)
"""The ways out."""

_PACKAGES = ("hpbandster", "hpbandster_ng")
_OURS = ("Result", "Run", "Datum")
_SAFE: dict[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): collections.OrderedDict,
    ("builtins", "set"): set,
    ("builtins", "frozenset"): frozenset,
    ("builtins", "complex"): complex,
    ("builtins", "bytearray"): bytearray,
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
}


def _numpy_rebuilders() -> dict[tuple[str, str], Any]:
    """The functions that numpy's own pickles call, under the names they have had in numpy 1 and 2."""
    reconstruct = np.zeros(1).__reduce__()[0]
    scalar = np.float64(0).__reduce__()[0]
    rebuilders: dict[tuple[str, str], Any] = {}
    for core in ("numpy.core", "numpy._core"):
        rebuilders[f"{core}.multiarray", "_reconstruct"] = reconstruct
        rebuilders[f"{core}.multiarray", "scalar"] = scalar
        rebuilders[f"{core}.numeric", "_frombuffer"] = _from_buffer
    return rebuilders


def _from_buffer(buffer: bytes, dtype: np.dtype[Any], shape: tuple[int, ...], order: Any) -> np.ndarray:
    return np.frombuffer(buffer, dtype=dtype).reshape(shape, order=order)


class _ForeignError(Exception):
    """The file refers to what is no part of a ``Result``."""


class _Reader(pickle.Unpickler):
    def __init__(self, file: Any) -> None:
        super().__init__(file)
        self.ours = {name: type(name, (), {}) for name in _OURS}
        self.known = {**_SAFE, **_numpy_rebuilders()}

    def find_class(self, module: str, name: str) -> Any:
        if name in self.ours and module.partition(".")[0] in _PACKAGES:
            return self.ours[name]
        if (module, name) in self.known:
            return self.known[module, name]
        raise _ForeignError(f"it refers to {module}.{name}, which is no part of a Result")


def read_pickle(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read the state of a pickled ``Result``.

    Returns:
        ``{"data": {config_id: Datum}, "HB_config": dict}``.

    Raises:
        LogError: the file cannot be read, is damaged, is no pickled ``Result``, or refers to anything else.
    """
    try:
        with Path(path).open("rb") as file:
            reader = _Reader(file)
            result = reader.load()
    except _ForeignError as error:
        raise _refusal(path, str(error)) from error
    except OSError as error:
        raise _refusal(path, f"it cannot be read ({error.strerror or error})", "correct the path") from error
    except Exception as error:  # a broken pickle can raise anything
        raise _refusal(path, f"it is damaged, or was not written to its end ({error})", _ANEW) from error
    if type(result) is not reader.ours["Result"]:
        raise _refusal(path, f"it holds a {type(result).__name__}")
    data, settings = vars(result).get("data"), vars(result).get("HB_config")
    if not isinstance(data, dict) or not isinstance(settings, dict):
        raise _refusal(path, "its Result lacks data or HB_config")
    datum_type = reader.ours["Datum"]
    return {"data": {key: _datum(path, key, value, datum_type) for key, value in data.items()}, "HB_config": settings}


def _datum(path: str | os.PathLike[str], config_id: ConfigId, value: Any, datum_type: type) -> Datum:
    if type(value) is not datum_type:
        raise _refusal(path, f"configuration {config_id} is a {type(value).__name__}")
    try:
        return plain_datum(Datum(**vars(value)))
    except (AttributeError, TypeError) as error:
        raise _refusal(path, f"configuration {config_id}: {error}") from error


def _refusal(path: str | os.PathLike[str], reason: str, way_out: str = _TRUSTED) -> LogError:
    return LogError(
        f"path={os.fspath(path)!r} must be a pickled Result made of plain Python and numpy, but {reason}; {way_out}"
    )


def plain_datum(datum: Datum) -> Datum:
    """With budgets that are Python's numbers; those of the predecessor are numpy's."""
    return dataclasses.replace(
        datum,
        results=_by_plain_budget(datum.results),
        time_stamps=_by_plain_budget(datum.time_stamps),
        exceptions=_by_plain_budget(datum.exceptions),
        outcomes=_by_plain_budget(getattr(datum, "outcomes", {})),  # results of before have none of
        workers=_by_plain_budget(getattr(datum, "workers", {})),  # these two
        budget=plain(datum.budget, "budget"),
    )


def _by_plain_budget(values: Mapping[float, Any]) -> dict[float, Any]:
    return {plain(budget, "budget"): value for budget, value in values.items()}


def write_pickle(result: object, path: str | os.PathLike[str]) -> None:
    """Pickle a ``Result``; until all of it is there, the file is as it was.

    Raises:
        OSError: the file cannot be written.
    """
    replace_file(Path(path), pickle.dumps(result))
