"""Workers in a Dask cluster, under the contract of backends, and what is theirs alone."""

from __future__ import annotations

import contextlib
import os
import signal

import pytest

from hpbandster_ng.backends.dask import DaskBackend
from hpbandster_ng.testing.backends import LosableWorkersContract
from hpbandster_ng.testing.evaluations import Acts
from tests.backends.dask_cluster import DaskCluster

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """The scheduler; each test starts workers of its own."""
    cluster = DaskCluster(tmp_path_factory.mktemp("dask"))
    yield cluster
    cluster.close()


class TestContract(LosableWorkersContract):
    close_ends_jobs = False

    @pytest.fixture(autouse=True)
    def _cluster(self, cluster):
        self.cluster = cluster
        yield
        cluster.stop_workers()

    @contextlib.contextmanager
    def opened(self, directory):
        for _ in range(self.n_workers):
            self.cluster.start_worker("--no-nanny")
        with self.cluster.client() as client:
            yield DaskBackend(client, Acts, working_directory=directory)

    def lose(self, pid):
        os.kill(pid, signal.SIGKILL)
        self.cluster.start_worker("--no-nanny")
