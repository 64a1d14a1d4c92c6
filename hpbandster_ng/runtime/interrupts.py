"""Ctrl-C at a moment when nothing is torn apart by it."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType

__all__ = ["uninterrupted"]


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """A first Ctrl-C is answered behind this block, a second one at once; by default, the answer ends the program.

    Only the main thread is interrupted: in any other this does nothing.

    Example:
        >>> with uninterrupted():
        ...     pass  # read, decide, write down
    """
    answer = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(answer):
        yield
        return
    has_come = False

    def note(number: int, frame: FrameType | None) -> None:
        nonlocal has_come
        if has_come:
            answer(number, frame)
        has_come = True

    signal.signal(signal.SIGINT, note)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, answer)
    if has_come:
        answer(signal.SIGINT, None)
