"""The run sheet: a table of minutes, and for each exercise what people answer and what to say."""

from scaletoolkit.classes.kit.lesson import Lesson, Part
from scaletoolkit.lab.exercises import Exercise, judge

TOP = """# {title}: run sheet

**{question}** {minutes} minutes.

Made by `python -m scaletoolkit class kit {number}` from the lab itself; the minutes are those of
its title card, for one person alone, shared out by words, lines of code, predictions and exercises
(assumed; waiting for the machine is not counted). A room needs about twice as long, and twenty
minutes for *Decide*: see classroom/README.md. The room predicts *before* anybody runs the cell:
collect the guesses aloud or on a board.
"""
WHAT = """## What people may answer

Each of these was judged when this page was made; what the check says stands below it. Say the hint
before the answer, and ask for the reason that people had: it may be right about something else.
"""


def run_sheet(lesson: Lesson) -> str:
    """The run sheet of a lab as Markdown."""
    number = lesson.path.stem[:2]
    top = TOP.format(
        title=lesson.title, question=lesson.question, minutes=lesson.minutes, number=number
    )
    answers = [_answers(exercise) for exercise in lesson.book.exercises.values()]
    return "\n".join([top, _table(lesson), "", WHAT, *answers])


def _table(lesson: Lesson) -> str:
    rows = ["| from minute | minutes | part | predict | exercise |", "|--:|--:|---|---|---|"]
    for part, (first, minutes) in zip(lesson.parts, lesson.timetable(), strict=True):
        rows.append(f"| {first} | {minutes} | {' | '.join(_cells(part))} |")
    return "\n".join(rows)


def _cells(part: Part) -> list[str]:
    cells = [part.heading, " ".join(part.questions), ", ".join(part.exercises)]
    return [cell.replace("|", "\\|") for cell in cells]


def _answers(exercise: Exercise) -> str:
    lines = [f"### {exercise.name} · {exercise.story}\n"]
    for clause, wrong in exercise.wrong.items():
        says = judge(exercise, wrong).sentence.partition(": ")[2].partition(" This is what")[0]
        lines.append(f"- **{_capital(clause)}.**\n  The check: {says}")
    lines.append(f"\nTo say first: {exercise.hints[0]}")
    lines.append(f"\nTo say last: {exercise.why}\n")
    return "\n".join(lines)


def _capital(clause: str) -> str:
    return clause[:1].upper() + clause[1:]
