"""What a submission comes to: each exercise judged by the labs' own judge, and what else was read.

The judge and all expected values are in this process; an answer runs in its box.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from scaletoolkit import lab
from scaletoolkit.classes import asked
from scaletoolkit.classes.answers import Answer, answers
from scaletoolkit.classes.asked import Asked
from scaletoolkit.classes.code import Code, code
from scaletoolkit.classes.remote import DEFAULT, Bounds, Remote
from scaletoolkit.classes.submissions import Submission
from scaletoolkit.classes.walls import ALL
from scaletoolkit.lab.exercises import Exercise, judge
from scaletoolkit.lab.exercises.judging import STARTER

TOO_LONG = "it took too long"
AMPLE_S = 3600  # the box has bounds of its own
REFUSED = "it asked for a file, a program, a process or the network, which are closed to answers"


@dataclass(frozen=True)
class Result:
    """An exercise: whether an answer passed, the sentence that the learner reads, a note."""

    passed: bool
    sentence: str
    note: str = ""


@dataclass(frozen=True)
class Grade:
    """A submission: {exercise: Result}, {question: guess}, words of the decision, notes.

    lab: the stem of the lab's file, "" where nothing says which it is.
    """

    path: str
    lab: str = ""
    results: Mapping[str, Result] = field(default_factory=dict)
    guesses: Mapping[str, str] = field(default_factory=dict)
    decision: str = ""
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        passed = sum(result.passed for result in self.results.values())
        return f"Grade: {self.path}, {passed} of {len(self.results)} exercises passed"


def open_walls() -> list[str]:
    """The walls that do not stand on this machine: some of walls.ALL. Tried with an empty box."""
    with Remote([], "print", Bounds(trust=True)) as box:
        return [name for name in ALL if name not in box.closed]


def grade(submission: Submission, chosen: str = "", bounds: Bounds = DEFAULT) -> Grade:
    """The grade of a submission; whatever is wrong with it becomes a note, never an error.

    chosen: the number of its lab, where the class says it.
    """
    notes = [submission.problem] * bool(submission.problem)
    read = code(submission.cells)
    try:
        number, guessed = asked.which(submission, read.calls, chosen)
    except lab.LabError as error:
        return Grade(submission.path, notes=(*notes, *[str(error)] * (not notes)))
    wanted = asked.asked(number)
    results = {name: _result(read, wanted, name, bounds) for name in wanted.exercises}
    broken = [f"cell {one.cell + 1} {one.why}" for one in read.broken]
    told = [f"{name}: {result.note}" for name, result in results.items() if result.note]
    notes += [*[guessed] * bool(guessed), *broken[:3], *told]
    values: dict[str, str] = {}
    for cell in submission.cells:
        values |= asked.predictions(cell.source) if cell.code else {}
    guesses = {question: values.get(question, "") for question in wanted.questions}
    words = asked.decision(submission.cells)
    return Grade(submission.path, wanted.lab, results, guesses, words, tuple(notes))


def _result(read: Code, wanted: Asked, name: str, bounds: Bounds) -> Result:
    """The last good answer; where none is good, what is said to the last that is no starter."""
    exercise = wanted.exercises[name]
    try:
        found = answers(read, wanted, name)
    except RecursionError:
        return Result(False, f"○ {name} not yet: the answer needs too much.", "it needs too much")
    if not found:
        return Result(False, f"○ {name} not yet: there is no answer in this notebook.", "no answer")
    own = [answer for answer in found if not answer.starter]
    if not own:
        return Result(False, f"○ {name} not yet: {STARTER}")
    first = None
    for answer in own:
        result = _judged(exercise, answer, bounds)
        if result.passed:
            older = f"of several answers, the one in cell {answer.cell + 1} counts"
            return Result(True, result.sentence, older if first else "")
        first = first or result
        if result.note == TOO_LONG:  # older ones would take as long, one after the other
            break
    assert first is not None
    return first


def _judged(exercise: Exercise, answer: Answer, bounds: Bounds) -> Result:
    with Remote(answer.statements, answer.asked, bounds) as remote:
        failed = "; ".join(remote.notes)
        if not remote.problem:
            verdict = judge(exercise, remote, AMPLE_S)
            if verdict.passed:
                return Result(True, verdict.sentence)
            if not remote.too_long:
                tried = REFUSED if "PermissionError" in verdict.sentence else ""
                return Result(False, verdict.sentence, failed or tried)
        if remote.too_long:
            problem = f"it took over {bounds.cpu_s:g} s; does a loop not end?"
            return Result(False, f"○ {exercise.name} not yet: {problem}", TOO_LONG)
        return Result(False, f"○ {exercise.name} not yet: {remote.problem}", failed)
