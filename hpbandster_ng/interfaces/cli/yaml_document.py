"""A YAML text whose values know the line that they stand in, so that an error can name it. Nothing is read here."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import yaml

from hpbandster_ng.engine.checks import is_number
from hpbandster_ng.errors import InvalidArgumentError

__all__ = ["Entry", "read_document"]


class _Loader(yaml.SafeLoader):
    """Reads scalars by the core schema of YAML 1.2: ``1e-3`` is a number, ``no`` and ``12:30`` are texts."""

    yaml_implicit_resolvers = {}


for _tag, _pattern, _first in (
    ("null", r"~|null|Null|NULL|", [*"~nN", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", [*"tTfF"]),
    ("int", r"[-+]?[0-9]+", [*"-+0123456789"]),
    ("float", r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", [*"-+.0123456789"]),
    ("float", r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)", [*"-+."]),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"(?:{_pattern})$"), _first)


_DIGITS = 4000
"""Of a whole number that Python reads."""


@dataclass(frozen=True)
class Entry:
    """A value of the document.

    Attributes:
        source: the name of the file, for messages.
        key: the way to the value, such as ``parameters.lr.min``; empty for the whole document.
        line: where it stands, from 1.
        node: as PyYAML has it.
    """

    source: str
    key: str
    line: int
    node: yaml.Node

    @property
    def plain(self) -> Any:
        """The value in plain Python."""
        return self._plain(())

    def error(self, rule: str, way_out: str) -> InvalidArgumentError:
        """That this value breaks a rule."""
        return InvalidArgumentError(self.place, self.plain, rule, way_out)

    @property
    def place(self) -> str:
        """File, line and key."""
        return f"{self.source}, line {self.line}: {self.key or 'the document'}"

    def members(self, known: Collection[str] | None = None) -> dict[str, Entry]:
        """The values of a mapping by their keys.

        Args:
            known: the keys that there may be; None for any.

        Raises:
            InvalidArgumentError: it is no mapping, or a key is unknown, no text, or there twice.
        """
        if not isinstance(self.node, yaml.MappingNode):
            raise self.error("must be a mapping", "write key: value, a line each")
        found: dict[str, Entry] = {}
        for key_node, node in self.node.value:
            key = self._entry("", key_node).plain
            entry = self._member(key, node, key_node)
            if not isinstance(key, str):
                raise entry.error("must have a text for its key", "put the key in quotes")
            if known is not None and key not in known:
                raise entry.error("is unknown", _like(key, known))
            if key in found:
                raise entry.error(f"is there twice, first in line {found[key].line}", "remove one of them")
            found[key] = entry
        return found

    def items(self) -> list[Entry]:
        """The values of a list.

        Raises:
            InvalidArgumentError: it is none, or empty.
        """
        if not isinstance(self.node, yaml.SequenceNode) or not self.node.value:
            raise self.error("must be a list that is not empty", "write [a, b], or - a and - b, a line each")
        return self._items(self.node)

    def text(self) -> str:
        """The value, if it is a text that is not empty."""
        value = self.plain
        if not isinstance(value, str) or not value.strip():
            raise self.error("must be a text that is not empty", "put it in quotes if it looks like something else")
        return value

    def choice(self, legal: Collection[str]) -> str:
        """The value, if it is one of these texts."""
        value = self.plain
        if value not in legal:
            raise self.error(f"must be one of {sorted(legal)}", _like(str(value), legal))
        return str(value)

    def number(self) -> float:
        """The value, if it is a finite number."""
        value = self.plain
        if not is_number(value) or not math.isfinite(value):
            raise self.error("must be a finite number", "write it as 0.1 or 1e-3, without quotes")
        return value

    def whole(self) -> int:
        """The value, if it is a whole number."""
        value = self.number()
        if value != int(value):
            raise self.error("must be a whole number", "round it")
        return int(value)

    def flag(self) -> bool:
        """The value, if it is true or false."""
        value = self.plain
        if not isinstance(value, bool):
            raise self.error("must be true or false", "write one of them, without quotes")
        return value

    def called(self, key: str) -> Entry:
        """The same value under another way to it."""
        return Entry(self.source, key, self.line, self.node)

    def _entry(self, step: str, node: yaml.Node, key_node: yaml.Node | None = None) -> Entry:
        return Entry(self.source, self.key + step, _line_of(key_node or node), node)

    def _items(self, node: yaml.SequenceNode) -> list[Entry]:
        return [self._entry(f"[{index}]", item) for index, item in enumerate(node.value)]

    def _member(self, key: Any, node: yaml.Node, key_node: yaml.Node | None = None) -> Entry:
        return self._entry(f".{key}" if self.key else str(key), node, key_node)

    def _plain(self, above: tuple[yaml.Node, ...]) -> Any:
        """Plain Python; ``above`` are the nodes that this one stands in."""
        node = self.node
        if node in above:
            raise InvalidArgumentError(self.place, "&...", "must not contain itself", "write it out without an alias")
        if isinstance(node, yaml.SequenceNode):
            return [item._plain((*above, node)) for item in self._items(node)]
        if isinstance(node, yaml.MappingNode):
            pairs = ((self._entry("", key)._plain((*above, node)), value) for key, value in node.value)
            return {str(key): self._member(key, value)._plain((*above, node)) for key, value in pairs}
        return self._scalar(node)

    def _scalar(self, node: yaml.Node) -> Any:
        text = str(node.value)
        match node.tag.removeprefix("tag:yaml.org,2002:"):
            case "null":
                return None
            case "bool":
                return text.lower() == "true"
            case "int":
                return int(text) if len(text) <= _DIGITS else float(text)
            case "float":
                return float(re.sub(r"\.(inf|nan)$", r"\1", text.lower()))
            case "str":
                return text
            case tag:
                raise InvalidArgumentError(self.place, text, f"has the tag {tag}, which is unknown", "leave it out")


def read_document(text: str, source: str) -> Entry:
    r"""Read a YAML text.

    Args:
        source: the name of the file, for messages.

    Raises:
        InvalidArgumentError: it is no YAML, or empty; names the line.

    Example:
        >>> members = read_document("name: first\neta: 3", "experiment.yml").members()
        >>> members["eta"].plain, members["eta"].line
        (3, 2)
        >>> members["name"].number()
        Traceback (most recent call last):
        hpbandster_ng.errors.InvalidArgumentError: experiment.yml, line 1: name='first' must be a finite number; ...
    """
    try:
        node = yaml.compose(text, Loader=_Loader)
    except yaml.YAMLError as error:
        raise _no_yaml(text, source, error) from error
    except RecursionError as error:
        raise InvalidArgumentError(source, text, "is nested too deeply", "write fewer levels") from error
    if node is None:
        raise InvalidArgumentError(source, text, "is empty", "describe the experiment in it")
    return Entry(source, "", _line_of(node), node)


def _no_yaml(text: str, source: str, error: yaml.YAMLError) -> InvalidArgumentError:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or getattr(error, "reason", None) or str(error)
    lines = text.splitlines()
    place, shown = source, text
    if mark is not None:
        place = f"{source}, line {mark.line + 1}"
        shown = lines[mark.line].strip() if mark.line < len(lines) else "the end"
    return InvalidArgumentError(
        f"{place}: text", shown, f"is no YAML ({problem})", "correct it, or put a text in quotes"
    )


def _line_of(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def _like(name: str, known: Collection[str]) -> str:
    like = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f"did you mean {like[0]!r}?" if like else f"known are {', '.join(sorted(known))}"
