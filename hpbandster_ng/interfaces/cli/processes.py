"""Several commands at once, each in a process of its own, which live and end together."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import click
from click.core import ParameterSource

from hpbandster_ng.backends.isolation import GUARD

__all__ = ["Ended", "guarded", "run_together", "same_command", "signals_sent_to", "started"]

_SIGNALS = ("SIGINT", "SIGTERM", "SIGUSR1", "SIGUSR2")

_log = logging.getLogger("hpbandster_ng")


@dataclass(frozen=True)
class Ended:
    """A process has ended; a negative code names the signal that killed it."""

    index: int
    code: int


def run_together(commands: Sequence[Sequence[str]]) -> int:
    """Run each command in a process of its own, and return when all have ended.

    Their output is passed through. Signals and Ctrl-C are passed on to each of them: they lead sessions of their own,
    so a terminal does not send them Ctrl-C a second time. On POSIX, none outlives this process, however it ends.

    Returns:
        The first exit code that was not 0, in the order of their ends; 128 and the signal's number for one that was
        killed, unless by a signal that was passed on. 0 if there was none.

    Raises:
        KeyboardInterrupt: Ctrl-C was pressed; all have ended.

    Example:
        >>> import sys
        >>> run_together([[sys.executable, "-c", "pass"], [sys.executable, "-c", "import sys; sys.exit(3)"]])
        3
    """
    news: SimpleQueue[int | Ended] = SimpleQueue()
    with contextlib.ExitStack() as stack:
        stack.enter_context(signals_sent_to(news.put))
        processes = [stack.enter_context(started(index, command, news.put)) for index, command in enumerate(commands)]
        return _wait_for_all(processes, news)


def same_command(context: click.Context, **changes: Any) -> list[str]:
    """The command line of this process, but for the changes, as one of another process.

    What came by an environment variable, such as a url with a password, comes to that one in the same way.
    """
    verbose = ["--verbose"] if context.find_root().params["verbose"] else []
    options = []
    arguments: list[str] = []
    values = {**context.params, **changes}
    for parameter in context.command.params:
        name = str(parameter.name)
        value = values.get(name)
        if value is None or value is False:
            continue
        if isinstance(parameter, click.Argument):
            arguments += [value] if parameter.nargs == 1 else value
        elif context.get_parameter_source(name) is not ParameterSource.ENVIRONMENT:
            options.append(parameter.opts[0] + ("" if value is True else f"={value}"))
    return [sys.executable, "-m", "hpbandster_ng", *verbose, str(context.command.name), *options, "--", *arguments]


def _wait_for_all(processes: Sequence[subprocess.Popen[bytes]], news: SimpleQueue[int | Ended]) -> int:
    first_code = 0
    passed_on: set[int] = set()
    running = len(processes)
    while running:
        new = news.get()
        if isinstance(new, Ended):
            running -= 1
            code = new.code if new.code >= 0 else 128 - new.code
            if code and code - 128 not in passed_on:
                _log.warning("process %d of %d ended with exit code %d", new.index, len(processes), code)
                first_code = first_code or code
        else:
            passed_on.add(new)
            for process in processes:
                process.send_signal(new)  # does nothing if it has ended
    if signal.SIGINT in passed_on:
        raise KeyboardInterrupt
    return first_code


@contextlib.contextmanager
def started(
    index: int, command: Sequence[str], report: Callable[[Ended], None], directory: Path | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """A process, whose end is reported; at the end of the block, or of this process, it is killed.

    Args:
        directory: in which it starts; this process's own by default.
    """
    process = subprocess.Popen(guarded(command), stdin=subprocess.PIPE, start_new_session=True, cwd=directory)
    assert process.stdin is not None
    lifeline = process.stdin

    def watch() -> None:
        code = process.wait()
        lifeline.close()  # ends the guard, with what the command has left running
        report(Ended(index, code))

    watcher = threading.Thread(target=watch, name="hpbandster-watch", daemon=True)
    watcher.start()
    try:
        yield process
    finally:
        process.kill()
        watcher.join()


def guarded(command: Sequence[str]) -> list[str]:
    """The command, below a guard that waits for the other end of its standard input to be closed."""
    if os.name != "posix":
        return [*command]
    return ["/bin/sh", "-c", GUARD + ' exec "$@" 3<&- </dev/null', "sh", *command]


@contextlib.contextmanager
def signals_sent_to(take: Callable[[int], None]) -> Iterator[None]:
    """Instead of what they do otherwise; one that is ignored stays so."""
    numbers = [getattr(signal, name) for name in _SIGNALS if hasattr(signal, name)]
    before: dict[int, Any] = {number: signal.getsignal(number) for number in numbers}
    changed = {number: handler for number, handler in before.items() if handler is not signal.SIG_IGN}
    try:
        for number in changed:
            signal.signal(number, lambda number, _: take(number))
        yield
    finally:
        for number, handler in changed.items():
            signal.signal(number, handler)
