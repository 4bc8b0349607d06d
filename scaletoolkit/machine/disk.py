"""Bytes read from disk, counted exactly. Labs 01 and 02."""

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
from pyarrow import fs


class Reads:
    """Counts what is read through `filesystem`: bytes, read calls, files opened.

    `Reads().filesystem` is a pyarrow file system over the local disk. It is exact and repeats under
    threads: every byte passes through Python once, and neither memory maps nor the operating
    system's cache can hide one.
    """

    def __init__(self) -> None:
        self.size_bytes = 0
        self.calls = 0
        self.files = 0
        self.filesystem = fs.PyFileSystem(_CountingHandler(self))

    def __repr__(self) -> str:
        return f"Reads: {self.size_bytes:,} bytes in {self.calls:,} reads of {self.files:,} files"


class _CountingFile:
    """The part of Python's file interface that `pyarrow.PythonFile` calls, with a counter."""

    def __init__(self, path: str, reads: Reads) -> None:
        self._file = Path(path).open("rb", buffering=0)  # noqa: SIM115 - arrow closes it
        self._reads = reads
        self.seek = self._file.seek
        self.tell = self._file.tell
        self.close = self._file.close

    def __del__(self) -> None:
        self._file.close()

    @property
    def closed(self) -> bool:
        return self._file.closed

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(size)
        self._reads.size_bytes += len(data)
        self._reads.calls += 1
        return data


class _CountingHandler(fs.FileSystemHandler):
    """Hands reading to `_CountingFile` and everything else to pyarrow's local file system."""

    def __init__(self, reads: Reads) -> None:
        self._reads = reads
        self._local = fs.LocalFileSystem()

    def __eq__(self, other: object) -> bool:
        return self is other

    __hash__ = object.__hash__

    def get_type_name(self) -> str:
        return "counting"

    def normalize_path(self, path: str) -> str:
        return self._local.normalize_path(path)

    def get_file_info(self, paths: Sequence[str]) -> list[fs.FileInfo]:
        return self._local.get_file_info(paths)

    def get_file_info_selector(self, selector: fs.FileSelector) -> list[fs.FileInfo]:
        return self._local.get_file_info(selector)

    def open_input_file(self, path: str) -> pa.PythonFile:
        self._reads.files += 1
        return pa.PythonFile(_CountingFile(path, self._reads), mode="r")

    open_input_stream = open_input_file

    def open_output_stream(self, path: str, metadata: dict[str, str] | None) -> pa.NativeFile:
        return self._local.open_output_stream(path, metadata=metadata)

    def open_append_stream(self, path: str, metadata: dict[str, str] | None) -> pa.NativeFile:
        return self._local.open_append_stream(path, metadata=metadata)

    def create_dir(self, path: str, recursive: bool) -> None:
        self._local.create_dir(path, recursive=recursive)

    def delete_dir(self, path: str) -> None:
        self._local.delete_dir(path)

    def delete_dir_contents(self, path: str, missing_dir_ok: bool = False) -> None:
        self._local.delete_dir_contents(path, missing_dir_ok=missing_dir_ok)

    def delete_root_dir_contents(self) -> None:
        raise OSError("deleting everything below the root folder is refused")

    def delete_file(self, path: str) -> None:
        self._local.delete_file(path)

    def move(self, source: str, target: str) -> None:
        self._local.move(source, target)

    def copy_file(self, source: str, target: str) -> None:
        self._local.copy_file(source, target)
