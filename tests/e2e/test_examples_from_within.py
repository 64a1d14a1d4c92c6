"""What the examples do, called from within: their worker, and the end of a run that found nothing."""

from __future__ import annotations

import importlib
import math
import sys
from pathlib import Path

import pytest

from tests.e2e.shell import EXAMPLES

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


@pytest.mark.parametrize("name", ["quickstart", "example_1_local_sequential", "example_5_digits"])
def test_a_run_in_which_nothing_succeeds_ends_in_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    pytest.importorskip("sklearn")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(EXAMPLES))
    example = importlib.import_module(name)
    worker = example.MyWorker if name.startswith("example_1") else importlib.import_module("digits_worker").DigitsWorker
    monkeypatch.setattr(worker, "compute", lambda *_, **__: {"loss": math.nan, "info": {}})
    port = ["--nameserver_port", "0"] if name.startswith("example_1") else []
    monkeypatch.setattr(sys, "argv", [name, "--max_budget", "9", "--n_iterations", "1", *port])
    with pytest.raises(SystemExit, match=r"^No run on max_budget succeeded, so there is no best configuration\.$"):
        example.main()


BACKENDS = ["sklearn", "torch"]


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_continued_training_is_the_uninterrupted_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, backend: str
) -> None:
    pytest.importorskip("sklearn")
    pytest.importorskip(backend)
    monkeypatch.syspath_prepend(str(EXAMPLES))
    from digits_worker import get_worker_class

    worker = get_worker_class(backend)(run_id="test")
    space = worker.get_configspace()
    space.seed(0)
    for index, config in enumerate(map(dict, space.sample_configuration(3))):
        results = {}
        for folder, ladder in {"stairs": (1, 3, 9), "one_go": (9,)}.items():
            (tmp_path / folder).mkdir(exist_ok=True)
            for budget in ladder:
                results[folder] = worker.compute((0, 0, index), config, float(budget), str(tmp_path / folder))
        assert results["stairs"]["info"].pop("epochs before") == 3
        assert results["one_go"]["info"].pop("epochs before") == 0
        assert results["stairs"] == results["one_go"]


def test_the_network_in_torch_learns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("sklearn")
    pytest.importorskip("torch", reason="the extra torch is not installed")
    monkeypatch.syspath_prepend(str(EXAMPLES))
    from digits_worker import get_worker_class

    config = {"learning_rate": 0.003, "batch_size": 32, "dropout": 0.1, "n_units": 64, "optimizer": "Adam"}
    config |= {"n_conv_layers": 2, "n_filters_1": 16, "n_filters_2": 16}
    result = get_worker_class("torch")(run_id="test").compute((0, 0, 0), config, 9.0, str(tmp_path))
    assert result["info"]["test accuracy"] > 0.9


def test_a_checkpoint_that_does_not_fit_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("sklearn")
    monkeypatch.syspath_prepend(str(EXAMPLES))
    from digits_worker import DigitsWorker

    worker = DigitsWorker(run_id="test")
    space = worker.get_configspace()
    space.seed(0)
    old, new = map(dict, space.sample_configuration(2))
    for config, budget, epochs_before in [(old, 3, 0), (old, 3, 3), (old, 1, 0), (new, 3, 0)]:
        result = worker.compute((0, 0, 0), config, budget, str(tmp_path))
        assert result["info"]["epochs before"] == epochs_before
