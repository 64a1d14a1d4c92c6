"""Code that imports ``hpbandster`` gets this package, the very same objects, and its pickles open."""

from __future__ import annotations

import importlib
import pickle
import pkgutil
import sys
import types
from pathlib import Path

import pytest

import hpbandster_ng
from hpbandster_ng import compat
from hpbandster_ng.core.result import Result
from hpbandster_ng.errors import HpbandsterError, MissingExtraError

FIXTURE = Path(__file__).parent / "data" / "predecessor_result.pkl"
REAL = Path(__file__).parents[2] / "shared" / "data" / "predecessor_run" / "results.pkl"


def aliases():
    return {name for name in sys.modules if name.partition(".")[0] == "hpbandster"}


@pytest.fixture(autouse=True)
def no_alias_before_nor_after(monkeypatch):
    kept = {name: sys.modules[name] for name in aliases()}
    for name in kept:
        del sys.modules[name]
    monkeypatch.setattr(sys, "meta_path", [each for each in sys.meta_path if type(each).__module__ != compat.__name__])
    yield
    for name in aliases():
        del sys.modules[name]
    sys.modules.update(kept)


WALK = pkgutil.walk_packages(hpbandster_ng.__path__, "hpbandster_ng.", onerror=lambda name: None)
MODULES = sorted(each.name for each in WALK if not each.name.endswith("__main__"))


@pytest.mark.parametrize("name", ["hpbandster_ng", *MODULES])
def test_every_module_is_the_same_object_under_both_names(name):
    compat.install()
    try:
        ours = importlib.import_module(name)
    except MissingExtraError as error:
        pytest.skip(str(error))
    spec = ours.__spec__
    assert importlib.import_module("hpbandster" + name.removeprefix("hpbandster_ng")) is ours
    assert ours.__spec__ is spec
    assert ours.__name__ == name


def test_import_statements_of_scripts():
    compat.install()
    namespace = {}
    script = """
import hpbandster
import hpbandster.core.result as hpres
from hpbandster.core.base_iteration import BaseIteration
import hpbandster.visualization as hpvis
"""
    exec(script, namespace)
    assert namespace["hpbandster"] is hpbandster_ng
    assert namespace["hpbandster"].core.result is namespace["hpres"]
    assert namespace["hpres"].Result is Result
    assert namespace["hpvis"].__name__ == "hpbandster_ng.visualization"


def test_installing_twice_is_installing_once():
    compat.install()
    finders = list(sys.meta_path)
    importlib.import_module("hpbandster.core.result")
    compat.install()
    assert sys.meta_path == finders


def test_without_install_nothing_is_aliased():
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("hpbandster")


def test_what_does_not_exist_is_reported_under_the_name_that_was_asked_for():
    compat.install()
    with pytest.raises(ModuleNotFoundError, match=r"No module named 'hpbandster\.nothing'"):
        importlib.import_module("hpbandster.nothing")
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("hpbandster_other")


def test_the_predecessor_itself_is_not_hidden_after_its_import(monkeypatch):
    real = types.ModuleType("hpbandster")
    real.__file__ = "/lib/hpbandster/__init__.py"
    monkeypatch.setitem(sys.modules, "hpbandster", real)
    finders = list(sys.meta_path)
    with pytest.raises(HpbandsterError, match=r"imported already, from /lib/hpbandster/__init__\.py"):
        compat.install()
    assert sys.meta_path == finders


def test_the_predecessors_pickles_open_by_pickle_itself():
    compat.install()
    with FIXTURE.open("rb") as file:
        loaded = pickle.load(file)
    assert type(loaded) is Result
    safe = Result.from_pickle(FIXTURE)
    assert loaded.data == safe.data
    assert loaded.HB_config == safe.HB_config


@pytest.mark.skipif(not REAL.is_file(), reason="the predecessor's real pickle is not on this machine")
def test_the_real_pickle_opens_by_pickle_itself():
    compat.install()
    with REAL.open("rb") as file:
        loaded = pickle.load(file)
    assert loaded.data == Result.from_pickle(REAL).data
