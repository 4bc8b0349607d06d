"""What the stored outputs of every lab must be: generators of sentences, as in `guards`."""

import ast
import re

from tools.cells import code_cells, ignored, printed, tags, tree

LEAST_COMPARED = 12
PICTURE = "data:image/png;base64,"
MEASURED = re.compile(r"⟨ *[-+]?[\d.,]+(e[-+]?\d+)? ?([a-zA-Zµ×%²$]{0,10}(/[a-zA-Zµ]{1,10})?)⟩")
VARYING = "measured|fitted|simulated|computed"
NAMING = (
    ast.Import,
    ast.ImportFrom,
    ast.FunctionDef,
    ast.AsyncFunctionDef,
    ast.ClassDef,
    ast.Assign,
    ast.AnnAssign,
    ast.AugAssign,
)


def clean_outputs(notebook):
    """No stderr, no SVG: they hold addresses and paths. An error only where one is shown."""
    for cell in code_cells(notebook):
        errors = [output for output in cell.outputs if output.output_type == "error"]
        if bool(errors) != ("raises-exception" in tags(cell)):
            yield f"cell {cell.id}: errors belong to the tag raises-exception, and it to them"
        if any(error.traceback != [error.evalue] for error in errors):
            yield f"cell {cell.id}: an error is one sentence, without a traceback"
        for output in cell.outputs:
            if output.get("name") == "stderr":
                yield f"cell {cell.id}: stderr is stored"
            if "image/svg+xml" in output.get("data", {}):
                yield f"cell {cell.id}: an SVG is stored"
        if "✘" in printed(cell):
            yield f"cell {cell.id}: a claim that does not hold is stored"


def only_numbers_between_marks(notebook):
    """nbval sees none of what stands in ⟨…⟩, so it must be a number and a unit."""
    for cell in code_cells(notebook):
        text = printed(cell)
        for value in re.findall(r"⟨[^⟩]*⟩?", text):
            if not MEASURED.fullmatch(value):
                yield f"cell {cell.id}: {value} is not a number and a unit"
        if text.count("⟨") != text.count("⟩"):
            yield f"cell {cell.id}: the marks ⟨ and ⟩ do not match"


def compared(notebook):
    """Most cells have output that nbval compares; a silent one must end in a definition."""
    cells = code_cells(notebook)
    loud = [cell for cell in cells if not ignored(cell) and printed(cell).strip()]
    for cell in cells:
        if not ignored(cell) and not printed(cell).strip() and not _ends_in_a_name(cell):
            yield f"cell {cell.id} ends in an action that shows nothing to compare"
    if len(loud) < max(LEAST_COMPARED, len(cells) / 2):
        yield f"only {len(loud)} of {len(cells)} code cells have compared output"
    if sum(map(ignored, cells)) > len(cells) / 5:
        yield f"{sum(map(ignored, cells))} of {len(cells)} cells are not compared; at most a fifth"


def _ends_in_a_name(cell):
    body = tree(cell).body
    return not body or isinstance(body[-1], NAMING)


def no_table_unseen(notebook):
    """Of a cell's lines only the last shows its value; before it a table needs `display`."""
    for cell in code_cells(notebook):
        whole = tree(cell)
        lines = [node for node in ast.walk(whole) if isinstance(node, ast.Expr)]
        unseen = [line for line in lines if line is not whole.body[-1]]
        if any(ast.unparse(line).startswith("lab.table(") for line in unseen):
            yield f"cell {cell.id}: a table that is not its last line is not shown"


def a_word_for_each_mark(notebook):
    """What depends on the run says where it is from: behind the mark, or in its column's heading.

    The table below a picture names the source with each series.
    """
    for cell in code_cells(notebook):
        for output in cell.outputs:
            data = output.get("data", {})
            shown = data.get("text/html", "")
            wordless = _without_word(output.get("text", "") + data.get("text/plain", ""))
            if "<table>" in shown:
                wordless = [] if "<details>" in shown else _columns_without_word(shown)
            for mark in wordless:
                yield f"cell {cell.id}: {mark} does not say whether it is {VARYING}"


def _without_word(text):
    return re.findall(rf"⟨[^⟩]*⟩(?! (?:{VARYING})\b)", text)


def _columns_without_word(table):
    headings = re.findall("<th[^>]*>(.*?)</th>", table)
    for row in re.findall("<tr>(.*?)</tr>", table):
        for heading, text in zip(headings, re.findall("<td[^>]*>(.*?)</td>", row), strict=False):
            if not re.search(rf", ({VARYING})$", heading):
                yield from _without_word(text)


def pictures_in_words(notebook):
    """Every picture has a name for who cannot see it, and its data folded below it."""
    for cell in code_cells(notebook):
        for output in cell.outputs:
            data = output.get("data", {})
            shown = data.get("text/html", "")
            if "image/png" in data:
                yield f"cell {cell.id}: a picture without words; `plots` gives it some"
            if PICTURE in shown and not re.match('<img alt="[^" ].*<details>', shown):
                yield f"cell {cell.id}: a picture needs a title, and its data below it"
