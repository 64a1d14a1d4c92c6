"""Whether a log is that of the run that is about to go on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hpbandster_ng.engine.events import Event, RunDescribed
from hpbandster_ng.engine.plain import plain
from hpbandster_ng.errors import LogError, NotPlainError, RunDiffersError
from hpbandster_ng.storage.legacy_json import space_as_json

__all__ = ["check_same", "described", "recorded_description"]

_DRAWN = ("time_ref", "seed")
"""Settings that a run is given by its start; a seed that the user chose is compared besides."""


def described(optimizer: str, settings: Mapping[str, Any], configspace: Any, num_previous: int) -> dict[str, Any]:
    """What must be the same for a run to go on, in plain values.

    Args:
        optimizer: the name of its class.
        settings: the run's ``config``.
        configspace: the search space, or None.
        num_previous: how many configurations a warm start brought along.
    """
    kept = {name: _plain_or_text(value) for name, value in settings.items() if name not in _DRAWN}
    return {"optimizer": optimizer, **kept, "configspace": _space(configspace), "previous_result": num_previous}


def recorded_description(log: Sequence[Event], storage: object) -> RunDescribed | None:
    """The first entry of a log; None if the log is empty.

    Raises:
        LogError: it is another one.
    """
    if not log:
        return None
    if not isinstance(log[0], RunDescribed):
        raise LogError(f"{storage!r} begins with {type(log[0]).__name__}, so that it is no run's log; give another one")
    return log[0]


def check_same(recorded: RunDescribed, run_id: str, description: Mapping[str, Any], seed: int | None) -> None:
    """Refuse to go on with another run.

    What only one of both knows, an older or newer release wrote; it is not compared.

    Args:
        seed: the user's, or None if any will do.

    Raises:
        RunDiffersError: spells out every difference.
    """
    now = {**description, "run_id": run_id} if seed is None else {**description, "run_id": run_id, "seed": seed}
    then = {**recorded.description, "run_id": recorded.run_id}
    differences = [
        f"{name} was {_shown(then[name])} and is {_shown(now[name])}"
        for name in now
        if name in then and now[name] != then[name]
    ]
    if differences:
        raise RunDiffersError(
            f"run_id={recorded.run_id!r} cannot go on as another run: {'; '.join(differences)}; start it as before, or "
            "give the new run a run_id and a storage of its own"
        )


def _plain_or_text(value: Any) -> Any:
    try:
        return plain(value)
    except NotPlainError:
        return repr(value)


def _space(configspace: Any) -> str | None:
    try:
        return None if configspace is None else space_as_json(configspace)
    except (TypeError, ValueError, NotImplementedError):
        return str(configspace)


def _shown(value: Any, limit: int = 400) -> str:
    text = " ".join(repr(value).split())
    return text if len(text) <= limit else text[:limit] + "..."
