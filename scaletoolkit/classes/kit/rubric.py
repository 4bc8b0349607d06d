"""The rubric for *Decide*: four lines of two points, the question, and the sample answer."""

import re

from scaletoolkit.classes.kit.lesson import Lesson, answer

TEXT = """# {title}: rubric for *Decide*

{task}

{table}

At most 120 words; what is beyond them does not count. Everybody's numbers differ: read them in the
learner's own notebook, beside the claims that held there.

## One possible answer

It may leave numbers out, since they differ; a learner's answer needs them, each with its word.

{answer}
"""


ROWS = (
    ("", "0", "1", "2"),
    ("---",) * 4,
    (
        "decision",
        "none, or both ways",
        "one that leaves out what the task asks to name",
        "one that somebody can act on",
    ),
    (
        "evidence",
        "none",
        "a number, but not where it is from",
        "numbers of this learner's own run, each with its word: measured, fitted, simulated …",
    ),
    (
        "cause",
        "none",
        "a cause that no cell tested",
        "the cause that the lab tested by changing it",
    ),
    ("doubt", "none", "“more tests”", "what would change this decision, by name"),
)


def rubric(lesson: Lesson) -> str:
    """The rubric of a lab as Markdown. Raises LabError where the lab has no sample answer."""
    return TEXT.format(
        title=lesson.title, task=task(lesson), table=_table(), answer=answer(lesson.notebook)
    )


def _table() -> str:
    lines = [" | ".join(row) for row in ROWS]
    return "\n".join(f"| {line} |" for line in lines)


def task(lesson: Lesson) -> str:
    """What *Decide* asks for, without its heading."""
    part = next(part for part in lesson.parts if part.heading.startswith("Decide"))
    return re.sub(r"\A## .*\n+", "", part.cells[0]["source"]).strip()
