"""One evaluation: the user's function is called, and whatever it does becomes an outcome."""

from __future__ import annotations

import math
import traceback
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from hpbandster_ng.engine.plain import plain
from hpbandster_ng.engine.records import Config, ConfigId, Outcome, OutcomeState
from hpbandster_ng.errors import NotPlainError, ResultError

__all__ = ["Compute", "evaluate"]

Compute = Callable[..., Mapping[str, Any]]
"""``compute(config_id=, config=, budget=, working_directory=) -> {"loss": number, "info": anything plain}``."""


def evaluate(compute: Compute, config_id: ConfigId, config: Config, budget: float, working_directory: str) -> Outcome:
    """Call ``compute`` and never raise, but for ``KeyboardInterrupt``.

    Returns:
        Succeeded with a plain result; or failed, with the traceback of what was raised (``SystemExit`` included) or
        with a message that says what is wrong with the returned value.

    Example:
        >>> evaluate(lambda **job: {"loss": job["budget"], "info": None}, (0, 0, 0), {}, 3.0, ".").result
        {'loss': 3.0, 'info': None}
        >>> print(evaluate(lambda **job: {}, (0, 0, 0), {}, 3.0, ".").error)
        compute returned a dict without 'loss'; return {"loss": number, "info": ...}
    """
    try:
        returned = compute(config_id=config_id, config=config, budget=budget, working_directory=working_directory)
    except KeyboardInterrupt:
        raise
    except BaseException:  # noqa: BLE001 - SystemExit and cancelled coroutines included: every job comes to an end
        return Outcome(OutcomeState.FAILED, error=_sendable(traceback.format_exc()))
    try:
        return Outcome(OutcomeState.SUCCEEDED, _result(returned))
    except (NotPlainError, ResultError) as error:
        return Outcome(OutcomeState.FAILED, error=_sendable(str(error)))
    except Exception:  # noqa: BLE001 - numbers and mappings of other libraries compute when they are looked at
        return Outcome(OutcomeState.FAILED, error=_sendable(traceback.format_exc()))


def _sendable(text: str) -> str:
    """Names of files in messages may hold bytes that are no text."""
    return text.encode(errors="backslashreplace").decode()


def _result(returned: Any) -> dict[str, Any]:
    if not isinstance(returned, Mapping):
        raise ResultError(f'compute returned {_described(returned)}; return {{"loss": number, "info": ...}}')
    if "loss" not in returned:
        raise ResultError('compute returned a dict without \'loss\'; return {"loss": number, "info": ...}')
    return {"loss": _loss(returned["loss"]), "info": plain(returned.get("info"), "info")}


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
