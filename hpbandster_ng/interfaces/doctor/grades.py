"""The form of a verdict."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from typing import NamedTuple

__all__ = ["Grade", "Opinion", "Opinions", "Verdict"]


class Grade(str, Enum):
    """How serious it is."""

    OK = "ok"
    UNKNOWN = "unknown"
    WARNING = "warning"
    WRONG = "wrong"


class Opinion(NamedTuple):
    """What is said of one subject.

    Attributes:
        way_out: what to do; empty if there is nothing to be done.
    """

    grade: Grade
    text: str
    way_out: str = ""


Opinions = Iterator[Opinion]


class Verdict(NamedTuple):
    """An opinion, and what it is about."""

    subject: str
    grade: Grade
    text: str
    way_out: str
