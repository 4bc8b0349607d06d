"""Run a notebook's cells as an impatient learner does: each twice, and the long ones interrupted.

One pass from top to bottom, so that a lab costs little more than one run of it. Nobody says in
advance which cells are long: a cell that still runs after its moment, one of MOMENTS_S by its name,
is interrupted and run again; then it may run to its end. So a cell that was never interrupted runs
twice to its end; one that was has run twice already, and does so once more where that takes a
moment. SCALETOOLKIT_INTERRUPTS=5 adds five other moments for each cell.

`PYTHONPATH=tests python -m tools.forgiving labs/01_partitioning.ipynb` tells it cell by cell.
"""

import os
import random
import re
import sys
from pathlib import Path

from tools import cells, notebooks
from tools.kernels import Kernel

MOMENTS_S = [0.5, 3.0]
MORE = int(os.environ.get("SCALETOOLKIT_INTERRUPTS", "0"))
LONGEST_S = 20
MOST_S = 30  # that an interrupted cell may go on, also where eight other programs run
CHEAP_S = 1
MOST_LINES = 100  # that an interrupted cell may complain in: of an import, IPython has 80
DEPENDS = re.compile("⟨[^⟩]*⟩")


def problems(path, say=lambda line: None, never="a text that no cell prints"):
    """What in a lab does not forgive, and each cell that prints what it never should: sentences."""
    kernel = Kernel(path.parent)
    try:
        code = cells.code_cells(notebooks.read(path))
        found = [
            f"cell {cell.id}: {problem}"
            for cell in code
            for problem in _cell(kernel, cell, say, never)
        ]
        found += _end(kernel, code[-1])
    finally:
        left = kernel.close()
    return found + [f"it left {sentence}" for sentence in left]


def _cell(kernel, cell, say, never):
    """Run one cell as often as the module says; yields what is wrong, each a sentence."""
    ran = None
    interrupts = 0
    for moment_s in _moments(cell):
        ran = kernel.run(cell.source, moment_s)
        if ran.went_on_s is None:
            break
        interrupts += 1
        yield from _interrupted(ran, cell, f"interrupted after {moment_s:.1f} s")
    if ran.went_on_s is not None:
        ran = kernel.run(cell.source)
    yield from _complete(ran, cell, f"run after {interrupts} interrupts")
    if never in ran.printed:
        yield f"it says {never!r}"
    if not interrupts or ran.seconds < CHEAP_S:
        yield from _complete(kernel.run(cell.source), cell, "run once more")
    say(f"{cell.id}: {ran.seconds:.1f} s, {interrupts} interrupts")


def _moments(cell):
    """When a cell is interrupted, should it still run: the same moments in each run."""
    moments = [random.Random(cell.id).choice(MOMENTS_S)]
    return moments + [random.Random(f"{cell.id} {i}").uniform(0, LONGEST_S) for i in range(MORE)]


def _interrupted(ran, cell, when):
    if ran.error not in ("", "KeyboardInterrupt") and not _raises(cell):
        yield f"{when}: {ran.error}: {ran.sentence}"
    if len(ran.complaints) > MOST_LINES:
        yield f"{when}: {len(ran.complaints)} lines of complaint"
    if ran.went_on_s > MOST_S:
        yield f"{when}: it went on for {ran.went_on_s:.0f} s"


def _complete(ran, cell, when):
    if bool(ran.error) != _raises(cell):
        yield f"{when}: {ran.error or 'no error'}: {ran.sentence}"


def _raises(cell):
    return "raises-exception" in cells.tags(cell)


def _end(kernel, last):
    """What the last cell says must be what is stored: every claim held, nothing counted twice."""
    printed = kernel.run(last.source).printed
    if DEPENDS.sub("", printed) != DEPENDS.sub("", cells.printed(last)):
        yield f"in the end it says {printed!r}"
    yield from (f"after the last cell there runs {command[:150]}" for command in kernel.running())


if __name__ == "__main__":
    for name in sys.argv[1:]:
        print(name, *problems(Path(name), print), sep="\n")
