"""Lab 02's update against the full recompute, while the history grows from one to eight million.

Bytes are counted by the file system that reads the landed files. Each history has just received a
last file of a hundred thousand rows. Both jobs do all they do in service: read, merge, write the
state, fsync.
"""

import shutil
import tempfile
from pathlib import Path

import pyarrow.parquet as pq

from scaletoolkit import lab
from scaletoolkit.data import events, incremental
from scaletoolkit.machine import disk, measure

HISTORIES = [1_000_000, 2_000_000, 4_000_000, 8_000_000]
FILE_ROWS = 250_000
NEW_ROWS = 100_000
REPEATS = 5


def tables():
    """What the update and the recompute cost for each length of history: [(title, rows)]."""
    with tempfile.TemporaryDirectory() as folder:
        rows = [
            _beside(Path(folder), history)
            for history in lab.progress(HISTORIES, len(HISTORIES), "histories")
        ]
    return [("One new file of 100,000 rows: update against recompute", rows)]


def _beside(folder, history):
    """One row of the table: bytes and seconds of both jobs, in turns, and their ratios."""
    landing, before = _history(folder, history)
    state = folder / "state.json"

    def update(filesystem=None):
        shutil.copy(before, state)
        incremental.update(landing, state, filesystem)

    def recompute(filesystem=None):
        incremental.recompute(landing, folder / "full.json", filesystem)

    jobs = {"update": update, "recompute": recompute}
    reads = {name: _bytes_read(job) for name, job in jobs.items()}
    if state.read_bytes() != (folder / "full.json").read_bytes():
        raise AssertionError(f"at {history:,} rows the update and the recompute disagree")
    seconds = {name: min(took) for name, took in measure.timings(jobs, REPEATS).items()}
    return {
        "rows": history + NEW_ROWS,
        "update MB read": reads["update"] / 1e6,
        "recompute MB read": reads["recompute"] / 1e6,
        "bytes, recompute ÷ update": reads["recompute"] / reads["update"],
        "update ms": 1e3 * seconds["update"],
        "recompute ms": 1e3 * seconds["recompute"],
        "time, recompute ÷ update": seconds["recompute"] / seconds["update"],
        "state kB": state.stat().st_size / 1e3,
    }


def _history(folder, history):
    """Landed files of so many rows and one new one; the state before it: (landing, state)."""
    landing = folder / f"landing-{history}"
    before = folder / "before.json"
    whole = history + NEW_ROWS
    landing.mkdir()
    for first in range(0, history, FILE_ROWS):
        _land(landing / f"{first:09}.parquet", first, first + FILE_ROWS, whole)
    incremental.recompute(landing, before)
    _land(landing / f"{history:09}.parquet", history, whole, whole)
    return landing, before


def _land(path, first, last, whole):
    rows = events.chunk(first, last, whole).select(events.REQUIRED)
    pq.write_table(rows, path, compression="zstd")


def _bytes_read(job):
    reads = disk.Reads()
    job(reads.filesystem)
    return reads.size_bytes


if __name__ == "__main__":
    for title, rows in tables():
        print(title, lab.table(rows), sep="\n")
