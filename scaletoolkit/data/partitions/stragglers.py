"""How long many workers need when partitions differ in size. Lab 01."""

import heapq
from collections.abc import Iterable
from pathlib import Path

import pyarrow.parquet as pq


def rows_per_partition(folder: str | Path) -> list[int]:
    """How many rows each file of a layout holds, from the footers alone."""
    files = sorted(str(path) for path in Path(folder).rglob("*.parquet"))
    return [pq.read_metadata(file).num_rows for file in files]


def finish_time(work: Iterable[float], workers: int) -> float:
    """When the last of `workers` is done, if the largest piece left always goes to the first free.

    work: sizes of the pieces (any unit). The longest-processing-time rule: at most 4/3 of the best
    (R. Graham, SIAM J. Appl. Math. 17(2), 1969). Simulated, so no machine is needed. Raises
    ValueError for less than one worker.
    """
    if workers < 1:
        raise ValueError(f"workers must be at least 1, got {workers}")
    free_at: list[float] = [0] * workers
    for piece in sorted(work, reverse=True):
        heapq.heapreplace(free_at, free_at[0] + piece)
    return max(free_at)
