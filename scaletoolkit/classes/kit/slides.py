"""The slides of a lab: what the room looks at together, in one HTML file that needs no network.

The title, how each part opens, each prediction, what the recorded run found, each picture, each
formula, each exercise, the decision. Arrow keys turn, `d` changes light and dark, and the browser
prints one slide a page.
"""

import ast
import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from scaletoolkit.classes.kit.lesson import Lesson, Part, asked_function, is_code, printed
from scaletoolkit.classes.kit.lesson import questions as asked
from scaletoolkit.classes.kit.markup import as_html
from scaletoolkit.copies.labs import Cell
from scaletoolkit.copies.matching import exercises

LOOKS = Path(__file__).with_name("slides.css")
KEYS = Path(__file__).with_name("slides.js")
LEFT_OUT = ("Set-up", "Explore", "Close")  # done in the lab, not looked at together
ASKING = ("predict", "exercise")  # what is always shown
OPENING_WORDS = 80
MOST_ROWS = 10


@dataclass(frozen=True)
class Slide:
    """One slide: the line above, the HTML below it, and what it is for."""

    heading: str
    body: str
    kind: str = "text"


def slides(lesson: Lesson) -> str:
    """The slides of a lab as the text of an HTML file."""
    shown = [*_all(lesson)]
    sections = [_section(slide, number, len(shown)) for number, slide in enumerate(shown, 1)]
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{html.escape(lesson.title)}: slides</title>\n"
        f"<style>\n{LOOKS.read_text()}</style>\n"
        f"</head>\n<body>\n<main>\n{''.join(sections)}</main>\n"
        f"<script>\n{KEYS.read_text()}</script>\n</body>\n</html>\n"
    )


def _section(slide: Slide, number: int, count: int) -> str:
    heading = f"<h1>{html.escape(slide.heading)}</h1>"
    page = f'<p class="page">{number} / {count}</p>'
    return f'<section class="{slide.kind}">{heading}\n<div>{slide.body}</div>{page}</section>\n'


def _all(lesson: Lesson) -> Iterator[Slide]:
    minutes = f"<p>{lesson.minutes} minutes</p>"
    question = f'<p class="question">{html.escape(lesson.question)}</p>'
    yield Slide(lesson.title, question + minutes, "title")
    for part in lesson.parts[1:]:
        left_out = part.heading in LEFT_OUT
        yield from (one for one in _of(part, lesson) if not left_out or one.kind in ASKING)


def _of(part: Part, lesson: Lesson) -> Iterator[Slide]:
    prose = [cell["source"] for cell in part.cells if not is_code(cell)]
    begins = opening(prose[0])
    yield Slide(part.heading, as_html(begins))
    for cell in part.cells:
        if is_code(cell):
            yield from _of_code(part.heading, cell, lesson)
        else:
            yield from _formulas(part.heading, cell["source"].replace(begins, ""))


def opening(source: str) -> str:
    """How a part opens: its first paragraphs below the heading, up to OPENING_WORDS.

    A last line that announces what is not shown any more is left out.
    """
    text = re.sub(r"\A## .*\n*", "", source).partition("\n### ")[0]
    taken: list[str] = []
    for block in re.split(r"\n\s*\n", text):
        if taken and len(" ".join([*taken, block]).split()) > OPENING_WORDS:
            break
        taken.append(block)
    text = "\n\n".join(taken)
    return text.rpartition("\n")[0] or text if text.endswith(":") else text


def _formulas(heading: str, source: str) -> Iterator[Slide]:
    """A slide for each displayed formula, with the paragraph before it."""
    blocks = re.split(r"\n\s*\n", source)
    for before, block in zip(["", *blocks], blocks, strict=False):
        if block.startswith("$$"):
            yield Slide(heading, as_html(f"{before}\n\n{block}"), "formula")


def _of_code(heading: str, cell: Cell, lesson: Lesson) -> Iterator[Slide]:
    for question in asked(cell):
        body = f'<p class="question">{html.escape(question)}</p><p>A number, before we run it.</p>'
        yield Slide(heading, body, "predict")
    result = _result(cell, lesson)
    if result:
        yield Slide(heading, result, "result")
    for picture in _rich(cell, "<img"):
        yield Slide(heading, picture, "picture")
    for name in exercises(cell):
        yield Slide(f"Exercise {name}", _exercise(cell, lesson, name), "exercise")


def _result(cell: Cell, lesson: Lesson) -> str:
    """What the recorded run found where the lab compares, with the claims that held there."""
    found = re.findall(r"(?m)^You predicted .*?; it is (.*)\.$", printed(cell))
    if not found:
        return ""
    held = re.findall(r"(?m)^✔ (.*)$", printed(cell))
    questions = lesson.results()
    lines = "".join(_found(questions.get(words, ""), words) for words in found)
    claims = "".join(f"<li>{html.escape(claim)}</li>" for claim in held)
    tables = [table for table in _rich(cell, "<table") if table.count("<tr") <= MOST_ROWS]
    says = "<p>The run that is stored in the course; yours will differ where ⟨ ⟩ stand.</p>"
    return f"{lines}{says}<ul>{claims}</ul>{''.join(tables)}"


def _found(question: str, words: str) -> str:
    return f'<p>{html.escape(question)}</p><p class="found">{html.escape(words)}</p>'


def _rich(cell: Cell, start: str) -> list[str]:
    """The outputs of a cell that are HTML and start so."""
    data = [output.get("data", {}) for output in cell.get("outputs", [])]
    texts = ["".join(one.get("text/html", "")) for one in data]
    return [text for text in texts if text.startswith(start)]


def _exercise(cell: Cell, lesson: Lesson, name: str) -> str:
    """What an exercise asks for, and how its function begins."""
    tree = ast.parse(cell["source"])
    name_asked = asked_function(cell["source"])
    starter = next(node for node in tree.body if getattr(node, "name", "") == name_asked)
    code = html.escape(ast.unparse(starter))
    return f'{as_html(_task(lesson, name))}<pre tabindex="0"><code>{code}</code></pre>'


def _task(lesson: Lesson, name: str) -> str:
    """The prose below an exercise's heading, up to where its hints are; else its story."""
    prose = "\n\n".join(cell["source"] for cell in lesson.notebook["cells"] if not is_code(cell))
    heading = rf"^### Exercise {re.escape(name)} [^\n]*\n"
    below = re.search(rf"(?ms){heading}(.*?)^[^\n]*exercise\.hint", prose)
    return below[1].strip() if below else lesson.exercise(name).story
