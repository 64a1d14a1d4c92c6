"""What travels with a call beside its arguments, and is around ``compute`` where that is called.

A tool that is to know, in the worker's process, which evaluation goes on has two parts. An observer of the run has a
method ``context(job)``, which returns plain settings by the tool's name; they reach the worker by whatever way the call
does. There, the package that offers this name in the group :data:`GROUP` of entry points is asked for a context manager
for these settings, which is entered before ``compute`` and left after it, in the same thread.
"""

from __future__ import annotations

import contextlib
import functools
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from importlib.metadata import entry_points
from typing import Any

from hpbandster_ng.backends.base import Context
from hpbandster_ng.errors import InvalidArgumentError, MissingExtraError

__all__ = ["GROUP", "entered"]

GROUP = "hpbandster_ng.contexts"
"""Of the entry points that take a tool's settings and return a context manager."""

_logger = logging.getLogger("hpbandster_ng")


@contextlib.contextmanager
def entered(context: Context) -> Iterator[None]:
    """Enter all of it around a block; whatever goes wrong with that is logged, once, and no fault of the block.

    Only what is installed as an entry point is called: settings that come over a network choose nothing else. A tool
    that lacks its own package (:class:`MissingExtraError`) is left out silently, for nobody can use it here.

    Example:
        >>> with entered({}):
        ...     pass
    """
    with contextlib.ExitStack() as stack:
        for name, settings in context.items():
            try:
                manager = _manager(name)(settings)
                manager.__enter__()
            except MissingExtraError:
                pass
            except Exception as error:  # noqa: BLE001 - tools of others may raise what they like
                _warn(f"evaluations here go on without {name}: {type(error).__name__}: {error}")
            else:
                stack.callback(_leave, name, manager)
        yield


def _leave(name: str, manager: AbstractContextManager[Any]) -> None:
    try:
        manager.__exit__(None, None, None)
    except Exception as error:  # noqa: BLE001 - as above
        _warn(f"{name} could not be left after an evaluation: {type(error).__name__}: {error}")


@functools.cache
def _manager(name: str) -> Callable[[Mapping[str, str]], AbstractContextManager[Any]]:
    for entry in entry_points(group=GROUP, name=name):
        manager: Callable[[Mapping[str, str]], AbstractContextManager[Any]] = entry.load()
        return manager
    raise InvalidArgumentError(
        "context", name, f"is no entry point of the group {GROUP} here", "install the package that offers it here, too"
    )


@functools.cache
def _warn(text: str) -> None:
    _logger.warning(text)
