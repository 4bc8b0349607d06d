"""What a rank leaves behind: whole lines, whole marks, a failure in plain values."""

import fcntl
import json
import os
import sys
import threading
import time
from types import SimpleNamespace

import numpy as np
import pytest

from scaletoolkit.machine.ranks import lines, rank, signs
from scaletoolkit.machine.ranks.folder import Folder
from scaletoolkit.machine.ranks.marks import Marks


def test_lines_carry_the_rank_and_appear_when_they_end(tmp_path, capsys):
    shown = lines.Lines(Folder(tmp_path))
    with (tmp_path / "stdout-0-3").open("w", buffering=1) as stdout:
        stdout.write("a b\nhalf")
        shown.pass_on(0)
        assert capsys.readouterr().out == "rank 3 │ a b\n"
        stdout.write(" and half\n\n 10 %\r100 %\r\nlast")
        shown.pass_on(0)
        assert capsys.readouterr().out == "rank 3 │ half and half\nrank 3 │ \nrank 3 │ 100 %\n"
        shown.pass_on(0, last=True)
        shown.pass_on(0, last=True)
        assert capsys.readouterr().out == "rank 3 │ last\n"


def test_a_sign_that_cannot_be_written_is_not_the_last(tmp_path):
    place = tmp_path / "job"
    place.touch()  # no folder
    over = threading.Event()
    told = (Marks(place, 0, 0), threading.get_ident(), 0.01, over)
    beat = threading.Thread(target=signs.beat, args=told)
    beat.start()
    time.sleep(0.2)
    assert beat.is_alive()
    over.set()
    beat.join()


def test_marks_appear_whole_and_the_lock_lasts_as_long_as_the_rank(tmp_path):
    marks = Marks(tmp_path, 1, 2)
    place = {"where": "its start", "wait": None, "groups": {}}
    marks.save_state(place, every_s=0.5, still_s=3)
    state = place | {"pid": os.getpid(), "every_s": 0.5, "still_s": 3}
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


def test_a_peer_may_be_a_number_of_numpy_s():
    import torch.distributed as dist

    def recv(src, group):
        return sys._getframe()

    assert dist.is_available()
    wait = signs._described([recv(np.int64(1), SimpleNamespace(group_name="0"))])
    assert json.loads(json.dumps(wait)) == {"exchange": "recv", "group": "0", "peers": [1]}
