"""Models, batches, and the heart of lab 03: several ranks compute what one process computes."""

import pytest
import torch
import torch.distributed as dist
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.testing._internal.distributed.fake_pg import FakeStore

from scaletoolkit.machine import ranks
from scaletoolkit.training import models, normalization

WORLD_SIZES = (1, 2, 3, 4)
# Of 1,438 images: even but for the last batch; all uneven; the last batch a single image.
BATCH_SIZES = (96, 90, 479)


def one_process(batch_size, steps=8):
    data = models.digits(dtype=torch.float64)
    model, optimizer = model_and_optimizer()
    for batch in models.batches(len(data.images), batch_size)[-steps:]:
        models.train_step(model, optimizer, data.images[batch], data.labels[batch])
    return models.flat(model)


def model_and_optimizer():
    model = models.seeded(models.cnn, 1, torch.float64)
    return model, torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)


def shares(rank, world_size, batch_size, steps=8):
    """(images, labels, weight) of this rank's share of the last batches of an epoch."""
    data = models.digits(dtype=torch.float64)
    for batch in models.batches(len(data.images), batch_size)[-steps:]:
        mine = batch[rank::world_size]
        weight = models.share_weight(len(mine), len(batch), world_size)
        yield data.images[mine], data.labels[mine], weight


def with_ddp(rank, world_size, batch_size, group):
    model, optimizer = model_and_optimizer()
    ddp = models.data_parallel(model, process_group=group)
    for images, labels, weight in shares(rank, world_size, batch_size):
        models.train_step(ddp, optimizer, images, labels, weight)
    return models.flat(model)


def many_worlds(rank, world_size):
    """Train with DDP in groups of 1, 2, 3 and 4 ranks."""
    ranks.setup_distributed(rank, world_size)
    groups = {size: dist.new_group(list(range(size))) for size in WORLD_SIZES}
    trained = {}
    for batch_size in BATCH_SIZES:
        for size, group in groups.items():
            if rank < size:
                trained[batch_size, size] = with_ddp(rank, size, batch_size, group)
    return trained


def test_every_number_of_ranks_computes_what_one_process_computes():
    expected = {batch_size: one_process(batch_size) for batch_size in BATCH_SIZES}
    by_rank = ranks.launch(many_worlds, 4)
    assert set(by_rank[0]) == {(b, w) for b in BATCH_SIZES for w in WORLD_SIZES}
    for trained in by_rank:
        for (batch_size, world), weights in trained.items():
            apart = models.distance(weights, expected[batch_size])
            assert apart < 1e-12, f"{world} ranks, batches of {batch_size}"


@pytest.fixture
def group_of_one():
    """A group without a port."""
    dist.init_process_group("fake", store=FakeStore(), rank=0, world_size=1)
    yield
    dist.destroy_process_group()


def test_weights_that_are_spread_over_ranks_are_compared_whole(group_of_one):
    """FSDP2's, here over a single rank."""
    model = models.seeded(models.mlp)
    fully_shard(model, mesh=init_device_mesh("cpu", (1,)))
    assert models.distance(models.flat(model), models.flat(models.seeded(models.mlp))) == 0


def test_over_one_rank_norm_over_all_is_batch_norm(group_of_one):
    examples = torch.rand(33, 4, dtype=torch.float64)
    ours = normalization.NormOverAll(4).double()(examples)
    theirs = torch.nn.BatchNorm1d(4).double()(examples)
    assert models.distance(ours, theirs) < 1e-12


def test_norm_over_all_loses_nothing_far_from_zero_and_takes_no_examples(group_of_one):
    far = torch.rand(33, 4, generator=torch.Generator().manual_seed(0)) + 1e4
    ours = normalization.NormOverAll(4)(far)
    assert models.distance(ours, torch.nn.BatchNorm1d(4)(far)) < 0.02  # 0.001 apart are two numbers
    assert normalization.NormOverAll(4)(torch.empty(0, 4)).shape == (0, 4)


def test_unweighted_shares_of_an_uneven_batch_are_not_the_batch():
    losses = torch.tensor([1.0, 2.0, 6.0])
    shares_of = [losses[0::2], losses[1::2]]
    means = [share.mean() * models.share_weight(len(share), 3, 2) for share in shares_of]
    assert sum(means).item() / 2 == pytest.approx(losses.mean().item())
    assert sum(share.mean().item() for share in shares_of) / 2 == 2.75


@given(st.integers(1, 500), st.integers(1, 80), st.integers(1, 5), st.integers(0, 9))
def test_the_shares_of_all_ranks_are_every_index_once(count, batch_size, world_size, epoch):
    cut = models.batches(count, batch_size, epoch=epoch)
    shares_of = [batch[rank::world_size] for batch in cut for rank in range(world_size)]
    assert torch.cat(shares_of).sort().values.tolist() == list(range(count))


def test_batches_depend_on_seed_and_epoch_alone():
    first = models.batches(50, 8, seed=1, epoch=2)
    assert all(map(torch.equal, first, models.batches(50, 8, seed=1, epoch=2)))
    assert not torch.equal(first[0], models.batches(50, 8, seed=1, epoch=3)[0])
    assert not torch.equal(first[0], models.batches(50, 8, seed=2, epoch=2)[0])


@pytest.mark.parametrize("build", [models.mlp, models.cnn])
def test_models_map_images_to_ten_scores_and_repeat_with_their_seed(build):
    model = models.seeded(build, 3, torch.float64)
    images = models.digits(torch.float64).images[:4]
    assert model(images).shape == (4, 10)
    assert models.distance(models.flat(model), models.flat(models.seeded(build, 3))) < 1e-6
    assert models.gradient_bytes(model) == 8 * sum(p.numel() for p in model.parameters())


def test_digits_are_split_once_and_lie_between_0_and_1():
    data = models.digits()
    assert repr(data) == "Digits: 1,438 images to train on, 359 to test on, 8×8 pixels"
    assert data.images.min() >= 0
    assert data.images.max() <= 1


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 100))
def test_a_step_goes_downhill(seed):
    data = models.digits()
    model = models.seeded(models.mlp, seed)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    images = data.images[:64]
    labels = data.labels[:64]
    losses = [models.train_step(model, optimizer, images, labels) for _ in range(10)]
    assert losses[-1] < losses[0]


def test_training_learns_to_read_digits():
    torch.set_num_threads(1)
    data = models.digits()
    model = models.seeded(models.mlp)
    models.train(model, data.images, data.labels, epochs=8)
    assert models.accuracy(model, data.test_images, data.test_labels) > 0.9


def test_training_repeats_with_its_seed():
    torch.set_num_threads(1)
    data = models.digits()

    def trained(seed):
        model = models.seeded(models.mlp)
        models.train(model, data.images[:200], data.labels[:200], epochs=1, seed=seed)
        return models.flat(model)

    assert torch.equal(trained(0), trained(0))
    assert not torch.equal(trained(0), trained(1))
