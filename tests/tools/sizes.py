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

from scaletoolkit.copies import labs
from scaletoolkit.machine import hardware

FIGURES = ROOT / "classroom" / "sizes.json"
PAGE = ROOT / "classroom" / "sizes.md"
CLASS = 30
CORES = 2  # what a lab's measurements want undisturbed
SERVER_BYTES = 130e6  # a learner's JupyterLab server at rest
IDLE_KERNEL_BYTES = 66e6
TOP = """# What a learner needs, lab by lab

`python tests/tools/sizes.py` has written this page from `classroom/sizes.json`; it executed each
lab once in the `ci` profile (a million events). Measured: seconds of the machine, and the most
memory that all processes of the lab had together, what they share counted once. Computed: a class
of {learners} that does it at the same moment, each with a JupyterLab server of {server} MB
(measured once), and the same class where one in {turn} measures at a time because they take turns.

Every lab wants {cores} cores while it measures. {learners} learners with {cores} cores each are
{all_cores} cores; with turns (`SCALETOOLKIT_TURNS`) the others wait in line, and {cores} cores for
every {turn} learners are enough.

| lab | machine, s | peak, GB | {learners} at once, GB | {learners} in turns, GB | measured on |
|---|--:|--:|--:|--:|---|
"""
TURN = 10


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
        turn=TURN,
        cores=CORES,
        all_cores=CLASS * CORES,
    )
    return top + "".join(_row(name, figures[name]) for name in sorted(figures))


def _row(name, figure):
    peak = figure["peak_bytes"]
    at_once = CLASS * (SERVER_BYTES + peak)
    measuring = math.ceil(CLASS / TURN)
    in_turns = CLASS * (SERVER_BYTES + IDLE_KERNEL_BYTES) + measuring * peak
    cells = [round(figure["seconds"]), *(f"{size / 1e9:.1f}" for size in (peak, at_once, in_turns))]
    return f"| {name} | {' | '.join(map(str, cells))} | {figure['where']} |\n"


if __name__ == "__main__":
    measure(sys.argv[1:])
