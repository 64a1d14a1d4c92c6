"""The rules of the house, checked on the syntax tree of every module: nothing is imported to be checked.

Who may import whom, no circle, no long module or function, pure rooms that stay pure, optional dependencies at the rim.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = "hpbandster_ng"
VERSION = f"{PACKAGE}.__version__"
"""Whoever imports this needs nothing else of the package's own module."""

PURE_OPTIMIZERS = (
    "optimizers.config_generators",
    "optimizers.gaussian_process",
    "optimizers.iterations",
    "optimizers.kde",
    "optimizers.learning_curve_models",
)
PURE = (
    "analysis",
    "engine",
    *PURE_OPTIMIZERS,
    "terminal.answers",
    "interfaces.dashboard.columns",
    "interfaces.dashboard.payloads",
    "interfaces.dashboard.recorded",
    "interfaces.dashboard.view",
    "interfaces.doctor.judgement",
    "interfaces.doctor.machine_verdicts",
    "interfaces.doctor.run_verdicts",
)
LEAVES = ("__main__", "compat", "examples", "fmin", "interfaces", "utils")
"""Above everything: they may import any room, and no other room imports them."""

# room -> what it may import of ours. Every room may also import itself and `errors`; the longest name that matches a
# module is its room, and an entry stands for all that lies below it.
ARROWS = {
    "": ("interfaces.fmin",),
    "errors": (),
    "engine": (),
    "analysis": ("engine",),
    **dict.fromkeys(PURE_OPTIMIZERS, ("engine", *PURE_OPTIMIZERS)),
    "storage": ("engine",),
    "backends": ("engine",),
    "simulator": ("engine", *PURE_OPTIMIZERS),
    "runtime": ("engine", "storage.base", "backends.base"),
    "terminal": ("analysis", "engine"),
    "core": ("analysis", "runtime", "backends", "storage", "engine", "terminal"),
    "experiments": ("engine", "storage", "runtime", "core.result", "core.resumption", "optimizers"),
    "optimizers": ("core", "engine", *PURE_OPTIMIZERS),
    "visualization": ("analysis", "core"),
    "integrations": ("analysis", "runtime", "core.result", "engine"),
    "testing": ("engine", "storage.base", "storage.shared", "backends.base", "optimizers"),
}

FORBIDDEN_IN_PURE = frozenset(
    {"time", "datetime", "threading", "asyncio", "socket", "os", "subprocess", "logging", "random", "Pyro4"}
)
RANDOM_TYPES = frozenset(
    {"BitGenerator", "Generator", "MT19937", "PCG64", "PCG64DXSM", "Philox", "SFC64", "SeedSequence", "default_rng"}
)
"""What of numpy.random touches no global state."""

# optional package -> the one file, or the one room, that may import it.
OPTIONAL = {
    "alembic": "storage.sql",
    "cloudpickle": "backends.dask",
    "dask": "backends.dask",
    "distributed": "backends.dask",
    "matplotlib": "visualization",
    "mlflow": "integrations.mlflow",
    "optuna": "file",
    "pandas": "file",
    "plotly": "visualization.plotly",
    "prometheus_client": "file",
    "pyarrow": "file",
    "pymongo": "storage.mongo",
    "pyspark": "backends.spark",
    "sklearn": "file",
    "sqlalchemy": "storage.sql",
    "starlette": "interfaces.dashboard",
    "tensorboard": "file",
    "torch": "file",
    "uvicorn": "interfaces.dashboard",
}
MAX_MODULE_LINES = 400
MAX_FUNCTION_LINES = 50

CONVERSATION = frozenset({"breakpoint", "exit", "input", "print", "quit"})
LOGGING_SETUP = frozenset({"basicConfig", "dictConfig", "fileConfig"})


@dataclass(frozen=True)
class Import:
    """A module imports another one, here or below a function; ``target`` is a full dotted name."""

    source: str
    line: int
    target: str


def read_package() -> dict[str, str]:
    """Every module's source, by its name below the package (``""`` is the package itself)."""
    modules = {}
    for path in sorted((ROOT / PACKAGE).rglob("*.py")):
        parts = path.relative_to(ROOT / PACKAGE).with_suffix("").parts
        modules[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path.read_text(encoding="utf-8")
    return modules


def imports_of(module: str, source: str, packages: frozenset[str] = frozenset()) -> list[Import]:
    """Every import statement, and every ``import_module("literal")``, wherever it stands.

    ``from a import b`` yields ``a.b``; whether that is a module or a name in one, :func:`ours` finds out.
    """
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [Import(module, node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(module, node, packages)
            found += [Import(module, node.lineno, f"{base}.{alias.name}") for alias in node.names]
        elif isinstance(node, ast.Call) and _last_name(node.func) in ("import_module", "__import__") and node.args:
            argument = node.args[0]
            if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                found.append(Import(module, node.lineno, argument.value))
    return found


def _absolute(module: str, node: ast.ImportFrom, packages: frozenset[str]) -> str:
    if not node.level:
        return node.module or ""
    parts = [PACKAGE, *filter(None, module.split("."))]
    keep = len(parts) - node.level + (module in packages or not module)
    return ".".join([*parts[:keep], *filter(None, [node.module])])


def _last_name(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def dotted(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else "?"


def all_imports(modules: dict[str, str]) -> list[Import]:
    packages = frozenset(name for name in modules if any(other.startswith(f"{name}.") for other in modules))
    return [found for name, source in modules.items() for found in imports_of(name, source, packages)]


def ours(found: Import, modules: dict[str, str]) -> str | None:
    """The module of ours that an import reaches, below the package; None for third parties."""
    if found.target != PACKAGE and not found.target.startswith(f"{PACKAGE}."):
        return None
    name = found.target[len(PACKAGE) + 1 :]
    while name and name not in modules:
        name = name.rpartition(".")[0]
    return name


def lies_in(module: str, area: str) -> bool:
    return module == area or (bool(area) and module.startswith(f"{area}."))


def room_of(module: str) -> str | None:
    rooms = [room for room in (*ARROWS, *LEAVES) if lies_in(module, room)]
    return max(rooms, key=len, default=None)


def wrong_arrows(modules: dict[str, str]) -> list[str]:
    found = [f"{module or PACKAGE}: belongs to no room" for module in modules if room_of(module) is None]
    for each in all_imports(modules):
        target, room = ours(each, modules), room_of(each.source)
        if target is None or room is None or room in LEAVES or room_of(target) == room or target == "errors":
            continue
        if each.target == VERSION:
            continue
        if not any(lies_in(target, allowed) for allowed in ARROWS[room]):
            found.append(f"{each.source}:{each.line}: {room or PACKAGE} may not import {target or PACKAGE}")
    return found


def circles(modules: dict[str, str]) -> list[list[str]]:
    """The groups of modules that reach each other."""
    graph: dict[str, set[str]] = {module: set() for module in modules}
    for each in all_imports(modules):
        target = ours(each, modules)
        if target is not None and target != each.source and each.target != VERSION:
            graph[each.source].add(target)
    reach = {module: _reachable(module, graph) for module in graph}
    groups = {frozenset(other for other in reach[module] if module in reach[other]) for module in graph}
    return sorted(sorted(group) for group in groups if group)


def _reachable(start: str, graph: dict[str, set[str]]) -> set[str]:
    seen: set[str] = set()
    todo = list(graph[start])
    while todo:
        module = todo.pop()
        if module not in seen:
            seen.add(module)
            todo.extend(graph[module])
    return seen


def too_long(modules: dict[str, str]) -> list[str]:
    found = []
    for module, source in modules.items():
        if (lines := len(source.splitlines())) > MAX_MODULE_LINES:
            found.append(f"{module}: {lines} lines")
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = _length_without_documentation(node)
                if length > MAX_FUNCTION_LINES:
                    found.append(f"{module}:{node.lineno}: {node.name} has {length} lines")
    return found


def _length_without_documentation(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """What a function says of its arguments is no part of what it does."""
    length = (node.end_lineno or node.lineno) - node.lineno + 1
    first = node.body[0]
    if ast.get_docstring(node) is None:
        return length
    return length - ((first.end_lineno or first.lineno) - first.lineno + 1)


def impurities(modules: dict[str, str]) -> list[str]:
    found = []
    for module, source in modules.items():
        if not any(lies_in(module, room) for room in PURE):
            continue
        for each in imports_of(module, source):
            top, _, rest = each.target.partition(".")
            if top in FORBIDDEN_IN_PURE:
                found.append(f"{module}:{each.line}: imports {top}")
            if top == "numpy" and rest.startswith("random.") and rest.split(".")[1] not in RANDOM_TYPES:
                found.append(f"{module}:{each.line}: imports numpy.{rest}")
        for node in ast.walk(ast.parse(source)):
            found += [f"{module}:{node.lineno}: {text}" for text in _global_randomness(node)]
    return found


def _global_randomness(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Attribute) and dotted(node.value) in ("np.random", "numpy.random"):
        return [] if node.attr in RANDOM_TYPES else [f"uses {dotted(node)}"]
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "rvs":
        seeded = any(keyword.arg == "random_state" for keyword in node.keywords)
        return [] if seeded else ["calls rvs without random_state"]
    return []


def scattered_extras(modules: dict[str, str]) -> list[str]:
    users: dict[str, set[str]] = {}
    for each in all_imports(modules):
        users.setdefault(each.target.partition(".")[0], set()).add(each.source)
    found = []
    for package, where in OPTIONAL.items():
        files = users.get(package, set())
        outside = {module for module in files if not lies_in(module, where)}
        if (where == "file" and len(files) > 1) or (where != "file" and outside):
            found.append(f"{package} is imported by {sorted(files)}; allowed: one {where}")
    return found


def bad_manners(modules: dict[str, str]) -> list[str]:
    found = []
    for module, source in modules.items():
        if lies_in(module, "interfaces"):
            continue
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.ExceptHandler) and node.type is None:
                found.append(f"{module}:{node.lineno}: bare except")
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in CONVERSATION:
                found.append(f"{module}:{node.lineno}: {node.func.id}()")
            if isinstance(node, ast.Call) and (
                _last_name(node.func) in LOGGING_SETUP or dotted(node.func) == "sys.exit"
            ):
                found.append(f"{module}:{node.lineno}: {dotted(node.func)}()")
    return found


RULES = {
    "arrows": wrong_arrows,
    "circles": circles,
    "extras": scattered_extras,
    "length": too_long,
    "manners": bad_manners,
    "purity": impurities,
}


@pytest.mark.parametrize("rule", sorted(RULES))
def test_the_package_keeps_the_rule(rule):
    assert RULES[rule](read_package()) == []


IMPORT_WITHOUT_EXTRAS = """
import importlib, pkgutil, sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in sys.argv[1:]:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Blocker())
import hpbandster_ng
from hpbandster_ng.errors import MissingExtraError

failed = []
for module in pkgutil.walk_packages(hpbandster_ng.__path__, "hpbandster_ng.", onerror=lambda name: None):
    try:
        importlib.import_module(module.name)
    except MissingExtraError as error:
        if "pip install" not in str(error):
            failed.append(f"{module.name}: {error}")
    except Exception as error:
        failed.append(f"{module.name}: {error!r}")
sys.exit("\\n".join(failed) or 0)
"""


def in_new_python(code, *arguments):
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)


def test_the_package_imports_without_any_extra():
    answer = in_new_python(IMPORT_WITHOUT_EXTRAS, *OPTIONAL)
    assert answer.returncode == 0, answer.stderr


def test_importing_the_package_loads_nothing_heavy():
    code = "import sys, hpbandster_ng; print(*sorted(sys.modules))"
    loaded = set(in_new_python(code).stdout.split())
    assert PACKAGE in loaded
    assert not loaded & {"ConfigSpace", "Pyro4", "numpy", "scipy", "statsmodels", *OPTIONAL}


# Small packages that break a rule, and what the checker says.
VIOLATIONS = [
    ("arrows", {"engine.planner": "import hpbandster_ng.core.master", "core.master": ""}, "may not import core.master"),
    ("arrows", {"engine.planner": "from hpbandster_ng.core import master", "core.master": ""}, "import core.master"),
    ("arrows", {"engine.planner": "from ..core import master", "core.master": ""}, "engine may not import core.master"),
    (
        "arrows",
        {"engine.x": "def f():\n    from hpbandster_ng.storage.base import S", "storage.base": ""},
        "engine.x:2",
    ),
    (
        "arrows",
        {"engine.x": "import importlib\nimportlib.import_module('hpbandster_ng.core')", "core": ""},
        "engine.x:2",
    ),
    ("arrows", {"runtime.loop": "import hpbandster_ng.storage.sql", "storage.sql": ""}, "may not import storage.sql"),
    ("arrows", {"storage.sql": "import hpbandster_ng.backends.base", "backends.base": ""}, "storage may not import"),
    ("arrows", {"core.master": "import hpbandster_ng.optimizers.bohb", "optimizers.bohb": ""}, "core may not import"),
    (
        "arrows",
        {"optimizers.kde.x": "import hpbandster_ng.optimizers.bohb", "optimizers.bohb": ""},
        "optimizers.kde may",
    ),
    ("arrows", {"core.master": "import hpbandster_ng.interfaces.cli", "interfaces.cli": ""}, "import interfaces.cli"),
    ("arrows", {"core.master": "import hpbandster_ng.utils", "utils": ""}, "core may not import utils"),
    ("arrows", {"": "from hpbandster_ng.core.master import Master", "core.master": ""}, "may not import core.master"),
    ("arrows", {"attic": ""}, "attic: belongs to no room"),
    ("circles", {"core.a": "import hpbandster_ng.core.b", "core.b": "import hpbandster_ng.core.a"}, "core.a"),
    ("circles", {"core.a": "from . import b", "core.b": "def f():\n    from .a import x", "core": ""}, "core.b"),
    (
        "circles",
        {
            "core.a": "import hpbandster_ng.core.b",
            "core.b": "import hpbandster_ng.core.c",
            "core.c": "if TYPE_CHECKING:\n    import hpbandster_ng.core.a",
        },
        "core.c",
    ),
    ("length", {"engine.x": "\n" * 401}, "engine.x: 401 lines"),
    ("length", {"engine.x": "def f():\n" + "    1\n" * 50}, "f has 51 lines"),
    ("length", {"engine.x": "class A:\n  async def f(self):\n" + "    1\n" * 50}, "f has 51 lines"),
    ("purity", {"engine.x": "import time"}, "engine.x:1: imports time"),
    ("purity", {"engine.x": "def f():\n    from os.path import join"}, "engine.x:2: imports os"),
    ("purity", {"optimizers.kde.x": "import logging"}, "imports logging"),
    ("purity", {"engine.x": "import numpy as np\nnp.random.rand()"}, "engine.x:2: uses np.random.rand"),
    ("purity", {"engine.x": "import numpy\nrng = numpy.random.RandomState(1)"}, "uses numpy.random.RandomState"),
    ("purity", {"engine.x": "from numpy.random import normal"}, "imports numpy.random.normal"),
    ("purity", {"engine.x": "scipy.stats.norm.rvs(size=3)"}, "calls rvs without random_state"),
    ("extras", {"core.x": "import matplotlib.pyplot as plt"}, "matplotlib is imported by ['core.x']"),
    ("extras", {"core.x": "import pandas", "core.y": "def f():\n    import pandas"}, "['core.x', 'core.y']"),
    ("manners", {"core.x": "print('hello')"}, "core.x:1: print()"),
    ("manners", {"core.x": "try:\n    f()\nexcept:\n    pass"}, "core.x:3: bare except"),
    ("manners", {"core.x": "import logging\nlogging.basicConfig()"}, "core.x:2: logging.basicConfig()"),
    ("manners", {"core.x": "import sys\nsys.exit(1)"}, "sys.exit()"),
    ("manners", {"core.x": "answer = input('go on?')"}, "input()"),
]

ALLOWED = [
    ("arrows", {"core.master": "import hpbandster_ng.engine.x\nimport numpy", "engine.x": ""}),
    ("arrows", {"runtime.loop": "from hpbandster_ng.storage.base import Storage", "storage.base": ""}),
    ("arrows", {"visualization.x": "from hpbandster_ng.errors import MissingExtraError", "errors": ""}),
    ("arrows", {"interfaces.cli": "import hpbandster_ng.optimizers.bohb", "optimizers.bohb": ""}),
    ("arrows", {"core.x": "from hpbandster_ng import __version__", "": ""}),
    ("circles", {"core.a": "from hpbandster_ng.core.b import f", "core.b": "", "core": "from .a import g"}),
    ("circles", {"core.a": "from hpbandster_ng import __version__", "": "def f():\n    import hpbandster_ng.core.a"}),
    ("length", {"engine.x": "def f():\n" + "    1\n" * 49}),
    ("purity", {"engine.x": "import numpy as np\nrng: np.random.Generator = np.random.default_rng(0)"}),
    ("purity", {"engine.x": "from numpy.random import Generator\nnorm.rvs(random_state=rng)"}),
    ("purity", {"core.x": "import time, threading"}),
    ("extras", {"visualization.a": "import matplotlib", "visualization.b": "def f():\n    import matplotlib.cm"}),
    ("extras", {"core.x": "import pandas\ndef f():\n    from pandas import DataFrame"}),
    ("manners", {"interfaces.cli": "print('hello')"}),
]


@pytest.mark.parametrize(("rule", "modules", "complaint"), VIOLATIONS)
def test_the_checker_finds(rule, modules, complaint):
    found = RULES[rule](modules)
    assert len(found) == 1
    assert complaint in (found[0] if isinstance(found[0], str) else " ".join(found[0]))


@pytest.mark.parametrize(("rule", "modules"), ALLOWED)
def test_the_checker_allows(rule, modules):
    assert RULES[rule](modules) == []
