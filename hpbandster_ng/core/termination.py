"""The signals by which a cluster tells a worker to end."""

from __future__ import annotations

import _thread
import contextlib
import logging
import signal
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

__all__ = ["Terminated", "ended_by_signals", "send_to_main_thread"]

_SIGNALS = ("SIGTERM", "SIGUSR1", "SIGUSR2")
"""Slurm and the Sun Grid Engine send them some time before they kill. Ctrl-C is Python's own, KeyboardInterrupt."""

_ECHO = 1.0
"""Seconds in which a signal that comes again is taken for the same one: a cluster sends it to every process of a job,
and a process passes it on to its children."""


class Terminated(KeyboardInterrupt):
    """A signal ends the work, as Ctrl-C does; caught where the work began."""


def send_to_main_thread(number: int) -> None:
    """Let the main thread handle a signal now, even while it sleeps or waits; called in any other thread."""
    if hasattr(signal, "pthread_kill"):
        main_thread = threading.main_thread().ident
        assert main_thread is not None  # it runs
        signal.pthread_kill(main_thread, number)
    else:  # Windows, where it is handled when the main thread goes on
        _thread.interrupt_main(signal.Signals(number))


@contextlib.contextmanager
def ended_by_signals(
    may_finish: Callable[[int], bool], logger: logging.Logger, who: str, clock: Callable[[], float] = time.monotonic
) -> Iterator[None]:
    """A signal ends the block without an error; the handlers of before are there again after it.

    Only the main thread gets signals: in any other, this does nothing. A signal that is ignored stays so, and one that
    the program handles itself stays its own.

    Args:
        may_finish: called with the number of the first signal, in the signal handler, so it must touch no lock; says
            whether the block ends by itself. Otherwise, and at each further signal, :class:`Terminated` is raised
            wherever the block is. The same signal within a second is no further one.
        logger: told afterwards which signal came.
        who: what was ended, as the log calls it.
        clock: seconds.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    signals = [getattr(signal, name) for name in _SIGNALS if hasattr(signal, name)]
    before: dict[int, Any] = {number: signal.getsignal(number) for number in signals}
    first: tuple[int, float] | None = None

    def handle(number: int, _: FrameType | None) -> None:
        nonlocal first
        if first is None:
            first = (number, clock())
            if may_finish(number):
                return
        elif number == first[0] and clock() - first[1] < _ECHO:
            return
        raise Terminated

    changed = {number: handler for number, handler in before.items() if handler is signal.SIG_DFL}
    try:
        for number in changed:
            signal.signal(number, handle)
        with contextlib.suppress(Terminated):
            yield
    finally:
        for number, handler in changed.items():
            signal.signal(number, handler)
        if first is not None:
            logger.warning("%s was ended by %s", who, signal.Signals(first[0]).name)
