"""Every error that this package raises on purpose.

::

    HpbandsterError
    ├── InvalidArgumentError (ValueError)        a parameter breaks a rule
    │   └── SearchSpaceError                     ... and that parameter is the search space
    ├── NotPlainError (TypeError)                a value that cannot be sent or logged
    ├── ResultError (ValueError)                 ``compute`` returned something that is not a result
    ├── CommunicationError (ConnectionError)     the network, or who answers on it
    │   ├── NameServerError                      no nameserver there, or it cannot start
    │   │   └── NameServerBusyError              ... or it is there, and has not come to answer
    │   ├── CredentialsError                     credentials of another run, stale ones, or ones that are not safe
    │   │   └── MissingCredentialsError          ... none of this run; a NameServerError, too
    │   ├── MasterExistsError                    another master serves this run_id
    │   └── WorkerExistsError                    another worker carries this name
    ├── WorkerRefusedError (SystemExit)          a worker that its run does not let in
    ├── NoWorkersError (TimeoutError)            nobody came to work within the limit
    ├── NoSuggestionError (TimeoutError)         nothing came up to be evaluated within the limit
    ├── SuggestionError (ValueError)             a suggestion that is not, or no more, open
    ├── LogError (ValueError)                    a log or a pickle that cannot be read
    │   └── LogExistsError (FileExistsError)     a log that would be overwritten
    ├── RunDiffersError (ValueError)             a run cannot go on with other settings
    ├── StorageError (OSError)                   the place of a log fails: full, read-only, damaged, gone
    │   └── StorageBusyError                     another master writes there
    ├── MissingExtraError (ImportError)          an optional dependency is not installed
    └── IllegalTransitionError (RuntimeError)    a fault of ours: the engine met an impossible event

All of them derive from :class:`HpbandsterError`, so one ``except`` catches what this package reports, and from the
builtin that scripts already catch.
"""

from __future__ import annotations

from typing import Any

__all__ = [
    "CommunicationError",
    "CredentialsError",
    "HpbandsterError",
    "IllegalTransitionError",
    "InvalidArgumentError",
    "LogError",
    "LogExistsError",
    "MasterExistsError",
    "MissingCredentialsError",
    "MissingExtraError",
    "NameServerBusyError",
    "NameServerError",
    "NoSuggestionError",
    "NoWorkersError",
    "NotPlainError",
    "ResultError",
    "RunDiffersError",
    "SearchSpaceError",
    "StorageBusyError",
    "StorageError",
    "SuggestionError",
    "WorkerExistsError",
    "WorkerRefusedError",
]


class HpbandsterError(Exception):
    """Root of the tree."""


class InvalidArgumentError(HpbandsterError, ValueError):
    """A parameter breaks a rule; the message names the parameter, its value, the rule and the way out.

    >>> str(InvalidArgumentError("eta", 1, "must be greater than 1", "3 is the usual choice"))
    'eta=1 must be greater than 1; 3 is the usual choice'
    """

    def __init__(self, parameter: str, value: object, rule: str, way_out: str) -> None:
        super().__init__(parameter, value, rule, way_out)
        self.parameter = parameter
        self.value = value
        self.rule = rule
        self.way_out = way_out

    def __str__(self) -> str:
        return f"{self.parameter}={shortened(self.value)} {self.rule}; {self.way_out}"


class SearchSpaceError(InvalidArgumentError):
    """The search space is empty, is not a ConfigSpace, or contains what no optimizer here can model."""


class NotPlainError(HpbandsterError, TypeError):
    """A value is not made of plain Python (numbers, strings, lists, dicts ...), so it cannot be sent or logged."""


class ResultError(HpbandsterError, ValueError):
    """``compute`` returned something that is not ``{"loss": number, "info": anything plain}``."""


class CommunicationError(HpbandsterError, ConnectionError):
    """Something on the network did not answer, or answered wrongly."""


class NameServerError(CommunicationError):
    """No nameserver answers at the given address, or one cannot be started there."""


class NameServerBusyError(NameServerError):
    """Somebody takes calls at the given address, and did not come to answer them: too many others call."""


class CredentialsError(CommunicationError):
    """The credentials are not those of the run that answers, have expired, or could have been read by others."""


class MissingCredentialsError(CredentialsError, NameServerError):
    """There are no credentials of this run where a process of this user looks for them."""


class MasterExistsError(CommunicationError):
    """Another master is alive under this run_id."""


class WorkerExistsError(CommunicationError):
    """Another worker is alive under this name."""


class WorkerRefusedError(HpbandsterError, SystemExit):
    """A worker of another run or user, or with stale credentials; the reason is logged, and is the cause of this error.

    Who catches :class:`HpbandsterError` goes on. Otherwise the process ends with exit code 2 and no traceback, so that
    a cluster's array job tells in one line of its output what is wrong.
    """

    code: int = 2


class NoWorkersError(HpbandsterError, TimeoutError):
    """Too few workers were there for longer than the limit."""


class NoSuggestionError(HpbandsterError, TimeoutError):
    """An experiment had nothing to be evaluated for longer than the limit, and is not finished."""


class SuggestionError(HpbandsterError, ValueError):
    """A suggestion is no open one of this experiment."""


class LogError(HpbandsterError, ValueError):
    """A log, a credentials file or a pickled result cannot be read."""


class LogExistsError(LogError, FileExistsError):
    """A log is there already and would be overwritten."""

    def __reduce__(self) -> str | tuple[Any, ...]:
        # One of its own, since tblib, which Dask loads, would otherwise copy it by the wrong one of its two bases.
        return super().__reduce__()


class RunDiffersError(HpbandsterError, ValueError):
    """A log is that of another run, or of the same with other settings; the message spells out what differs."""


class StorageError(HpbandsterError, OSError):
    """The place where a log lives cannot be read or written; what was acknowledged before is not touched."""


class StorageBusyError(StorageError):
    """Another master writes to this log."""


class MissingExtraError(HpbandsterError, ImportError):
    """An optional dependency is missing; the message names the extra that installs it."""

    def __init__(self, feature: str, package: str, extra: str) -> None:
        super().__init__(feature, package, extra)
        self.feature = feature
        self.package = package
        self.extra = extra

    def __str__(self) -> str:
        return f"{self.feature} needs {self.package}; install it with: pip install 'hpbandster_ng[{self.extra}]'"


class IllegalTransitionError(HpbandsterError, RuntimeError):
    """The engine met an event that cannot happen in its state; the message tells the whole story of the job."""


def shortened(value: object, limit: int = 200) -> str:
    """The value in one line of no more than about so many characters."""
    text = " ".join(repr(value).split())
    return text if len(text) <= limit else text[:limit] + "..."
