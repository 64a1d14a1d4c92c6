"""The file that tells the processes of a run where its nameserver is.

JSON, readable by its owner only, written beside its final name and moved there, so that a reader finds either nothing
or all of it.
"""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path

from hpbandster_ng.errors import InvalidArgumentError, LogError

__all__ = ["check_run_id", "check_shared_directory", "credentials_path", "read_credentials", "write_credentials"]


def check_run_id(run_id: object) -> str:
    """The run's name as text.

    Raises:
        InvalidArgumentError: it is empty, or cannot be part of a file name.

    Example:
        >>> check_run_id(7)
        '7'
    """
    text = str(run_id)
    if not text.strip() or any(forbidden in text for forbidden in "/\\\0\n"):
        raise InvalidArgumentError(
            "run_id",
            run_id,
            "must be part of a file name: not empty, without slash or line break",
            "use letters, digits, '.', '_' and '-'",
        )
    return text


def check_shared_directory(working_directory: str | os.PathLike[str]) -> Path:
    """The directory through which the processes of a run meet.

    Raises:
        InvalidArgumentError: it does not exist.
    """
    path = Path(working_directory)
    if not path.is_dir():
        raise InvalidArgumentError(
            "working_directory",
            str(working_directory),
            "must be an existing directory that all processes share",
            "create it, or correct the path",
        )
    return path


def credentials_path(working_directory: str | os.PathLike[str], run_id: object) -> Path:
    return Path(working_directory) / f"HPB_run_{run_id}_pyro.json"


def write_credentials(path: Path, host: str, port: int) -> None:
    """Put the address there, atomically and with mode 0600."""
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w") as handle:
            json.dump({"host": host, "port": port}, handle)
            handle.flush()
            os.fsync(handle.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def read_credentials(path: Path) -> tuple[str, int]:
    """The address in a credentials file.

    Raises:
        FileNotFoundError: it is not there (yet).
        LogError: it holds something else.
    """
    try:
        content = json.loads(path.read_text())
        host, port = content["host"], content["port"]
    except FileNotFoundError:
        raise
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise LogError(f"{path} is no credentials file: {error}; remove it and start the nameserver anew") from error
    if not isinstance(host, str) or type(port) is not int or not 0 < port < 65536:
        raise LogError(f"{path} is no credentials file: host={host!r}, port={port!r}; remove it and start anew")
    return host, port
