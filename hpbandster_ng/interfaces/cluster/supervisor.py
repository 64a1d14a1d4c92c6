"""Runs a user's script as one task of a cluster's job, from its start to the end of the run.

The master's task starts the script. When its time is up, the script ends by the signal that it is handed on, and the
task asks the scheduler to be started again, if the run is kept where it can go on.

A worker's task waits until there is a master, however long that takes, and starts the script. When that ends because
the master is gone, the task waits for it to come back; it ends when the run is over, when the master's task has left
the queue, or when the script has ended for a reason of its own. When its time is up, it asks to be started again, too;
and so it does when the master's task waits for a place, which this one may hold.
"""

from __future__ import annotations

import contextlib
import math
import queue
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator

import click

from hpbandster_ng.interfaces.cli.processes import Ended, signals_sent_to, started
from hpbandster_ng.interfaces.cluster.meeting import (
    Note,
    has_journal,
    is_barred,
    lets_in,
    listens,
    read_note,
    since,
    write_note,
)
from hpbandster_ng.interfaces.cluster.part import Part
from hpbandster_ng.interfaces.cluster.scheduler import Scheduler, Standing

__all__ = ["Supervisor"]

_INTERVAL = 1.0
"""Seconds between two looks at the shared directory."""

_LOOKS_A_QUESTION = 5
"""So many looks for each question to others: the nameserver, then the scheduler."""

_PATIENCE = 6
"""So many questions in a row find the master's task crowded out before a worker's gives way: a scheduler needs time."""

_GRACE = 45.0
"""Seconds in which the script must end after a signal; a worker takes 15, and a cluster kills after 60, say."""

_GOODBYE = 10
"""Looks within which a master that has sent its workers home is gone."""

_TIME_IS_UP = ("SIGUSR1", "SIGUSR2")
"""Sent by ``--signal`` of Slurm and ``-notify`` of the Sun Grid Engine; all other signals mean the end."""


class Supervisor:
    """A task at work.

    Args:
        part: what it has to do.
        scheduler: whose task it is.
        say: told in a sentence what happens.
    """

    def __init__(self, part: Part, scheduler: Scheduler, say: Callable[[str], None]) -> None:
        self.part = part
        self.scheduler = scheduler
        self._say = say
        self._news: queue.SimpleQueue[int | Ended] = queue.SimpleQueue()
        self._is_time_up = False
        self._is_told_to_end = False
        self._num_looks = 0
        self._num_missed = 0
        self._num_crowded_out = 0
        self._given_way: int | None = None
        self._reason: str | None = None

    def run(self) -> int:
        """Returns when the task has nothing more to do.

        Returns:
            The exit code of the task.
        """
        with signals_sent_to(self._news.put), self._warned_in_time():
            return self._work() if self.part.is_worker else self._lead()

    @contextlib.contextmanager
    def _warned_in_time(self) -> Iterator[None]:
        """Where the scheduler does not send the signal, this does."""
        seconds = self.scheduler.warned_after(self.part.task)
        if seconds is None:
            yield
            return
        timer = threading.Timer(seconds, self._news.put, [signal.SIGUSR1])
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            timer.join()

    def _lead(self) -> int:
        directory, task = self.part.directory, self.part.task
        if lets_in(directory, self.part.run_id):
            self._say(f"the run has a living master, as {directory} says; give it further workers by --worker")
            return 1
        try:
            write_note(directory, Note(task))
        except OSError as error:
            self._say(f"nothing can be written to {directory}: {error.strerror}")
            return 1
        code = self._run_script(lambda: None)
        if self._is_time_up:
            again = self._ask_again() if has_journal(directory) else None
            if again is not None:
                return again
            self._say(f"it does not go on by itself: {self._why_not()}; to go on, submit it with {self._same_run}")
        elif self._is_told_to_end:
            return code  # whether for good, the scheduler knows
        try:
            write_note(directory, Note(task, code))
        except OSError as error:  # which takes workers a little longer to find out
            self._say(f"the end of the run cannot be written to {directory}: {error.strerror}")
        return code

    def _why_not(self) -> str:
        if has_journal(self.part.directory):
            return "the scheduler refuses to start this task again"
        return f"the script keeps no journal in {self.part.directory}"

    @property
    def _same_run(self) -> str:
        return f"HPB_RUN_ID={self.part.run_id}"

    def _work(self) -> int:
        while True:
            reason = self._wait_for_master()
            if reason is not None:
                return self._end(reason)
            if not self._is_undisturbed:
                return self._leave(0)
            start = since(self.part.directory, self.part.run_id)
            code = self._run_script(self._why_end)
            if self._reason is not None:
                return self._end(self._reason)
            if not self._is_undisturbed:
                return self._leave(code)
            if not self._wait_until_master_is_gone(start):
                return code

    @property
    def _is_undisturbed(self) -> bool:
        return not (self._is_time_up or self._is_told_to_end or self._given_way is not None)

    def _leave(self, code: int) -> int:
        """End because of a signal, or to give way."""
        if self._given_way is not None:
            return self._given_way
        reason = self._why_over()
        if reason is not None:
            return self._end(reason)
        if not self._is_time_up or self._masters_task is None:
            return code
        again = self._ask_again()
        return code if again is None else again

    def _end(self, reason: str) -> int:
        self._say(f"{reason}; nothing more to do")
        return 0

    def _ask_again(self) -> int | None:
        code = self.scheduler.requeue(self.part.task)
        if code is not None:
            self._say("the time is up; this task goes on when the scheduler starts it again")
        return code

    def _give_way(self) -> None:
        """Leave the place to the master, unless the scheduler refuses; then there is nothing but to wait."""
        self._num_crowded_out = 0
        self._given_way = self.scheduler.requeue(self.part.task)
        if self._given_way is not None:
            self._say("the task of its master waits for a place; this one gives way, and starts again later")

    @property
    def _masters_task(self) -> str | None:
        note = read_note(self.part.directory)
        return self.part.master or (None if note is None else note.task)

    def _why_over(self) -> str | None:
        """Why there is nothing more to do, as far as the shared directory knows."""
        note = read_note(self.part.directory)
        if note is None or note.exit_code is None or self.part.master not in (None, note.task):
            return None
        return f"it is over, since its master, task {note.task}, has ended with exit code {note.exit_code}"

    def _why_end(self) -> str | None:
        """Why a worker should end; asks others only now and then."""
        self._num_looks += 1
        if self._num_looks % _LOOKS_A_QUESTION:
            return None
        return self._why_over() or self._why_gone()

    def _why_gone(self) -> str | None:
        """A master that is started again is in the queue; one that was moved may be missed there once."""
        task = self._masters_task
        is_asked_for = task is not None and not listens(self.part.directory, self.part.run_id)
        standing = self.scheduler.standing(str(task)) if is_asked_for else Standing.QUEUED
        self._num_missed = self._num_missed + 1 if standing is Standing.GONE else 0
        self._num_crowded_out = self._num_crowded_out + 1 if standing is Standing.CROWDED_OUT else 0
        return f"the task of its master, {task}, has left the queue" if self._num_missed > 1 else None

    @property
    def _may_start(self) -> bool:
        """Whether there is a master, or the script will say at once why it cannot reach one."""
        place = self.part.directory, self.part.run_id
        return lets_in(*place) or is_barred(*place)

    def _wait_for_master(self) -> str | None:
        """Return when there is one or a signal has come; or why that will not be."""
        num_looks = 0
        while self._is_undisturbed:
            if (reason := self._why_over()) is not None:
                return reason
            if self._may_start:
                return None
            num_looks += 1
            if num_looks == _LOOKS_A_QUESTION:
                self._say("waits for its master")
            if (reason := self._why_end()) is not None:
                return reason
            if self._num_crowded_out >= _PATIENCE:
                self._give_way()
            else:
                self._wait()
        return None

    def _wait_until_master_is_gone(self, start: int | None) -> bool:
        """Whether it goes, after it has sent this worker home; a worker may also end by itself.

        Args:
            start: of the nameserver that there was when the script began. One that came later is the next master's:
                an evaluation may take long after the first one has sent its worker home.
        """
        if read_note(self.part.directory) is None:
            return False  # nobody will tell when the run is over
        for _ in range(_GOODBYE):
            is_next = since(self.part.directory, self.part.run_id) != start
            if is_next or self._why_over() is not None or not self._may_start:
                return True
            self._wait()
        return not self._is_undisturbed

    def _wait(self) -> None:
        """For a signal, until the next look."""
        with contextlib.suppress(queue.Empty):
            self._note(self._news.get(timeout=_INTERVAL))

    def _note(self, number: int | Ended) -> None:
        assert isinstance(number, int)
        if signal.Signals(number).name in _TIME_IS_UP:
            self._is_time_up = True
        else:
            self._is_told_to_end = True

    def _run_script(self, why_end: Callable[[], str | None]) -> int:
        """Returns its exit code.

        Args:
            why_end: looks whether the script should end.
        """
        command = [sys.executable, *self.part.command]
        kill_at = math.inf
        with started(0, command, self._news.put, self.part.directory.parent) as process:
            while True:
                try:
                    new = self._news.get(timeout=_INTERVAL)
                except queue.Empty:
                    if time.monotonic() > kill_at:
                        process.kill()
                    elif kill_at == math.inf and (reason := why_end()) is not None:
                        self._reason = reason
                        process.terminate()
                        kill_at = time.monotonic() + _GRACE
                    continue
                if isinstance(new, Ended):
                    return new.code if new.code >= 0 else 128 - new.code
                self._note(new)
                process.send_signal(new)  # does nothing if it has ended
                kill_at = min(kill_at, time.monotonic() + _GRACE)


def say_in(part: Part) -> Callable[[str], None]:
    """Tells people, in the task's log."""
    role = "worker" if part.is_worker else "master"
    return lambda text: click.echo(f"hpbandster_ng: {role} {part.task} of run {part.run_id}: {text}", err=True)
