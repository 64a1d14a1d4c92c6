"""Whether a log is that of the run that is about to go on."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from hpbandster_ng.engine.events import Event, RunDescribed
from hpbandster_ng.engine.plain import plain
from hpbandster_ng.errors import LogError, NotPlainError, RunDiffersError, shortened
from hpbandster_ng.storage.spaces import space_as_json

__all__ = ["check_same", "described", "differences", "recorded_description"]

_DRAWN = ("time_ref", "seed")
"""Settings that a run is given by its start; a seed that the user chose is compared besides."""

_LONGEST = 400
"""Characters that one value of a difference may have."""


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
    if told := differences(then, now):
        raise RunDiffersError(
            f"run_id={recorded.run_id!r} cannot go on as another run: {'; '.join(told)}; start it as before, or "
            "give the new run a run_id and a storage of its own"
        )


def differences(then: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """In words, how what both know differs."""
    return [
        difference
        for name in now
        if name in then and now[name] != then[name]
        for difference in _differences(name, then[name], now[name])
    ]


def _differences(name: str, then: Any, now: Any) -> list[str]:
    """In words; of a search space, what differs in it."""
    if not (name == "configspace" and isinstance(then, dict) and isinstance(now, dict)):
        return [f"{name} was {shortened(then, _LONGEST)} and is {shortened(now, _LONGEST)}"]
    told = []
    for part in sorted({*then, *now}):
        before, after = (_by_name(space.get(part)) for space in (then, now))
        for key in {**before, **after}:
            if before.get(key) != after.get(key):
                was, is_ = (shortened(each[key], _LONGEST) if key in each else "absent" for each in (before, after))
                told.append(f"{name}: {key} of {part} was {was} and is {is_}")
    return told


def _by_name(part: Any) -> dict[str, Any]:
    """The entries of a part of a space: hyperparameters by their names, all others as they are."""
    entries = part if isinstance(part, list) else [part]
    return {str(each["name"]) if isinstance(each, dict) and "name" in each else repr(each): each for each in entries}


def _plain_or_text(value: Any) -> Any:
    try:
        return plain(value)
    except NotPlainError:
        return repr(value)


def _space(configspace: Any) -> dict[str, Any] | str | None:
    """What defines a search space, without the versions of who wrote it down."""
    try:
        space = None if configspace is None else json.loads(space_as_json(configspace))
    except (TypeError, ValueError, NotImplementedError):
        return str(configspace)
    return {name: part for name, part in space.items() if not name.endswith("version")} if space else None
