"""Processes of this machine as workers, under the contract of backends, and what is theirs alone."""

from __future__ import annotations

import contextlib

import pytest

from hpbandster_ng.backends.processes import ProcessBackend
from hpbandster_ng.testing.backends import ParallelBackendContract
from hpbandster_ng.testing.evaluations import Acts

pytestmark = pytest.mark.e2e


class TestContract(ParallelBackendContract):
    @contextlib.contextmanager
    def opened(self, directory):
        yield ProcessBackend(Acts, n_workers=self.n_workers, working_directory=directory)
