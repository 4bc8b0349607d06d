"""`python tests/bench [name …]`: measure, print Markdown tables, write them to data/bench.md.

Every other module here has `tables()`: a list of (title, rows), rows being dicts with the same
keys. Numbers are measured on this machine, in this run, side by side.
"""

import datetime
import importlib
import sys
import time
from pathlib import Path

from scaletoolkit import lab
from scaletoolkit.lab import profile
from scaletoolkit.machine import hardware

HERE = Path(__file__).parent
PACKAGES = ["numpy", "pyarrow", "duckdb", "polars", "deltalake", "torch"]


def markdown(title, rows):
    """A table as Markdown: whole numbers with commas, others with three significant digits."""
    head = list(rows[0])
    lines = [head, ["---"] * len(head), *([_text(row[c]) for c in head] for row in rows)]
    return "\n".join([f"## {title}", "", *(f"| {' | '.join(line)} |" for line in lines)])


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


def main(names):
    """Run the benchmarks one after the other, saying which, and write what they found."""
    chosen = modules(names)
    day = datetime.datetime.now(datetime.UTC).date()
    parts = ["# Measured on one machine", f"{day} · {hardware.machine(*PACKAGES)}"]
    print("\n\n".join(parts))
    for name in chosen:
        print(f"\n… {name}", file=sys.stderr, flush=True)
        start = time.monotonic()
        found = [markdown(title, rows) for title, rows in importlib.import_module(name).tables()]
        print("\n" + "\n\n".join(found), flush=True)
        print(f"… {time.monotonic() - start:.0f} s", file=sys.stderr, flush=True)
        parts += found
    target = profile.data_folder() / "bench.md"
    target.parent.mkdir(exist_ok=True)
    target.write_text("\n\n".join(parts) + "\n")
    print(f"\nWritten to {target}", file=sys.stderr)


if __name__ == "__main__":
    main(sys.argv[1:])
