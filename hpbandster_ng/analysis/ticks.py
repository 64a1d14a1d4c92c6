"""Round numbers for the axes of hyperparameters."""

from __future__ import annotations

import math

import numpy as np

from hpbandster_ng.analysis.parameters import Parameter

__all__ = ["parameter_ticks"]

_MOST = 6
_MOST_VALUES = 12
_LONGEST = 18
"""Characters of a category's value."""


def parameter_ticks(parameter: Parameter) -> list[tuple[float, str]]:
    """Some values of a hyperparameter, as codes with texts: round numbers, or a category's values.

    Example:
        >>> parameter_ticks(Parameter("rate", lower=0.001, upper=0.1, is_log=True))
        [(0.0, '0.001'), (0.5, '0.01'), (1.0, '0.1')]
        >>> parameter_ticks(Parameter("width", lower=3.0, upper=13.0))
        [(0.1, '4'), (0.3, '6'), (0.5, '8'), (0.7, '10'), (0.9, '12')]
    """
    if parameter.is_category:
        every = max(1, math.ceil(len(parameter.values) / _MOST_VALUES))
        return [(float(i), _short(str(value))) for i, value in enumerate(parameter.values) if i % every == 0]
    numbers = _magnitudes(parameter) if parameter.is_log else _multiples(parameter)
    codes = [round(code, 6) for code in parameter.encode(numbers).tolist()]
    return list(zip(codes, _written(numbers), strict=True))


def _written(numbers: list[float]) -> list[str]:
    """With as few digits as tell them apart."""
    for digits in (6, 9, 12):
        texts = [f"{number:.{digits}g}" for number in numbers]
        if len({*texts}) == len(texts):
            return texts
    return [repr(number) for number in numbers]


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."


def _multiples(parameter: Parameter) -> list[float]:
    """Of 1, 2 or 5 times a power of ten, within the range."""
    lower, upper = parameter.lower, parameter.upper
    size = upper - lower
    if not (size > 0 and math.isfinite(size)):
        return [lower]
    step = min(
        step
        for exponent in (math.floor(math.log10(size)), math.floor(math.log10(size)) - 1)
        for step in (factor * 10.0**exponent for factor in (1, 2, 5))
        if size / step <= _MOST - 1 and (step >= 1 or not parameter.is_integer)
    )
    first, last = math.ceil(lower / step - 1e-9), math.floor(upper / step + 1e-9)
    return [float(min(max(number * step, lower), upper)) for number in range(first, last + 1)] or [lower, upper]


def _magnitudes(parameter: Parameter) -> list[float]:
    """Powers of ten within the range; 1, 2 and 5 times these where there are few."""
    low, high = math.log10(parameter.lower), math.log10(parameter.upper)
    exponents = range(math.ceil(low - 1e-9), math.floor(high + 1e-9) + 1)
    if len(exponents) >= 2:
        every = math.ceil(len(exponents) / _MOST)
        return [10.0**exponent for exponent in exponents if (exponent - exponents[0]) % every == 0]
    fine = np.outer(10.0 ** np.arange(math.floor(low), math.ceil(high) + 1), (1, 2, 5)).ravel()
    inside = [float(each) for each in fine if parameter.lower <= each <= parameter.upper]
    return inside or [parameter.lower, parameter.upper]
