"""The real problem of the quickstart and of examples 5 to 8: which neural network reads handwritten digits best?

The data come with scikit-learn: 1,797 pictures of 8 x 8 grey levels. The budget of an evaluation is the number of
epochs that the network has been trained for. A configuration that is promoted to a larger budget does not start from
the beginning: its worker kept a checkpoint in the working directory and trains only the epochs that are missing.

Two things are worth copying into your own worker:

* ``compute`` gets a ``working_directory`` that belongs to the configuration, the same one for each of its budgets;
* the checkpoint is written to a temporary file and then renamed, so that a worker which is killed while it writes
  leaves the old checkpoint and not half a new one.
"""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
from ConfigSpace import (
    CategoricalHyperparameter,
    ConfigurationSpace,
    EqualsCondition,
    GreaterThanCondition,
    UniformFloatHyperparameter,
    UniformIntegerHyperparameter,
)
from sklearn.datasets import load_digits
from sklearn.neural_network import MLPClassifier

from hpbandster_ng.core.worker import Worker
from hpbandster_ng.errors import MissingExtraError

CLASSES = np.arange(10)


class DigitsWorker(Worker):
    """Trains a perceptron of scikit-learn; for another model, override ``build_model`` and ``get_configspace``."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.data = split_digits()

    def compute(
        self, config_id: tuple[int, int, int], config: dict[str, Any], budget: float, working_directory: str
    ) -> dict[str, Any]:
        """Train one configuration up to ``budget`` epochs and see how well it reads digits that it has not seen.

        Returns:
            ``loss``: the share of the validation pictures that are read wrongly. ``info``: what else one may want to
            know about the run afterwards.
        """
        checkpoint = checkpoint_path(working_directory)
        epochs = round(budget)
        model, epochs_before = self.resume(checkpoint, config, epochs)
        pictures, digits = self.data["train"]
        for _ in range(epochs_before, epochs):
            model.partial_fit(pictures, digits, classes=CLASSES)
        save(checkpoint, {"config": config, "epochs": epochs, "model": model})

        accuracy = {part: float(model.score(*self.data[part])) for part in ("train", "validation", "test")}
        return {
            "loss": 1 - accuracy["validation"],
            "info": {
                "train accuracy": accuracy["train"],
                "validation accuracy": accuracy["validation"],
                "test accuracy": accuracy["test"],
                "epochs": epochs,
                "epochs before": epochs_before,
            },
        }

    def resume(self, checkpoint: Path, config: dict[str, Any], epochs: int) -> tuple[Any, int]:
        """The model as it stands and the epochs it has behind it; a new model if no checkpoint fits."""
        if checkpoint.exists():
            saved = pickle.loads(checkpoint.read_bytes())
            if saved["config"] == config and saved["epochs"] <= epochs:
                return saved["model"], saved["epochs"]
        return self.build_model(config), 0

    def build_model(self, config: dict[str, Any]) -> Any:
        """A model that has not been trained, with the methods ``partial_fit`` and ``score`` of scikit-learn.

        Hyperparameters that are not active are absent from ``config``.
        """
        return MLPClassifier(
            hidden_layer_sizes=[config[f"n_units_{i + 1}"] for i in range(config["n_layers"])],
            activation=config["activation"],
            solver=config["solver"],
            momentum=config.get("momentum", 0.0),
            learning_rate_init=config["learning_rate"],
            batch_size=config["batch_size"],
            alpha=config["weight_decay"],
            random_state=0,
        )

    @staticmethod
    def get_configspace() -> ConfigurationSpace:
        """Numbers on linear and on log scales, integers, categories, and hyperparameters that depend on others."""
        n_layers = UniformIntegerHyperparameter("n_layers", lower=1, upper=3)
        n_units = [UniformIntegerHyperparameter(f"n_units_{i}", lower=8, upper=128, log=True) for i in (1, 2, 3)]
        solver = CategoricalHyperparameter("solver", ["adam", "sgd"])
        momentum = UniformFloatHyperparameter("momentum", lower=0.0, upper=0.95)
        return make_space(
            [
                UniformFloatHyperparameter("learning_rate", lower=1e-4, upper=1e-1, log=True),
                UniformIntegerHyperparameter("batch_size", lower=16, upper=256, log=True),
                UniformFloatHyperparameter("weight_decay", lower=1e-7, upper=1e-1, log=True),
                CategoricalHyperparameter("activation", ["relu", "tanh"]),
                solver,
                momentum,
                n_layers,
                *n_units,
            ],
            [
                EqualsCondition(momentum, solver, "sgd"),
                GreaterThanCondition(n_units[1], n_layers, 1),
                GreaterThanCondition(n_units[2], n_layers, 2),
            ],
        )


def get_worker_class(backend: str) -> type[DigitsWorker]:
    """The worker with a model of scikit-learn or of PyTorch, which is imported only if it is wanted."""
    if backend == "torch":
        try:
            from digits_torch_worker import TorchDigitsWorker
        except ImportError as error:
            raise MissingExtraError("--backend torch", "PyTorch", "torch") from error
        return TorchDigitsWorker
    return DigitsWorker


def split_digits() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """1,000 pictures to train on, 400 to choose the configuration by, 397 to judge the choice by."""
    pictures, digits = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(digits))
    parts = {"train": order[:1000], "validation": order[1000:1400], "test": order[1400:]}
    return {name: (pictures[part] / 16, digits[part]) for name, part in parts.items()}


def make_space(hyperparameters: list[Any], conditions: list[Any]) -> ConfigurationSpace:
    """A search space; ConfigSpace 1 calls the method ``add`` that has two names in ConfigSpace 0.7."""
    space = ConfigurationSpace()
    if hasattr(space, "add"):
        space.add(*hyperparameters, *conditions)
    else:
        space.add_hyperparameters(hyperparameters)
        space.add_conditions(conditions)
    return space


def checkpoint_path(working_directory: str | Path) -> Path:
    """Where the checkpoint of a configuration is, in the configuration's own directory."""
    return Path(working_directory) / "checkpoint.pkl"


def save(checkpoint: Path, content: dict[str, Any]) -> None:
    """Write the checkpoint: all of it, or nothing."""
    temporary = checkpoint.with_suffix(f".{os.getpid()}.tmp")
    temporary.write_bytes(pickle.dumps(content))
    temporary.replace(checkpoint)
