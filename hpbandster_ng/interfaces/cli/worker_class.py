"""From what a user writes on the command line to a worker."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import click

from hpbandster_ng.core.worker import Worker
from hpbandster_ng.errors import HpbandsterError, InvalidArgumentError

__all__ = ["TARGET", "build_worker", "load_worker_class"]

TARGET = "MODULE:CLASS"


def load_worker_class(target: str) -> type[Worker]:
    """Import a worker's class; the current directory is on the path, as it is for ``python -m``.

    A file is imported as a module of its folder, which comes to the path: so a child process, which gets the path, can
    import it as well.

    Args:
        target: ``"package.module:Class"``, or ``"path/to/file.py:Class"``.

    Raises:
        click.BadParameter: there is no such module, file or class, or it is no :class:`Worker`.
        InvalidArgumentError: the import raises.

    Example:
        >>> load_worker_class("hpbandster_ng.core.worker:Worker").__name__
        'Worker'
    """
    place, _, name = target.rpartition(":")
    if not place or not name:
        raise _wrong(f"{target!r} has no class or no module; write module:Class or path/to/file.py:Class.")
    _put_on_path(Path.cwd())
    module = _import_file(Path(place), target) if place.endswith(".py") else _import(place, target)
    found = getattr(module, name, None)
    if not isinstance(found, type) or not issubclass(found, Worker):
        problem = f"has no {name!r}" if found is None else f"has a {name!r} that is no subclass of {Worker.__name__}"
        raise _wrong(f"{place} {problem}; {_choice(module)}.")
    return found


def build_worker(kind: type[Worker], target: str, settings: Mapping[str, Any]) -> Worker:
    """Call the constructor.

    Raises:
        HpbandsterError: the settings are not right.
        InvalidArgumentError: the constructor raises something else.
    """
    try:
        return kind(**settings)
    except HpbandsterError:
        raise
    except Exception as error:
        raise _failed(target, "cannot be constructed", error) from error


def _import(name: str, target: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except Exception as error:
        if isinstance(error, ModuleNotFoundError) and error.name and f"{name}.".startswith(f"{error.name}."):
            raise _wrong(f"there is no module {error.name!r}, neither in {Path.cwd()} nor installed.") from error
        raise _failed(target, "cannot be imported", error) from error


def _import_file(path: Path, target: str) -> ModuleType:
    if not path.is_file():
        raise _wrong(f"there is no file {path}.")
    path = path.absolute()
    _put_on_path(path.parent)
    module = _import(path.stem, target)
    source = getattr(module, "__file__", None)
    if source is None or not path.samefile(source):
        raise _wrong(f"{path} cannot be imported, because {path.stem!r} is another module already; rename the file.")
    return module


def _put_on_path(folder: Path) -> None:
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))


def _choice(module: ModuleType) -> str:
    names = [
        name
        for name, value in vars(module).items()
        if isinstance(value, type) and issubclass(value, Worker) and value.__module__ == module.__name__
    ]
    return f"its workers are {', '.join(names)}" if names else "it defines no worker"


def _wrong(message: str) -> click.BadParameter:
    return click.BadParameter(message, param_hint=TARGET)


def _failed(target: str, rule: str, error: Exception) -> InvalidArgumentError:
    return InvalidArgumentError(
        TARGET, target, f"{rule} ({type(error).__name__}: {error})", "hpbandster-ng -v shows the traceback"
    )
