"""Runs whose disk fails: one clear error, and what was acknowledged is all there."""

from __future__ import annotations

import os

import ConfigSpace
import pytest

from hpbandster_ng.backends.inprocess import InProcessBackend
from hpbandster_ng.engine.events import JobFinished
from hpbandster_ng.errors import StorageError
from hpbandster_ng.optimizers.hyperband import HyperBand
from hpbandster_ng.storage.urls import storage_of

STORAGES = ["journal:{}/log", "sqlite:///{}/run.db"]


class Compute:
    """Returns much, and remembers what it was asked for."""

    def __init__(self):
        self.keys = []

    def __call__(self, config_id, config, budget, **_):
        self.keys.append((tuple(config_id), budget))
        return {"loss": config["x"] / budget, "info": "x" * 20_000}


def run(storage, compute, folder):
    space = ConfigSpace.ConfigurationSpace({"x": (0.0, 1.0)})
    backend = InProcessBackend(compute, str(folder))
    with HyperBand(
        space, min_budget=1, max_budget=9, run_id="run", seed=1, storage=storage, backend=backend
    ) as optimizer:
        return optimizer.run(n_iterations=9)


def finished(storage):
    return [event.key for event in storage_of(storage, "run").read() if isinstance(event, JobFinished)]


@pytest.mark.parametrize("url", STORAGES)
def test_a_run_on_a_full_disk_stops_with_one_error_and_goes_on_where_there_is_room(small_disk, tmp_path, url):
    storage, compute = url.format(small_disk), Compute()
    with pytest.raises(StorageError, match=str(small_disk)):
        run(storage, compute, tmp_path)
    assert 0 < len(compute.keys) < 60
    kept = finished(storage)
    assert kept == compute.keys[: len(kept)]
    assert len(kept) >= len(compute.keys) - 1  # the last result was never acknowledged

    roomy = tmp_path / "roomy"
    roomy.mkdir()
    for path in small_disk.iterdir():
        target = roomy / path.name
        if path.is_dir():
            target.mkdir()
            for inner in path.iterdir():
                (target / inner.name).write_bytes(inner.read_bytes())
        else:
            target.write_bytes(path.read_bytes())
    more = Compute()
    result = run(url.format(roomy), more, tmp_path)
    assert len(result.get_all_runs()) == len(kept) + len(more.keys) == 60
    assert not set(kept) & set(more.keys)


@pytest.mark.parametrize("url", STORAGES)
def test_a_run_in_a_directory_that_cannot_be_written_is_one_error_before_anything_is_computed(
    small_disk, tmp_path, url
):
    if os.system(f"mount -o remount,ro {small_disk}"):  # permissions do not stop root
        pytest.skip("needs the right to remount a tmpfs")
    compute = Compute()
    with pytest.raises(StorageError, match=str(small_disk)):
        run(url.format(small_disk), compute, tmp_path)
    assert compute.keys == []
