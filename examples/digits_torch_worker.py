"""The worker of ``digits_worker.py`` with another model: a small convolutional network in PyTorch.

Data, checkpoints and ``compute`` are inherited; only the model and its search space are new. PyTorch is an extra:
``pip install '.[torch]'`` in the checkout.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from ConfigSpace import (
    CategoricalHyperparameter,
    ConfigurationSpace,
    EqualsCondition,
    GreaterThanCondition,
    UniformFloatHyperparameter,
    UniformIntegerHyperparameter,
)
from digits_worker import DigitsWorker, make_space
from torch import nn


class TorchDigitsWorker(DigitsWorker):
    """Trains a :class:`ConvolutionalModel`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        torch.set_num_threads(1)  # the network is small, and other workers want the other cores

    def build_model(self, config: dict[str, Any]) -> ConvolutionalModel:
        return ConvolutionalModel(config)

    @staticmethod
    def get_configspace() -> ConfigurationSpace:
        n_conv_layers = UniformIntegerHyperparameter("n_conv_layers", lower=1, upper=2)
        n_filters = [UniformIntegerHyperparameter(f"n_filters_{i}", lower=4, upper=32, log=True) for i in (1, 2)]
        optimizer = CategoricalHyperparameter("optimizer", ["Adam", "SGD"])
        momentum = UniformFloatHyperparameter("momentum", lower=0.0, upper=0.95)
        return make_space(
            [
                UniformFloatHyperparameter("learning_rate", lower=1e-4, upper=1e-1, log=True),
                UniformIntegerHyperparameter("batch_size", lower=16, upper=256, log=True),
                UniformFloatHyperparameter("dropout", lower=0.0, upper=0.7),
                UniformIntegerHyperparameter("n_units", lower=8, upper=128, log=True),
                optimizer,
                momentum,
                n_conv_layers,
                *n_filters,
            ],
            [
                EqualsCondition(momentum, optimizer, "SGD"),
                GreaterThanCondition(n_filters[1], n_conv_layers, 1),
            ],
        )


class ConvolutionalModel:
    """One or two convolutions, each halving the picture, then one hidden layer; with scikit-learn's two methods."""

    def __init__(self, config: dict[str, Any]) -> None:
        torch.manual_seed(0)
        self.batch_size = config["batch_size"]
        self.epochs = 0
        self.network = build_network(config)
        parameters = self.network.parameters()
        if config["optimizer"] == "SGD":
            momentum = config["momentum"]
            self.optimizer = torch.optim.SGD(parameters, lr=config["learning_rate"], momentum=momentum)
        else:
            self.optimizer = torch.optim.Adam(parameters, lr=config["learning_rate"])

    def partial_fit(self, pictures: np.ndarray, digits: np.ndarray, classes: np.ndarray) -> None:
        """Train for one epoch; the same one whether the training was interrupted before it or not."""
        torch.manual_seed(self.epochs)
        self.network.train()
        inputs, targets = as_images(pictures), torch.as_tensor(digits)
        for batch in torch.randperm(len(targets)).split(self.batch_size):
            self.optimizer.zero_grad()
            nn.functional.cross_entropy(self.network(inputs[batch]), targets[batch]).backward()
            self.optimizer.step()
        self.epochs += 1

    def score(self, pictures: np.ndarray, digits: np.ndarray) -> float:
        """The share of pictures that are read correctly."""
        self.network.eval()
        with torch.no_grad():
            guesses = self.network(as_images(pictures)).argmax(dim=1)
        return float((guesses == torch.as_tensor(digits)).double().mean())


def build_network(config: dict[str, Any]) -> nn.Sequential:
    """The layers that the configuration describes, for pictures of 8 x 8."""
    layers: list[nn.Module] = []
    channels, size = 1, 8
    for i in range(config["n_conv_layers"]):
        n_filters = config[f"n_filters_{i + 1}"]
        layers += [nn.Conv2d(channels, n_filters, kernel_size=3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
        channels, size = n_filters, size // 2
    layers += [nn.Flatten(), nn.Linear(channels * size**2, config["n_units"]), nn.ReLU()]
    layers += [nn.Dropout(config["dropout"]), nn.Linear(config["n_units"], 10)]
    return nn.Sequential(*layers)


def as_images(pictures: np.ndarray) -> torch.Tensor:
    """Rows of 64 numbers as images of one channel."""
    return torch.as_tensor(pictures, dtype=torch.float32).reshape(-1, 1, 8, 8)
