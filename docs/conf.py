"""How Sphinx builds the documentation; nothing is fetched from the network."""

from __future__ import annotations

import sys
from pathlib import Path

from docutils import nodes
from docutils.parsers.rst import Directive, directives

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import diagrams  # noqa: E402 - the folder of this file is not on the path before the line above
import plots  # noqa: E402 - as above

from hpbandster_ng import __version__  # noqa: E402 - as above

project = "hpbandster_ng"
author = "the hpbandster_ng developers"
copyright = f"2026, {author}"
release = version = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode"]
exclude_patterns = ["_build"]
source_suffix = {".md": "markdown"}

html_theme = "furo"
html_title = f"hpbandster_ng {release}"
html_static_path = ["_static"]
html_css_files = ["site.css"]

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

add_module_names = False
autoclass_content = "class"
autodoc_default_options = {"members": True, "show-inheritance": True}
autodoc_member_order = "bysource"
autodoc_typehints = "none"
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True
napoleon_use_param = False  # would repeat the text for each name where several share a line


class Diagram(Directive):
    """A picture that ``diagrams.py`` draws, by its name: the theme shows the one that fits the look of the page."""

    required_arguments = 1
    option_spec = {"alt": directives.unchanged_required}

    def run(self):
        alt, path = self.options["alt"], f"_build/diagrams/{self.arguments[0]}"
        return [
            nodes.image(uri=f"{path}-{look.name}.svg", alt=alt, width="100%", classes=[f"only-{look.name}"])
            for look in diagrams.LOOKS
        ]


def without_an_empty_end(_app, doctree):
    """A session ends with an empty line for doctest, which readers need not see."""
    for block in doctree.findall(nodes.literal_block):
        if block.rawsource == block.astext():  # else it is no plain text
            block.rawsource = block.astext().rstrip()
            block[:] = [nodes.Text(block.rawsource)]


def setup(app):
    app.add_directive("diagram", Diagram)
    app.connect("doctree-read", without_an_empty_end)
    app.connect("builder-inited", lambda _: diagrams.draw_all(HERE / "_build" / "diagrams"))
    app.connect("builder-inited", lambda _: plots.draw_all(HERE / "_build" / "plots"))
