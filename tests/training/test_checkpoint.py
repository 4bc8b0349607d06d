"""Checkpoints: whole or not there, refused when damaged, the same on another number of ranks."""

import itertools
import os
import random
import shutil
import signal
import threading
from pathlib import Path

import pytest
import torch

from scaletoolkit.machine import ranks
from scaletoolkit.training import checkpoint, models, saves

KILLS = int(os.environ.get("SCALETOOLKIT_KILLS", "2"))
RESTARTS = 4
STEPS = 12
EVERY = 3
DISK = "torch.distributed.checkpoint.filesystem"


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
        if strike:
            folder.mkdir(exist_ok=True)
            strike(folder, rank, name, 0)
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
    """What kills a rank in each attempt but the last: at a step, in a save, about when it loads."""
    calls = []

    def strike(folder, rank, name, step):
        attempt = int(os.environ["TORCHELASTIC_RESTART_COUNT"])
        dice = random.Random(f"{seed} {attempt}")
        calls.append(step)
        if attempt == RESTARTS or (rank, len(calls)) != (dice.randrange(2), dice.randint(1, 10)):
            return

        def die():
            (folder / f"killed-{attempt}").touch()
            os.kill(os.getpid(), signal.SIGKILL)

        def in_the_save():
            while not list((folder / name).glob(f"{saves.PARTIAL}*/*")):
                pass
            die()

        if step == 0:
            threading.Timer(dice.uniform(0, 0.2), die).start()
        elif dice.random() < 0.5:
            die()
        else:
            threading.Thread(target=in_the_save, daemon=True).start()

    return strike


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """What two ranks train without interruption, and the folder of their checkpoints."""
    folder = tmp_path_factory.mktemp("whole")
    return ranks.launch(train, 2, folder=folder, wraps=WRAPS)[0], folder


def test_after_kills_the_weights_are_the_same_to_the_last_bit(whole, tmp_path):
    uninterrupted, _ = whole
    kills = 0
    for seed in itertools.count():
        folder = tmp_path / f"{seed}"
        arguments = {"folder": folder, "wraps": WRAPS, "strike": striker(seed)}
        killed = ranks.launch(train, 2, restarts=RESTARTS, **arguments)
        for name in WRAPS:
            assert torch.equal(killed[0][name], uninterrupted[name])
            assert torch.equal(killed[1][name], uninterrupted[name])
            kept = sorted(path.name for path in (folder / name).iterdir())
            assert kept == [f"step-{step:08d}" for step in (STEPS - EVERY, STEPS)]
        kills += len(list(folder.glob("killed-*")))
        if kills >= KILLS:
            return


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
            victim = dice.choice(sorted(set(newest.iterdir()) - {newest / saves.MANIFEST}))
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
    (tmp_path / "step-00000001" / saves.MANIFEST).write_text("[1]")
    assert checkpoint.newest(tmp_path)[1] == ["step-00000001 has no manifest.json that can be read"]
    (tmp_path / "step-00000001" / saves.MANIFEST).write_text("{}")
    assert checkpoint.newest(tmp_path)[1] == ["step-00000001: manifest.json names no file"]


def test_the_newest_good_ones_stay_even_when_all_newer_ones_are_bad(tmp_path):
    saved(tmp_path, count=3)
    for step in (2, 3):
        (tmp_path / f"step-0000000{step}" / ".metadata").unlink()
    saves.forget(tmp_path, keep=1)
    assert len(list(tmp_path.iterdir())) == 3
    saved(tmp_path, count=4)
    saves.forget(tmp_path, keep=2)
    assert sorted(path.name[-1] for path in tmp_path.iterdir()) == ["3", "4"]


def test_what_cannot_be_written_is_a_sentence(tmp_path):
    (tmp_path / "file").touch()
    state = checkpoint.collect(*parts())
    with pytest.raises(checkpoint.CheckpointError, match=r"could not be written: .*File exists"):
        checkpoint.save(tmp_path / "file", 1, state)
    assert Path(tmp_path / "file").is_file()
    with pytest.raises(ValueError, match="step from 1 on, got 0"):
        checkpoint.save(tmp_path, 0, state)


def test_who_collects_trains_as_who_does_not():
    data = models.digits(torch.float64)
    asked, left_alone = parts(), parts()
    checkpoint.collect(*asked)
    for mine in (asked, left_alone):
        torch.manual_seed(0)
        list(steps(data, *mine, 0, 3))
    assert torch.equal(models.flat(asked[0]), models.flat(left_alone[0]))


def test_gradients_that_are_there_keep_no_moments_from_coming_back(tmp_path):
    mine, other = saved(tmp_path), parts()
    for weight in other[0].parameters():
        weight.grad = torch.ones_like(weight)
    state = checkpoint.collect(*other)
    assert checkpoint.load(tmp_path, state) == 3
    checkpoint.restore(*other, state)
    for weight, same in zip(other[0].parameters(), mine[0].parameters(), strict=True):
        assert torch.equal(other[1].state[weight]["exp_avg"], mine[1].state[same]["exp_avg"])
        assert torch.equal(weight.grad, torch.ones_like(weight))


def full_disk(*_):
    raise OSError(28, "No space left on device")


def test_a_save_that_fails_leaves_nothing(tmp_path, monkeypatch):
    state = checkpoint.collect(*parts())
    monkeypatch.setattr("torch.distributed.checkpoint.filesystem.os.fsync", full_disk)
    with pytest.raises(checkpoint.CheckpointError, match=r"could not be written: .*space"):
        checkpoint.save(tmp_path, 1, state)
    assert list(tmp_path.iterdir()) == []


def test_a_save_that_fails_is_a_sentence_and_what_was_there_stays(tmp_path, monkeypatch):
    mine = saved(tmp_path, count=1)
    before = (tmp_path / "step-00000001" / saves.MANIFEST).read_text()
    for name in ("torch.distributed.checkpoint.filesystem.os.fsync", "os.rename"):
        with monkeypatch.context() as patch:
            patch.setattr(name, full_disk)
            with pytest.raises(checkpoint.CheckpointError, match=r"could not be written: .*space"):
                checkpoint.save(tmp_path, 1, checkpoint.collect(*mine))
        found, refused = checkpoint.newest(tmp_path)
        assert (found / saves.MANIFEST).read_text() == before
        assert refused == []
    checkpoint.save(tmp_path, 1, checkpoint.collect(*mine))
    assert [path.name for path in tmp_path.iterdir()] == ["step-00000001"]


def test_an_interrupt_while_a_checkpoint_is_read_or_written_is_an_interrupt(tmp_path, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    state = checkpoint.collect(*saved(tmp_path, count=1))
    monkeypatch.setattr(f"{DISK}.FileSystemReader.read_data", interrupted)
    with pytest.raises(KeyboardInterrupt):
        checkpoint.load(tmp_path, state)
    monkeypatch.setattr(f"{DISK}.FileSystemWriter.write_data", interrupted)
    with pytest.raises(KeyboardInterrupt):
        checkpoint.save(tmp_path, 2, state)


def test_a_kill_while_a_checkpoint_is_replaced_leaves_the_old_one(tmp_path):
    mine = saved(tmp_path, count=1)
    path = tmp_path / "step-00000001"
    path.rename(tmp_path / "step-00000001.old")  # as far as publish had come
    assert checkpoint.load(tmp_path, checkpoint.collect(*parts())) == 1
    checkpoint.save(tmp_path, 1, checkpoint.collect(*mine))
    assert checkpoint.newest(tmp_path) == (path, [])


def test_steps_are_compared_as_numbers_and_other_names_are_left_alone(tmp_path):
    mine = parts()
    for step in (99_999_999, 100_000_000):
        checkpoint.save(tmp_path, step, checkpoint.collect(*mine))
    (tmp_path / "step-by-step").mkdir()
    (tmp_path / "step-300000000").touch()
    assert checkpoint.load(tmp_path, checkpoint.collect(*parts())) == 100_000_000
    checkpoint.save(tmp_path, 100_000_001, checkpoint.collect(*mine), keep=1)
    assert (tmp_path / "step-by-step").exists()
    assert len(list(tmp_path.iterdir())) == 3


def test_a_shard_that_the_first_rank_does_not_see_is_missed(tmp_path):
    saved(tmp_path / "it", count=1)
    partial = (tmp_path / "it" / "step-00000001").rename(tmp_path / "partial")
    next(partial.glob("*.distcp")).unlink()
    with pytest.raises(OSError, match=r"__0_0\.distcp is missing: do all ranks see"):
        saves.publish(partial, tmp_path / "it", 1)


def test_a_checkpoint_of_another_model_is_a_sentence(tmp_path):
    saved(tmp_path, count=1)
    other = parts(lambda model: torch.nn.Sequential(model))
    with pytest.raises(checkpoint.CheckpointError, match="could not be read: rank 0"):
        checkpoint.load(tmp_path, checkpoint.collect(*other))


def save_where_rank_1_cannot(rank, world_size, folder):
    """What each rank is told when the disk of one is full."""
    ranks.setup_distributed(rank, world_size)
    state = checkpoint.collect(*parts(ddp))
    checkpoint.save(folder, 1, state)
    if rank == 1:
        os.fsync = full_disk
    try:
        checkpoint.save(folder, 2, state)
    except checkpoint.CheckpointError as error:
        return str(error)


def test_a_save_that_fails_on_one_rank_is_a_sentence_on_every_rank(tmp_path):
    said = ranks.launch(save_where_rank_1_cannot, 2, folder=tmp_path)
    assert len(set(said)) == 1
    assert "could not be written: rank 1: " in said[0]
    assert "No space left" in said[0]
    assert checkpoint.newest(tmp_path)[0].name == "step-00000001"


def test_each_save_writes_into_a_folder_of_its_own(tmp_path):
    given_up = saves.new_partial(tmp_path)
    (given_up / "__1_0.distcp").touch()
    assert saves.new_partial(tmp_path) != given_up
    assert not given_up.exists()
