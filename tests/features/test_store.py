"""A store of features: right rows, whole versions, and nobody else's row for a stranger.

SCALETOOLKIT_KILLS=100 kills a hundred writers and readers at random moments.
"""

import os
import random
import re
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from scaletoolkit import features
from scaletoolkit.machine import processes

KILLS = int(os.environ.get("SCALETOOLKIT_KILLS", "4"))
NAMES = ["visits", "spent", "clicks"]
IDS = np.random.default_rng(0).integers(-(2**62), 2**62, 5000)


def rows_of(ids, version=1):
    return np.stack([ids % 1000, ids % 77, np.full(len(ids), version)], axis=1).astype(np.float32)


@pytest.fixture
def path(tmp_path):
    features.materialise(tmp_path / "v1", IDS, rows_of, NAMES, batch_rows=999)
    return tmp_path / "v1"


def test_everybody_gets_their_row_in_any_order(path):
    store = features.Store(path)
    rows, known = store.get(IDS)
    assert known.all()
    assert np.array_equal(rows, rows_of(IDS))
    assert repr(store) == "Store v1: 5,000 entities × 3 features"


def test_strangers_get_nothing_and_never_a_neighbours_row(path):
    strangers = np.concatenate([IDS - 1, IDS + 1, [-(2**63), 2**63 - 1]])
    strangers = strangers[~np.isin(strangers, IDS)]
    rows, known = features.Store(path).get(strangers)
    assert not known.any()
    assert np.isnan(rows).all()


def test_a_mixed_call_answers_as_a_dict_of_rows_would(path):
    dice = np.random.default_rng(1)
    wanted = dice.permutation(np.concatenate([IDS[:500], IDS[:50], IDS[:300] + 1, [2**63 - 1]]))
    there = dict(zip(IDS.tolist(), rows_of(IDS), strict=True))
    nobody = np.full(len(NAMES), np.nan)
    rows, known = features.Store(path).get(wanted)
    assert known.tolist() == [number in there for number in wanted.tolist()]
    expected = np.stack([there.get(number, nobody) for number in wanted.tolist()])
    assert np.array_equal(rows, expected, equal_nan=True)


def test_an_id_that_is_given_twice_is_stored_once(tmp_path):
    features.materialise(tmp_path / "v1", np.repeat(IDS, 2), rows_of, NAMES)
    store = features.Store(tmp_path / "v1")
    assert len(store) == len(IDS)
    assert np.array_equal(store.get(IDS)[0], rows_of(IDS))


@pytest.mark.parametrize("odd", [[5.7], ["5"], [None], np.array([2**63 + 5], np.uint64)])
def test_what_is_no_id_is_a_sentence_and_not_rounded_to_somebodys(path, odd):
    with pytest.raises(ValueError, match="ids must"):
        features.Store(path).get(odd)
    with pytest.raises(ValueError, match="ids must"):
        features.materialise(path, odd, rows_of, NAMES)


@pytest.mark.parametrize(
    ("odd", "shape"), [([[1], [2]], "(2, 1)"), ([[1, 2]], "(1, 2)"), (5, "()")]
)
def test_ids_that_are_no_list_are_a_sentence_and_nothing_is_written(tmp_path, odd, shape):
    with pytest.raises(ValueError, match=f"ids must be one list, got the shape {re.escape(shape)}"):
        features.materialise(tmp_path / "v1", odd, rows_of, NAMES)
    assert list(tmp_path.iterdir()) == []


def test_no_ids_give_no_rows(path):
    rows, known = features.Store(path).get([])
    assert (rows.shape, known.shape) == ((0, 3), (0,))


def test_a_packed_store_is_off_by_half_a_step_at_most(tmp_path):
    scales = features.scales(rows_of(IDS))
    features.materialise(tmp_path / "v1", IDS, rows_of, NAMES, scales)
    rows, _ = features.Store(tmp_path / "v1").get(IDS)
    assert (np.abs(rows - rows_of(IDS)) <= 0.501 * scales[1]).all()
    assert (tmp_path / "v1").stat().st_size < len(IDS) * (8 + 3) + 1000


def test_a_version_is_published_and_the_one_before_it_again(path):
    folder = path.parent
    features.materialise(folder / "v2", IDS, lambda ids: rows_of(ids, 2), NAMES)
    current = folder / "current"
    features.publish(path, current)
    reader = features.Store(current)
    features.publish(folder / "v2", current)
    assert (reader.version, features.Store(current).version) == ("v1", "v2")
    assert (reader.get(IDS)[0][:, 2] == 1).all()
    features.publish(path, current)
    assert (features.Store(current).get(IDS)[0][:, 2] == 1).all()
    assert sorted(file.name for file in folder.iterdir()) == ["current", "v1", "v2"]


def test_a_link_to_a_version_is_published_as_the_version(path):
    link = path.with_name("newest")
    link.symlink_to(path)
    features.publish(link, path.with_name("current"))
    link.unlink()
    assert not path.with_name("current").is_symlink()
    assert features.Store(path.with_name("current")).version == "v1"


@pytest.mark.parametrize("name", ["v1.2", "v[1]"])
def test_a_version_has_its_whole_name_and_what_was_killed_is_removed(tmp_path, name):
    left = [tmp_path / f".{it}.01234567.partial" for it in (name, "current")]
    for file in left:
        file.touch()
    features.materialise(tmp_path / name, IDS, rows_of, NAMES)
    features.publish(tmp_path / name, tmp_path / "current")
    assert features.Store(tmp_path / "current").version == name
    assert sorted(file.name for file in tmp_path.iterdir()) == ["current", name]


def test_what_fails_on_the_way_leaves_the_old_file_and_nothing_else(path):
    before = path.read_bytes()

    def fails(ids):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        features.materialise(path, IDS, fails, NAMES)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_one_bit_that_turned_is_found(path):
    data = bytearray(path.read_bytes())
    features.Store(path).check()
    data[-5] ^= 1
    path.write_bytes(data)
    with pytest.raises(ValueError, match="the bytes are not those that were written"):
        features.Store(path).check()


@pytest.mark.parametrize("before", [b'"names": ["', b'"step": ['])
def test_one_bit_that_turned_in_a_name_or_a_scale_is_found(tmp_path, before):
    features.materialise(tmp_path / "v1", IDS, rows_of, NAMES, features.scales(rows_of(IDS)))
    data = bytearray((tmp_path / "v1").read_bytes())
    data[data.find(before) + len(before)] ^= 1
    (tmp_path / "v1").write_bytes(data)
    with pytest.raises(ValueError, match="the bytes are not those that were written"):
        features.Store(tmp_path / "v1").check()


FORM = b'{"form": "scaletoolkit features 1", "version": "v", '


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b'{"form": 1}\n',
        FORM + b'"crc32": "00"}\n',
        FORM + b'"names": ["a"], "entities": 0, "crc32": "00"}\n',
        FORM + b'"names": ["a"], "entities": 1, "crc32": "zz"}\n',
        FORM + b'"names": ["a"], "entities": 1, "low": [], "step": [], "crc32": "00"}\n',
    ],
)
def test_another_file_is_a_sentence(tmp_path, data):
    (tmp_path / "other").write_bytes(data)
    with pytest.raises(ValueError, match="is not a file of features"):
        features.publish(tmp_path / "other", tmp_path / "current")
    assert not (tmp_path / "current").exists()


def test_half_a_file_is_a_sentence(path):
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ValueError, match=r"should have [\d,]+ bytes and has [\d,]+"):
        features.Store(path)


FLAT = ([0, 0, 0], [1, 1, 1])


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (([], rows_of, NAMES), "a store needs ids and different names"),
        (([1], rows_of, NAMES[:2]), "expected rows of 2 features, got 3"),
        (([1, 2], lambda ids: rows_of(ids[:1]), NAMES), "one row for each of 2 ids"),
        (([1], rows_of, NAMES, ([0], [1])), "a scale for each of 3 features, got 1"),
        (([1], rows_of, ["a", "b", "a"]), "different names"),
        (([1], rows_of, "abc"), "different names"),
        (([1], lambda ids: np.full((1, 3), 1e39), NAMES), "a number is beyond float32"),
        (([1], lambda ids: np.full((1, 3), 1e300), NAMES, FLAT), "a number is beyond float32"),
        (([1], rows_of, NAMES, ([0, np.nan, 0], [1, 1, 1])), "a scale has finite numbers, got"),
        (([1], rows_of, NAMES, None, -1), "a batch has at least one row"),
    ],
)
def test_what_cannot_be_stored_is_a_sentence(tmp_path, arguments, sentence):
    with pytest.raises(ValueError, match=sentence):
        features.materialise(tmp_path / "v1", *arguments)
    assert list(tmp_path.iterdir()) == []


def test_memory_while_materialising_is_the_ids_and_one_batch(tmp_path):
    ids = np.arange(200_000)
    names = [f"f{number}" for number in range(50)]
    tracemalloc.start()
    features.materialise(tmp_path / "v1", ids, lambda ids: np.ones((len(ids), 50)), names)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    file_bytes = (tmp_path / "v1").stat().st_size
    assert file_bytes > 40_000_000
    assert peak_bytes < 3 * ids.nbytes + 16_384 * 50 * (8 + 4) * 2


WRITER = """
import sys
import numpy as np
from scaletoolkit import features
from test_store import IDS, NAMES, rows_of
folder = sys.argv[1]
for version in range(1, 10**6):
    name = f"{folder}/v{version % 3}"
    make = lambda ids: rows_of(ids, version)
    features.materialise(name, IDS, make, NAMES, batch_rows=500)
    features.publish(name, f"{folder}/current")
    print("published", flush=True)
"""
READER = """
import sys
import numpy as np
from scaletoolkit import features
from test_store import IDS, rows_of
print("reads", flush=True)
while True:
    rows, known = features.Store(f"{sys.argv[1]}/current").get(np.concatenate([IDS, IDS + 1]))
    found = rows[known]
    whole = len(set(found[:, 2])) == 1 and np.isnan(rows[~known]).all()
    if known.sum() != len(IDS) or not whole:
        print("wrong", flush=True)
"""


def started(code, folder):
    where = {"PYTHONPATH": os.pathsep.join(sys.path)}
    child = processes.Child(["-c", ENDS + code, str(folder)], dict(os.environ) | where)
    assert child.stdout.readline(), child.said()
    return child


ENDS = "from scaletoolkit.machine import processes\nprocesses.end_with(0)\n"


def test_no_kill_mixes_versions_or_gives_a_stranger_a_row(path, monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).parent)
    folder = path.parent
    dice = random.Random(0)
    children = [started(WRITER, folder), started(READER, folder)]
    for number in range(KILLS):
        role = number % 2
        child = children[role]
        child.over(within_s=dice.uniform(0, 0.3))
        assert child.status is None, child.said()
        processes.kill_group(child.pid)
        said = child.stdout.read()
        child.end()
        assert "wrong" not in said
        rows, known = features.Store(folder / "current").get(IDS)
        assert known.all()
        assert np.array_equal(rows, rows_of(IDS, rows[0, 2]))
        children[role] = started([WRITER, READER][role], folder)
    for child in children:
        child.end()
    for name in ("v0", "current"):
        (folder / f".{name}.01234567.partial").touch()  # as a writer leaves it that is killed
    features.materialise(folder / "v0", IDS, rows_of, NAMES)
    features.publish(folder / "v0", folder / "current")
    assert list(folder.glob(".v0.*")) == list(folder.glob(".current.*")) == []
