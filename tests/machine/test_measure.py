"""Time and bytes are what they say."""

import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import fs, orc

from scaletoolkit.machine import disk, hardware, measure

COLUMNS = ["a", "b", "c", "d"]
FOOTER_BYTES = 65_536  # what pyarrow reads at once from a Parquet file's end


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("measure") / "rows.parquet"
    random = np.random.default_rng(0)
    rows = pa.table({name: random.integers(0, 1 << 40, 60_000) for name in COLUMNS})
    pq.write_table(rows, path, row_group_size=20_000)
    return str(path)


def chunk_bytes(path, columns):
    """What the file's metadata says that these columns take."""
    groups = pq.read_metadata(path).to_dict()["row_groups"]
    chunks = [chunk for group in groups for chunk in group["columns"]]
    return sum(c["total_compressed_size"] for c in chunks if c["path_in_schema"] in columns)


@settings(max_examples=15, deadline=None)
@given(columns=st.lists(st.sampled_from(COLUMNS), unique=True))
def test_bytes_read_are_those_of_the_metadata_and_never_more_than_the_file(file, columns):
    reads = disk.Reads()
    pq.read_table(file, columns=columns, filesystem=reads.filesystem)
    assert reads.size_bytes == chunk_bytes(file, columns) + FOOTER_BYTES
    assert reads.size_bytes <= Path(file).stat().st_size + FOOTER_BYTES


def test_a_dataset_reads_the_footer_twice_and_repeats_under_threads(file):
    def scan():
        reads = disk.Reads()
        ds.dataset(file, filesystem=reads.filesystem).to_table(columns=["a"], use_threads=True)
        return reads.size_bytes

    assert {scan() for _ in range(5)} == {chunk_bytes(file, ["a"]) + 2 * FOOTER_BYTES}


def test_orc_is_counted_too(tmp_path):
    path = str(tmp_path / "rows.orc")
    orc.write_table(pa.table({name: np.arange(50_000) * 7919 for name in COLUMNS}), path)

    def bytes_of(columns):
        reads = disk.Reads()
        ds.dataset(path, format="orc", filesystem=reads.filesystem).to_table(columns=columns)
        return reads.size_bytes

    assert 0 < bytes_of(["a"]) < bytes_of(["a", "b"]) < bytes_of(COLUMNS)


def test_the_counting_file_system_finds_files_and_writes_nothing(tmp_path, file):
    files = disk.Reads().filesystem
    found = files.get_file_info(fs.FileSelector(str(Path(file).parent)))
    assert Path(file).name in [info.base_name for info in found]
    changes = [
        lambda: files.create_dir(str(tmp_path / "new")),
        lambda: files.open_output_stream(str(tmp_path / "new")),
        lambda: files.delete_file(str(file)),
        lambda: files.move(str(file), str(tmp_path / "new")),
    ]
    for change in changes:
        with pytest.raises(OSError, match="writes nothing"):
            change()
    assert Path(file).exists()
    assert list(tmp_path.glob("new")) == []


def test_reads_say_what_they_counted(file):
    reads = disk.Reads()
    with reads.filesystem.open_input_file(file) as opened:
        opened.read(10)
    assert repr(reads) == "Reads: 10 bytes in 1 reads of 1 files"


def test_a_file_that_is_not_there_is_not_counted(tmp_path):
    reads = disk.Reads()
    with pytest.raises(FileNotFoundError):
        reads.filesystem.open_input_file(str(tmp_path / "missing"))
    assert reads.files == 0


def test_timings_take_turns():
    order = []
    ticks = iter(range(100))
    tasks = {name: lambda name=name: order.append(name) for name in "ab"}
    seconds = measure.timings(tasks, repeats=3, clock=lambda: next(ticks))
    assert order == ["a", "b"] * 3
    assert seconds == {"a": [1, 1, 1], "b": [1, 1, 1]}
    with pytest.raises(ValueError, match="repeats must be at least 1, got 0"):
        measure.timings(tasks, repeats=0)


def test_timed_hands_back_the_result():
    ticks = iter([10.0, 12.5])
    assert measure.timed(max, 1, 2, clock=lambda: next(ticks)) == (2, 2.5)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1), st.floats(0, 100))
def test_a_percentile_lies_between_the_extremes(samples, percent):
    assert min(samples) <= measure.percentile(samples, percent) <= max(samples)


def test_percentiles_of_known_samples():
    assert measure.median([1, 2, 3, 10]) == 2.5
    assert measure.percentile(range(101), 99) == 99
    with pytest.raises(ValueError, match="at least one sample"):
        measure.median([])
    with pytest.raises(ValueError, match="between 0 and 100, got 101"):
        measure.percentile([1], 101)


def test_the_machine_is_named_in_one_line():
    line = hardware.machine("numpy", "nosuchpackage")
    assert line.startswith(hardware.device())
    assert f"numpy {np.__version__}" in line
    assert line.endswith("nosuchpackage None")
    assert hardware.cores() >= 1


def test_ranks_get_a_gpu_each_or_gloo():
    gpus = hardware.gpus()
    assert hardware.backend(gpus + 1) == "gloo"
    assert hardware.backend(1) == ("nccl" if gpus else "gloo")
    assert hardware.device(3) == (f"cuda:{3 % gpus}" if gpus else "cpu")
    with pytest.raises(ValueError, match="world_size must be at least 1, got 0"):
        hardware.backend(0)


def test_fastest_keeps_the_fewest_seconds_of_each_input():
    calls = []

    def work(pause_s):
        calls.append(pause_s)
        time.sleep(pause_s if len(calls) > 2 else 3 * pause_s)

    fewest_s = measure.fastest(work, [0.01, 0.02], repeats=3, label="rounds")
    assert calls == [0.01, 0.02] * 3
    assert 0.01 <= fewest_s[0.01] < 0.03
    assert 0.02 <= fewest_s[0.02] < 0.06
