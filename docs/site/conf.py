"""What Sphinx makes the course's site with; `docs/site.py` lays out the sources and calls it."""

import importlib.util
import shutil
from pathlib import Path

import scaletoolkit

project = "scaletoolkit"
author = "The scaletoolkit authors"
version = release = scaletoolkit.__version__

extensions = ["myst_nb", "autodoc2", "sphinx.ext.mathjax"]
html_theme = "sphinx_book_theme"
html_title = "scaletoolkit"
html_theme_options = {
    "show_navbar_depth": 1,
    "show_toc_level": 2,
    "use_download_button": True,
    "use_fullscreen_button": False,
    "navbar_persistent": [],  # a second field for the search
}
html_copy_source = True  # what the download button offers: the notebook
html_show_copyright = False
html_static_path = ["static"]
html_css_files = ["course.css"]

nb_execution_mode = "off"  # what the labs hold was executed and compared where they were recorded
nb_merge_streams = True
nb_mime_priority_overrides = [("html", "application/vnd.jupyter.widget-view+json", None)]
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3

autodoc2_packages = ["scaletoolkit"]  # read, not imported; without the exercises' solutions
autodoc2_output_dir = "functions"
autodoc2_render_plugin = "myst"
autodoc2_docstring_parser_regexes = [(".*", "myst")]
autodoc2_hidden_objects = {"inherited", "private", "dunder"}
autodoc2_hidden_regexes = [r".*\.[A-Z][A-Z0-9_]+"]  # constants: their values are no Markdown
autodoc2_index_template = None
toc_object_entries = False
suppress_warnings = [
    "ref.python",  # several classes have a field of one name: no link then
    "myst.header",  # a docstring stands below a heading that autodoc2 has written
]

mathjax_path = "mathjax/tex-chtml.js"
mathjax3_config = {
    "chtml": {"scale": 1}
}  # so that MyST tells this version which parts are formulas


def ship_mathjax(app, exception):
    """Copy MathJax and its fonts into the site: nothing is asked of another one."""
    package = importlib.util.find_spec("sphinx-mathjax-offline")
    (folder,) = package.submodule_search_locations
    source = Path(folder) / "static" / "mathjax"
    target = Path(app.outdir) / "_static" / "mathjax"
    if exception is None and not target.exists():
        shutil.copytree(source / "output" / "chtml" / "fonts", target / "output/chtml/fonts")
        shutil.copy(source / "tex-chtml.js", target)


def stand_alone(app, name, source):
    """Keep the modules out of the margin, where they would be two hundred lines on every page."""
    if name == "functions/scaletoolkit/scaletoolkit":
        source[0] = f"---\norphan: true\n---\n{source[0]}"


def setup(app):
    """What Sphinx calls first."""
    app.connect("source-read", stand_alone)
    app.connect("build-finished", ship_mathjax)
