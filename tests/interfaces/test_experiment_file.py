"""From the text of an experiment file to the arguments of an experiment; every error names a line."""

from __future__ import annotations

import ConfigSpace
import pytest

from hpbandster_ng.errors import InvalidArgumentError
from hpbandster_ng.experiments import Experiment, Metric
from hpbandster_ng.interfaces.cli.experiment_file import read_experiment
from hpbandster_ng.storage.memory_logs import MemoryLogs

HEAD = "name: first\noptimizer: BOHB\n"
PARAMETERS = "parameters:\n- {name: x, type: double, min: 0, max: 1}\n"
WHOLE = """
name: classifier
parameters:
  - name: lr
    type: double
    bounds: {min: 1e-5, max: 0.1}
    log: true
    default: 1e-3
  - {name: layers, type: int, min: 1, max: 8}
  - name: optimizer
    type: categorical
    categorical_values: [sgd, adam]
    default: adam
  - {name: size, type: ordinal, values: [small, medium, large]}
  - {name: epochs, type: constant, value: 3}
  - name: momentum
    type: double
    min: 0
    max: 0.99
    conditions: {optimizer: [sgd], layers: [1, 2]}
metrics:
  - {name: accuracy, objective: maximize}
  - {name: latency, strategy: constraint, threshold: 0.1}
optimizer: {name: BOHB, random_fraction: 0.2}
min_budget: 1
max_budget: 27
eta: 3
n_iterations: 8
parallel_bandwidth: 4
lease: 90
seed: 1
metadata: {git: abc, tags: [a, b]}
"""


def test_a_whole_file():
    arguments = dict(read_experiment(WHOLE, "e.yml").arguments)
    space = arguments.pop("configspace")
    assert arguments == {
        "name": "classifier",
        "metrics": [
            Metric("accuracy", objective="maximize"),
            Metric("latency", strategy="constraint", threshold=0.1),
        ],
        "optimizer": "BOHB",
        "random_fraction": 0.2,
        "min_budget": 1,
        "max_budget": 27,
        "eta": 3,
        "n_iterations": 8,
        "parallel_bandwidth": 4,
        "lease": 90,
        "seed": 1,
        "metadata": {"git": "abc", "tags": ["a", "b"]},
    }
    assert space["lr"] == ConfigSpace.UniformFloatHyperparameter("lr", 1e-5, 0.1, default_value=1e-3, log=True)
    assert space["layers"] == ConfigSpace.UniformIntegerHyperparameter("layers", 1, 8)
    assert space["optimizer"] == ConfigSpace.CategoricalHyperparameter(
        "optimizer", ["sgd", "adam"], default_value="adam"
    )
    assert space["size"] == ConfigSpace.OrdinalHyperparameter("size", ["small", "medium", "large"])
    assert space["epochs"] == ConfigSpace.Constant("epochs", 3)
    assert space["momentum"] == ConfigSpace.UniformFloatHyperparameter("momentum", 0.0, 0.99)


def test_a_parameter_is_active_where_its_conditions_hold():
    space = read_experiment(WHOLE, "e.yml").arguments["configspace"]
    configs = [dict(config) for config in space.sample_configuration(200)]
    active = [config["optimizer"] == "sgd" and config["layers"] in (1, 2) for config in configs]
    assert {True, False} == set(active)
    assert [("momentum" in config) for config in configs] == active


def test_an_experiment_is_made_of_it():
    with Experiment.create(MemoryLogs(), **read_experiment(WHOLE, "e.yml").arguments) as experiment:
        assert (experiment.name, experiment.parallel_bandwidth) == ("classifier", 4)
        assert experiment.progress.n_iterations == 8
        suggestion = experiment.suggest()
        assert suggestion.config["epochs"] == 3


def test_no_n_iterations_go_on_for_ever():
    assert read_experiment(f"{HEAD}{PARAMETERS}n_iterations: null", "e.yml").arguments["n_iterations"] is None


def parameter(text):
    return f"{HEAD}parameters:\n- name: x\n{text}"


ERRORS = {
    "max_budgt: 3": "line 3: max_budgt=3 is unknown; did you mean 'max_budget'?",
    "metrics: []": "line 3: metrics=[] must be a list that is not empty; ",
    "metrics: [{objective: maximize}]": "line 3: metrics[0]={'objective': 'maximize'} must have a name; ",
    "metrics: [{name: a, goal: 1}]": "line 3: metrics[0].goal=1 is unknown; known are ",
    "metrics:\n- name: a\n  objective: max": "line 5: metrics[0].objective='max' must be one of ",
    "metrics:\n- name: a\n  strategy: constraint": "line 4: metrics[0].threshold=None must be a finite number; ",
    "n_iterations: 1.5": "line 3: n_iterations=1.5 must be a whole number; ",
    "min_budget: '1'": "line 3: min_budget='1' must be a finite number; ",
    "metadata: 3": "line 3: metadata=3 must be a mapping; ",
    "seed: true": "line 3: seed=True must be a finite number; ",
}


@pytest.mark.parametrize(("text", "message"), ERRORS.items())
def test_a_wrong_key_is_named_with_its_line(text, message):
    with pytest.raises(InvalidArgumentError) as error:
        read_experiment(f"{HEAD}{text}\n{PARAMETERS}", "e.yml")
    assert str(error.value).startswith(f"e.yml, {message}")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("  type: float", "line 5: parameters.x.type='float' must be one of ['categorical', "),
        ("  min: 1", "line 4: parameters[0]={'name': 'x', 'min': 1} must have a type; "),
        ("  type: double\n  max: 1", "line 5: parameters.x.type='double' needs min; "),
        ("  type: double\n  bounds: {min: 1}", "line 5: parameters.x.type='double' needs max; "),
        (
            "  type: double\n  bounds: {min: 1, mx: 2}",
            "line 6: parameters.x.bounds.mx=2 is unknown; did you mean 'max'?",
        ),
        (
            "  type: double\n  bounds: {min: 1, max: 2}\n  min: 0",
            "line 7: parameters.x.min=0 must not be given beside ",
        ),
        ("  type: double\n  min: 3\n  max: 3", "line 6: parameters.x.min=3 must be less than max=3; "),
        ("  type: double\n  min: low\n  max: 3", "line 6: parameters.x.min='low' must be a finite number; "),
        ("  type: int\n  min: 0.5\n  max: 3", "line 6: parameters.x.min=0.5 must be a whole number; "),
        (
            "  type: int\n  min: 0\n  max: 3\n  log: true",
            "line 6: parameters.x.min=0 must be greater than 0 where log ",
        ),
        ("  type: int\n  min: 0\n  max: 3\n  log: 1", "line 8: parameters.x.log=1 must be true or false; "),
        ("  type: int\n  min: 0\n  max: 3\n  default: 4", "line 8: parameters.x.default=4 must be between min=0 and "),
        (
            "  type: int\n  min: 0\n  max: 3\n  values: [1]",
            "line 8: parameters.x.values=[1] is not for a parameter of ",
        ),
        ("  type: int\n  mim: 0", "line 6: parameters[0].mim=0 is unknown; did you mean 'min'?"),
        ("  type: ordinal", "line 5: parameters.x.type='ordinal' needs values, once; "),
        ("  type: categorical\n  values: []", "line 6: parameters.x.values=[] must be a list that is not empty; "),
        ("  type: categorical\n  values: [1, 1.0]", "line 6: parameters.x.values[1]=1.0 is there twice; "),
        (
            "  type: categorical\n  values:\n  - a\n  - ",
            "line 8: parameters.x.values[1]=None must be a text, a finite ",
        ),
        ("  type: categorical\n  values: [a]\n  default: b", "line 7: parameters.x.default='b' must be one of ['a']; "),
        ("  type: constant", "line 5: parameters.x.type='constant' needs a value; "),
        (
            "  type: constant\n  value: 1\n- name: x\n  type: constant\n  value: 1",
            "line 7: parameters.x.name='x' is there ",
        ),
        ("  type: constant\n  value: 1\n  conditions: {y: 1}", "line 7: parameters.x.conditions.y=1 is unknown; "),
        (
            "  type: constant\n  value: 1\n  conditions: {x: 1}",
            "line 7: parameters.x.conditions.x=1 makes 'x' depend on ",
        ),
        (
            "  type: constant\n  value: 1\n  conditions: {}",
            "line 7: parameters.x.conditions={} must name a parameter; ",
        ),
    ],
)
def test_a_wrong_parameter_is_named_with_its_line(text, message):
    with pytest.raises(InvalidArgumentError) as error:
        read_experiment(parameter(text), "e.yml")
    assert str(error.value).startswith(f"e.yml, {message}")


@pytest.mark.parametrize(
    ("conditions", "message"),
    [
        ({"a": "{b: 1}", "b": "{c: 1}", "c": "{b: 1}"}, "makes 'b' depend on itself; "),
        ({"a": "{b: [1, 2]}"}, "a.conditions.b[1]=2 must be a value of 'b'; that is 1"),
        ({"a": "[b]"}, "a.conditions=['b'] must be a mapping; "),
    ],
)
def test_conditions_that_cannot_hold_are_refused(conditions, message):
    lines = [
        f"- {{name: {name}, type: constant, value: 1"
        + (f", conditions: {conditions[name]}" if name in conditions else "")
        + "}"
        for name in "abc"
    ]
    with pytest.raises(InvalidArgumentError) as error:
        read_experiment("\n".join([HEAD, "parameters:", *lines]), "e.yml")
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (PARAMETERS, "e.yml=['parameters'] must have name; add it"),
        (f"name: a\n{PARAMETERS}", "e.yml=['name', 'parameters'] must have optimizer; add it"),
        (f"name: a\n{PARAMETERS}optimizer: {{eta: 3}}", "e.yml, line 4: optimizer={'eta': 3} must be a name, or "),
        (
            f"name: a\n{PARAMETERS}optimizer: {{name: BOHB, eta: 3}}",
            "line 4: optimizer.eta=3 belongs to the experiment",
        ),
    ],
)
def test_what_is_missing_is_named(text, message):
    with pytest.raises(InvalidArgumentError) as error:
        read_experiment(text, "e.yml")
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("min_budget: 9\nmax_budget: 3", "e.yml, line 5: min_budget=9 must "),
        ("eta: 1", "e.yml, line 5: eta=1 must be "),
        ("parallel_bandwidth: 0", "e.yml, line 5: parallel_bandwidth=0 must be "),
        ("metrics: [{name: a, strategy: store}]", "e.yml, line 5: metrics=['a'] must have one to be optimised; "),
        ("seed: -1", "e.yml, line 5: seed=-1 must be "),
    ],
)
def test_what_only_the_experiment_knows_gets_its_line(text, message):
    described = read_experiment(f"{HEAD}{PARAMETERS}{text}", "e.yml")
    with pytest.raises(InvalidArgumentError) as error:
        Experiment.create(MemoryLogs(), **described.arguments)
    assert str(described.located(error.value)).startswith(message)


def test_a_setting_that_the_optimizer_does_not_have_gets_its_line():
    described = read_experiment(f"name: a\n{PARAMETERS}optimizer: {{name: BOHB, num_sample: 3}}", "e.yml")
    with pytest.raises(InvalidArgumentError) as error:
        Experiment.create(MemoryLogs(), **described.arguments)
    assert str(described.located(error.value)).startswith("e.yml, line 4: settings={'num_sample': 3} must be ")
