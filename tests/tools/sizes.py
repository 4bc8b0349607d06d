"""What each lab costs a class: `python tests/tools/sizes.py [01 …]` measures and writes it down.

Each lab is executed under strict comparison in the `ci` profile; the peak is the memory of all its
processes together (what they share is counted once), the seconds are those of `tools.strict`.
classroom/sizes.json keeps the figures, with the day and the machine; classroom/sizes.md shows them.
"""

import datetime
import json
import math
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tools.strict import ROOT, strict_run

from scaletoolkit.classes.kit.lesson import lesson
from scaletoolkit.copies import labs
from scaletoolkit.machine import hardware

FIGURES = ROOT / "classroom" / "sizes.json"
PAGE = ROOT / "classroom" / "sizes.md"
CLASS = 30
CORES = 2  # what a lab's measurements want undisturbed
SERVER_BYTES = 150e6  # resident: a learner's JupyterLab server at rest, of two on a JupyterHub
BUSY = 0.5  # of the time that a lab takes; more, and the line for a turn grows long
TOP = """# What a learner needs, lab by lab

`python tests/tools/sizes.py` has written this page from `classroom/sizes.json`; it executed each
lab once, in the `ci` profile (a million events; `laptop`, the default, has ten).
**Measured**: the seconds that the machine needs, and the most memory that all processes of the lab
had together, what they share counted once.
**Computed** from that, for {learners} learners on one machine: their memory at most, each with a
JupyterLab server of {server} MB (measured with two) and nothing shared between learners; and the
cores that they need when they take turns at measuring (`SCALETOOLKIT_TURNS`). One folder of turns
is one line, in which one learner at a time measures, on {cores} cores; these measure for at most
{busy} % of the minutes on the lab's title card. Where the table says 4, that takes two folders,
half of the class in each.
Turns save cores and no memory: a lab keeps what it has started until its last cell.
Without turns each learner needs {cores} cores, {all_cores} in all.
A lab that is not in the table has not been measured yet.

| lab | machine, s | peak, GB | {learners} learners, GB | {learners} in turns, cores | measured on |
|---|--:|--:|--:|--:|---|
"""


def measure(names):
    """Measure these labs (all when there are none) and keep the figures of the others."""
    figures = kept()
    for path in labs.labs():
        if names and path.stem[:2] not in names:
            continue
        run = strict_run(path)
        if not run.passed:
            raise SystemExit(f"{path.name} did not pass, so its figures say nothing:\n{run.output}")
        where = f"{datetime.date.today()}, {hardware.machine()}"
        figures[path.stem] = {
            "seconds": round(run.seconds, 1),
            "peak_bytes": run.peak_bytes,
            "where": where,
        }
        write(figures)
        print(path.stem, figures[path.stem], flush=True)


def kept():
    """The figures that are there: {lab: {seconds, peak_bytes, where}}."""
    return json.loads(FIGURES.read_text()) if FIGURES.exists() else {}


def write(figures):
    """Write the figures, and the page that shows them."""
    FIGURES.write_text(
        json.dumps(dict(sorted(figures.items())), indent=1, ensure_ascii=False) + "\n"
    )
    PAGE.write_text(page(figures))


def page(figures):
    """The page, as Markdown."""
    top = TOP.format(
        learners=CLASS,
        server=round(SERVER_BYTES / 1e6),
        cores=CORES,
        all_cores=CLASS * CORES,
        busy=round(100 * BUSY),
    )
    return top + "".join(_row(name, figures[name]) for name in sorted(figures))


def _row(name, figure):
    room = CLASS * (SERVER_BYTES + figure["peak_bytes"])
    minutes = lesson(labs.find_lab(name)).minutes
    places = math.ceil(CLASS * figure["seconds"] / (60 * minutes * BUSY))
    sizes = [f"{size / 1e9:.1f}" for size in (figure["peak_bytes"], room)]
    cells = [name, round(figure["seconds"]), *sizes, CORES * places, figure["where"]]
    return f"| {' | '.join(map(str, cells))} |\n"


if __name__ == "__main__":
    measure(sys.argv[1:])
