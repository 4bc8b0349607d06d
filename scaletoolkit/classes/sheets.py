"""A class as a table (CSV), and a page for each learner: HTML that needs no internet.

Whatever a learner wrote is text here: escaped in a page, and no formula in a table.
"""

import csv
import hashlib
import html
import io
import re
from collections.abc import Iterable, Sequence

from scaletoolkit.classes import asked
from scaletoolkit.classes.grading import Grade, Result

LONGEST = 2000  # letters of a field
LONGEST_NAME = 150
HASHED = re.compile(r"-[0-9a-f]{8}\Z")
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # a spreadsheet would run what begins so
LATER_FORMULA = re.compile(r'(;[\s"]*)(?=[=+@-])')  # where ; parts fields, it begins after one
STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 44rem; margin: 2rem auto; padding: 0 1rem;
  color: CanvasText; background: Canvas; color-scheme: light dark; }
h2 { margin: 1.5rem 0 0; font-size: 1.1rem; }
table { border-collapse: collapse; }
th, td { text-align: left; vertical-align: top; padding: .2rem 1rem .2rem 0; }
p, td { overflow-wrap: anywhere; }
"""


def table(grades: Sequence[Grade]) -> str:
    """The class as CSV: a row a file; a column an exercise (1 or 0), a prediction, the decision."""
    names = _union(grade.results for grade in grades)
    questions = _union(grade.guesses for grade in grades)
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    head = ["file", "lab", "passed", *names]
    rows.writerow([*head, *map(harmless, questions), "decision", "words", "notes"])
    for grade in grades:
        points = [
            int(grade.results[name].passed) if name in grade.results else "" for name in names
        ]
        passed = sum(result.passed for result in grade.results.values())
        guesses = [harmless(grade.guesses.get(question, "")) for question in questions]
        words = len(grade.decision.split())
        told = [harmless(grade.decision), words, harmless("; ".join(grade.notes))]
        rows.writerow([harmless(grade.path), grade.lab, passed, *points, *guesses, *told])
    return text.getvalue()


def harmless(text: str) -> str:
    """A text as one line that no spreadsheet takes for a formula, and no terminal obeys."""
    line = printable(text)[:LONGEST]
    try:
        float(line)
    except ValueError:
        line = LATER_FORMULA.sub(r"\1'", line)[:LONGEST]
        return f"'{line}" if line.startswith(FORMULA) else line
    return line


def printable(text: str) -> str:
    """A text without what is no letter, sign or blank, its lines joined."""
    return "".join(sign if sign.isprintable() else " " for sign in text)


def page(grade: Grade) -> str:
    """What a learner reads about a submission: HTML in one file, without a script."""
    parts = [
        f"<h1>{_text(grade.lab or 'No lab')}</h1>",
        f"<p>{_text(grade.path)}: {_passed(grade)}</p>",
    ]
    if grade.lab:
        exercises = asked.asked(grade.lab[:2]).exercises
        parts += [
            _exercise(name, exercises[name].story, one) for name, one in grade.results.items()
        ]
        parts += [_guesses(grade), _decision(grade)]
    if grade.notes:
        items = "".join(f"<li>{_text(note)}</li>" for note in grade.notes)
        parts.append(f"<h2>Notes</h2><ul>{items}</ul>")
    body = "\n".join(filter(None, parts))
    head = '<meta charset="utf-8"><meta name="viewport" content="width=device-width">'
    title = f"<title>{_text(grade.path)}</title>"
    head = f'<html lang="en"><head>{head}{title}<style>{STYLE}</style></head>'
    return f"<!doctype html>\n{head}\n<body>\n{body}\n</body></html>\n"


def page_name(path: str) -> str:
    """The name of the page of a file: no two files share one, and every system takes it."""
    plain = re.sub(r"[^A-Za-z0-9_.-]+", "_", path.replace("/", "__"))[:LONGEST_NAME]
    if plain != path or HASHED.search(plain):
        plain += "-" + hashlib.sha256(path.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{plain}.html"


def _union(parts: Iterable[Iterable[str]]) -> list[str]:
    return list(dict.fromkeys(name for part in parts for name in part))


def _text(text: str) -> str:
    return html.escape(printable(text)[:LONGEST])


def _passed(grade: Grade) -> str:
    passed = sum(result.passed for result in grade.results.values())
    return f"{passed} of {len(grade.results)} exercises passed."


def _exercise(name: str, story: str, result: Result) -> str:
    return f"<h2>{_text(name)} · {_text(story)}</h2>\n<p>{_text(result.sentence)}</p>"


def _guesses(grade: Grade) -> str:
    rows = [
        f"<tr><td>{_text(question)}</td><td>{_text(guess or 'not given')}</td></tr>"
        for question, guess in grade.guesses.items()
    ]
    head = '<tr><th scope="col">question</th><th scope="col">your prediction</th></tr>'
    return f"<h2>Predictions</h2>\n<table>{head}{''.join(rows)}</table>" if rows else ""


def _decision(grade: Grade) -> str:
    words = grade.decision or "You have written none."
    return f"<h2>Your decision</h2>\n<p>{_text(words)}</p>"
