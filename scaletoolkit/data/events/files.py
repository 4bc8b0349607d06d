"""The events on disk: written once, whole, and landed by day of arrival. Labs 01, 02 and 03."""

import json
import shutil
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from scaletoolkit import lab
from scaletoolkit.data.events.generator import CHUNK_ROWS, KEYS, SCHEMA, chunk
from scaletoolkit.lab import profile
from scaletoolkit.machine import folders, ranks
from scaletoolkit.machine.files import why

FILES = 10
NAMES = [f"events-{number:05}.parquet" for number in range(FILES)]
MOST_OPEN = 64  # days that are written at once: each keeps a file open
DESCRIPTION = "_events.json"
GENERATOR = 1  # one more whenever the generator's rows change, so that older files are replaced
# what labs 01 and 02 read, so that a learner's own data has it too
REQUIRED = ["event_time", "arrived_at", "country", "user_id", "price_cents"]


def prepare(workers: int = 1) -> tuple[Path, dict[str, str | int]]:
    """The events of this profile, written on first use: (folder, keys of the example queries).

    Where `SCALETOOLKIT_EVENTS` names a folder that `own.adopt` wrote, that folder stands in.
    """
    own = profile.own_events()
    if own:
        _check_rows(own)
        lab.own_data(f"your own data in {own.name}")
        return own, keys(own)
    name, rows = profile.current()
    folder = ensure(profile.data_folder() / f"events-{name}", rows, workers=workers)
    return folder, keys(folder)


def keys(folder: str | Path) -> dict[str, str | int]:
    """What the labs ask a folder about: day, country, user. LabError if it holds no events."""
    return _described(Path(folder))["keys"]


def _described(folder: Path) -> dict[str, Any]:
    """What the description says of the rows and the keys."""
    try:
        description = json.loads((folder / DESCRIPTION).read_text())
        return {name: description[name] for name in ("rows", "keys")}
    except (OSError, ValueError, KeyError, TypeError):
        lacks = f"it has no {DESCRIPTION} as prepare and adopt leave it"
        raise lab.LabError(f"{folder} holds no events: {lacks}.") from None


def _check_rows(folder: Path) -> None:
    """Raise LabError where an adopted folder no longer holds just the rows that were adopted."""
    files = sorted(folder.glob("*.parquet"))
    expected = _described(folder)["rows"]
    try:
        there = sum(pq.read_metadata(file).num_rows for file in files)
    except (OSError, ValueError) as error:
        raise lab.LabError(f"{folder} cannot be read ({error}); adopt it again.") from None
    if there != expected:
        raise lab.LabError(f"{folder} holds {there:,} rows, not {expected:,}; adopt it again.")


def ensure(folder: str | Path, rows: int, seed: int = 0, workers: int = 1) -> Path:
    """The folder, after writing its `rows` events if they are not all there.

    Ten Parquet files in time order. Memory is bounded by the chunk: about 0.3 GB a worker. A write
    that is cut short leaves the whole old folder, or none. Any number of a user's processes may ask
    at once: one writes, the others wait and take what it wrote. Raises LabError where the folder
    cannot be written or holds files that are not events, ValueError for fewer than ten rows.
    """
    folder = Path(folder)
    try:
        if _is_whole(folder, rows, seed):
            return folder
        with folders.alone(folder, "another lab is writing the events"):
            if not _is_whole(folder, rows, seed):  # else written while this process waited
                _refuse_other_files(folder)
                if folder.exists():
                    print(f"{folder.name} is not whole or of another version; it is written again.")
                _write(folder, rows, seed, workers)
    except OSError as error:  # read-only, full, no folder, somebody else's
        raise lab.LabError(
            f"The events cannot be read or written at {error.filename or folder}: {why(error)}; "
            "name another folder in SCALETOOLKIT_DATA."
        ) from None
    return folder


def _refuse_other_files(folder: Path) -> None:
    """Raise LabError where writing the folder again would remove what is not the course's."""
    names = [path.name for path in folder.iterdir()] if folder.exists() else []
    for name in names:
        if not name.startswith(("events-", ".", "_")):
            raise lab.LabError(f"{folder} holds {name}, which are no events; move it away first.")


def _write(folder: Path, rows: int, seed: int, workers: int) -> None:
    if rows < FILES:
        raise ValueError(f"events come in {FILES} files: rows must be at least {FILES}, got {rows}")
    with folders.replaced(folder) as new:
        written = _each(partial(_write_file, new, rows, seed), workers)
        for _ in lab.progress(written, FILES, f"writing {rows:,} events"):
            pass
        (new / DESCRIPTION).write_text(json.dumps(_description(new, rows, seed)))


def _description(folder: Path, rows: int, seed: int) -> dict[str, object]:
    """What the events are, and a checksum of each of their files as it lies there."""
    sums = {name: _checksum(folder / name) for name in NAMES}
    return {"rows": rows, "seed": seed, "generator": GENERATOR, "keys": KEYS, "checksums": sums}


def _checksum(file: Path) -> int:
    checksum = 0
    with file.open("rb") as content:
        while block := content.read(1 << 20):
            checksum = zlib.crc32(block, checksum)
    return checksum


def _is_whole(folder: Path, rows: int, seed: int) -> bool:
    """Whether the folder holds these events and no other, by its files' names and checksums."""
    try:
        description = json.loads((folder / DESCRIPTION).read_text())
        names = sorted(path.name for path in folder.iterdir() if path.name[0] not in "._")
        return names == NAMES and description == _description(folder, rows, seed)
    except PermissionError:
        raise
    except (OSError, ValueError):  # not there, not JSON
        return False


def _each(write_file: Callable[[int], None], workers: int) -> Iterator[None]:
    if workers == 1:
        yield from map(write_file, range(FILES))
        return
    with ranks.Pool(workers) as pool:
        yield from pool.stream(write_file, range(FILES))


def _write_file(folder: Path, rows: int, seed: int, number: int) -> None:
    end = rows * (number + 1) // FILES
    dictionaries = ["country", "device", "item_id", "clicked"]
    with pq.ParquetWriter(
        folder / NAMES[number], SCHEMA, compression="zstd", use_dictionary=dictionaries
    ) as writer:
        for first in range(rows * number // FILES, end, CHUNK_ROWS):
            writer.write_table(chunk(first, min(first + CHUNK_ROWS, end), rows, seed))


def land(source: str | Path, folder: str | Path) -> list[Path]:
    """Deliver events as a pipeline receives them: one file for each day of *arrival*.

    Memory is bounded by the batch; of more than 64 days each 64 are another pass over the source.
    Files appear whole; returns their paths in order. What fails leaves none behind.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    new = folder / ".partial"
    with folders.alone(folder, "another lab is landing events"):
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir()
        try:
            while _split_by_arrival(source, new):
                pass
            for file in new.iterdir():
                file.replace(folder / file.name)
        finally:
            shutil.rmtree(new, ignore_errors=True)
    return sorted(folder.glob("*.parquet"))


def _split_by_arrival(source: str | Path, folder: Path) -> bool:
    """Write the first days that the folder has no file of; whether another pass finds more."""
    done = {file.stem for file in folder.iterdir()}
    writers: dict[str, pq.ParquetWriter] = {}
    is_more = False
    try:
        # one row group after the other: a dataset's own reader runs gigabytes ahead
        files = ds.dataset(source).get_fragments()
        groups = [group for file in files for group in file.split_by_row_group()]
        for group in lab.progress(groups, len(groups), "landing events"):
            for batch in group.to_batches(batch_readahead=2):
                is_more |= _land_batch(batch, folder, writers, done)
    finally:
        for writer in writers.values():
            writer.close()
    return is_more


def _land_batch(
    batch: pa.RecordBatch, folder: Path, writers: dict[str, pq.ParquetWriter], done: set[str]
) -> bool:
    """Write the rows of days that are not done; whether some of them found no writer left."""
    days = pc.strftime(batch["arrived_at"], "%Y-%m-%d")
    new = [day for day in pc.unique(days).to_pylist() if day not in done]
    for day in new:
        if day not in writers and len(writers) < MOST_OPEN:
            writers[day] = pq.ParquetWriter(folder / f"{day}.parquet", batch.schema)
        if day in writers:
            writers[day].write_batch(batch.filter(pc.equal(days, day)))
    return not writers.keys() >= set(new)
