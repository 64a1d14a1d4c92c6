"""The site as a whole: what a page begins with, how long the way through it is, and what the reference holds."""

from __future__ import annotations

import re

import pytest

from tests.docs.fences import ROOT, blocks, pages

DOCS = ROOT / "docs"
WORDS_A_MINUTE = 200
MINUTES = 60

INCLUDED = {"changelog.md", "contributing.md"}
"""What stands in the repository as well, and begins as it does there."""

# Rooms and modules that no script imports from, and why. Whatever else has an __all__ is in the reference.
INTERNAL = {
    "analysis.forest": "what importance rests on",
    "analysis.runs": "what the analysis reads of a run",
    "analysis.ticks": "of logarithmic axes",
    "backends.dask": "all but the backend itself",
    "backends.devices": "what devices= does",
    "backends.pyro": "the protocol of workers and master",
    "backends.spark": "all but the backend itself",
    "core.result_html": "how a Result shows itself",
    "core.result_logging": "what a result logger is told",
    "core.result_pickle": "how a Result is read and written",
    "core.result_tables": "how a Result becomes a table",
    "core.resumption": "how a Master goes on",
    "core.termination": "how a Master ends",
    "engine.active": "a part of the planner",
    "engine.checks": "of arguments",
    "engine.numbers": "of infos",
    "engine.plain_json": "what the codec rests on",
    "experiments.catalogue": "a part of Experiment",
    "experiments.exchange": "a part of Experiment",
    "experiments.leases": "a part of Experiment",
    "integrations": "all but the observers themselves",
    "interfaces": "the command line; fmin is in the reference",
    "optimizers.config_generators": "all but the generators and the search space",
    "optimizers.kde.bandwidths": "what the densities rest on",
    "optimizers.learning_curve_models": "all but the models themselves",
    "runtime": "the loop; observers are in the reference",
    "simulator.luck": "a part of the simulation",
    "storage.files": "what the journal rests on",
    "storage.legacy_values": "values as text",
    "storage.mongo": "all but the storages themselves",
    "storage.spaces": "a space as text",
    "storage.sql": "all but the storages themselves",
    "terminal": "what status answers; the progress bar is in the reference",
    "testing.calling": "a part of the contracts",
    "testing.helpers": "a part of the contracts",
    "visualization": "reached by the names of the package",
}


def in_reference():
    text = "".join(block.text for block in blocks("docs/reference.md", "{eval-rst}"))
    return re.findall(r"automodule:: hpbandster_ng\.(\S+)", text)


def source_of(module):
    path = ROOT / "hpbandster_ng" / module.replace(".", "/")
    path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    return path.read_text(encoding="utf-8")


def public_modules():
    """Those with an ``__all__`` that are not packages: what a package re-exports stands in its modules."""
    for path in sorted((ROOT / "hpbandster_ng").rglob("*.py")):
        has_all = re.search(r"^__all__ = ", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
        if has_all and path.name != "__init__.py":
            yield ".".join(path.relative_to(ROOT / "hpbandster_ng").with_suffix("").parts)


def lies_in(module, area):
    return module == area or module.startswith(f"{area}.")


def test_every_public_module_is_in_the_reference():
    known = in_reference()
    missing = [
        module
        for module in public_modules()
        if not any(lies_in(module, area) for area in INTERNAL) and module not in known
    ]
    assert missing == [], "add them to docs/reference.md, or say in INTERNAL why nobody imports from them"


def test_nothing_is_in_the_reference_twice():
    assert sorted(in_reference()) == sorted(set(in_reference()))


def test_internal_is_what_there_is_and_the_reference_does_not_have_as_a_whole():
    modules = list(public_modules())
    for area in INTERNAL:
        inside = [module for module in modules if lies_in(module, area)]
        assert set(inside) - set(in_reference()), area


@pytest.mark.parametrize("module", in_reference())
def test_every_module_of_the_reference_has_an_example(module):
    source = source_of(module)
    imported = re.findall(rf"^from hpbandster_ng\.({re.escape(module)}\.\S+) import", source, flags=re.MULTILINE)
    shown = re.compile(r">>> |^ *Example::$", flags=re.MULTILINE)  # the latter of what needs a server, or pytest
    assert any(map(shown.search, (source, *map(source_of, imported))))


@pytest.mark.parametrize("page", [path.name for path in pages() if path.parent == DOCS and path.name not in INCLUDED])
def test_a_page_says_at_its_top_what_it_is_for(page):
    title, purpose, *_ = (DOCS / page).read_text(encoding="utf-8").split("\n\n")
    assert re.fullmatch(r"# .+", title)
    assert page == "index.md" or re.fullmatch(r"\*[^*]+\.\*", purpose), page


def test_the_pages_that_are_to_be_read_take_less_than_an_hour():
    of_caption = {}
    for block in blocks("docs/index.md", "{toctree}"):
        caption, *names = [line for line in block.text.splitlines() if line and not line.startswith(":maxdepth")]
        of_caption[caption.removeprefix(":caption: ")] = names
    words = {path.stem: len(path.read_text(encoding="utf-8").split()) for path in DOCS.glob("*.md")}
    read = ["index", *of_caption["First steps"], *of_caption["Running"], *of_caption["Seeing a run"]]
    total = sum(words[name] for name in read) + max(words[name] for name in of_caption["Clusters"])
    assert total < WORDS_A_MINUTE * MINUTES, f"{total} words; what is for looking things up has pages of its own"
