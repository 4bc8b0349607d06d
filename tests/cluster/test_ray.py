"""Ray for real: tasks over three nodes, one of which is killed.

Its start fails now and then on a busy machine; `ray.local` says so and tries again.
"""

import importlib.util
import subprocess
import time

import pytest
from tools import under_load

from scaletoolkit.cluster import enclosure, ray
from scaletoolkit.data import events, partitions

installed = pytest.mark.skipif(
    importlib.util.find_spec("ray") is None,
    reason="Ray is not installed here: pip install -e '.[ray]'",
)


@pytest.fixture(scope="module")
def rays():
    """Three nodes; skipped, with the reason, where Ray cannot run."""
    try:
        with ray.local(nodes=3) as three:
            yield three
    except ray.Absent as reason:
        pytest.skip(str(reason))


@installed
def test_a_task_that_raises_is_a_sentence(rays):
    with pytest.raises(ray.RayError, match=r"A task raised .*ZeroDivisionError"):
        rays.map(lambda number: 1 / number, [1, 0]).results()


@installed
def test_nobody_outside_can_reach_the_cluster(rays):
    """Whatever address its ports are on: no other network leads there."""
    words = [*rays.words(), "ip", "-oneline", "link"]
    links = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    assert len(links.splitlines()) == 1
    assert "LOOPBACK" in links


@installed
def test_one_of_three_nodes_is_killed_and_the_answer_is_the_same(rays, tmp_path):
    folder = events.ensure(tmp_path / "events", 100_000)
    files = 2 * sorted(folder.rglob("*.parquet"))

    def slowly(file):
        time.sleep(0.3)
        return partitions.partial_aggregate(file)

    tasks = rays.map(slowly, files)
    under_load.until(lambda: tasks.done() >= 4, "the first tasks are done")
    rays.power_cut(1)
    alone = [partitions.partial_aggregate(file) for file in files]
    assert partitions.merge(tasks.results()).equals(partitions.merge(alone))


def test_where_ray_is_not_installed_it_is_a_sentence(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ray.Absent, match="Ray is not installed here"), ray.local():
        pass


def test_where_no_network_can_be_made_it_is_a_sentence(monkeypatch):
    monkeypatch.setattr(enclosure, "SYSTEM", "")
    with pytest.raises(ray.Absent, match="A network of its own needs unshare and nsenter and ip"):
        enclosure.Enclosure("none", ["true"])
