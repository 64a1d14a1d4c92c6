"""Half a minute of chaos: every job ends with exactly one success."""

from __future__ import annotations

import sys

import pytest

from tests.e2e.chaos import Chaos, figures

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


@pytest.mark.timeout(600)
def test_a_run_completes_while_workers_and_masters_are_killed_and_paused(tmp_path):
    with Chaos(tmp_path, n_workers=8, n_iterations=135) as chaos:
        chaos.rage(seconds=30, num_masters=5, interval=1)
        chaos.wait_for_the_end(300)
        told = {**chaos.counts, **figures(chaos.log())}
    sys.stdout.write(f"{told}\n")
    assert told["masters killed"] == told["masters that took over"] == 5
    assert told["workers killed"] + told["workers paused"] == 30
    assert told["jobs that succeeded exactly once"] == told["jobs"] > 0
    assert told["workers lost"] > 0
    assert told["attempts made again"] > 0
