"""A learner's own files: found, and each of them looked at before anything is written."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.csv as csv
import pyarrow.dataset as ds

from scaletoolkit import lab

if TYPE_CHECKING:
    from scaletoolkit.data.own.form import Roles

PACKED = (".gz", ".bz2", ".zst", ".lz4")  # what Arrow unpacks as it reads
# a type is told from a file's first block, so let it be large
CSV = ds.CsvFileFormat(read_options=csv.ReadOptions(block_size=1 << 24))
Files = dict[Path, ds.Dataset]
ARROW_ERRORS = (pa.ArrowException, OSError, UnicodeDecodeError)


def open_files(source: str | Path, roles: Roles) -> Files:
    """Every file of a folder, or the one file: {path: dataset of its own}. LabError names a file.

    All have the same schema, with the columns of `roles` in it.
    """
    files = {path: _open(path) for path in _find(Path(source))}
    for path, data in files.items():
        with readable(path):
            names = data.schema.names
        _check_columns(path, names, roles)
    types = {name: _common_type(name, files) for name in _names(files)}
    for role, column in roles.named():
        if types[column] is None:
            kinds = sorted({str(data.schema.field(column).type) for data in files.values()})
            raise lab.LabError(
                f"The {role} column {column!r} is {' in one file and '.join(kinds)} in another."
            )
    # a column of no common type is in the schema, so that it can be told, but never read
    schema = pa.schema([(name, kind or pa.null()) for name, kind in types.items()])
    return {path: _open(path, schema) for path in files}


def _find(source: Path) -> list[Path]:
    if not source.exists():
        raise lab.LabError(f"There is no {source}.")
    below = [source] if source.is_file() else sorted(source.rglob("*"))
    kinds = {path: _kind(path) for path in below if path.is_file() and path.name[0] not in "._"}
    files = [path for path, kind in kinds.items() if kind]
    if len({kinds[path] for path in files}) != 1:
        held = "both" if files else "neither"
        raise lab.LabError(f"{source} must hold Parquet files or CSV files; it holds {held}.")
    return files


def _kind(path: Path) -> str:
    """ "parquet", "csv", or "" for another file, by its name."""
    name = path.name.lower()
    if name.endswith(".parquet"):
        return "parquet"
    return "csv" if name.endswith((".csv", *(f".csv{end}" for end in PACKED))) else ""


def _open(path: Path, schema: pa.Schema | None = None) -> ds.Dataset:
    kind = "parquet" if _kind(path) == "parquet" else CSV
    with readable(path):
        return ds.dataset(str(path), schema=schema, format=kind)


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """What is wrong with this file becomes one sentence that names it."""
    try:
        yield
    except lab.LabError as error:
        raise lab.LabError(f"{path.name}: {error}") from None
    except ARROW_ERRORS as error:
        raise lab.LabError(f"{path.name} cannot be read: {_reason(error)}.") from None


def _reason(error: Exception) -> str:
    """The last of what Arrow says, which is nearest to the cause, in one short line."""
    first_line = str(error).partition("\n")[0]
    said = re.split(r"file\?: |'/[^']*': ", first_line)[-1]
    return said[:120].rstrip(". ") or type(error).__name__


def _check_columns(path: Path, names: list[str], roles: Roles) -> None:
    for role, column in roles.named():
        if column not in names:
            there = f"{path.name}; its columns are {', '.join(names)}"
            raise lab.LabError(f"The {role} column {column!r} is not in {there}.")


def _names(files: Files) -> Iterable[str]:
    return dict.fromkeys(name for data in files.values() for name in data.schema.names)


def _common_type(column: str, files: Files) -> pa.DataType | None:
    """The type that holds this column of every file, or None where there is none."""
    fields = [
        pa.schema([(column, plain(data.schema.field(column).type))])
        for data in files.values()
        if column in data.schema.names
    ]
    try:
        return pa.unify_schemas(fields, promote_options="permissive").field(column).type
    except (pa.ArrowTypeError, pa.ArrowInvalid):
        return None


def plain(kind: pa.DataType) -> pa.DataType:
    """A type without its dictionary, and any kind of text as text."""
    if pa.types.is_dictionary(kind):
        return plain(kind.value_type)
    text = pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
    return pa.string() if text else kind
