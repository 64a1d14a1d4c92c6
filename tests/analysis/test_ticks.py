from __future__ import annotations

import pytest

from hpbandster_ng.analysis.parameters import Parameter
from hpbandster_ng.analysis.ticks import parameter_ticks


@pytest.mark.parametrize(
    ("parameter", "expected"),
    [
        (Parameter("x"), ["0", "0.2", "0.4", "0.6", "0.8", "1"]),
        (Parameter("x", lower=-3.0, upper=7.0), ["-2", "0", "2", "4", "6"]),
        (Parameter("x", lower=1e6, upper=1e6 + 1), ["1000000", *(f"1000000.{i}" for i in (2, 4, 6, 8)), "1000001"]),
        (Parameter("x", lower=2.0, upper=2.0), ["2"]),
        (Parameter("x", lower=1e-5, upper=1.0, is_log=True), ["1e-05", "0.0001", "0.001", "0.01", "0.1", "1"]),
        (Parameter("x", lower=1e-9, upper=1.0, is_log=True), ["1e-09", "1e-07", "1e-05", "0.001", "0.1"]),
        (Parameter("x", lower=20.0, upper=90.0, is_log=True), ["20", "50"]),
        (Parameter("x", lower=0.31, upper=0.32, is_log=True), ["0.31", "0.32"]),
        (Parameter("x", lower=1, upper=4, is_integer=True), ["1", "2", "3", "4"]),
        (Parameter("x", lower=3, upper=300, is_integer=True, is_log=True), ["10", "100"]),
        (Parameter.category("x", ["relu", "a long name of a category"]), ["relu", "a long name of ..."]),
        (Parameter.category("x", range(40)), [str(i) for i in range(0, 40, 4)]),
    ],
)
def test_ticks_are_round_and_few(parameter, expected):
    ticks = parameter_ticks(parameter)
    assert [text for _, text in ticks] == expected
    codes = [code for code, _ in ticks]
    assert codes == sorted(codes)
