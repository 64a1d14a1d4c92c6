"""A time limit for what cannot be interrupted, such as a look at a file system that hangs."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, TypeVar

from hpbandster_ng.interfaces.doctor.findings import NoAnswer

__all__ = ["within"]

_Found = TypeVar("_Found")


def within(seconds: float, probe: Callable[..., _Found], *arguments: Any) -> _Found | NoAnswer:
    """What a probe finds; whatever becomes of it, those after it go on.

    A probe that hangs is left alone, in a thread that does not keep this process from its end.

    Example:
        >>> within(10, divmod, 7, 2)
        (3, 1)
        >>> within(10, divmod, 7, 0).reason.startswith("ZeroDivisionError: ")
        True
    """
    found: list[_Found | NoAnswer] = []

    def run() -> None:
        try:
            found.append(probe(*arguments))
        except Exception as error:  # noqa: BLE001 - one fault must not hide what the other probes find
            found.append(NoAnswer(f"{type(error).__name__}: {' '.join(str(error).split())}", has_hung=False))

    thread = threading.Thread(target=run, name="hpbandster-doctor", daemon=True)
    thread.start()
    thread.join(seconds)
    return found[0] if found else NoAnswer(f"no answer within {seconds:g} seconds", has_hung=True)
