"""Evaluations in a process of their own, so that what they do to it is done to nobody else.

The child is a fresh Python that imports the program anew and gets ``compute``, or what builds it, once, pickled; it is
kept from job to job and replaced when it died. It leads a process group, which is killed as a whole: when the time is
up, when the job is given back, and when the worker is gone, however that came about.
"""

from __future__ import annotations

import atexit
import contextlib
import faulthandler
import math
import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from multiprocessing import connection
from typing import Any

from hpbandster_ng.backends.evaluation import Call, Compute, evaluate
from hpbandster_ng.backends.factory import WorkerFactory, built
from hpbandster_ng.engine.records import Outcome, OutcomeState
from hpbandster_ng.errors import HpbandsterError, InvalidArgumentError

__all__ = ["GUARD", "Child", "refuse_to_run_in_a_child"]

_START_LIMIT = 300.0
"""Seconds that the child may take to import the program."""

_GOODBYE = 2.0
"""Seconds in which an idle child may end by itself, with all that Python does at its end."""

_LOOK_INTERVAL = 0.5
"""Seconds between two looks whether the child is there: what it forked may hold its pipes open after its death."""

_SIGNALS_OF_THE_MACHINE = ("SIGINT", "SIGTERM", "SIGUSR1", "SIGUSR2")
"""A cluster sends them to all processes of a job; the worker answers for its child."""

GUARD = "exec 3<&0; (trap '' HUP INT TERM USR1 USR2; read _ <&3; kill -KILL 0) >/dev/null 2>&1 &"
"""A shell that outlives the worker, and then kills the group that it belongs to. No thread of the child could: it may
have to wait for ever for code that does not let it run."""

_WAY_OUT = (
    "define the worker in a module, or in a script that does its work below `if __name__ == '__main__':`, and keep in "
    "it, or in its arguments, only what can be pickled"
)

_context = multiprocessing.get_context("spawn")
_environment_lock = threading.Lock()


class Child:
    """The process that calls ``compute``; used by one thread.

    Args:
        compute: reaches the child pickled, or is built there.
        environment: set in the child before it imports anything.

    Example:
        >>> child = Child(dict)  # which takes any keywords
        >>> print(child.evaluate(Call((0, 0, 0), {}, 9.0, "."), time_limit=60).error)
        compute returned a dict without 'loss'; return {"loss": number, "info": ...}
        >>> child.close()
    """

    def __init__(self, compute: Compute | WorkerFactory, environment: Mapping[str, str] | None = None) -> None:
        self.compute = compute
        self.environment = dict(environment or {})
        self._process: Any = None
        self._calls: Any = None
        self._last_words: Any = None
        self._is_ready = False
        self._is_abandoned = False
        self._lock = threading.Lock()

    def start(self) -> None:
        """Launch the process, unless there is one.

        Raises:
            InvalidArgumentError: ``compute``, or the object that it belongs to, cannot be pickled.
            HpbandsterError: it was abandoned.
        """
        if self._process is not None:
            return
        self._calls, calls = _context.Pipe()
        self._last_words, last_words = _context.Pipe(duplex=False)
        process = _context.Process(target=_serve, args=(calls, last_words, self.compute), name="hpbandster-compute")
        try:
            with _environment_of_children(self.environment):
                process.start()
        except Exception as error:  # pickling runs code of the user
            self._hang_up()
            raise self._refusal(f"can be given the worker ({error})") from error
        finally:
            calls.close()
            last_words.close()
        with self._lock:
            self._process, self._is_ready = process, False
        atexit.register(self.abandon)  # runs before multiprocessing's own, which would wait for the child
        if self._is_abandoned:  # meanwhile
            self.kill()
            raise HpbandsterError("its process was given up before it had begun")

    def wait_until_ready(self) -> None:
        """Return when the child has imported the program, and built what is to be built.

        Raises:
            InvalidArgumentError: it cannot.
        """
        self.start()
        if self._is_ready:
            return
        with self._killed_on_error():
            try:
                self._receive(_START_LIMIT)
                problem = self._receive(None)
            except (_DiedError, TimeoutError) as error:
                raise self._refusal(
                    f"imports this program, but it {error}; what it said itself stands on the standard error stream"
                ) from None
            if problem is not None:
                raise InvalidArgumentError(*self._blamed, *problem)
            self._is_ready = True

    def evaluate(self, call: Call, time_limit: float | None = None) -> Outcome:
        """Call ``compute`` in the child.

        Whatever interrupts this (Ctrl-C, for example) ends the child, and comes out again.

        Args:
            time_limit: seconds; then the child is killed with all processes of its group.

        Returns:
            What :func:`~hpbandster_ng.backends.evaluation.evaluate` returned there; failed, if the process came to its
            end; or timed out.

        Raises:
            InvalidArgumentError: the child cannot be started.
        """
        if self._process is not None and self._is_dead:
            self.kill()
        self.wait_until_ready()
        with self._killed_on_error():
            self._send(call)
            try:
                answer: Outcome = self._receive(time_limit)
                return answer
            except _DiedError as error:
                text = f"{self._heard_last_words()}the process of the evaluation {error}"
                outcome = Outcome(OutcomeState.FAILED, error=text)
            except TimeoutError:
                text = f"the evaluation took longer than its time limit of {time_limit:g} seconds and was killed"
                outcome = Outcome(OutcomeState.TIMED_OUT, error=text)
            if self._is_abandoned:
                raise HpbandsterError("its process came to its end in the middle of an evaluation")
        self.kill()
        return outcome

    def close(self) -> None:
        """End the child: by itself, or by force if it does not."""
        if self._process is not None:
            self._calls.close()
            self._process.join(_GOODBYE)
            self.kill()

    def kill(self) -> None:
        """End the child at once, with its group."""
        with self._lock:  # from now on, its number may become another process's
            process, self._process = self._process, None
        if process is None:
            return
        atexit.unregister(self.abandon)
        _kill_group(process)
        process.join()  # and not closed, for multiprocessing may just look at it, when the program ends
        self._hang_up()

    def abandon(self) -> None:
        """Kill it, from any thread and for ever, as it is killed when the worker's process ends.

        Who waits for an evaluation gets an error, for that says nothing about a configuration.
        """
        with self._lock:
            self._is_abandoned = True
            if self._process is not None:
                _kill_group(self._process)

    @property
    def _blamed(self) -> tuple[str, object]:
        """The user's parameter because of which there is a child, and its value."""
        if isinstance(self.compute, WorkerFactory):
            return "worker_class", self.compute.worker_class
        return "isolate", True

    def _refusal(self, demand: str) -> InvalidArgumentError:
        return InvalidArgumentError(*self._blamed, f"needs a child process that {demand}", _WAY_OUT)

    def _hang_up(self) -> None:
        self._calls.close()
        self._last_words.close()

    @property
    def _is_dead(self) -> bool:
        return self._process.exitcode is not None

    def _send(self, call: Call) -> None:
        try:
            self._calls.send(call)
        except (BrokenPipeError, ConnectionResetError):  # it died idle, which is no fault of this configuration
            self.kill()
            self.wait_until_ready()
            self._calls.send(call)

    def _receive(self, patience: float | None) -> Any:
        """What the child says.

        Raises:
            TimeoutError: nothing, for ``patience`` seconds.
            _DiedError: nothing, before it died.
        """
        give_up = math.inf if patience is None else time.monotonic() + patience
        while True:
            is_dead = self._is_dead
            left = max(0.0, min(_LOOK_INTERVAL, give_up - time.monotonic()))
            if self._calls in connection.wait([self._calls, self._process.sentinel], left):
                try:
                    return self._calls.recv()
                except (EOFError, OSError, pickle.UnpicklingError):
                    self._process.join(_GOODBYE)
                    raise _DiedError(_how_it_died(self._process.exitcode)) from None
            if is_dead:
                raise _DiedError(_how_it_died(self._process.exitcode))
            if time.monotonic() >= give_up:
                raise TimeoutError(f"said nothing for {patience:g} seconds")

    @contextlib.contextmanager
    def _killed_on_error(self) -> Iterator[None]:
        try:
            yield
        except BaseException:
            self.kill()
            raise

    def _heard_last_words(self) -> str:
        """Where it crashed, as Python tells it."""
        if not self._last_words.poll():
            return ""
        return os.read(self._last_words.fileno(), 65536).decode(errors="replace")


def _kill_group(process: Any) -> None:
    if os.name == "posix":
        with contextlib.suppress(OSError):  # it is gone, or has not come so far as to lead a group
            os.killpg(process.pid, signal.SIGKILL)
    process.kill()


class _DiedError(Exception):
    """The child is no more; says how that came."""


def _how_it_died(code: int | None) -> str:
    if code is None:
        return "closed its connection to the worker"
    if code >= 0:
        return f"ended with exit code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:  # a real-time signal
        name = f"signal {-code}"
    return f"was killed by {name}" + (", perhaps for want of memory" if name == "SIGKILL" else "")


@contextlib.contextmanager
def _environment_of_children(values: Mapping[str, str]) -> Iterator[None]:
    """A spawned process has no environment of its own to give; it inherits ours."""
    with _environment_lock:
        before = {name: os.environ.get(name) for name in values}
        os.environ.update(values)
        try:
            yield
        finally:
            for name, value in before.items():
                os.environ.pop(name)
                if value is not None:
                    os.environ[name] = value


def refuse_to_run_in_a_child(parameter: str, value: object, does: str) -> None:
    """Refuse to begin a run while the child imports the program: it would do all over again what the program does.

    Args:
        parameter, value: of the user, because of which there is a child.
        does: what this does, and the program as soon as it is imported.

    Raises:
        InvalidArgumentError: that is what goes on.
    """
    if getattr(multiprocessing.current_process(), "_inheriting", False):  # as multiprocessing itself finds it out
        way_out = "put what the script does below `if __name__ == '__main__':`"
        sys.tracebacklimit = 0  # each child ends with a line; where the run begins, the program's own traceback shows
        raise InvalidArgumentError(parameter, value, does, way_out)


def _serve(calls: Any, last_words: Any, compute: Compute | WorkerFactory) -> None:
    """What the child does."""
    _become_leader()
    faulthandler.enable(last_words.fileno(), all_threads=False)
    calls.send(None)
    try:
        function = built(compute)
    except InvalidArgumentError as error:
        calls.send((error.rule, error.way_out))  # the worker's process knows its class by another name
        return
    calls.send(None)
    while True:
        try:
            call = calls.recv()
        except EOFError:
            return
        calls.send(evaluate(function, call))


def _become_leader() -> None:
    """Lead a process group that is gone as soon as the worker is."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    if os.name == "posix":
        os.setpgid(0, 0)
        subprocess.run(["/bin/sh", "-c", GUARD], stdin=parent.sentinel, stdout=subprocess.DEVNULL, check=True)
    else:
        threading.Thread(target=_die_after, args=(parent,), name="hpbandster-watch", daemon=True).start()
    _leave_signals_to_the_worker()


def _leave_signals_to_the_worker() -> None:
    """For what ``compute`` forks or runs, they mean what they always do; none is lost while it forks."""
    numbers = [getattr(signal, name) for name in _SIGNALS_OF_THE_MACHINE if hasattr(signal, name)]
    before = {number: signal.signal(number, lambda *_: None) for number in numbers}
    if not hasattr(os, "register_at_fork"):
        return

    def block() -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, numbers)

    def unblock() -> None:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, numbers)

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)
        unblock()

    os.register_at_fork(before=block, after_in_parent=unblock, after_in_child=restore)


def _die_after(parent: Any) -> None:
    parent.join()
    os._exit(1)
