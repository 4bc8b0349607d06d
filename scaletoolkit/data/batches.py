"""Record batches on their way into files: gathered into row groups, values counted. Lab 01."""

from collections.abc import Iterable, Iterator

import pyarrow as pa

from scaletoolkit import lab

MOST_VALUES = 1024  # pyarrow's own limit, which it keeps for each batch alone


class LayoutError(lab.LabError, ValueError):
    """A layout that cannot be written; the sentence says why."""


def few_values(batches: Iterable[pa.RecordBatch], key: str) -> Iterator[pa.RecordBatch]:
    """The batches; LayoutError as soon as all so far have over 1024 values of the column `key`."""
    found: set[object] = set()
    for batch in batches:
        found.update(batch[key].unique().to_pylist())
        if len(found) > MOST_VALUES:
            told = f"{key!r} has more than {MOST_VALUES} different values: a folder for each is"
            raise LayoutError(f"{told} too many. Put the values into buckets first.")
        yield batch


def gathered(batches: Iterable[pa.RecordBatch | pa.Table], least_rows: int) -> Iterator[pa.Table]:
    """The rows in tables of `least_rows` or more, but the last; what waits goes with the next."""
    waiting: list[pa.Table] = []
    for batch in batches:
        waiting.append(pa.table(batch))
        if sum(part.num_rows for part in waiting) >= least_rows:
            yield pa.concat_tables(waiting)
            waiting = []
    if waiting:
        yield pa.concat_tables(waiting)
