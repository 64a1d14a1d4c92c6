"""One evaluation: the user's function is called, and whatever it does becomes an outcome."""

from __future__ import annotations

import contextlib
import inspect
import math
import os
import sys
import traceback
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, NoReturn

import numpy as np

from hpbandster_ng.backends.base import NO_CONTEXT, Context
from hpbandster_ng.backends.context import entered
from hpbandster_ng.engine.plain import plain
from hpbandster_ng.engine.records import Config, ConfigId, Outcome, OutcomeState
from hpbandster_ng.errors import NotPlainError, ResultError

__all__ = ["Call", "Compute", "evaluate", "takes"]

Compute = Callable[..., Mapping[str, Any]]
"""``compute(config_id=, config=, budget=, working_directory=) -> {"loss": number, "info": anything plain}``; it gets
``previous_budget=``, too, if it takes that. What it returns may have ``"metrics"``, too: numbers by name."""


class Call(NamedTuple):
    """What ``compute`` is called with.

    Attributes:
        working_directory: the directory of this configuration.
        previous_budget: the largest budget that this configuration has succeeded on, or None.
        context: what is entered around it, which it does not get.
    """

    config_id: ConfigId
    config: Config
    budget: float
    working_directory: str
    previous_budget: float | None = None
    context: Context = NO_CONTEXT


def evaluate(compute: Compute, call: Call) -> Outcome:
    """Call ``compute`` and never raise, but for ``KeyboardInterrupt``.

    A process that ``compute`` forks, and that comes back from it, ends here, for it is not to answer in place of this.

    Returns:
        Succeeded with a plain result; failed, with the traceback of what was raised (``SystemExit`` included); or
        invalid, with a message that says what is wrong with the returned value.

    Example:
        >>> evaluate(lambda **job: {"loss": job["budget"], "info": None}, Call((0, 0, 0), {}, 3.0, ".")).result
        {'loss': 3.0, 'info': None}
        >>> print(evaluate(lambda **job: {}, Call((0, 0, 0), {}, 3.0, ".")).error)
        compute returned a dict without 'loss'; return {"loss": number, "info": ...}
    """
    arguments = call._asdict()
    del arguments["context"]
    if not takes(compute, "previous_budget"):
        del arguments["previous_budget"]
    process = os.getpid()
    try:
        with entered(call.context):
            returned = compute(**arguments)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001 - SystemExit and cancelled coroutines, too: every job comes to an end
        if os.getpid() != process:
            _end_copy(error)
        return Outcome(OutcomeState.FAILED, error=_sendable(traceback.format_exc()))
    if os.getpid() != process:
        _end_copy(SystemExit(0))
    try:
        return Outcome(OutcomeState.SUCCEEDED, _result(returned))
    except (NotPlainError, ResultError) as error:
        return Outcome(OutcomeState.INVALID, error=_sendable(str(error)))
    except Exception:  # noqa: BLE001 - numbers and mappings of other libraries compute when they are looked at
        return Outcome(OutcomeState.INVALID, error=_sendable(traceback.format_exc()))


def takes(function: Callable[..., Any], argument: str, by_name: bool = False) -> bool:
    """Whether a function or a class can be given this keyword argument.

    Args:
        by_name: whether it must name it; otherwise it may also take any keywords.

    Example:
        >>> takes(lambda config, **_: None, "previous_budget"), takes(lambda config: None, "previous_budget")
        (True, False)
    """
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):  # of some callables written in C
        return False
    named = parameters.get(argument)
    if named is not None:
        return named.kind in (named.POSITIONAL_OR_KEYWORD, named.KEYWORD_ONLY)
    return not by_name and any(each.kind is each.VAR_KEYWORD for each in parameters.values())


def _end_copy(error: BaseException) -> NoReturn:
    """As Python ends, but for what the original does at its end."""
    code = error.code if isinstance(error, SystemExit) else 1
    if not isinstance(error, SystemExit):
        traceback.print_exception(error)
    elif not isinstance(code, int | None):
        sys.stderr.write(f"{code}\n")
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):  # compute may have closed or replaced it
            stream.flush()
    os._exit(code if isinstance(code, int) else int(code is not None))


def _sendable(text: str) -> str:
    """Names of files in messages may hold bytes that are no text."""
    return text.encode(errors="backslashreplace").decode()


def _result(returned: Any) -> dict[str, Any]:
    if not isinstance(returned, Mapping):
        raise ResultError(f'compute returned {_described(returned)}; return {{"loss": number, "info": ...}}')
    if "loss" not in returned:
        raise ResultError('compute returned a dict without \'loss\'; return {"loss": number, "info": ...}')
    result = {"loss": _loss(returned["loss"]), "info": plain(returned.get("info"), "info")}
    if returned.get("metrics") is not None:
        result["metrics"] = plain(returned["metrics"], "metrics")
    return result


def _loss(value: Any) -> float:
    if isinstance(value, str | bytes) or np.ma.is_masked(value):
        raise ResultError(f"compute returned loss={_described(value)}, which is not a number")
    try:
        loss = float(value.item() if hasattr(value, "item") else value)
    except (TypeError, ValueError, OverflowError, RuntimeError) as error:
        raise ResultError(f"compute returned loss={_described(value)}, which is not a number") from error
    if not math.isfinite(loss):
        raise ResultError(f"compute returned loss={loss}, which is not finite; the configuration counts as failed")
    return loss


def _described(value: Any) -> str:
    if value is None:
        return "None"
    text = repr(value)
    return f"{text if len(text) <= 80 else text[:80] + '...'} of type {type(value).__name__}"
