"""What a rank leaves behind: whole lines, whole marks, a failure in plain values."""

import fcntl
import json
import os

import pytest

from scaletoolkit.machine.ranks import rank
from scaletoolkit.machine.ranks.folder import Folder, Marks


def test_lines_carry_the_rank_and_appear_when_they_end():
    reading, writing = os.pipe()
    lines = rank.Lines(3, writing)
    print("a", "b", file=lines)
    print("half", end="", file=lines)
    assert os.read(reading, 100).decode() == "rank 3 │ a b\n"
    print(" and half\nlast", file=lines)
    assert os.read(reading, 100).decode() == "rank 3 │ half and half\nrank 3 │ last\n"


def test_marks_appear_whole_and_the_lock_lasts_as_long_as_the_rank(tmp_path):
    marks = Marks(Folder(tmp_path), 1, 2)
    state = {"pid": 7, "collectives": 3, "where": "its start"}
    marks.save_json("state", state)
    assert json.loads((tmp_path / "state-1-2").read_text()) == state
    assert Folder(tmp_path).states(1) == {2: state}
    held = marks.hold()
    with (tmp_path / "alive-1-2").open() as other:
        assert int(other.read()) == os.getpid()
        with pytest.raises(BlockingIOError):
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        held.close()
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)


def failure_of(function):
    try:
        function()
    except Exception as error:
        return rank.describe(error)


def test_a_failure_keeps_the_caller_s_own_lines():
    def parse():
        return json.loads("{")

    failure = failure_of(parse)
    assert failure["type"] == "JSONDecodeError"
    assert failure["lines"][-1].endswith('in parse: return json.loads("{")')
    assert "json/decoder.py" in failure["traceback"]
    assert not failure["echo"]


def test_lost_connections_are_echoes():
    def lose():
        raise RuntimeError("[/gloo/transport/tcp/pair.cc:545] Connection closed by peer")

    assert failure_of(lose)["echo"]
    assert not failure_of(lambda: 1 / 0)["echo"]
