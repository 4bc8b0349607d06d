"""The folder of a learner's own rows that the labs read: written whole, or not at all."""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from scaletoolkit import lab
from scaletoolkit.data.batches import MOST_VALUES, gathered
from scaletoolkit.data.events.files import DESCRIPTION
from scaletoolkit.data.events.generator import CHUNK_ROWS
from scaletoolkit.data.own.form import Roles, in_form, kept_columns
from scaletoolkit.data.own.sources import Files, open_files, readable
from scaletoolkit.machine import folders
from scaletoolkit.machine.files import why


def adopt(
    source: str | Path,
    folder: str | Path,
    time: str,
    geography: str,
    entity: str,
    value: str | None = None,
) -> Path:
    """Put a learner's own Parquet or CSV files in the labs' form. Returns the new folder.

    time, geography, entity: the columns that become event_time (as the clock on the wall showed
    it), country and user_id (a hash where it is no whole number). value: an amount that becomes
    price_cents. Rows that lack one of them are left out; a sentence says what came.
    An earlier adopted folder is replaced. LabError for files or columns that cannot be adopted.
    """
    roles = Roles(time, geography, entity, value)
    folder = Path(folder)
    _check_target(Path(source), folder)
    files = open_files(source, roles)
    label = f"another process is writing {folder.name}"
    try:
        with folders.alone(folder, label), folders.replaced(folder) as partial:
            said = _write(files, partial, roles)
    except OSError as error:  # full, read-only, somebody else's
        raise lab.LabError(f"{folder} cannot be written: {why(error)}.") from None
    print(f"{folder.name}: {said}")
    return folder


def _check_target(source: Path, folder: Path) -> None:
    """Raise LabError where writing the folder would remove anything but an adopted data set."""
    there = source.resolve()
    target = folder.resolve()
    if there.is_relative_to(target) or target.is_relative_to(there):
        why = f"{folder} is {source}, or one holds the other"
        raise lab.LabError(f"The adopted data needs a folder of its own: {why}.")
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return
    try:
        description = json.loads((folder / DESCRIPTION).read_text())
        adopted = "keys" in description and "generator" not in description
    except (OSError, ValueError, TypeError):
        adopted = False
    if not adopted:
        raise lab.LabError(f"{folder} holds other files; adopted data needs a folder of its own.")


class Tally:
    """What was adopted so far: rows by day and by place, and how many were left out."""

    def __init__(self) -> None:
        self.days: Counter[str] = Counter()
        self.places: Counter[str] = Counter()
        self.rows_left_out = 0

    def add(self, rows: pa.Table) -> None:
        """Count the days and the places of rows in the labs' form."""
        self.days.update(_counts(pc.strftime(rows["event_time"], "%Y-%m-%d")))
        self.places.update(_counts(rows["country"]))

    def __repr__(self) -> str:
        what = f"{self.days.total():,} rows from {min(self.days)} to {max(self.days)}"
        text = f"{what}, {len(self.places):,} places."
        if self.rows_left_out:
            text += f" {self.rows_left_out:,} rows lack a part and are left out."
        return text


def _counts(values: pa.ChunkedArray) -> dict[str, int]:
    return {row["values"]: row["counts"] for row in pc.value_counts(values).to_pylist()}


def _write(files: Files, folder: Path, roles: Roles) -> str:
    """Write every row that can be adopted; what to say about them."""
    schema = next(iter(files.values())).schema
    others = kept_columns(schema, roles)
    tally = Tally()
    parts = (part for part in _parts(files, roles, others, tally) if part.num_rows)
    for number, chunk in enumerate(gathered(parts, CHUNK_ROWS)):
        rows = chunk.combine_chunks()
        tally.add(rows)
        rows = rows.set_column(2, "country", rows["country"].dictionary_encode())
        file = folder / f"events-{number:05}.parquet"
        pq.write_table(rows.sort_by("event_time"), file, compression="zstd")
    _check_counts(tally, roles)
    description = {"rows": tally.days.total(), "keys": _middle_keys(folder, tally.places)}
    (folder / DESCRIPTION).write_text(json.dumps(description))
    left_out = [name for name in schema.names if name not in {*others, *roles}]
    return f"{tally}" + (f" Columns left out: {', '.join(left_out)}." if left_out else "")


def _parts(
    files: Files, roles: Roles, others: dict[str, pa.DataType], tally: Tally
) -> Iterator[pa.Table]:
    """Every batch of every file, in the labs' form; what is wrong with one names the file."""
    columns = list(dict.fromkeys([*(column for _, column in roles.named()), *others]))
    for path, data in lab.progress(files.items(), len(files), "adopting files"):
        with readable(path):
            for batch in data.to_batches(columns, batch_size=CHUNK_ROWS, batch_readahead=2):
                rows = in_form(pa.table(batch), roles, others)
                tally.rows_left_out += batch.num_rows - rows.num_rows
                yield rows


def _check_counts(tally: Tally, roles: Roles) -> None:
    """Raise LabError where there is no row, or a layout would need too many folders."""
    if not tally.days:
        needed = ", ".join(column for _, column in roles.named())
        raise lab.LabError(f"No row of the files has all of {needed}.")
    for count, what in (
        (len(tally.days), "days"),
        (len(tally.places), f"values in {roles.geography!r}"),
    ):
        if count > MOST_VALUES:
            most = f"lab 01 makes a folder for each, at most {MOST_VALUES:,}"
            raise lab.LabError(f"There are {count:,} different {what}; {most}.")


def _middle_keys(folder: Path, places: Counter[str]) -> dict[str, str | int]:
    """Keys that exist: day and user of a row in the middle, and the place of middle size."""
    data = ds.dataset(folder)
    row = data.take([data.count_rows() // 2], columns=["event_time", "user_id"]).to_pylist()[0]
    by_size = [place for place, _ in places.most_common()]
    return {
        "day": f"{row['event_time']:%Y-%m-%d}",
        "country": by_size[len(by_size) // 2],
        "user_id": row["user_id"],
    }
