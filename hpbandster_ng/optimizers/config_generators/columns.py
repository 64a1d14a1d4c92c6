"""How one hyperparameter becomes one number, and back.

Numbers and integers lie in [0, 1] between their bounds, on a log scale where the hyperparameter has one; categories and
ordinals are their position, 0 .. k-1. A value is checked on the way in and is plain Python on the way out.
"""

from __future__ import annotations

import enum
import math
import numbers
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, ndtri

from hpbandster_ng.errors import InvalidArgumentError

__all__ = ["Choice", "Column", "Kind", "Number", "UnboundedNumber"]

Array = npt.NDArray[np.float64]

_TOLERANCE = 1e-6
"""In units of the range: what a value may lose outside of it by rounding in a log or in ConfigSpace."""

_OPEN = 1e-12
"""How far an unbounded number's code stays away from 0 and 1, which would be infinite values."""

_WAY_OUT = "correct the configuration, or the search space"


class Kind(enum.Enum):
    """What a column of the model holds."""

    NUMBER = "number"
    INTEGER = "integer"
    CATEGORICAL = "categorical"
    ORDINAL = "ordinal"


class Column(ABC):
    """The code of one hyperparameter.

    Attributes:
        name: of the hyperparameter.
        kind: what it holds.
        num_values: how many values it can take; 0 where they are not countable.
    """

    name: str
    kind: Kind
    num_values: int

    @abstractmethod
    def encode(self, value: Any) -> float:
        """The code of a value; NaN for None where that is no value.

        Raises:
            InvalidArgumentError: the hyperparameter cannot take this value.
        """

    @abstractmethod
    def decode(self, code: float) -> Any:
        """The nearest plain value."""

    @abstractmethod
    def plain(self, value: Any) -> Any:
        """A legal value as plain Python, moved into the bounds where rounding has put it outside."""

    def draw(self, rng: np.random.Generator) -> float:
        """A code, uniformly over the range."""
        return float(rng.integers(self.num_values)) if self.num_values else float(rng.random())

    def draw_many(self, rng: np.random.Generator, n: int) -> Array:
        """As :meth:`draw`, but ``n`` codes of legal values at once; shape (n,)."""
        return self.on_grid(np.array([self.draw(rng) for _ in range(n)], dtype=np.float64))

    def all_codes(self) -> Array:
        """The codes of all values, where they are countable; shape (num_values,)."""
        return np.arange(self.num_values, dtype=np.float64)

    def values(self, codes: Array) -> npt.NDArray[Any]:
        """The nearest value to each code, shape (n,); no code is NaN."""
        return np.array([self.decode(code) for code in codes.tolist()])

    def codes(self, values: Sequence[Any]) -> Array:
        """The code of each value, shape (n,)."""
        return np.array([self.encode(value) for value in values], dtype=np.float64)

    def on_grid(self, codes: Array) -> Array:
        """Codes moved to that of the nearest value, to the last bit that of :meth:`encode` where values are countable.

        Args:
            codes: shape (n,), without NaN.
        """
        return self.codes([self.decode(code) for code in codes.tolist()])

    @abstractmethod
    def stepped(self, codes: Array, is_up: npt.NDArray[np.bool_]) -> Array:
        """The codes of the next values up or down, or the other way at an end; numbers stay.

        Args:
            codes: of legal values, shape (n,), without NaN.
            is_up: shape (n,).
        """


class _Numeric(Column):
    def __init__(self, name: str, *, log: bool, is_integer: bool, snap: Callable[[float], float] | None) -> None:
        self.name = name
        self.log = log
        self.kind = Kind.INTEGER if is_integer else Kind.NUMBER
        self.num_values = 0
        self.lower: float = -math.inf
        self.upper: float = math.inf
        self._is_integer = is_integer
        self._snap = snap

    def _checked(self, value: Any) -> float:
        if type(value) is not float and (isinstance(value, bool | np.bool_) or not isinstance(value, numbers.Real)):
            raise self._refusal(value)
        number = float(value)
        if not math.isfinite(number) or (self._is_integer and not number.is_integer()) or (self.log and number <= 0):
            raise self._refusal(value)
        return number

    def _valued(self, scaled: float) -> Any:
        value = math.exp(scaled) if self.log else scaled
        return self.plain(value if self._snap is None else self._snap(value))

    def draw(self, rng: np.random.Generator) -> float:
        if self.num_values > 1 and not self.log:
            return float(rng.integers(self.num_values)) / (self.num_values - 1)
        return float(rng.random())

    def stepped(self, codes: Array, is_up: npt.NDArray[np.bool_]) -> Array:
        if not self._is_integer:
            return codes
        values = self.values(codes)
        steps = np.where(is_up, 1, -1)
        is_inside = (values + steps >= self.lower) & (values + steps <= self.upper)
        return self.codes((values + np.where(is_inside, steps, -steps)).tolist())

    @abstractmethod
    def _refusal(self, value: Any) -> InvalidArgumentError: ...


class Number(_Numeric):
    """A float or an integer between two bounds: 0 is the lower one, 1 the upper one.

    Args:
        snap: moves a value onto the grid of a quantised hyperparameter.

    Example:
        >>> learning_rate = Number("lr", 1e-4, 1, log=True)
        >>> learning_rate.encode(0.01), round(learning_rate.decode(0.5), 9)
        (0.5, 0.01)
    """

    def __init__(
        self,
        name: str,
        lower: float,
        upper: float,
        *,
        log: bool = False,
        is_integer: bool = False,
        snap: Callable[[float], float] | None = None,
    ) -> None:
        super().__init__(name, log=log, is_integer=is_integer, snap=snap)
        self.lower = lower if is_integer else float(lower)
        self.upper = upper if is_integer else float(upper)
        self.num_values = int(upper) - int(lower) + 1 if is_integer else 0
        self._origin = math.log(lower) if log else float(lower)
        self._span = (math.log(upper) if log else float(upper)) - self._origin
        self._is_linear = not (log or is_integer or snap)

    def encode(self, value: Any) -> float:
        if self._is_linear and type(value) is float:  # the common case, without a detour
            code = (value - self._origin) / self._span
            if 0.0 <= code <= 1.0:
                return code
        if value is None:
            return math.nan
        number = self._checked(value)
        code = ((math.log(number) if self.log else number) - self._origin) / self._span
        if 0.0 <= code <= 1.0:
            return code
        if -_TOLERANCE <= code <= 1.0 + _TOLERANCE:
            return min(max(code, 0.0), 1.0)
        raise self._refusal(value)

    def decode(self, code: float) -> Any:
        scaled = self._origin + code * self._span
        if self._is_linear and self.lower <= scaled <= self.upper:  # the common case, without a detour
            return scaled
        return self._valued(scaled)

    def plain(self, value: Any) -> Any:
        value = min(max(value, self.lower), self.upper)
        return round(value) if self._is_integer else float(value)

    def draw_many(self, rng: np.random.Generator, n: int) -> Array:
        if self.num_values > 1 and not self.log:
            return np.asarray(rng.integers(self.num_values, size=n) / (self.num_values - 1))
        return self.on_grid(rng.random(n))

    def all_codes(self) -> Array:
        return self.codes(range(int(self.lower), int(self.lower) + self.num_values))

    def values(self, codes: Array) -> npt.NDArray[Any]:
        if self._snap is not None:
            return super().values(codes)
        scaled = self._origin + codes * self._span
        values = np.clip(np.exp(scaled) if self.log else scaled, self.lower, self.upper)
        return np.rint(values) if self._is_integer else values

    def on_grid(self, codes: Array) -> Array:
        if self._snap is not None:
            return super().on_grid(codes)
        if not self._is_integer:
            return np.clip(codes, 0.0, 1.0)
        values = self.values(codes)
        # The logarithms of numpy and of the standard library differ in the last bit.
        scaled = np.array([math.log(value) for value in values.tolist()]) if self.log else values
        return np.clip((scaled - self._origin) / self._span, 0.0, 1.0)

    def _refusal(self, value: Any) -> InvalidArgumentError:
        kind = "an integer" if self._is_integer else "a number"
        return InvalidArgumentError(self.name, value, f"must be {kind} in [{self.lower!r}, {self.upper!r}]", _WAY_OUT)


class UnboundedNumber(_Numeric):
    """A normally distributed float or integer without bounds: its code is the value's cumulative probability.

    Args:
        mu, sigma: of the value, or of its logarithm.
    """

    def __init__(
        self,
        name: str,
        mu: float,
        sigma: float,
        *,
        log: bool = False,
        is_integer: bool = False,
        snap: Callable[[float], float] | None = None,
    ) -> None:
        super().__init__(name, log=log, is_integer=is_integer, snap=snap)
        self.mu = mu
        self.sigma = sigma
        if log:
            self.lower = 1.0 if is_integer else 0.0

    def encode(self, value: Any) -> float:
        if value is None:
            return math.nan
        number = self._checked(value)
        return float(ndtr(((math.log(number) if self.log else number) - self.mu) / self.sigma))

    def decode(self, code: float) -> Any:
        return self._valued(self.mu + self.sigma * float(ndtri(min(max(code, _OPEN), 1 - _OPEN))))

    def plain(self, value: Any) -> Any:
        return round(value) if self._is_integer else float(value)

    def _refusal(self, value: Any) -> InvalidArgumentError:
        kind = "an integer" if self._is_integer else "a finite number"
        return InvalidArgumentError(self.name, value, f"must be {'a positive ' if self.log else ''}{kind}", _WAY_OUT)


class Choice(Column):
    """One of k values: a category, an ordinal, or a constant (k = 1). The code is the position.

    The values are the user's own objects; lists inside them count as tuples, because JSON turns tuples into lists.

    Example:
        >>> Choice("optimizer", ["sgd", "adam"]).encode("adam")
        1.0
    """

    def __init__(self, name: str, values: Sequence[Any], kind: Kind = Kind.CATEGORICAL) -> None:
        self.name = name
        self.kind = kind
        self.choices = tuple(value.item() if isinstance(value, np.generic) else value for value in values)
        self.num_values = len(self.choices)
        self._codes: dict[Any, float] = {}
        for code, value in enumerate(self.choices):
            frozen = _frozen(value)
            if _is_hashable(frozen):
                self._codes[frozen] = float(code)

    def encode(self, value: Any) -> float:
        frozen = _frozen(value)
        if _is_hashable(frozen):
            code = self._codes.get(frozen)
        else:
            code = next((float(i) for i, known in enumerate(self.choices) if _frozen(known) == frozen), None)
        if code is not None:
            return code
        if value is None:
            return math.nan
        raise InvalidArgumentError(self.name, value, f"must be one of {list(self.choices)!r}", _WAY_OUT)

    def decode(self, code: float) -> Any:
        return self.choices[min(max(round(code), 0), self.num_values - 1)]

    def draw_many(self, rng: np.random.Generator, n: int) -> Array:
        return rng.integers(self.num_values, size=n).astype(np.float64)

    def values(self, codes: Array) -> npt.NDArray[Any]:
        values = np.empty(len(codes), dtype=object)  # which may be sequences
        values[:] = [self.decode(code) for code in codes.tolist()]
        return values

    def on_grid(self, codes: Array) -> Array:
        return np.clip(np.rint(codes), 0, self.num_values - 1)

    def stepped(self, codes: Array, is_up: npt.NDArray[np.bool_]) -> Array:
        goes_up = np.where(is_up, codes < self.num_values - 1, codes == 0)
        return np.asarray(codes + np.where(goes_up, 1.0, -1.0))

    def plain(self, value: Any) -> Any:
        return self.decode(self.encode(value))


def _frozen(value: Any) -> Any:
    return tuple(map(_frozen, value)) if isinstance(value, list | tuple) else value


def _is_hashable(value: Any) -> bool:
    try:
        hash(value)
    except TypeError:
        return False
    return True
