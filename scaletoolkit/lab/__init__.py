"""How a lab speaks to its learner. Ground, and below everything else.

    guess = lab.predict("Speed-up with 8 workers?", 8, "×")
    lab.claim("every worker writes the same report", same)
    lab.compare(guess, speedup)

errors      LabError: what a learner can put right
speech      predictions, claims, the summary, lines that go away
records     what a notebook remembers, and keeps for later labs
tables      numbers, the word that says where each is from, tables
plots/      pictures in the house style, each with its words, sliders, live pictures
exercises/  what an exercise is: a Book with check, hint, solution and use
privacy     what a lab runs reports to nobody
profile     how much data a lab uses, where it and the learner's records lie
"""

from scaletoolkit.lab import privacy, records
from scaletoolkit.lab.errors import ClaimFailed, LabError
from scaletoolkit.lab.records import begin, keep, recall, record
from scaletoolkit.lab.speech import (
    busy,
    claim,
    compare,
    in_notebook,
    own_data,
    predict,
    progress,
    summary,
)
from scaletoolkit.lab.tables import (
    Table,
    assumed,
    computed,
    fitted,
    measured,
    quantity,
    quoted,
    simulated,
    table,
)

__all__ = [
    "ClaimFailed",
    "LabError",
    "Table",
    "assumed",
    "begin",
    "busy",
    "claim",
    "compare",
    "computed",
    "fitted",
    "in_notebook",
    "keep",
    "measured",
    "own_data",
    "predict",
    "privacy",
    "progress",
    "quantity",
    "quoted",
    "recall",
    "record",
    "records",
    "simulated",
    "summary",
    "table",
]
