"""`python tests/bench [name …]`: measure, print Markdown tables, write them to docs/bench.md.

Every other module here has `tables()`: a list of (title, rows), rows being dicts with the same
keys. Numbers are measured on this machine, in this run, side by side. Each benchmark is a part of
the page; one that is run by its name replaces its own part only.
"""

import datetime
import importlib
import sys
import time
from pathlib import Path

from scaletoolkit import lab
from scaletoolkit.machine import hardware

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "bench.md"
HEAD = """# Measured beside others

What `make bench` measured: this library beside others that do the same, on the same work, in turns.
It says what they do better, too.
Each part is one run on the machine that it names; `python tests/bench training` renews one of them.
"""
PART = "\n## "
PACKAGES = ["numpy", "pyarrow", "duckdb", "polars", "deltalake", "torch"]


def markdown(title, rows):
    """A table as Markdown: whole numbers with commas, others with three significant digits."""
    head = list(rows[0])
    lines = [head, ["---"] * len(head), *([_text(row[c]) for c in head] for row in rows)]
    return "\n".join([f"### {title}", "", *(f"| {' | '.join(line)} |" for line in lines)])


def _text(value):
    if isinstance(value, float):
        return lab.quantity(value)
    return f"{value:,}" if isinstance(value, int) else str(value)


def modules(names):
    """The names of the modules to run: all, or those asked for."""
    known = sorted(path.stem for path in HERE.glob("*.py") if path.stem != "__main__")
    for name in names:
        if name not in known:
            sys.exit(f"There is no benchmark {name!r}; there are {', '.join(known) or 'none'}.")
    return names or known


def parts(page):
    """{name: what is below its heading} of the parts of a page."""
    texts = page.split(PART)[1:]
    return {text.partition("\n")[0]: text.partition("\n")[2].strip() for text in texts}


def written(of):
    """The page with these parts, in the order of their names."""
    return "".join([HEAD, *(f"{PART}{name}\n\n{of[name]}\n" for name in sorted(of))])


def main(names):
    """Run the benchmarks one after the other, saying which, and write what they found."""
    for name in modules(names):
        print(f"\n… {name}", file=sys.stderr, flush=True)
        start = time.monotonic()
        found = [markdown(title, rows) for title, rows in importlib.import_module(name).tables()]
        day = datetime.datetime.now(datetime.UTC).date()
        part = "\n\n".join([f"{day} · {hardware.machine(*PACKAGES)}", *found])
        print("\n" + part, flush=True)
        print(f"… {time.monotonic() - start:.0f} s", file=sys.stderr, flush=True)
        kept = parts(PAGE.read_text()) if PAGE.exists() else {}
        PAGE.write_text(written(kept | {name: part}))
    print(f"\nWritten to {PAGE}", file=sys.stderr)


if __name__ == "__main__":
    main(sys.argv[1:])
