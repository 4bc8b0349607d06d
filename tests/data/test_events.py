"""The same events on every machine, however written; whole or not there at all."""

import hashlib
import json
import multiprocessing
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from scaletoolkit import lab
from scaletoolkit.data import events
from scaletoolkit.data.events import files, generator
from scaletoolkit.lab import profile

ROWS = 40_000
FEW = 5_000
STARTS = int(os.environ.get("SCALETOOLKIT_STARTS", "3"))


def content_hash(table):
    """sha256 over the values of every column, dictionary columns by their indices."""
    digest = hashlib.sha256()
    for column in table.itercolumns():
        column = column.combine_chunks()
        values = column.indices if pa.types.is_dictionary(column.type) else column
        digest.update(values.to_numpy().tobytes())
    return digest.hexdigest()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return events.ensure(tmp_path_factory.mktemp("events") / "one", ROWS)


@pytest.fixture(scope="module")
def rows(folder):
    return ds.dataset(folder).to_table()


@pytest.mark.parametrize(
    ("first", "seed", "expected"),
    [
        (0, 0, "b1526004395f4721028ce0098d640eac85463b3019712f7447c5960ee2f15d84"),
        (950_000, 7, "bd4ad820b6f581ac43f883a1822782ce77413f1a30a7b09efb781ed3292c5195"),
    ],
)
def test_events_are_bit_identical_on_every_machine(first, seed, expected):
    assert content_hash(events.chunk(first, first + 50_000, 1_000_000, seed)) == expected


def test_two_workers_write_what_one_writes(folder, rows, tmp_path):
    two = events.ensure(tmp_path / "two", ROWS, workers=2)
    assert ds.dataset(two).to_table().equals(rows)
    assert (two / "_events.json").read_text() == (folder / "_events.json").read_text()


def test_another_seed_gives_other_events(tmp_path, rows):
    other = ds.dataset(events.ensure(tmp_path / "other", ROWS, seed=1)).to_table()
    assert other.schema == rows.schema
    assert content_hash(other) != content_hash(rows)


def test_files_are_in_time_order_and_hold_every_row(folder, rows):
    assert len(list(folder.glob("*.parquet"))) == files.FILES
    assert rows.num_rows == ROWS
    times = rows["event_time"].to_numpy().astype(np.int64)
    assert np.all(np.diff(times) >= 0)
    assert times[0] >= generator.START_MS
    assert times[-1] < generator.START_MS + generator.DAYS * 24 * generator.HOUR_MS


def test_countries_and_users_are_skewed_and_every_key_of_the_labs_occurs(rows):
    share = pc.value_counts(rows["country"].cast(pa.string())).to_pylist()
    shares = {one["values"]: one["counts"] / ROWS for one in share}
    assert max(shares.values()) > 0.2
    assert len(shares) == len(generator.COUNTRIES)
    assert events.KEYS["country"] in shares
    assert events.KEYS["day"] in pc.strftime(rows["event_time"], "%Y-%m-%d").to_pylist()


def test_one_event_in_twenty_arrives_hours_late(rows):
    delay = (rows["arrived_at"].to_numpy() - rows["event_time"].to_numpy()).astype(np.int64)
    assert np.mean(delay >= generator.HOUR_MS) == pytest.approx(0.05, abs=0.005)
    assert delay.min() >= 0
    assert delay.max() < 40 * generator.HOUR_MS


def test_prices_and_traffic_rise(rows):
    half = ROWS // 2
    price = rows["price_cents"].to_numpy()
    assert np.median(price[half:]) > 1.1 * np.median(price[:half])
    middle = rows["event_time"].to_numpy().astype(np.int64)[half]
    assert middle > generator.START_MS + generator.DAYS * 12 * generator.HOUR_MS


def test_landing_delivers_every_event_once_by_day_of_arrival(folder, rows, tmp_path):
    paths = events.land(folder, tmp_path)
    landed = pa.concat_tables(pq.read_table(path) for path in paths)
    order = [("session_id", "ascending"), ("event_time", "ascending"), ("item_id", "ascending")]
    assert landed.sort_by(order)["item_id"].equals(rows.sort_by(order)["item_id"])
    for path in paths:
        days = pc.strftime(pq.read_table(path)["arrived_at"], "%Y-%m-%d")
        assert pc.unique(days).to_pylist() == [path.stem]
    late = pq.read_table(paths[10])
    assert pc.min(late["event_time"]).as_py().strftime("%Y-%m-%d") < paths[10].stem


def test_landing_many_days_keeps_few_files_open(folder, rows, tmp_path, monkeypatch):
    whole = {path.name: pq.read_table(path) for path in events.land(folder, tmp_path / "whole")}
    monkeypatch.setattr(files, "MOST_OPEN", 7)
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = psutil.Process().num_fds() + 17
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, limits[1]))
    try:
        paths = events.land(folder, tmp_path / "few")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert {path.name: pq.read_table(path) for path in paths} == whole


def test_a_landing_that_fails_leaves_nothing(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "source")
    truncate(tmp_path / "source")
    with pytest.raises(pa.ArrowInvalid):
        events.land(tmp_path / "source", tmp_path / "landed")
    assert list((tmp_path / "landed").iterdir()) == []


def test_too_few_rows_and_an_unknown_profile_are_sentences(tmp_path, monkeypatch):
    with pytest.raises(ValueError, match="rows must be at least 10, got 3"):
        events.ensure(tmp_path / "few", 3)
    monkeypatch.setenv("SCALETOOLKIT_PROFILE", "huge")
    with pytest.raises(lab.LabError, match="is 'huge'; it must be one of ci, laptop, workstation"):
        profile.current()


def test_a_folder_without_events_is_a_sentence(tmp_path):
    with pytest.raises(lab.LabError, match=r"holds no events: it has no _events.json"):
        events.keys(tmp_path)


def is_whole(folder, rows):
    """Whether the folder holds so many rows, and nothing lies in it or beside it but the events."""
    names = [f"events-{number:05}.parquet" for number in range(files.FILES)]
    assert sorted(path.name for path in folder.iterdir()) == ["_events.json", *names]
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]
    return ds.dataset(folder).count_rows() == rows


FORKSERVER = multiprocessing.get_context("forkserver")  # imports once, so that two starts meet
FORKSERVER.set_forkserver_preload(["scaletoolkit.data.events", "pyarrow.acero"])


class Lab:
    """A process that does what a lab's first cell does: it puts the rows that it then sees."""

    def __init__(self, folder, delay_s):
        self.rows = FORKSERVER.SimpleQueue()
        arguments = (folder, delay_s, self.rows)
        self.process = FORKSERVER.Process(target=first_use, args=arguments)
        self.process.start()


def first_use(folder, delay_s, rows):
    time.sleep(delay_s)
    os.environ |= {"SCALETOOLKIT_PROFILE": "ci", "SCALETOOLKIT_DATA": str(folder)}
    profile.PROFILES["ci"] = FEW
    prepared, _ = events.prepare()
    rows.put(ds.dataset(prepared).count_rows())


@pytest.mark.parametrize("number", range(STARTS))
def test_two_first_uses_at_once_both_get_the_whole_events(tmp_path, number):
    delays = random.Random(number)
    labs = [Lab(tmp_path, delays.uniform(0, 0.3)) for _ in range(2)]
    for one in labs:
        one.process.join()
        assert one.process.exitcode == 0
        assert one.rows.get() == FEW
    assert is_whole(tmp_path / "events-ci", FEW)


@pytest.mark.parametrize("number", range(STARTS))
def test_a_first_use_that_is_killed_leaves_the_next_one_whole_events(tmp_path, number):
    killed = Lab(tmp_path, 0)
    other = Lab(tmp_path, 0.02)
    time.sleep(random.Random(number).uniform(0, 0.6))
    killed.process.kill()
    killed.process.join()
    other.process.join()
    assert other.process.exitcode == 0
    assert other.rows.get() == FEW
    (tmp_path / ".events-ci.lock").unlink(missing_ok=True)  # a killed holder's; it bars nobody
    assert is_whole(tmp_path / "events-ci", FEW)


def test_workers_end_with_a_killed_writer(tmp_path, wait_until_gone):
    code = (
        "import sys; from scaletoolkit.data import events; events.ensure(sys.argv[1], 10**7, 0, 2)"
    )
    with subprocess.Popen([sys.executable, "-c", code, tmp_path / "cut"]) as writer:
        while not list(tmp_path.glob("cut.*.partial/*.parquet")):
            assert writer.poll() is None
            time.sleep(0.05)
        workers = psutil.Process(writer.pid).children(recursive=True)
        writer.send_signal(signal.SIGKILL)
    assert len(workers) >= 2
    wait_until_gone(workers)
    events.ensure(tmp_path / "cut", 1000)
    assert is_whole(tmp_path / "cut", 1000)


def truncate(folder):
    file = folder / "events-00004.parquet"
    file.write_bytes(file.read_bytes()[:-100])


def overwrite(folder):
    with (folder / "events-00004.parquet").open("r+b") as file:
        file.seek(2000)
        file.write(bytes(100))


DAMAGES = {
    "a page holds zeros": overwrite,
    "a file is missing": lambda folder: (folder / "events-00003.parquet").unlink(),
    "a file is there twice": lambda folder: shutil.copy(
        folder / "events-00003.parquet", folder / "events-00003 (copy).parquet"
    ),
    "a file is cut short": truncate,
    "a file holds other rows": lambda folder: pq.write_table(
        events.chunk(0, 10, 10), folder / "events-00000.parquet"
    ),
    "the description is empty": lambda folder: (folder / "_events.json").write_text(""),
    "there is no description": lambda folder: (folder / "_events.json").unlink(),
    "another generator wrote it": lambda folder: (folder / "_events.json").write_text(
        json.dumps({"rows": 2000, "seed": 0, "keys": events.KEYS})
    ),
    "another seed": lambda folder: events.ensure(folder, 2000, seed=1),
    "another number of rows": lambda folder: events.ensure(folder, 3000),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_events_that_are_not_whole_are_written_again(tmp_path, damage, capsys):
    folder = events.ensure(tmp_path / "events", 2000)
    expected = ds.dataset(folder).to_table()
    damage(folder)
    capsys.readouterr()
    events.ensure(folder, 2000)
    assert is_whole(folder, 2000)
    assert ds.dataset(folder).to_table().equals(expected)
    assert capsys.readouterr().out == (
        "events is not whole or of another version; it is written again.\n"
    )


def test_whole_events_are_not_written_again(tmp_path):
    folder = events.ensure(tmp_path / "events", 2000)
    before = folder.stat()
    (folder / ".DS_Store").touch()  # a file manager's note is no harm
    assert events.ensure(folder, 2000).stat().st_ino == before.st_ino


def test_a_write_that_fails_leaves_what_was_there(tmp_path, monkeypatch):
    folder = events.ensure(tmp_path / "events", 1000)
    chunks = iter([events.chunk(0, 100, 1000)] * 4)

    def chunk_until_the_disk_is_full(*_):
        table = next(chunks, None)
        if table is None:
            raise OSError("disk full")
        return table

    monkeypatch.setattr(files, "chunk", chunk_until_the_disk_is_full)
    with pytest.raises(lab.LabError, match="disk full"):
        events.ensure(folder, 2000)
    assert is_whole(folder, 1000)


def test_files_that_are_no_events_are_not_removed(tmp_path):
    folder = events.ensure(tmp_path / "events", 1000)
    (folder / "thesis.txt").write_text("years of work")
    with pytest.raises(lab.LabError, match="thesis"):
        events.ensure(folder, 1000)
    assert (folder / "thesis.txt").exists()


def test_whole_events_need_no_right_to_write(tmp_path, monkeypatch):
    folder = events.ensure(tmp_path / "events", 1000)

    def refuse(target, label):
        raise PermissionError(13, "Permission denied", str(target))

    monkeypatch.setattr(files.folders, "alone", refuse)
    assert events.ensure(folder, 1000) == folder
    with pytest.raises(lab.LabError, match="SCALETOOLKIT_DATA"):
        events.ensure(folder, 2000)


def test_a_folder_that_cannot_hold_events_is_a_sentence():
    with pytest.raises(lab.LabError, match=r"at /dev/null.*; name another folder in SCALETOOLKIT"):
        events.ensure("/dev/null/events", 1000)


SMALL_DISK = 'mount -t tmpfs -o size=64k none $0 && exec $1 -c "$2" $0'
UNSHARE = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c"]


@pytest.mark.skipif(
    shutil.which("unshare") is None
    or subprocess.run([*UNSHARE, "mount -t tmpfs none /mnt"], capture_output=True).returncode != 0,
    reason="no disk can be mounted here",
)
def test_a_disk_that_is_full_is_a_sentence_and_nothing_is_left_on_it(tmp_path):
    code = (
        "import os, sys\nfrom scaletoolkit import lab\nfrom scaletoolkit.data import events\n"
        "try:\n    events.ensure(sys.argv[1] + '/events', 100_000)\n"
        "except lab.LabError as error:\n    print(error, os.listdir(sys.argv[1]))"
    )
    command = [*UNSHARE, SMALL_DISK, tmp_path, sys.executable, code]
    run = subprocess.run(command, capture_output=True, text=True)
    assert run.stdout == (
        f"The events cannot be read or written at {tmp_path}/events: no space left on device; "
        "name another folder in SCALETOOLKIT_DATA. []\n"
    )


def test_events_behind_a_link_are_written_where_it_points(tmp_path):
    (tmp_path / "large disk").mkdir()
    link = tmp_path / "events"
    link.symlink_to(tmp_path / "large disk")
    events.ensure(link, 1000)
    assert link.is_symlink()
    assert ds.dataset(tmp_path / "large disk").count_rows() == 1000
