"""What the form of every lab must be: generators of sentences, one for each thing that is wrong.

nbval compares stored outputs, and has holes: a cell without an execution count is never compared,
and text in a comment can silence it. These guards close them; `outputs` and `provenance` have more.
"""

import json
import re
from statistics import median

from tools import form, names, outputs, provenance
from tools.cells import code_cells, ignored, printed, source, tags, tree

TAGS = {"nbval-ignore-output", "exercise", "raises-exception"}
MOST_CELLS = 60
MOST_FIGURES = 8
MOST_BYTES = 400_000
MOST_STATEMENTS = 30
MEDIAN_STATEMENTS = 8
PROSE_WORDS = range(4, 16)
FORBIDDEN = {
    "an installation (pip)": r"\bpip3?\b",
    "an address of the internet": r"https?://(?!127\.0\.0\.1|localhost)",
    "a fixed port": r"(\bport\s*=\s*|localhost:|127\.0\.0\.1:|0\.0\.0\.0:)[1-9]\d",
    "a literal .cuda()": r"\.cuda\(\)",
    "a comment for nbval": r"NBVAL_",
}
HEADINGS = ("break it", "explore", "extrapolate", "graduate", "decide", "close")


def problems(notebook):
    """Every sentence of every guard about a notebook: a list, empty for a good lab."""
    return [sentence for guard in GUARDS for sentence in guard(notebook)]


def recorded_by_one_run(notebook):
    """Counts from 1 to n: a cell without one would never be compared."""
    counts = [cell.execution_count for cell in code_cells(notebook)]
    if counts != list(range(1, len(counts) + 1)):
        yield f"not recorded by one run from top to bottom: counts are {counts}"


def runs_anywhere(notebook):
    """The kernel has its usual name, and no state of widgets is stored."""
    if notebook.metadata.get("kernelspec", {}).get("name") != "python3":
        yield "the kernel must be python3"
    if "widgets" in notebook.metadata:
        yield "the state of widgets is stored"


def known_tags(notebook):
    """No tag but those that have a meaning here."""
    for cell in notebook.cells:
        for tag in sorted(tags(cell) - TAGS):
            yield f"cell {cell.id}: unknown tag {tag!r}"


def readable_ids(notebook):
    """Ids in words, each once: grading and discussion refer to cells by id."""
    ids = [cell.get("id", "") for cell in notebook.cells]
    for name in ids:
        if not re.fullmatch(r"[a-z][a-z0-9-]{2,63}", name) or re.fullmatch(r"[0-9a-f]{8}", name):
            yield f"cell id {name!r} is not made of words"
    if len(set(ids)) < len(ids):
        yield "two cells have the same id"


def small_enough(notebook):
    """Cells, statements, figures and bytes within the limits of a lab."""
    statements = [form.statements(tree(cell)) for cell in code_cells(notebook)]
    shown = [o.get("data", {}) for cell in code_cells(notebook) for o in cell.outputs]
    figures = sum(outputs.PICTURE in data.get("text/html", "") for data in shown)
    for name, value, limit in [
        ("cells", len(notebook.cells), MOST_CELLS),
        ("statements in a code cell", max(statements, default=0), MOST_STATEMENTS),
        ("statements in the median code cell", median(statements or [0]), MEDIAN_STATEMENTS),
        ("figures", figures, MOST_FIGURES),
        ("bytes", len(json.dumps(notebook)), MOST_BYTES),
    ]:
        if value > limit:
            yield f"{value} {name}; at most {limit}"


def one_statement_a_line(notebook):
    """No assignment that is several, no expression that stands for a statement."""
    for cell in code_cells(notebook):
        for guard in (form.packed, form.tricks):
            yield from (f"cell {cell.id}: {sentence}" for sentence in guard(tree(cell)))


def enough_prose(notebook):
    """Between too little and too much text for each line of code."""
    words = sum(len(c.source.split()) for c in notebook.cells if c.cell_type == "markdown")
    lines = max(1, len([line for line in source(notebook).splitlines() if line.strip()]))
    if round(words / lines) not in PROSE_WORDS:
        yield f"{words / lines:.1f} words of prose a line of code"


def portable_source(notebook):
    """Nothing that runs on one machine only."""
    for cell in code_cells(notebook):
        for words, pattern in FORBIDDEN.items():
            if re.search(pattern, cell.source):
                yield f"cell {cell.id}: {words}"


def opens_and_closes(notebook):
    """A title card, a set-up that names the machine, and a summary as the last thing that runs."""
    cells = code_cells(notebook)
    if not notebook.cells[0].source.startswith("# "):
        yield "the first cell is not a title card"
    setup = cells[0].source
    if not ignored(cells[0]) or not ("lab.begin(" in setup and "hardware.machine(" in setup):
        yield "the first code cell is not the set-up that begins the lab and names the machine"
    for call in ("lab.summary()", "processes.clean_up()"):
        if call not in cells[-1].source:
            yield f"the last code cell does not call {call}"


def whole_anatomy(notebook):
    """Predictions, claims, exercises, sliders, and the sections that every lab has."""
    code = source(notebook)
    parts = {
        "predictions": (code.count("lab.predict("), 2),
        "comparisons with a prediction": (code.count("lab.compare("), 2),
        "claims": (code.count("lab.claim("), 3),
        "exercises": (sum("exercise" in tags(cell) for cell in code_cells(notebook)), 3),
        "explorations with sliders": (
            len(re.findall(r"explore\(|interact\w*\(|Slider\(", code)),
            1,
        ),
    }
    for name, (count, least) in parts.items():
        if count < least:
            yield f"{count} {name}; at least {least}"
    headings = " ".join(_headings(notebook)).lower()
    for words in HEADINGS:
        if words not in headings:
            yield f"no section is headed {words!r}"


def _headings(notebook):
    texts = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    return [line for text in texts for line in text.splitlines() if line.startswith("#")]


def room_for_the_reader(notebook):
    """A cell for the learner's decision, and no heading that a screen reader reads as empty."""
    if "decide-answer" not in [cell.get("id") for cell in notebook.cells]:
        yield "no cell decide-answer has room for the learner's decision"
    for cell in notebook.cells:
        if cell.cell_type == "markdown" and re.search(
            r"^\|[\s|]+\|\n\|[-: |]+\|$", cell.source, re.M
        ):
            yield f"cell {cell.id}: the headings of a table are empty"


def numbers_from_where_they_say(notebook):
    """Nothing is called measured that the code has fitted, simulated or computed by a law."""
    return provenance.mislabelled({cell.id: tree(cell) for cell in code_cells(notebook)})


def one_meaning_for_each_name(notebook):
    """Any cell may be run again after the last one: no other cell has bound its names anew."""
    return names.rebound({cell.id: tree(cell) for cell in code_cells(notebook)})


def starters(notebook):
    """Every exercise is stored as a starter that says "not yet"."""
    for cell in code_cells(notebook):
        if "exercise" not in tags(cell):
            continue
        if "raise NotImplementedError" not in cell.source or "exercise.check(" not in cell.source:
            yield f"cell {cell.id}: an exercise holds a starter and its check"
        if not printed(cell).startswith("○"):
            yield f"cell {cell.id}: the starter's output must say that it is not yet right"


GUARDS = [
    recorded_by_one_run,
    runs_anywhere,
    known_tags,
    readable_ids,
    small_enough,
    one_statement_a_line,
    enough_prose,
    outputs.clean_outputs,
    outputs.only_numbers_between_marks,
    outputs.no_table_unseen,
    outputs.a_word_for_each_mark,
    outputs.pictures_in_words,
    outputs.compared,
    portable_source,
    opens_and_closes,
    whole_anatomy,
    room_for_the_reader,
    numbers_from_where_they_say,
    one_meaning_for_each_name,
    starters,
]
