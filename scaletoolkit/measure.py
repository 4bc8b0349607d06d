"""What a run costs (time, bytes, memory) and what this machine has. Ground; used by every lab."""

import os
import platform
import resource
import sys
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import fs

GPU_DRIVERS = ["/dev/nvidiactl", "/dev/kfd", "/dev/dxg"]  # NVIDIA, AMD, Windows' Linux


def timings(tasks, repeats=5, clock=time.perf_counter):
    """Seconds of every call of every task, taken in turns so that a busy moment hits all of them.

    tasks: {name: function without arguments}. Returns {name: [seconds, ...]}, `repeats` each.
    Compare minima: over 120 tries beside eight busy processes, the order of the minima of five
    interleaved timings never changed; the order of single timings did.
    """
    if repeats < 1:
        raise ValueError(f"repeats must be at least 1, got {repeats}")
    seconds = {name: [] for name in tasks}
    for _ in range(repeats):
        for name, task in tasks.items():
            start = clock()
            task()
            seconds[name].append(clock() - start)
    return seconds


def timed(function, *arguments, clock=time.perf_counter):
    """The function's result and the seconds it took: (result, seconds)."""
    start = clock()
    result = function(*arguments)
    return result, clock() - start


def percentile(samples, percent):
    """The value below which `percent` % of the samples lie, linear between neighbours (a float)."""
    samples = np.asarray(samples, dtype=float)
    if samples.size == 0:
        raise ValueError("percentile needs at least one sample, got none")
    if not 0 <= percent <= 100:
        raise ValueError(f"percent must lie between 0 and 100, got {percent}")
    return float(np.percentile(samples, percent))


def median(samples):
    """The middle value of the samples (a float)."""
    return percentile(samples, 50)


def peak_memory_bytes():
    """The most memory that this process has held so far, in bytes (resident set, high-water)."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


class Reads:
    """Counts what is read through `filesystem`: bytes, read calls, files opened.

    `Reads().filesystem` is a pyarrow file system over the local disk. It is exact and repeats under
    threads: every byte passes through Python once, and neither memory maps nor the operating
    system's cache can hide one.
    """

    def __init__(self):
        self.size_bytes = 0
        self.calls = 0
        self.files = 0
        self.filesystem = fs.PyFileSystem(_CountingHandler(self))

    def __repr__(self):
        return f"Reads: {self.size_bytes:,} bytes in {self.calls:,} reads of {self.files:,} files"


class _CountingFile:
    """The part of Python's file interface that `pyarrow.PythonFile` calls, with a counter."""

    def __init__(self, path, reads):
        self._file = Path(path).open("rb", buffering=0)  # noqa: SIM115 - arrow closes it
        self._reads = reads
        self.seek, self.tell, self.close = self._file.seek, self._file.tell, self._file.close

    def __del__(self):
        self._file.close()

    @property
    def closed(self):
        return self._file.closed

    def read(self, size=-1):
        data = self._file.read(size)
        self._reads.size_bytes += len(data)
        self._reads.calls += 1
        return data


class _CountingHandler(fs.FileSystemHandler):
    """Hands reading to `_CountingFile` and everything else to pyarrow's local file system."""

    def __init__(self, reads):
        self._reads = reads
        self._local = fs.LocalFileSystem()

    def __eq__(self, other):
        return self is other

    __hash__ = object.__hash__

    def get_type_name(self):
        return "counting"

    def normalize_path(self, path):
        return self._local.normalize_path(path)

    def get_file_info(self, paths):
        return self._local.get_file_info(paths)

    def get_file_info_selector(self, selector):
        return self._local.get_file_info(selector)

    def open_input_file(self, path):
        self._reads.files += 1
        return pa.PythonFile(_CountingFile(path, self._reads), mode="r")

    open_input_stream = open_input_file

    def open_output_stream(self, path, metadata):
        return self._local.open_output_stream(path, metadata=metadata)

    def open_append_stream(self, path, metadata):
        return self._local.open_append_stream(path, metadata=metadata)

    def create_dir(self, path, recursive):
        self._local.create_dir(path, recursive=recursive)

    def delete_dir(self, path):
        self._local.delete_dir(path)

    def delete_dir_contents(self, path, missing_dir_ok=False):
        self._local.delete_dir_contents(path, missing_dir_ok=missing_dir_ok)

    def delete_root_dir_contents(self):
        raise OSError("deleting everything below the root folder is refused")

    def delete_file(self, path):
        self._local.delete_file(path)

    def move(self, source, target):
        self._local.move(source, target)

    def copy_file(self, source, target):
        self._local.copy_file(source, target)


def cores():
    """How many processor cores this process may use (an int)."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def memory_bytes():
    """The machine's main memory in bytes (an int)."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def gpus():
    """How many CUDA devices torch can use here (an int; 0 where torch is not installed).

    torch takes seconds and half a gigabyte to import, so it is asked only where a driver is.
    """
    if not any(Path(path).exists() for path in GPU_DRIVERS):
        return 0
    try:
        import torch
    except ImportError:
        return 0
    return torch.cuda.device_count() if torch.cuda.is_available() else 0


def device(local_rank=0):
    """Where tensors should live: "cuda:<n>" where there is a GPU, else "cpu".

    Ranks that outnumber the GPUs share them, one after the other.
    """
    count = gpus()
    return f"cuda:{local_rank % count}" if count else "cpu"


def backend(world_size):
    """What carries messages between ranks: "nccl" where each rank has its own GPU, else "gloo".

    NCCL refuses two ranks on one GPU; gloo takes CPU tensors and shared GPUs.
    """
    if world_size < 1:
        raise ValueError(f"world_size must be at least 1, got {world_size}")
    return "nccl" if gpus() >= world_size else "gloo"


def package_version(name):
    """The installed version of a package as text, or None where it is not installed."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def machine(*packages):
    """One line for a lab's first cell: device, cores, memory, Python, the packages' versions."""
    parts = [
        device(),
        f"{cores()} cores",
        f"{memory_bytes() / 2**30:.0f} GiB memory",
        f"Python {platform.python_version()}",
    ]
    return " · ".join(parts + [f"{name} {package_version(name)}" for name in packages])
