from __future__ import annotations

import pytest

from hpbandster_ng.backends.devices import device_of, visible_devices
from hpbandster_ng.errors import InvalidArgumentError

TWO = ["cuda:0", "cuda:1"]


def test_each_worker_has_its_own_and_more_workers_take_turns():
    assert [device_of(TWO, number) for number in (0, "1", 2, 3)] == ["cuda:0", "cuda:1", "cuda:0", "cuda:1"]
    assert [device_of(["cuda:3"], number) for number in (None, "a", 5)] == ["cuda:3"] * 3


@pytest.mark.parametrize("number", [None, "a", -1, 1.5, ""])
def test_without_a_number_nobody_can_tell_whose_it_is(number):
    with pytest.raises(InvalidArgumentError, match=r"^id=.* must be a whole number where there are 2 devices"):
        device_of(TWO, number)


@pytest.mark.parametrize("devices", [[], "cuda:0", [0, 1]])
def test_what_is_no_list_of_names(devices):
    with pytest.raises(InvalidArgumentError, match=r"^devices="):
        device_of(devices, 0)


@pytest.mark.parametrize(
    ("device", "seen", "expected"),
    [
        ("cuda:0", None, "0"),
        ("cuda:11", None, "11"),
        ("cuda:1", "4,7", "7"),
        ("cuda:0", " GPU-8932f937 , 1", "GPU-8932f937"),
        ("GPU-8932f937", "4,7", "GPU-8932f937"),
        ("2,3", None, "2,3"),
        ("cpu", "4,7", ""),
    ],
)
def test_what_a_process_is_to_see(device, seen, expected):
    assert visible_devices(device, {} if seen is None else {"CUDA_VISIBLE_DEVICES": seen}) == expected


@pytest.mark.parametrize("seen", ["4,7", ""])
def test_more_than_this_process_sees_is_one_error(seen):
    with pytest.raises(InvalidArgumentError, match=r"^devices='cuda:2' is not among the . that CUDA_VISIBLE_DEVICES"):
        visible_devices("cuda:2", {"CUDA_VISIBLE_DEVICES": seen})
