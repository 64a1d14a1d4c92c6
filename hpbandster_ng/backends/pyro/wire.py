"""What goes over the wire, as text: jobs one way, reports the other."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from hpbandster_ng.backends.base import NO_CONTEXT, Context
from hpbandster_ng.backends.pyro.settings import MAX_MESSAGE_BYTES
from hpbandster_ng.engine import plain_json
from hpbandster_ng.engine.records import Config, ConfigId, Outcome, OutcomeState
from hpbandster_ng.errors import CommunicationError, NotPlainError

__all__ = ["Attempt", "Order", "decode_order", "decode_report", "encode_order", "encode_report"]


class Attempt(NamedTuple):
    """One try at a job.

    Attributes:
        session: the master that started it; two of the same run_id may know the same configuration ids.
    """

    config_id: ConfigId
    budget: float
    number: int
    session: str


class Order(NamedTuple):
    """What a worker needs to evaluate.

    Attributes:
        working_directory: the configuration's own.
        previous_budget: the largest budget that the configuration has succeeded on, or None.
        time_limit: seconds, or None.
        context: what is around ``compute``.
    """

    attempt: Attempt
    config: Config
    working_directory: str
    previous_budget: float | None = None
    time_limit: float | None = None
    context: Context = NO_CONTEXT


def encode_order(order: Order) -> str:
    """Encode a job.

    Raises:
        NotPlainError: it has no text form, or is too large.

    Example:
        >>> order = Order(Attempt((0, 0, 1), 9.0, 1, "session"), {"x": 0.5}, ".", 3.0, None)
        >>> decode_order(encode_order(order)) == order
        True
    """
    return _encoded([list(order.attempt), *order[1:]], "the configuration")


def decode_order(text: str) -> Order:
    attempt, *rest = plain_json.loads(text)
    return Order(Attempt(*attempt), *rest)


def encode_report(attempt: Attempt, outcome: Outcome, max_bytes: int | None = None) -> str:
    """Encode how an attempt ended.

    Args:
        max_bytes: what the text may weigh; 64 MiB by default.

    Raises:
        NotPlainError: the result has no text form, or is too large.
    """
    return _encoded([list(attempt), outcome.state.value, outcome.result, outcome.error], "the result", max_bytes)


def decode_report(text: str) -> tuple[Attempt, Outcome]:
    """Decode what :func:`encode_report` wrote.

    Raises:
        CommunicationError: the text is something else.
    """
    try:
        attempt, state, result, error = plain_json.loads(text)
        if result is not None:
            result = {"loss": result["loss"], "info": result["info"]}  # keys that all results share save memory
        report = Attempt(*attempt), Outcome(OutcomeState(state), result, error)
        hash(report[0])
        is_sound = _is_sound(*report)
    except (ValueError, TypeError, KeyError, IndexError, OverflowError) as fault:
        raise CommunicationError(f"this is no report: {type(fault).__name__}: {fault}") from fault
    if not is_sound:
        raise CommunicationError("this is no report: its values are of other types")
    return report


def _is_sound(attempt: Attempt, outcome: Outcome) -> bool:
    has_loss = outcome.result is None or (
        type(outcome.result["loss"]) in (int, float) and math.isfinite(outcome.result["loss"])
    )
    texts = (attempt.session, outcome.error or "")
    return has_loss and type(attempt.number) is int and all(type(text) is str for text in texts)


def _encoded(value: Any, name: str, max_bytes: int | None = None) -> str:
    try:
        text = plain_json.dumps(value)
    except ValueError as error:
        raise NotPlainError(f"{name} cannot be sent: {error}") from error
    size = len(text) if text.isascii() else len(text.encode())
    limit = max_bytes or MAX_MESSAGE_BYTES
    if size > limit:
        raise NotPlainError(
            f"{name} has {size:,} bytes, more than the {limit:,} that can be sent; write large data to a file and "
            "return its path"
        )
    return text
