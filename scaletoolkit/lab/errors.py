"""What a learner can put right: one sentence, and no traceback."""


class LabError(Exception):
    """Something a learner can put right; a notebook shows the sentence and no traceback."""

    def _render_traceback_(self) -> list[str]:
        return [str(self)]


class ClaimFailed(LabError, AssertionError):
    """A sentence that a lab states does not hold here."""
