"""Checkpoints: whole or not there, refused when damaged, the same on another number of ranks."""

import os
import random
import shutil
import signal
from pathlib import Path

import pytest
import torch

from scaletoolkit.machine import ranks
from scaletoolkit.training import checkpoint, models

KILLS = int(os.environ.get("SCALETOOLKIT_KILLS", "2"))
STEPS = 12
EVERY = 3


def parts(wrap=lambda model: model, dropout=0.2):
    def build():
        layers = torch.nn.Linear(64, 32), torch.nn.Dropout(dropout), torch.nn.Linear(32, 10)
        return torch.nn.Sequential(torch.nn.Flatten(), *layers)

    model = wrap(models.seeded(build, dtype=torch.float64))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    return model, optimizer, torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, STEPS)


def steps(data, model, optimizer, schedule, begin, end, rank=0, world_size=1):
    for number in range(begin, end):
        batch = models.batches(len(data.labels), 64, epoch=number)[0][rank::world_size]
        models.train_step(model, optimizer, data.images[batch], data.labels[batch])
        schedule.step()
        yield number + 1


def train(rank, world_size, folder, wraps, strike=None, dropout=0.2):
    """Train by each way of wrapping, from the newest checkpoint on: {name: weights}."""
    ranks.setup_distributed(rank, world_size)
    data = models.digits(torch.float64)
    weights = {}
    for name, wrap in wraps.items():
        mine = parts(wrap, dropout)
        torch.manual_seed(rank)
        state = checkpoint.collect(*mine)
        begin = checkpoint.load(folder / name, state)
        if begin:
            checkpoint.restore(*mine, state)
        for step in steps(data, *mine, begin, STEPS, rank, world_size):
            if strike:
                strike(folder, rank, name, step)
            if step % EVERY == 0:
                checkpoint.save(folder / name, step, checkpoint.collect(*mine))
        full = [getattr(p, "full_tensor", lambda p=p: p)() for p in mine[0].parameters()]
        weights[name] = torch.cat([p.detach().flatten() for p in full])
    return weights


def ddp(model):
    return torch.nn.parallel.DistributedDataParallel(model)


def sharded(model):
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    mesh = init_device_mesh("cpu", (torch.distributed.get_world_size(),))
    return fully_shard(model, mesh=mesh)


WRAPS = {"ddp": ddp, "sharded": sharded}


def striker(seed):
    """What kills a rank once in each attempt but the last, at a random step or in its save."""

    def strike(folder, rank, name, step):
        attempt = int(os.environ["TORCHELASTIC_RESTART_COUNT"])
        dice = random.Random(f"{seed} {attempt}")
        victim = (dice.randrange(2), dice.choice(list(WRAPS)), dice.randint(1, STEPS))
        if attempt == KILLS or victim != (rank, name, step):
            return
        if dice.random() < 0.5 or step % EVERY:
            os.kill(os.getpid(), signal.SIGKILL)
        import threading

        def in_the_save():
            while not list((folder / name / checkpoint.PARTIAL).glob("*")):
                pass
            os.kill(os.getpid(), signal.SIGKILL)

        threading.Thread(target=in_the_save, daemon=True).start()

    return strike


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """What two ranks train without interruption, and the folder of their checkpoints."""
    folder = tmp_path_factory.mktemp("whole")
    return ranks.launch(train, 2, folder=folder, wraps=WRAPS)[0], folder


def test_after_kills_the_weights_are_the_same_to_the_last_bit(whole, tmp_path):
    uninterrupted, _ = whole
    arguments = {"folder": tmp_path, "wraps": WRAPS, "strike": striker(seed=1)}
    killed = ranks.launch(train, 2, restarts=KILLS, timeout_s=60 + 20 * KILLS, **arguments)
    for name in WRAPS:
        assert torch.equal(killed[0][name], uninterrupted[name])
        assert torch.equal(killed[1][name], uninterrupted[name])
        kept = sorted(path.name for path in (tmp_path / name).iterdir())
        assert kept == [f"step-{step:08d}" for step in (STEPS - EVERY, STEPS)]


def saved(folder, count=3):
    """A folder with checkpoints of steps 1 to `count` in one process, and its parts."""
    mine = parts()
    data = models.digits(torch.float64)
    for step in steps(data, *mine, 0, count):
        checkpoint.save(folder, step, checkpoint.collect(*mine), keep=count)
    return mine


def test_what_is_loaded_is_what_was_saved(tmp_path):
    mine = saved(tmp_path)
    other = parts()
    state = checkpoint.collect(*other)
    assert checkpoint.load(tmp_path, state) == 3
    checkpoint.restore(*other, state)
    assert models.distance(models.flat(other[0]), models.flat(mine[0])) == 0
    assert other[2].state_dict() == mine[2].state_dict()
    data = models.digits(torch.float64)
    assert list(steps(data, *mine, 3, 6)) == [4, 5, 6]  # the generator moves on here,
    after = models.flat(mine[0])
    checkpoint.restore(*other, state)  # and is put back here
    list(steps(data, *other, 3, 6))
    assert torch.equal(models.flat(other[0]), after)


def test_sharded_over_two_ranks_is_read_by_one_process(whole):
    weights, folder = whole
    mine = parts()
    state = checkpoint.collect(*mine)
    assert checkpoint.load(folder / "sharded", state) == STEPS
    checkpoint.restore(*mine, state)
    assert torch.equal(models.flat(mine[0]), weights["sharded"])


def flip(path, dice):
    content = bytearray(path.read_bytes())
    content[dice.randrange(len(content))] ^= 1 << dice.randrange(8)
    path.write_bytes(content)


DAMAGES = {
    "is not what was written": flip,
    "bytes of the": lambda path, dice: os.truncate(path, dice.randrange(path.stat().st_size)),
    "cannot be read: No such file": lambda path, dice: path.unlink(),
}


@pytest.mark.parametrize("words", DAMAGES)
def test_a_damaged_file_is_named_and_the_last_good_checkpoint_is_read(whole, tmp_path, words):
    dice = random.Random(words)
    for name in WRAPS:
        for attempt in range(max(1, KILLS // 4)):
            folder = tmp_path / f"{name} {attempt}"
            shutil.copytree(whole[1] / name, folder)
            newest = max(folder.iterdir())
            victim = dice.choice(sorted(set(newest.iterdir()) - {newest / checkpoint.MANIFEST}))
            DAMAGES[words](victim, dice)
            said = []
            assert checkpoint.load(folder, checkpoint.collect(*parts()), said.append) == 9
            assert len(said) == 1
            assert f"{newest.name}: {victim.name} " in said[0]
            assert words in said[0]


def test_two_shards_that_changed_places_are_refused(whole, tmp_path):
    folder = shutil.copytree(whole[1] / "ddp", tmp_path / "it")
    first, second = sorted(max(folder.iterdir()).glob("*.distcp"))
    first.rename(tmp_path / "kept")
    second.rename(first)
    (tmp_path / "kept").rename(second)
    with pytest.raises(checkpoint.CheckpointError, match=first.name):
        checkpoint.verify(max(folder.iterdir()))


def test_without_a_manifest_or_a_checkpoint_nothing_is_read(tmp_path):
    assert checkpoint.load(tmp_path / "nothing", checkpoint.collect(*parts())) == 0
    saved(tmp_path, count=1)
    (tmp_path / "step-00000001" / checkpoint.MANIFEST).write_text("[1]")
    assert checkpoint.newest(tmp_path)[1] == ["step-00000001 has no manifest.json that can be read"]


def test_the_newest_good_ones_stay_even_when_all_newer_ones_are_bad(tmp_path):
    saved(tmp_path, count=3)
    for step in (2, 3):
        (tmp_path / f"step-0000000{step}" / ".metadata").unlink()
    checkpoint._forget(tmp_path, keep=1)
    assert len(list(tmp_path.iterdir())) == 3
    saved(tmp_path, count=4)
    checkpoint._forget(tmp_path, keep=2)
    assert sorted(path.name[-1] for path in tmp_path.iterdir()) == ["3", "4"]


def test_what_cannot_be_written_is_a_sentence(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(
        checkpoint.CheckpointError, match=r"could not be written: .*Not a directory"
    ):
        checkpoint.save(tmp_path / "file", 1, checkpoint.collect(*parts()))
    assert Path(tmp_path / "file").is_file()
