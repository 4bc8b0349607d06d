"""An engine that is not here: one sentence, and the lab goes on. Lab 12."""

from scaletoolkit import lab


class Absent(lab.LabError):
    """An engine cannot run on this machine, and why. A wrong answer of an engine is never this."""
