"""A job of a Slurm queue: its state, its script, its results."""

from __future__ import annotations

import re
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from scaletoolkit import lab
from scaletoolkit.machine import interrupts, ranks

if TYPE_CHECKING:
    from scaletoolkit.cluster.slurm.client import Cluster

LOOK_EVERY_S = 0.2
# What a job that has ended is no longer in, from the hindmost; a requeued one is PENDING again.
AT_WORK = """PENDING REQUEUED CONFIGURING SUSPENDED STOPPED RESIZING SIGNALING RUNNING STAGE_OUT
COMPLETING""".split()
LINE = re.compile(r"JobState=(\w+) Reason=(\S+).*? Restarts=(\d+)")


class SlurmError(lab.LabError):
    """Slurm has refused something, or a job has not ended in time."""


class State(NamedTuple):
    """Where a job stands; of an array, the task that has come least far, or has failed."""

    state: str
    reason: str
    restarts: int


class Job:
    """A job that was handed to a queue. `script` is what the queue was given."""

    def __init__(
        self, cluster: Cluster, number: int, folder: Path, world_size: int, script: str
    ) -> None:
        self.number = number
        self.folder = folder
        self.script = script
        self._cluster = cluster
        self._world_size = world_size

    def __repr__(self) -> str:
        return f"Job {self.number}: {self.state().state}"

    def state(self) -> State:
        """Its state in Slurm's word, why it waits, and how many times it was begun anew."""
        said = self._cluster.ask("scontrol", "--oneliner", "show", "job", str(self.number))
        states = [State(state, why, int(again)) for state, why, again in LINE.findall(said)]
        if not states:
            raise SlurmError(f"Slurm does not say where its job {self.number} stands: {said!r}")
        return min(states, key=_how_far)

    def wait(self, timeout_s: float = 600) -> State:
        """How it ended; SlurmError where it has not after so long."""
        deadline_s = time.monotonic() + timeout_s
        label = f"Slurm's job {self.number}"
        with interrupts.held_back() as check, lab.busy(label) as show:
            while (state := self.state()).state in AT_WORK:
                show(f"{label} · {state.state} · {state.reason} · {state.restarts} restarts")
                if time.monotonic() > deadline_s:
                    told = f"{state.state}, {state.reason}"
                    raise SlurmError(f"{label} has not ended after {timeout_s:g} s: {told}")
                check()
                time.sleep(LOOK_EVERY_S)
        return state

    def results(self, timeout_s: float = 600) -> list[Any]:
        """What its ranks or tasks returned, in their order, once it has ended.

        RankError says which failed, and how. What counts are the results: at the end of a job that
        is done, Slurm may find an agent that went a moment too late, and minutes later it forgets
        the job. SlurmError where it has, or the job has not ended, and not all results are there.
        """
        try:
            state = self.wait(timeout_s)
        except SlurmError:
            with suppress(ranks.RankError):
                return ranks.results(self.folder, self._world_size)
            raise
        try:
            return ranks.results(self.folder, self._world_size)
        except ranks.RankError as error:
            last = "" if error.traceback else "".join(f"\n  {line}" for line in self._last_words())
            sentence = f"Slurm's job {self.number} ended as {state.state}. {error}{last}"
            raise ranks.RankError(sentence, error.traceback) from None

    def said(self) -> str:
        """What it has written."""
        path = self.folder / "said"
        return path.read_text(errors="replace") if path.exists() else ""

    def _last_words(self) -> list[str]:
        return self.said().strip().splitlines()[-3:]


def _how_far(state: State) -> int:
    """How far a task has come; of those that have ended, first who did not complete."""
    if state.state in AT_WORK:
        return AT_WORK.index(state.state)
    return len(AT_WORK) + (state.state == "COMPLETED")
