"""The guards themselves: a good notebook passes them, and each fault is found."""

import re

import pytest
from tools import guards, notebooks
from tools.strict import strict_run

from scaletoolkit.lab import plots

PICTURE = notebooks.shown(
    "text/html",
    '<img alt="A rush (picture; its data below)" src="data:image/png;base64,iVBO">'
    "<details><summary>In words</summary><table><tr><td>⟨3⟩</td></tr></table></details>",
)
PRINTS = 'print("one of two")'
STARTER = "def answer():\n    raise NotImplementedError\n\nexercise.check('1.1', answer)"


def code(name, text, output, tags=()):
    return notebooks.code(name, text, [notebooks.stream(output)] if output else [], tags)


def recorded(*cells):
    """A notebook of cells that look executed from top to bottom."""
    notebook = notebooks.notebook(*cells)
    for number, cell in enumerate(guards.code_cells(notebook), 1):
        cell.execution_count = number
    return notebook


def good_lab():
    """A notebook of the right form, put together by hand and never executed."""
    prose = (
        "# A title\n"
        + "words " * 300
        + "\n## Break it\n## Explore\n## Extrapolate\n## Graduate\n## Decide\n## Close\n"
    )
    cells = [notebooks.markdown("title", prose)]
    cells.append(notebooks.markdown("decide-answer", "*Your decision:*"))
    setup = 'lab.begin("01", hardware.machine())'
    cells.append(code("set-up", setup, "cpu · 2 cores", ["nbval-ignore-output"]))
    cells += [code(f"prints-{word}", PRINTS, "one of ⟨2.5 ms⟩ fitted\n") for word in "abcdefghij"]
    cells += [
        code(f"asks-{word}", "g = lab.predict(q, 4)\nlab.compare(g, 5)", "4 × ⟨1.0 ×⟩ measured\n")
        for word in "ab"
    ]
    cells += [code(f"claims-{word}", "lab.claim('It holds', True)", "✔ yes\n") for word in "abc"]
    cells += [
        code(f"exercise-{word}", STARTER, "○ 1.1 not yet: \n", ["exercise"]) for word in "abc"
    ]
    cells.append(code("explore", "interact(draw)", "", ["nbval-ignore-output"]))
    cells.append(code("close", "lab.summary()\nprocesses.clean_up()", "Claims held: 3 of 3\n"))
    cells[3].outputs += [PICTURE, shown_table("seconds, measured")]
    return recorded(*cells)


def shown_table(heading, cell="⟨    500 ms⟩"):
    """A table with marks in it, as HTML and as text."""
    text = f'<table><tr><th scope="col">{heading}</th></tr><tr><td>{cell}</td></tr></table>'
    output = notebooks.shown("text/html", text)
    output.data["text/plain"] = f"{heading}\n{cell}"
    return output


def test_a_good_lab_passes():
    assert guards.problems(good_lab()) == []


def test_an_error_that_is_shown_on_purpose_is_one_sentence():
    notebook = good_lab()
    notebook.cells[3].metadata.tags.append("raises-exception")
    notebook.cells[3].outputs.append(notebooks.error("No.", "No."))
    assert guards.problems(notebook) == []


def set_text(cell, text):
    cell.outputs[0].text = text


FAULTS = {
    "never run": lambda nb, cell: cell.update(execution_count=None),
    "another kernel": lambda nb, cell: nb.metadata.kernelspec.update(name="my-env"),
    "widget state": lambda nb, cell: nb.metadata.update(widgets={}),
    "unknown tag": lambda nb, cell: cell.metadata.update(tags=["nbval-skip"]),
    "random id": lambda nb, cell: cell.update(id="3fa8c02d"),
    "twice the same id": lambda nb, cell: cell.update(id="prints-b"),
    "too many cells": lambda nb, cell: nb.cells.extend([notebooks.markdown("more", "x")] * 60),
    "a long cell": lambda nb, cell: cell.update(source="\n".join([PRINTS] * 31)),
    "long cells": lambda nb, cell: [
        c.update(source="\n".join([c.source] + ["print(1)"] * 8)) for c in nb.cells[3:15]
    ],
    "two assignments in one": lambda nb, cell: cell.update(source="a, b = 1, 2\n" + PRINTS),
    "a conditional as a statement": lambda nb, cell: cell.update(source="a and f()\n" + PRINTS),
    "no prose": lambda nb, cell: nb.cells[0].update(
        source="# T\n## Break it\n## Explore\n## Extrapolate\n## Graduate\n## Decide\n## Close"
    ),
    "too many bytes": lambda nb, cell: set_text(cell, "a" * 400_001),
    "too many figures": lambda nb, cell: cell.outputs.extend([PICTURE] * 8),
    "a picture without words": lambda nb, cell: cell.outputs.append(
        notebooks.shown("image/png", "")
    ),
    "a picture without a name": lambda nb, cell: cell.outputs.append(
        notebooks.shown("text/html", PICTURE.data["text/html"].replace("A rush", ""))
    ),
    "a picture without its data": lambda nb, cell: cell.outputs.append(
        notebooks.shown("text/html", PICTURE.data["text/html"].split("<details>")[0])
    ),
    "an error": lambda nb, cell: cell.outputs.append(notebooks.error("")),
    "no error where one is announced": lambda nb, cell: cell.metadata.tags.append(
        "raises-exception"
    ),
    "a traceback": lambda nb, cell: [
        cell.metadata.tags.append("raises-exception"),
        cell.outputs.append(notebooks.error("One sentence.", "a", "b")),
    ],
    "stderr": lambda nb, cell: cell.outputs.append(notebooks.stream("warning", "stderr")),
    "an SVG": lambda nb, cell: cell.outputs.append(notebooks.shown("image/svg+xml", "<svg/>")),
    "a claim that fails": lambda nb, cell: set_text(cell, "✘ no"),
    "words between marks": lambda nb, cell: set_text(cell, "⟨the fast way wins⟩"),
    "a mark without a word": lambda nb, cell: set_text(cell, "in ⟨2.5 ms⟩, measured"),
    "a quoted mark": lambda nb, cell: set_text(cell, "in ⟨2.5 ms⟩ quoted"),
    "one word for two marks": lambda nb, cell: set_text(cell, "⟨1⟩ and ⟨2⟩ measured"),
    "a column without a word": lambda nb, cell: cell.outputs.append(shown_table("seconds")),
    "a word in a column of no source": lambda nb, cell: cell.outputs.append(
        shown_table("seconds", "⟨1⟩ measured, ⟨2⟩")
    ),
    "a table that nobody sees": lambda nb, cell: cell.update(source=f"lab.table(rows)\n{PRINTS}"),
    "a mark left open": lambda nb, cell: set_text(cell, "⟨2.5 ms"),
    "pip": lambda nb, cell: cell.update(source=PRINTS + "\n%pip install ray"),
    "an address": lambda nb, cell: cell.update(source='print("https://example.org/data.csv")'),
    "a fixed port": lambda nb, cell: cell.update(source="print(serve(port=8080))"),
    ".cuda()": lambda nb, cell: cell.update(source="print(model.cuda())"),
    "a comment for nbval": lambda nb, cell: cell.update(source="# NBVAL_IGNORE_OUTPUT\n" + PRINTS),
    "no output": lambda nb, cell: cell.update(outputs=[]),
    "too much ignored": lambda nb, cell: [
        c.metadata.update(tags=["nbval-ignore-output"]) for c in nb.cells[3:7]
    ],
    "no title": lambda nb, cell: nb.cells[0].update(source="words"),
    "nowhere to decide": lambda nb, cell: nb.cells[1].update(id="decide-sample"),
    "empty headings": lambda nb, cell: nb.cells[1].update(source="| | |\n|---|---|\n| a | b |"),
    "fitted, and called measured": lambda nb, cell: cell.update(
        source="print(lab.measured(laws.fit_usl(n, rates)))"
    ),
    "a name that means two things": lambda nb, cell: [
        c.update(source=f"{text}\n{PRINTS}")
        for c, text in zip(nb.cells[3:6], ["n = 1", "print(n)", "n = 2"], strict=True)
    ],
    "no machine": lambda nb, cell: nb.cells[2].update(source="print(1)"),
    "no summary at the end": lambda nb, cell: nb.cells[-1].update(source="processes.clean_up()"),
    "one prediction": lambda nb, cell: nb.cells[13].update(source="lab.compare(g, 5)"),
    "two exercises": lambda nb, cell: nb.cells[18].metadata.update(tags=[]),
    "no sliders": lambda nb, cell: nb.cells[-2].update(source="draw()"),
    "an answered exercise": lambda nb, cell: set_text(nb.cells[18], "● 1.1 passed"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_is_found(fault):
    notebook = good_lab()
    FAULTS[fault](notebook, notebook.cells[3])
    assert len(guards.problems(notebook)) >= 1


SENTENCE = "from scaletoolkit import lab; print(f'1 of 12 files in {lab.measured(0.5)}')"
TABLE = "lab.table([{'layout': 'by day', 'time': 0.5}], {'time': 's'}, {'time': 'measured'})"
CURVES = (
    "from scaletoolkit.lab import plots\n"
    "plots.curves([plots.Series('a', [1], [0.5])], 'Title', 'workers', 'speed-up')"
)


def test_strict_nbval_compares_all_but_what_depends_on_the_run(tmp_path):
    stored = ["in ⟨0.5⟩ measured", "in ⟨73.1 ms⟩ measured", "in 0.5 measured", "in ⟨0.5⟩ fitted"]
    cells = [
        code(f"cell-{i}", SENTENCE, f"1 of 12 files {text}\n") for i, text in enumerate(stored)
    ]
    cells.append(code("count", SENTENCE, "2 of 12 files in ⟨0.5⟩ measured\n"))
    head = "layout  time, measured\n"
    cells.append(code("same", f"print({TABLE})", head + "by day    ⟨   9.1 ms⟩\n"))
    cells.append(code("other", f"print({TABLE})", head + "by now    ⟨    500 ms⟩\n"))
    for name in ("picture", "repainted", "renamed", "relabelled"):
        cells.append(code(name, CURVES, ""))
    for cell, (old, new) in zip(
        cells[-4:],
        [("", ""), ("base64,iV", "base64,AA"), ("Title", "Tilte"), ("measured", "fitted")],
        strict=True,
    ):
        picture = drawn_picture()
        data = {kind: text.replace(old, new) for kind, text in picture.items()}
        cell.outputs.append(notebooks.Node(notebooks.shown("", ""), data=data))
    run = strict_run(notebooks.write(recorded(*cells), tmp_path / "small.ipynb"))
    failed = re.findall(r"^FAILED .*::Cell (\d+)", run.output, re.MULTILINE)
    assert failed == ["2", "3", "4", "6", "9", "10"], run.output


def drawn_picture():
    """What CURVES shows in a notebook, by MIME type."""
    shown = []
    series = [plots.Series("a", [1], [0.7])]

    def keep(figure, words):
        shown.append(words.below(figure))

    plots.curves(series, "Title", "workers", "speed-up", show=keep)
    return {"text/html": shown[0]._repr_html_(), "text/plain": repr(shown[0])}


def test_what_outlives_a_notebook_is_seen(tmp_path):
    source = (
        "import subprocess, sys, tempfile\n"
        "code = 'import socket, time; s = socket.create_server((str(), 0)); time.sleep(60)'\n"
        "subprocess.Popen([sys.executable, '-c', code], start_new_session=True)\n"
        "folder = tempfile.mkdtemp(prefix='scaletoolkit-')"
    )
    path = notebooks.write(recorded(code("leaves", source, "")), tmp_path / "leaves.ipynb")
    left = strict_run(path, grace_s=0.5).left
    assert [sentence.split()[1] for sentence in left] == ["folder", "process", "port"]
