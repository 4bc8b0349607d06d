"""Slurm for real: the labs' functions over two nodes, and a node that loses its power.

SCALETOOLKIT_POWER_CUTS=10 cuts the power at so many moments instead of one.
"""

import errno
import os
import random
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
import pytest
import torch
from tools import lab_03, listeners, under_load

from scaletoolkit import lab
from scaletoolkit.cluster import enclosure, slurm
from scaletoolkit.machine import ranks
from scaletoolkit.training import checkpoint, models

CUTS = int(os.environ.get("SCALETOOLKIT_POWER_CUTS", "1"))
STEPS = 12
EVERY = 3
# What a notebook inherits that runs in a job of another cluster
OTHERS = {"SLURM_CONF": "/nowhere", "SBATCH_PARTITION": "gpu", "SLURM_NTASKS": "8"}


@pytest.fixture(scope="module")
def cluster():
    """Two nodes; skipped, with the reason, where Slurm cannot run."""
    with pytest.MonkeyPatch.context() as patch:
        for name, text in OTHERS.items():
            patch.setenv(name, text)
        try:
            with slurm.local(nodes=2) as two:
                yield two
        except slurm.Absent as reason:
            pytest.skip(str(reason))


def parts():
    model = models.seeded(models.mlp, dtype=torch.float64)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.2, momentum=0.9)
    return model, optimizer, torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, STEPS)


def train(rank, world_size, where, stop_at):
    """Train from the newest checkpoint on: (step of that one, node, weights)."""
    ranks.setup_distributed(rank, world_size, timeout_s=60)
    data = models.digits(torch.float64)
    model, optimizer, schedule = parts()
    model = torch.nn.parallel.DistributedDataParallel(model)
    state = checkpoint.collect(model, optimizer, schedule)
    begin = checkpoint.load(where, state)
    if begin:
        checkpoint.restore(model, optimizer, schedule, state)
    for step in range(begin, STEPS):
        batch = models.batches(len(data.labels), 64, epoch=step)[0][rank::world_size]
        models.train_step(model, optimizer, data.images[batch], data.labels[batch])
        schedule.step()
        if (step + 1) % EVERY == 0:
            checkpoint.save(where, step + 1, checkpoint.collect(model, optimizer, schedule))
        (where / f"reached-{step + 1}").touch()
        if step + 1 == stop_at and not begin:
            time.sleep(600)  # the power is cut meanwhile
    return begin, os.environ.get("SLURMD_NODENAME"), models.flat(model)


def alone():
    """The weights that one process trains without any of this."""
    data = models.digits(torch.float64)
    model, optimizer, schedule = parts()
    for step in range(STEPS):
        batch = models.batches(len(data.labels), 64, epoch=step)[0]
        models.train_step(model, optimizer, data.images[batch], data.labels[batch])
        schedule.step()
    return models.flat(model)


def test_lab_03_s_training_over_two_nodes_equals_one_process(cluster):
    arguments = lab_03.arguments()
    job = cluster.submit(lab_03.train(), 2, **arguments)
    both = [results["ddp"][1] for results in job.results()]
    assert torch.equal(*both)
    assert models.distance(both[0], lab_03.alone(arguments["schedule"])) < 1e-12


@pytest.mark.parametrize("moment", range(CUTS))
def test_a_lost_node_s_job_begins_anew_and_ends_with_the_same_weights(cluster, tmp_path, moment):
    drawn = random.Random(moment)
    node = drawn.choice(["node1", "node2"])
    step = drawn.randrange(EVERY + 1, STEPS - EVERY)
    job = cluster.submit(train, 2, where=tmp_path, stop_at=step)
    under_load.until((tmp_path / f"reached-{step}").exists, "the step of the power cut")
    cluster.power_cut(node)
    cluster.restore(node)
    returned = job.results()
    assert job.state().restarts == 1
    assert [node for _, node, _ in returned] == ["node1", "node2"]
    assert {begin for begin, _, _ in returned} <= {*range(EVERY, STEPS, EVERY)}
    for _, _, weights in returned:
        assert models.distance(weights, alone()) < 1e-12


def test_items_are_shared_out_to_a_job_array_and_come_back_in_order(cluster):
    job = cluster.map(lambda number: number**2, range(5), tasks=2)
    assert job.results() == [[0, 4, 16], [1, 9]]
    assert "#SBATCH --array=0-1" in job.script


def test_a_folder_may_be_called_whatever_it_likes(cluster, tmp_path):
    place = tmp_path / 'it\'s my 50%j "jobs" #1 $HOME'
    jobs = [
        cluster.map(lambda number: print("here") or -number, [1], folder=place / "array"),
        cluster.submit(lambda rank, world_size: print("here") or rank, 2, folder=place / "ranks"),
    ]
    assert [job.results() for job in jobs] == [[[-1]], [0, 1]]
    assert all("here" in job.said() for job in jobs)
    with pytest.raises(ValueError, match="no folder whose name has a backslash"):
        cluster.map(abs, [1], folder=tmp_path / "a\\b")


def test_a_task_that_raises_is_a_sentence(cluster):
    job = cluster.map(lambda number: 1 / number, [1, 0], tasks=2)
    with pytest.raises(ranks.RankError, match=r"FAILED\. rank 1 raised ZeroDivisionError"):
        job.results()


def test_results_outlast_slurms_memory_of_their_job(cluster, tmp_path):
    cluster.map(abs, [-1, -2], tasks=2, folder=tmp_path).results()
    forgotten = slurm.Job(cluster, 999_999, tmp_path, 2, "")
    assert forgotten.results() == [[1], [2]]
    with pytest.raises(slurm.SlurmError, match=r"scontrol refused: .*Invalid job id"):
        slurm.Job(cluster, 999_999, tmp_path / "empty", 2, "").results()


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("", "does not say where its job 7 stands"),
        ("JobState=STAGE_OUT Reason=None Requeue=1 Restarts=0", "not ended .* STAGE_OUT, None"),
    ],
)
def test_what_slurm_seldom_says_is_a_sentence(said, told, tmp_path):
    class Cluster(slurm.Cluster):
        def ask(self, *words, stdin=""):
            return said

    with pytest.raises(slurm.SlurmError, match=told):
        slurm.Job(Cluster(tmp_path), 7, tmp_path, 1, "").wait(timeout_s=0)


@pytest.mark.parametrize(
    ("states", "told"),
    [
        ("COMPLETED FAILED", "FAILED"),
        ("COMPLETED COMPLETED", "COMPLETED"),
        ("RUNNING PENDING", "PENDING"),
        ("COMPLETING RUNNING", "RUNNING"),
        ("NODE_FAIL COMPLETED COMPLETING", "COMPLETING"),
    ],
)
def test_an_array_is_where_its_hindmost_task_is(states, told, tmp_path):
    class Cluster(slurm.Cluster):
        def ask(self, *words, stdin=""):
            return "\n".join(f"JobState={s} Reason=None Restarts=0" for s in states.split())

    assert slurm.Job(Cluster(tmp_path), 7, tmp_path, 1, "").state().state == told


def test_a_cluster_that_has_ended_says_so(cluster):
    with slurm.local(nodes=1) as other:
        pass
    for asked in (other.nodes, lambda: other.map(abs, [1]), lambda: other.power_cut("node1")):
        with pytest.raises(lab.LabError, match="has ended"):
            asked()


@pytest.mark.parametrize(("world_size", "nodes"), [(2, 0), (0, 2)])
def test_no_ranks_or_no_nodes_are_refused(world_size, nodes, tmp_path):
    with pytest.raises(ValueError, match=f"got {world_size} and {nodes}"):
        slurm.script(lambda rank, world_size: None, world_size, nodes, tmp_path)


def test_only_a_whole_word_stands_for_an_enclosures_folder(cluster):
    words = ["sh", "-c", "echo $1 $2", "sh", "/my/FOLDER/python", "FOLDER"]
    enclosed = enclosure.Enclosure("words", words)
    enclosed.begin()
    under_load.until(lambda: enclosed.over, "it has spoken")
    said = enclosed.said()
    enclosed.end()
    assert said.split() == ["/my/FOLDER/python", str(enclosed.folder)]


def test_what_the_queue_refuses_is_a_sentence(cluster):
    with pytest.raises(slurm.SlurmError, match=r"sbatch refused: .*More processors requested"):
        cluster.submit(lambda rank, world_size: None, 3, nodes=3)
    with pytest.raises(slurm.SlurmError, match="The nodes are node1, node2; got 'node3'"):
        cluster.power_cut("node3")


def test_nobody_outside_can_reach_the_cluster(cluster):
    """Its ports are on a loopback, and that one is its own."""
    assert len(cluster.ask("ip", "-oneline", "link").splitlines()) == 1
    said = cluster.ask("ss", "--no-header", "--listening", "--numeric", "--tcp", "--udp")
    places = [line.split()[4].rsplit(":", 1) for line in said.splitlines()]
    assert len(places) >= 3
    assert listeners.beyond_loopback(places) == []
    for _, port in places:
        with socket.socket() as client:
            assert client.connect_ex(("127.0.0.1", int(port))) == errno.ECONNREFUSED


OWNER = """
import os, time
from scaletoolkit.cluster import slurm
with slurm.local(nodes=1) as cluster:
    print(cluster._folder, flush=True)
    cluster.map(time.sleep, [600])
    time.sleep(600)
"""


def test_nothing_outlives_a_killed_owner(cluster, wait_until_gone):
    words = [sys.executable, "-c", OWNER]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as owner:
        folder = Path(owner.stdout.readline().strip())
        below = psutil.Process(owner.pid).children(recursive=True)
        assert {"slurmctld", "slurmd"} <= {process.name() for process in below}
        owner.kill()
    wait_until_gone(below)
    under_load.until(lambda: not folder.exists(), "its folder goes")


def test_where_slurm_is_not_installed_it_is_a_sentence(monkeypatch, tmp_path):
    monkeypatch.setattr(enclosure, "SYSTEM", "")
    with pytest.raises(slurm.Absent, match="Slurm is not installed here"), slurm.local():
        pass
    with pytest.raises(slurm.Absent, match="No Slurm is here: sbatch"):
        slurm.existing(tmp_path)


def test_a_user_without_a_name_is_a_sentence(monkeypatch):
    before = psutil.Process().children(recursive=True)
    monkeypatch.setattr(os, "geteuid", lambda: 2**31 - 9)
    with pytest.raises(slurm.Absent, match="has none for 2147483639"), slurm.local(nodes=1):
        pass
    assert set(psutil.Process().children(recursive=True)) <= {*before}


def test_a_temporary_folder_with_a_long_path_is_a_sentence(cluster, monkeypatch, tmp_path):
    (tmp_path / ("long" * 10)).mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / ("long" * 10)))
    with pytest.raises(slurm.Absent, match="too long a path for Slurm"), slurm.local(nodes=1):
        pass


def test_the_temporary_folder_may_have_a_space(cluster, monkeypatch):
    with tempfile.TemporaryDirectory(prefix="my files ") as folder:  # a short path: of sockets
        monkeypatch.setattr(tempfile, "tempdir", folder)
        with slurm.local(nodes=1) as one:
            assert one._folder.parent == Path(folder)
            assert one.map(abs, [-1]).results(timeout_s=60) == [[1]]


def test_where_no_cluster_answers_it_is_a_sentence_of_one_line(monkeypatch, tmp_path):
    (tmp_path / "slurm.conf").write_text("nonsense\n")  # without a file, Slurm waits for one
    monkeypatch.setenv("SLURM_CONF", str(tmp_path / "slurm.conf"))
    with pytest.raises(slurm.Absent, match=r"^No Slurm .*\.$"):
        slurm.existing(tmp_path)
