"""What an ``experiment.yml`` says, as arguments of :meth:`~hpbandster_ng.experiments.Experiment.create`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from hpbandster_ng.errors import InvalidArgumentError
from hpbandster_ng.experiments import Metric
from hpbandster_ng.interfaces.cli.parameters import search_space
from hpbandster_ng.interfaces.cli.yaml_document import Entry, read_document

__all__ = ["ExperimentFile", "read_experiment"]

_METRIC_KEYS = ("name", "objective", "strategy", "threshold")

_REQUIRED = ("name", "parameters", "optimizer")


def _n_iterations(entry: Entry) -> int | None:
    return None if entry.plain is None else entry.whole()


def _metadata(entry: Entry) -> dict[str, Any]:
    return {key: member.plain for key, member in entry.members().items()}


_KEYS: Mapping[str, Callable[[Entry], Any]] = {
    "name": Entry.text,
    "parameters": search_space,
    "metrics": lambda entry: [_metric(item) for item in entry.items()],
    "min_budget": Entry.number,
    "max_budget": Entry.number,
    "eta": Entry.number,
    "n_iterations": _n_iterations,
    "parallel_bandwidth": Entry.whole,
    "lease": Entry.number,
    "seed": Entry.whole,
    "metadata": _metadata,
}
"""How each key but ``optimizer`` is read."""

_ARGUMENTS = {"parameters": "configspace"}
"""What an argument is called where it is not called as its key."""


@dataclass(frozen=True)
class ExperimentFile:
    """What the file says.

    Attributes:
        source: the name of the file.
        arguments: of :meth:`~hpbandster_ng.experiments.Experiment.create`, but for the storage.
        entries: of the arguments, by name.
    """

    source: str
    arguments: Mapping[str, Any]
    entries: Mapping[str, Entry]

    def located(self, error: InvalidArgumentError) -> InvalidArgumentError:
        """An error that ``create`` raised, with the line that it is about."""
        argument = re.split(r"[.\[]", error.parameter)[0]
        entry = self.entries.get(argument) or self.entries["optimizer"]
        place = f"{self.source}, line {entry.line}: {error.parameter}"
        return InvalidArgumentError(place, error.value, error.rule, error.way_out)


def read_experiment(text: str, source: str) -> ExperimentFile:
    """Read the text of a file.

    Args:
        source: the name of the file, for messages.

    Raises:
        InvalidArgumentError: names the line and the key of what cannot be.

    Example:
        >>> text = '''
        ... name: first
        ... parameters:
        ...   - {name: lr, type: double, min: 1e-4, max: 0.1, log: true}
        ... optimizer: BOHB
        ... min_budget: 1
        ... max_budget: 9
        ... '''
        >>> sorted(read_experiment(text, "experiment.yml").arguments)
        ['configspace', 'max_budget', 'min_budget', 'name', 'optimizer']
        >>> read_experiment(text + "etta: 3", "experiment.yml")
        Traceback (most recent call last):
        hpbandster_ng.errors.InvalidArgumentError: experiment.yml, line 8: etta=3 is unknown; did you mean 'eta'?
    """
    document = read_document(text, source)
    entries = document.members((*_KEYS, "optimizer"))
    for key in _REQUIRED:
        if key not in entries:
            raise InvalidArgumentError(source, list(entries), f"must have {key}", "add it")
    optimizer, settings = _optimizer(entries["optimizer"])
    for key, entry in settings.items():
        if key in _KEYS:
            raise entry.error("belongs to the experiment, not to the optimizer", "write it one level further left")
    arguments = {_ARGUMENTS.get(key, key): _KEYS[key](entry) for key, entry in entries.items() if key in _KEYS}
    arguments |= {"optimizer": optimizer} | {key: entry.plain for key, entry in settings.items()}
    located = {_ARGUMENTS.get(key, key): entry for key, entry in entries.items()}
    return ExperimentFile(source, arguments, located | settings)


def _optimizer(entry: Entry) -> tuple[str, dict[str, Entry]]:
    """Its name and its settings."""
    if isinstance(entry.plain, str):
        return entry.text(), {}
    members = entry.members()
    if "name" not in members:
        raise entry.error("must be a name, or a mapping with a name", "such as optimizer: BOHB")
    return members.pop("name").text(), members


def _metric(item: Entry) -> Metric:
    members = item.members(_METRIC_KEYS)
    if "name" not in members:
        raise item.error("must have a name", "such as {name: accuracy, objective: maximize}")
    arguments = {key: entry.plain for key, entry in members.items()}
    try:
        return Metric(**arguments)
    except InvalidArgumentError as error:
        key = error.parameter.rpartition(".")[2] if "." in error.parameter else "name"
        entry = members.get(key, item.called(f"{item.key}.{key}"))
        raise InvalidArgumentError(entry.place, error.value, error.rule, error.way_out) from error
