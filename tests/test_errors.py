"""The tree of exceptions: as drawn, catchable as builtins, and able to cross a process border."""

from __future__ import annotations

import copy
import pickle
import re

import pytest

from hpbandster_ng import errors
from hpbandster_ng.errors import HpbandsterError, InvalidArgumentError, MissingExtraError, SearchSpaceError

TREE = {name: getattr(errors, name) for name in errors.__all__}

ARGUMENTS = {
    "InvalidArgumentError": ("eta", 1, "must be greater than 1", "3 is the usual choice"),
    "SearchSpaceError": ("configspace", {}, "must be a ConfigurationSpace", "build one with ConfigSpace"),
    "MissingExtraError": ("losses_over_time", "matplotlib", "plot"),
}

BUILTINS = [
    ("InvalidArgumentError", ValueError),
    ("SearchSpaceError", ValueError),
    ("NotPlainError", TypeError),
    ("ResultError", ValueError),
    ("CommunicationError", ConnectionError),
    ("NameServerError", OSError),
    ("MasterExistsError", ConnectionError),
    ("WorkerExistsError", ConnectionError),
    ("WorkerRefusedError", SystemExit),
    ("NoWorkersError", TimeoutError),
    ("NoSuggestionError", TimeoutError),
    ("SuggestionError", ValueError),
    ("LogError", ValueError),
    ("LogExistsError", FileExistsError),
    ("StorageError", OSError),
    ("StorageBusyError", OSError),
    ("MissingExtraError", ImportError),
    ("IllegalTransitionError", RuntimeError),
]


def example(name):
    return TREE[name](*ARGUMENTS.get(name, ("what happened",)))


def drawn_tree():
    """``{child: parent}`` as the drawing in the module's docstring has it."""
    parents, path = {}, []
    for line in errors.__doc__.splitlines():
        found = re.match(r"    ((?:│   |    )*(?:[├└]── )?)(\w+Error)\b", line)
        if found:
            depth = len(found[1]) // 4
            path[depth:] = [found[2]]
            parents[found[2]] = path[depth - 1] if depth else None
    return parents


def test_the_drawing_is_the_tree():
    ours = {
        name: next((base.__name__ for base in kind.__bases__ if base.__name__ in TREE), None)
        for name, kind in TREE.items()
    }
    assert drawn_tree() == ours


def test_every_error_of_the_module_is_public_and_of_the_tree():
    defined = {
        name for name, value in vars(errors).items() if isinstance(value, type) and value.__module__ == errors.__name__
    }
    assert defined == set(errors.__all__)
    assert all(issubclass(kind, HpbandsterError) for kind in TREE.values())


@pytest.mark.parametrize(("name", "builtin"), BUILTINS)
def test_it_is_caught_as_the_builtin_that_scripts_know(name, builtin):
    with pytest.raises(builtin):
        raise example(name)


@pytest.mark.parametrize("name", sorted(TREE))
@pytest.mark.parametrize(
    "through", [copy.copy, lambda error: pickle.loads(pickle.dumps(error))], ids=["copy", "pickle"]
)
def test_it_survives_the_way_to_another_process(name, through):
    error = example(name)
    twin = through(error)
    assert type(twin) is type(error)
    assert str(twin) == str(error)
    assert vars(twin) == vars(error)


def test_the_message_names_parameter_value_rule_and_way_out():
    error = InvalidArgumentError("min_budget", -1, "must be greater than 0", "give the smallest useful budget")
    assert str(error) == "min_budget=-1 must be greater than 0; give the smallest useful budget"
    assert (error.parameter, error.value) == ("min_budget", -1)


def test_a_long_value_is_cut_in_the_message_and_kept_in_the_error():
    value = list(range(1000))
    error = SearchSpaceError("configspace", value, "must be a ConfigurationSpace", "build one with ConfigSpace")
    assert len(str(error)) < 400
    assert "..." in str(error)
    assert error.value is value


def test_a_missing_extra_tells_what_to_install():
    message = str(MissingExtraError("losses_over_time", "matplotlib", "plot"))
    assert "matplotlib" in message
    assert "pip install 'hpbandster_ng[plot]'" in message
