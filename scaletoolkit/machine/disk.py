"""Bytes read from disk, counted exactly. Labs 01 and 02."""

from pathlib import Path
from typing import NoReturn

import pyarrow as pa
from pyarrow import fs


class Reads:
    """Counts what is read through `filesystem`, pyarrow's over the local disk, to read only.

    Exact, also under threads: neither memory maps nor the system's cache can hide a byte.
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
        if hasattr(self, "_file"):  # it could be opened
            self._file.close()

    @property
    def closed(self) -> bool:
        return self._file.closed

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(size)
        self._reads.size_bytes += len(data)
        self._reads.calls += 1
        return data


LOCAL = fs.LocalFileSystem()


def _refuse(*_: object) -> NoReturn:
    raise OSError("what counts reads writes nothing")


class _CountingHandler(fs.FileSystemHandler):
    """Hands reading to `_CountingFile`, asks pyarrow's local file system for names and sizes."""

    normalize_path = LOCAL.normalize_path
    get_file_info = LOCAL.get_file_info
    get_file_info_selector = LOCAL.get_file_info
    create_dir = _refuse
    delete_dir = _refuse
    delete_dir_contents = _refuse
    delete_root_dir_contents = _refuse
    delete_file = _refuse
    move = _refuse
    copy_file = _refuse
    open_output_stream = _refuse
    open_append_stream = _refuse

    def __init__(self, reads: Reads) -> None:
        self._reads = reads

    def __eq__(self, other: object) -> bool:
        return self is other

    __hash__ = object.__hash__

    def get_type_name(self) -> str:
        return "counting"

    def open_input_file(self, path: str) -> pa.PythonFile:
        file = pa.PythonFile(_CountingFile(path, self._reads), mode="r")
        self._reads.files += 1
        return file

    open_input_stream = open_input_file
