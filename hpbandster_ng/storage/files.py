"""What storages on a file system share: one writer at a time, and names that outlive a power cut."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Callable
from pathlib import Path

from hpbandster_ng.errors import StorageBusyError, StorageError

__all__ = ["Queue", "WriterLock", "failure", "make_directory", "replace_file", "sync_directory"]


class WriterLock:
    """A file that one process at a time holds; the system lets go of it when that process ends, however it ends.

    The file stays when nobody holds it, since a file that is removed and made anew can be held twice.

    Args:
        path: the file; made on the first use.
        what: what is written under this lock, for messages.
    """

    def __init__(self, path: Path, what: str) -> None:
        self.path = path
        self.what = what
        self._descriptor: int | None = None

    def take(self, wait: bool = False) -> None:
        """Hold it; does nothing if this object holds it already.

        Args:
            wait: until whoever holds it has let go of it.

        Raises:
            StorageBusyError: somebody else holds it, and ``wait`` is False; the message says who.
            StorageError: the file cannot be made or locked.
        """
        if self._descriptor is not None:
            return
        lock = _flock()
        try:
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o666)
            try:
                lock(descriptor, wait)
                os.ftruncate(descriptor, 0)
                os.pwrite(descriptor, f"process {os.getpid()} on {socket.gethostname()}".encode(), 0)
            except BaseException:
                os.close(descriptor)
                raise
        except BlockingIOError:
            raise StorageBusyError(
                f"{self.what} is written by {self._holder()}; wait until that has ended, or keep this run elsewhere"
            ) from None
        except OSError as error:
            raise failure(self.path, "written", error) from error
        self._descriptor = descriptor

    @property
    def is_held(self) -> bool:
        """Whether this object holds it, and the file is where others look for it."""
        return self._descriptor is not None and os.fstat(self._descriptor).st_nlink > 0

    def release(self) -> None:
        """Let go of it; does nothing if this object does not hold it."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            with contextlib.suppress(OSError):  # whom it names is of no interest any more
                os.ftruncate(descriptor, 0)
            os.close(descriptor)

    def _holder(self) -> str:
        try:
            return self.path.read_text(encoding="utf-8", errors="replace") or "another process"
        except OSError:
            return "another process"


class Queue:
    """A file that threads and processes wait for in the order in which they came; who leaves wakes the next at once.

    It is opened anew each time, since a process that was forked holds what it inherited.

    Args:
        path: the file; made on the first use.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor: int | None = None

    @property
    def is_entered(self) -> bool:
        """Whether this object has entered, and not left."""
        return self._descriptor is not None

    def enter(self) -> None:
        """Wait until everybody who came before has left.

        Raises:
            StorageError: the file cannot be made or locked.
        """
        lock = _flock()
        try:
            self._descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o666)
            lock(self._descriptor, True)
        except OSError as error:
            self.leave()
            raise failure(self.path, "written", error) from error

    def leave(self) -> None:
        """Let the next one enter; does nothing if this object has not entered."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)


def _flock() -> Callable[[int, bool], None]:
    try:
        import fcntl  # noqa: PLC0415 - only POSIX has it
    except ImportError:
        raise StorageError(
            "this operating system has no flock(), without which two masters could write one log; keep it in PostgreSQL"
        ) from None
    return lambda descriptor, wait: fcntl.flock(descriptor, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)


def failure(path: Path, what: str, error: OSError) -> StorageError:
    """The one error for a path that cannot be ``what`` (read, written)."""
    return StorageError(
        f"{path} cannot be {what}: {error.strerror or error}; what was recorded before is kept: make room, or correct "
        "the path or its permissions, and start the run again"
    )


def replace_file(path: Path, content: bytes) -> None:
    """Write a whole file; whoever reads it, and a process that is killed, leaves it as it was or has all of it.

    Raises:
        OSError: it cannot be written.
    """
    part = path.with_name(path.name + ".part")
    try:
        with part.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def make_directory(directory: Path) -> None:
    """Make a directory and its parents, for good."""
    missing = [path for path in (directory, *directory.parents) if not path.exists()]
    directory.mkdir(parents=True, exist_ok=True)
    for path in missing:
        sync_directory(path.parent)


def sync_directory(directory: Path) -> None:
    """Names that were added to it or replaced in it outlive a power cut from now on."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
