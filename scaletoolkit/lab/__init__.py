"""How a lab speaks to its learner. Ground, and below everything else.

    guess = lab.predict("Speed-up with 8 workers?", 8, "×")
    lab.claim("every worker writes the same report", same)
    lab.compare(guess, speedup)

speech     predictions, claims, the summary, LabError; lines that go away
tables     numbers as people write them, measured values between their marks, tables
plots/     pictures in the house style, sliders, live pictures
exercises  what an exercise is: a Book with check, hint, solution and use
profile    how much data a lab uses, and where it lies
"""

from scaletoolkit.lab.speech import (
    ClaimFailed,
    LabError,
    busy,
    claim,
    compare,
    in_notebook,
    own_data,
    predict,
    progress,
    record,
    summary,
)
from scaletoolkit.lab.tables import Table, measured, quantity, table

__all__ = [
    "ClaimFailed",
    "LabError",
    "Table",
    "busy",
    "claim",
    "compare",
    "in_notebook",
    "measured",
    "own_data",
    "predict",
    "progress",
    "quantity",
    "record",
    "summary",
    "table",
]
