"""`make site`: the course as pages, from README, the executed labs and the docstrings. Offline.

The sources are laid out in docs/_build/source as they lie in the checkout, so that their links
lead where they lead there; README is the first page. A warning is an error.
"""

import re
import shutil
import sys
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent
BUILT = HERE / "_build" / "site"
PAGES = [
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "SECURITY.md",
    "data/README.md",
    "classroom/*.md",
    "docs/*.md",
]
BESIDE = ["LICENSE", "CITATION.cff", "labs/**/*"]
CONTENTS = """
```{{toctree}}
:hidden:
:caption: {caption}

{pages}
```
"""


def lay_out(source):
    """Write the sources of the site into an empty folder."""
    shutil.rmtree(source, ignore_errors=True)
    for path in _files([*PAGES, *BESIDE]):
        target = source / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    compiled = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "scaletoolkit", source / "scaletoolkit", ignore=compiled)
    shutil.rmtree(source / "scaletoolkit" / "exercises")  # the solutions stand in them
    for path in source.rglob("*.md"):
        path.write_text(path.read_text().replace("](../README.md", "](../index.md"))
    (source / "docs" / "README.md").write_text(_functions())
    (source / "index.md").write_text((ROOT / "README.md").read_text() + contents())


def contents():
    """The contents in the margin: the labs, what teachers need, the rest."""
    labs = _files(["labs/*.ipynb"])
    groups = {
        "The labs": labs,
        "Teaching": _files(["classroom/*.md", "docs/grading.md"]),
        "The library": _files(["docs/README.md", "docs/bench.md", "C*G.md", "S*Y.md"]),
        "Data": _files(["data/README.md"]),
    }
    return "".join(
        CONTENTS.format(caption=caption, pages="\n".join(map(_name, paths)))
        for caption, paths in groups.items()
        if paths
    )


def _files(patterns):
    found = [path for pattern in patterns for path in sorted(ROOT.glob(pattern))]
    return [path for path in found if path.is_file() and ".ipynb_checkpoints" not in path.parts]


def _name(path):
    return path.relative_to(ROOT).as_posix().rpartition(".")[0]


def _functions():
    """docs/README.md, its links leading to the pages of the modules."""
    text = (HERE / "README.md").read_text()
    return re.sub(r"\]\(\.\./(scaletoolkit/[\w/]+)\.py\)", _page, text)


def _page(link):
    module = link[1].removesuffix("/__init__").replace("/", ".")
    return f"](../functions/scaletoolkit/{module}.md)"


def build(target=BUILT):
    """Build the site; exit status of Sphinx."""
    from sphinx.cmd.build import build_main

    source = target.with_name("source")
    lay_out(source)
    options = ["-b", "html", "-W", "--keep-going", "-q", "-c", str(HERE / "site")]
    options += ["-d", str(target.with_name("doctrees"))]  # what a publisher would carry for nothing
    return build_main([*options, str(source), str(target)])


if __name__ == "__main__":
    status = build()
    if status == 0:
        print(f"Open {BUILT / 'index.html'}")
    sys.exit(status)
