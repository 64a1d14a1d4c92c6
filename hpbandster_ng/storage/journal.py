r"""A log in a directory of its own, made for one master and many readers.

``DIRECTORY/journal`` is text: a line is ``<crc32 of the rest, 8 hexadecimal digits> <JSON>``. The first line names the
format and its version, each further one is a record of :mod:`hpbandster_ng.storage.codec`. ``cut -c 10- journal``
leaves out the checksums and prints JSON lines.

One ``append`` is one line, one write and one ``fsync``. So all that a crash can leave unfinished is the last line: a
reader passes over it, and the next writer cuts it off. A damaged line that is followed by an intact one is no accident
of writing, and is reported instead. A whole new journal (the first one, or a shorter one) is written beside the old one
and renamed, so that there is one whole journal at any time.

``DIRECTORY/lock`` is held by the writer.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, NamedTuple

from hpbandster_ng.engine.compaction import compacted
from hpbandster_ng.engine.events import Event
from hpbandster_ng.errors import LogError, StorageError
from hpbandster_ng.storage.base import News
from hpbandster_ng.storage.codec import decode, encode
from hpbandster_ng.storage.files import WriterLock, failure, make_directory, sync_directory

__all__ = ["JournalStorage"]

_FORMAT = "hpbandster_ng journal"
_VERSION = 1

_COMPACT_FROM = 1 << 25
"""Bytes: a shorter journal is read in the time that making it anew would take."""

_EVENTS_A_LINE = 100
"""In a compacted journal: of so many events, the frame of a record is a small part."""

_FRAME_BYTES = 8
"""The checksum of a line."""

_FRAME = re.compile(rb"[0-9a-f]{8} \{")


class JournalStorage:
    """Keeps the log of one run in a directory.

    When it is opened for writing, a journal of more than 32 MiB that has at least doubled since the last time is
    :func:`compacted <hpbandster_ng.engine.compaction.compacted>`.

    Args:
        directory: made if need be; belongs to this run alone.

    Example:
        >>> import tempfile
        >>> from hpbandster_ng.engine.events import WorkerJoined
        >>> directory = tempfile.mkdtemp()
        >>> storage = JournalStorage(directory)
        >>> storage.open()
        >>> storage.append([WorkerJoined(0.5, "w")])
        >>> storage.close()
        >>> list(JournalStorage(directory).read())
        [WorkerJoined(at=0.5, worker='w')]
        >>> print(Path(directory, "journal").read_text(), end="")
        9b51543a {"format":"hpbandster_ng journal","version":1,"compacted":0}
        cddc00a0 {"version":1,"events":[{"event":"WorkerJoined","at":0.5,"worker":"w"}]}
    """

    def __init__(self, directory: str | os.PathLike[str]) -> None:
        self.directory = Path(directory).absolute()
        self._path = self.directory / "journal"
        self._lock = WriterLock(self.directory / "lock", str(self._path))
        self._descriptor: int | None = None
        self._end = 0

    def __repr__(self) -> str:
        return f"journal:{self.directory}"

    def open(self) -> None:
        """Become the one writer, and cut off what a crash left unfinished; does nothing while this is the writer.

        Raises:
            StorageBusyError: another process writes; the message says which.
            StorageError: the directory cannot be written, or the journal is damaged.
            LogError: it is no journal, or one of a later version.
        """
        if self._descriptor is not None:
            return
        try:
            make_directory(self.directory)
            self._lock.take()
            self._prepare()
        except BaseException as error:
            self.close()
            if isinstance(error, OSError) and not isinstance(error, StorageError):
                raise failure(self._path, "written", error) from error
            raise

    def append(self, events: Sequence[Event]) -> None:
        """Add events at the end, as one record; when this returns, they are on the disk.

        Raises:
            StorageError: they cannot be written, and nothing of them is kept; or the journal is not open.
            NotPlainError: an event holds a value that has no text form.
        """
        if self._descriptor is None:
            raise StorageError(f"{self._path} is not open for writing; call open() before append()")
        if not self._lock.is_held or not os.fstat(self._descriptor).st_nlink:
            raise StorageError(f"{self._path} or its lock was removed while this process wrote; start the run again")
        line = _framed(encode(events))
        try:
            _write(self._descriptor, line, self._end)
            os.fsync(self._descriptor)
        except BaseException as error:
            self._cut(self._descriptor)
            if isinstance(error, OSError):
                raise failure(self._path, "written", error) from error
            raise
        self._end += len(line)

    def read(self) -> Iterator[Event]:
        """Every event from the first on, as they were when this was called.

        Raises:
            StorageError: the journal cannot be read, or is damaged; the message says where.
            LogError: it is no journal, or one of a later version.
        """
        try:
            content = self._path.read_bytes()
        except FileNotFoundError:
            return iter(())
        except OSError as error:
            raise failure(self._path, "read", error) from error
        return _events(_parsed(content, self._path).records, self._path)

    def read_on(self, bookmark: object = None) -> News:
        """Every event that was kept since the bookmark was taken; of a journal that was made anew since, all.

        Raises:
            StorageError, LogError: as :meth:`read`.
        """
        try:
            with self._path.open("rb") as file:
                status = os.fstat(file.fileno())
                known = bookmark if isinstance(bookmark, _Bookmark) else None
                if known is not None and not known.is_in(file, status):
                    known = None
                file.seek(0 if known is None else known.end)
                content = file.read()
        except FileNotFoundError:
            return News((), None, True)
        except OSError as error:
            raise failure(self._path, "read", error) from error
        journal = _parsed(content, self._path, 0 if known is None else known.end)
        if journal.records or known is None:
            last = journal.records[-1][0] if journal.records else 0
            start = 0 if known is None else known.end
            mark = _Bookmark(status.st_ino, journal.end, last, content[last - start :][:_FRAME_BYTES])
        else:
            mark = known
        return News(_events(journal.records, self._path), mark, known is None)

    def close(self) -> None:
        """Stop being the writer; may be called twice, and before ``open``."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)
        self._lock.release()

    def _prepare(self) -> None:
        """Make sure that there is one whole journal, and open it."""
        self._new_path.unlink(missing_ok=True)
        if not self._path.exists():
            self._replace([])
        content = self._path.read_bytes()
        journal = _parsed(content, self._path)
        if len(content) >= max(_COMPACT_FROM, 2 * journal.compacted):
            self._replace(compacted(list(_events(journal.records, self._path))))
            journal = _parsed(self._path.read_bytes(), self._path)
        descriptor = os.open(self._path, os.O_WRONLY)
        self._descriptor, self._end = descriptor, journal.end
        if os.fstat(descriptor).st_size > journal.end:
            os.ftruncate(descriptor, journal.end)
            os.fsync(descriptor)

    @property
    def _new_path(self) -> Path:
        return self.directory / "journal.new"

    def _replace(self, events: Sequence[Event]) -> None:
        """Write a new journal of these events in the place of the old one."""
        starts = range(0, len(events), _EVENTS_A_LINE)
        body = b"".join(_framed(encode(events[start : start + _EVENTS_A_LINE])) for start in starts)
        header = {"format": _FORMAT, "version": _VERSION, "compacted": len(body)}
        try:
            descriptor = os.open(self._new_path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
            try:
                _write(descriptor, _framed(json.dumps(header, separators=(",", ":"))) + body, 0)
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            self._new_path.replace(self._path)
        except BaseException:
            self._new_path.unlink(missing_ok=True)
            raise
        sync_directory(self.directory)

    def _cut(self, descriptor: int) -> None:
        """Take back what was written of a record that could not be finished."""
        with contextlib.suppress(OSError):  # what stays is not the end of a record, and is cut off by the next open
            os.ftruncate(descriptor, self._end)


class _Bookmark(NamedTuple):
    """How far a reader has come: in which file, behind which record.

    Attributes:
        inode: of the file.
        end: where the next record begins.
        last: where the last one begins that was read; 0, the header, if there was none.
        checksum: of that one; a file that was removed may leave its inode to another one.
    """

    inode: int
    end: int
    last: int
    checksum: bytes

    def is_in(self, file: BinaryIO, status: os.stat_result) -> bool:
        if status.st_ino != self.inode or status.st_size < self.end:
            return False
        file.seek(self.last)
        return file.read(_FRAME_BYTES) == self.checksum


class _Journal(NamedTuple):
    """The content of a journal, or of its end.

    Attributes:
        compacted: how long its records were, in bytes, when it was last made anew; 0 where the header was not read.
        records: where each begins, in bytes, and its text.
        end: where the last one ends, and the next one begins.
    """

    compacted: int
    records: list[tuple[int, bytes]]
    end: int


def _framed(text: str) -> bytes:
    content = text.encode()
    return b"%08x %s\n" % (zlib.crc32(content), content)


def _is_intact(line: bytes) -> bool:
    return line[8:9] == b" " and line[:8] == b"%08x" % zlib.crc32(line[9:])


def _write(descriptor: int, content: bytes, offset: int) -> None:
    """All of it: a disk that fills up takes a part first."""
    while content:
        written = os.pwrite(descriptor, content, offset)
        content, offset = content[written:], offset + written


def _parsed(content: bytes, path: Path, start: int = 0) -> _Journal:
    """The journal whose bytes from ``start`` on these are: 0, or where a record begins."""
    compacted_size, end = 0, 0
    if start == 0:
        head, newline, _ = content.partition(b"\n")
        compacted_size = _read_header(head, path)
        end = len(head) + len(newline)
    records = []
    while (stop := content.find(b"\n", end)) >= 0:
        line = content[end:stop]
        if not _is_intact(line):
            break
        records.append((start + end, line[9:]))
        end = stop + 1
    if _holds_a_record(content[end:]):
        raise StorageError(
            f"{path} is damaged at byte {start + end}, and goes on behind; restore it from a backup, or give up what "
            f"follows (after a copy) with: truncate -s {start + end} {path}"
        )
    return _Journal(compacted_size, records, start + end)


def _read_header(line: bytes, path: Path) -> int:
    try:
        header = json.loads(line[9:]) if _is_intact(line) else None
    except (ValueError, RecursionError):
        header = None
    if type(header) is not dict or header.get("format") != _FORMAT:
        raise LogError(
            f"{path} does not begin as a journal of hpbandster_ng does; restore it from a backup, or choose another "
            "directory"
        )
    if header.get("version") != _VERSION or type(header.get("compacted")) is not int:
        raise LogError(
            f"{path} is a journal of version {header.get('version')!r}, and this release reads {_VERSION}; use the "
            "release that wrote it, or a later one"
        )
    compacted_size: int = header["compacted"]
    return compacted_size


def _holds_a_record(tail: bytes) -> bool:
    """Whether a whole record lies somewhere behind a damaged beginning, even if the line break before it was hit."""
    *lines, _ = tail.split(b"\n")
    return any(_is_intact(line[found.start() :]) for line in lines for found in _FRAME.finditer(line))


def _events(records: Sequence[tuple[int, bytes]], path: Path) -> Iterator[Event]:
    for offset, record in records:
        where = f"{path}, byte {offset},"
        try:
            text = record.decode()
        except UnicodeDecodeError as error:
            raise LogError(f"{where} is no record of a run's log: {error}") from error
        yield from decode(text, where)
