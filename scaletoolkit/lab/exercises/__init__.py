"""What an exercise is: a story, three hints, cases, a solution, wrong answers; and its judge.

Each module of `scaletoolkit.exercises` holds the exercises of one lab in a `Book`, whose methods
are names of the module: a notebook writes `exercise.check("1.2", function)`.

book     a Book: check, hint, solution, use; notes in the lab's record what was tried
watched  a learner's function that later cells call, and the solution beside it
judging  Exercise, Case, Verdict, and `judge`, which knows nothing of the record
answers  what a function answers, in plain types and in time; when two answers are the same
"""

from scaletoolkit.lab.exercises.answers import TIME_LIMIT_S, same
from scaletoolkit.lab.exercises.book import Book
from scaletoolkit.lab.exercises.judging import Case, Exercise, Verdict, drawn, judge

__all__ = ["TIME_LIMIT_S", "Book", "Case", "Exercise", "Verdict", "drawn", "judge", "same"]
