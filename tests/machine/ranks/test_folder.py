"""A job's folder: results are those of its newest job, and nobody else may have written them."""

import multiprocessing
import os
import pickle

import pytest

from scaletoolkit.machine import ranks
from scaletoolkit.machine.ranks import job, signs
from scaletoolkit.machine.ranks.folder import Folder
from scaletoolkit.machine.ranks.marks import Marks


def add(rank, world_size, number):
    return rank + number


@pytest.fixture
def folder(tmp_path):
    return Folder(tmp_path / "job")


def run(folder, rank, attempt=0):
    """What a rank does, without a process of its own."""
    call = folder.read_job()
    marks = Marks(folder.path, attempt, rank)
    marks.save_state({"where": signs.START, "wait": None, "groups": {}}, every_s=0.5, still_s=0)
    marks.save_result(call.identity, call.function(rank, 2, **call.arguments))


def test_results_come_in_rank_order(folder):
    job.write(folder, add, {"number": 5})
    for rank in (1, 0):
        run(folder, rank)
    assert ranks.results(folder.path, 2) == [5, 6]


def test_a_job_that_failed_does_not_return_an_older_one_s_results(folder):
    job.write(folder, add, {"number": 5})
    for rank in (0, 1):
        run(folder, rank, attempt=1)
    (folder.path / "notes").write_text("a learner's own")
    job.write(folder, add, {"number": 7})
    with pytest.raises(ranks.RankError, match="ranks 0, 1 never began"):
        ranks.results(folder.path, 2)
    assert sorted(path.name for path in folder.path.iterdir()) == ["job", "notes"]


def test_a_folder_that_held_no_job_loses_nothing(folder):
    (folder.path / "logs").mkdir(parents=True)
    (folder.path / "logs" / "diary").write_text("a learner's own")
    folder.path.chmod(0o700)
    job.write(folder, add, {"number": 5})
    assert (folder.path / "logs" / "diary").exists()


def test_something_else_named_job_is_refused_and_kept(folder):
    folder.path.mkdir(mode=0o700)
    folder.job.write_text("find one")
    with pytest.raises(ranks.RankError, match="no job of ours"):
        job.write(folder, add, {"number": 5})
    assert folder.job.read_text() == "find one"


def test_a_generous_umask_opens_nothing_to_others(folder):
    before = os.umask(0o002)
    try:
        job.write(folder, add, {"number": 5})
        for rank in (0, 1):
            run(folder, rank)
    finally:
        os.umask(before)
    assert ranks.results(folder.path, 2) == [5, 6]


def test_a_late_rank_of_an_older_job_does_not_count(folder):
    job.write(folder, add, {"number": 5})
    old = folder.read_job()
    job.write(folder, add, {"number": 7})
    run(folder, 0)
    Marks(folder.path, 0, 1).save_result(old.identity, 6)
    with pytest.raises(ranks.RankError):
        ranks.results(folder.path, 2)
    run(folder, 1)
    assert ranks.results(folder.path, 2) == [7, 8]


class Trap:
    """Unpickling it leaves a file."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return os.mkdir, (self.path,)


def test_a_folder_that_others_may_write_is_refused_before_anything_is_read(folder, tmp_path):
    job.write(folder, add, {"number": 5})
    assert folder.path.stat().st_mode & 0o777 == 0o700
    (folder.path / "result-0-0").write_bytes(pickle.dumps(Trap(tmp_path / "ran")))
    folder.path.chmod(0o777)
    with pytest.raises(ranks.RankError, match=r"Others may write to .* chmod -R go-w"):
        ranks.results(folder.path, 1)
    with pytest.raises(ranks.RankError, match="Others may write to"):
        job.write(folder, add, {"number": 5})
    with pytest.raises(ranks.RankError, match="Others may write to"):
        folder.read_job()
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("name", ["job", "result-0-1"])
def test_a_file_that_others_may_write_is_refused(folder, name):
    job.write(folder, add, {"number": 5})
    (folder.path / name).touch()
    (folder.path / name).chmod(0o666)
    with pytest.raises(ranks.RankError, match="Others may write to"):
        ranks.results(folder.path, 2)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give a file away")
def test_a_stranger_s_file_is_refused(folder):
    job.write(folder, add, {"number": 5})
    (folder.path / "result-0-0").touch()
    os.chown(folder.path / "result-0-0", 65534, 65534)
    with pytest.raises(ranks.RankError, match="belongs to another user"):
        ranks.results(folder.path, 1)


def test_a_job_whose_keeper_was_killed_is_stopped_whole():
    killed = job.Job(1, 0)
    killed._keeper.kill()
    killed._keeper.wait()
    killed.start(abs, {})
    with pytest.raises(ranks.RankError, match="the job's own shell was killed"):
        killed.follow("", 10, lambda: None)
    killed.stop()
    assert not killed.folder.path.exists()


def test_a_folder_without_a_job_is_a_sentence(tmp_path):
    with pytest.raises(ranks.RankError, match="holds no job"):
        ranks.results(tmp_path, 2)


def test_the_lines_for_several_nodes_say_whom_they_trust_and_what_differs(tmp_path):
    text = ranks.command(add, 4, nodes=2, host="first:29400", folder=tmp_path / "job", number=1)
    *comments, number, place, line = text.splitlines()
    assert comments[-1].startswith("# Only in a network that you trust: first:29400 will ask for")
    assert number == "NODE=0  # this node's number; node 0 is first"
    assert place.startswith("export GLOO_SOCKET_IFNAME=eth0 NCCL_SOCKET_IFNAME=eth0 ")
    beginning = "torchrun --nnodes=2 --node-rank=$NODE --nproc-per-node=2 --master-addr=first "
    assert line.startswith(beginning)


@pytest.mark.parametrize("host", ["first", "first:", ":1", "first:port"])
def test_a_host_without_a_port_is_a_sentence(tmp_path, host):
    with pytest.raises(ValueError, match="must be a name and a port, as first:29400, got"):
        ranks.command(add, 4, nodes=2, host=host, folder=tmp_path / "job", number=1)
    assert not (tmp_path / "job").exists()


def test_a_job_with_a_queue_cannot_travel(folder):
    with pytest.raises(ranks.RankError, match="cannot travel to its ranks: Queue objects"):
        job.write(folder, add, {"number": multiprocessing.Queue()})
    assert not folder.path.exists()


class Riddle:
    """It pickles, and cannot be unpickled."""

    def __reduce__(self):
        return int, ("no number",)


def test_a_result_that_cannot_be_read_is_a_sentence_with_its_rank(folder):
    job.write(folder, lambda rank, world_size: Riddle() if rank else 1, {})
    for rank in (0, 1):
        run(folder, rank)
    with pytest.raises(
        ranks.RankError, match="what rank 1 returned cannot be read: ValueError: in"
    ):
        ranks.results(folder.path, 2)
