"""The experiments of a place: which there are, and which one is meant."""

from __future__ import annotations

import difflib
from collections.abc import Mapping

from hpbandster_ng.core.resumption import differences, recorded_description
from hpbandster_ng.engine.events import RunDescribed
from hpbandster_ng.errors import LogError, RunDiffersError
from hpbandster_ng.experiments.specification import Specification, id_of
from hpbandster_ng.storage.shared import SharedLogs

__all__ = ["check_is_same", "find", "names"]


def names(logs: SharedLogs) -> dict[str, str]:
    """Names by id; of those that only a later version can read, too."""
    return {identity: name for identity in logs.names() if (name := _name(logs, identity)) is not None}


def find(logs: SharedLogs, experiment: str) -> Specification:
    """The experiment of that id, or else of that name.

    Raises:
        LogError: there is none; the message lists those that are most like it. Or it is one of a later version.
    """
    for identity in (experiment, id_of(experiment)):
        if (recorded := _recorded(logs, identity)) is not None:
            return recorded
    raise _unknown(experiment, names(logs))


def check_is_same(logs: SharedLogs, described: RunDescribed, seed: int | None) -> None:
    """Refuse to go on with an experiment of the same name and other settings.

    Raises:
        RunDiffersError: spells out every difference.
    """
    head = logs.head(described.run_id)
    recorded = recorded_description(() if head is None else head.events, logs)
    assert recorded is not None
    then, now = dict(recorded.description), dict(described.description)
    if seed is None:
        del now["seed"]
    settings = [{key: value for key, value in each.pop("settings").items() if key != "seed"} for each in (then, now)]
    for each, own in zip((then, now), settings, strict=True):
        each |= {key: own.get(key, "not given") for key in {**settings[0], **settings[1]}}
    if told := differences(then, now):
        raise RunDiffersError(
            f"experiment {then['name']!r} cannot go on with other settings: {'; '.join(told)}; call it as before, or "
            "choose another name"
        )


def _recorded(logs: SharedLogs, identity: str) -> Specification | None:
    head = logs.head(identity)
    return None if head is None else Specification.recorded(head.events[0], f"experiment {identity!r}")


def _name(logs: SharedLogs, identity: str) -> str | None:
    """None if it was deleted meanwhile; the id if the name cannot be read."""
    try:
        head = logs.head(identity)
    except LogError:
        return identity
    if head is None:
        return None
    described = head.events[0]
    return str(described.description.get("name", identity)) if isinstance(described, RunDescribed) else identity


def _unknown(experiment: str, known: Mapping[str, str]) -> LogError:
    like = difflib.get_close_matches(experiment, [*known, *known.values()], n=3, cutoff=0.4)
    if like:
        way_out = f"did you mean {' or '.join(map(repr, like))}?"
    else:
        there = ", ".join(f"{name!r} ({identity})" for identity, name in known.items())
        way_out = f"there are {there}" if there else "there is none at all"
    return LogError(f"there is no experiment {experiment!r} here; {way_out}")
