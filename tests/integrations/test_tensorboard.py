"""What TensorBoard reads of a run, by its own reader."""

from __future__ import annotations

import pytest

pytest.importorskip("tensorboard", reason="TensorBoard is not installed (pip install tensorboard)")

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import api_pb2, plugin_data_pb2

from hpbandster_ng.integrations.tensorboard import TensorboardObserver
from tests.integrations.logs import run


def read(directory):
    accumulator = EventAccumulator(str(directory), size_guidance={"scalars": 0})
    accumulator.Reload()
    return accumulator


def points(accumulator, tag):
    return [(event.step, event.value) for event in accumulator.Scalars(tag)]


def hparams(accumulator, tag):
    content = accumulator.PluginTagToContent("hparams")[f"_hparams_/{tag}"]
    return plugin_data_pb2.HParamsPluginData.FromString(content)


def check(directory, result):
    for config_id, datum in result.data.items():
        accumulator = read(directory / "config_{}_{}_{}".format(*config_id))
        runs = result.get_runs_by_id(config_id)
        if losses := [(run.budget, pytest.approx(run.loss)) for run in runs if run.is_success]:
            assert points(accumulator, "loss") == losses
            assert points(accumulator, "time.train") == [(budget, 3) for budget, _ in losses]
        assert len(points(accumulator, "seconds")) == len(runs)
        told = hparams(accumulator, "session_start_info").session_start_info.hparams
        assert (told["x"].number_value, told["n"].number_value) == (datum.config["x"], datum.config["n"])
        assert told["kind"].string_value == datum.config["kind"]
        status = hparams(accumulator, "session_end_info").session_end_info.status
        assert status == (api_pb2.STATUS_SUCCESS if runs[-1].is_success else api_pb2.STATUS_FAILURE)
    trajectory = result.get_incumbent_trajectory()
    assert points(read(directory), "incumbent/loss")[-1][1] == pytest.approx(trajectory["losses"][-1])
    assert points(read(directory), "incumbent/budget")[-1][1] == trajectory["budgets"][-1]


def test_tensorboard_reads_scalars_and_hyperparameters(tmp_path):
    result = run(tmp_path / "run", TensorboardObserver(tmp_path / "board"))
    assert any(not run.is_success for run in result.get_all_runs())
    check(tmp_path / "board", result)


def test_a_run_that_goes_on_has_each_point_once(tmp_path):
    for n_iterations in (1, 2):
        result = run(
            tmp_path / "run",
            TensorboardObserver(tmp_path / "board"),
            n_iterations=n_iterations,
            storage=f"journal:{tmp_path}/log",
        )
    assert result.num_iterations() == 2
    check(tmp_path / "board", result)
