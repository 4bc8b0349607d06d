"""Smaller models: what rounding, packing, pruning, distilling and judging must hold to."""

import math
import random

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from scaletoolkit.exercises import smaller_models
from scaletoolkit.training import compression, models


def weights(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@given(st.integers(2, 8), st.sampled_from([None, 8, 64]), st.integers(0, 99))
def test_no_weight_moves_by_more_than_half_a_step_of_its_group(bits, group, seed):
    before = weights(32, 64, seed=seed)
    after = compression.rounded(before, bits, group)
    rows = before.reshape(-1, group or before.numel())
    steps = rows.abs().amax(1, keepdim=True) / (2 ** (bits - 1) - 1)
    moved = (after - before).reshape(rows.shape).abs()
    assert (moved <= steps * 0.50001).all()
    assert len(after.reshape(rows.shape)[0].unique()) <= 2**bits - 1


def test_rounding_twice_changes_nothing_and_zeros_stay():
    before = torch.cat([weights(3, 8), torch.zeros(1, 8)])
    once = compression.rounded(before, 4, 8)
    assert torch.allclose(compression.rounded(once, 4, 8), once)
    assert torch.equal(once[3], torch.zeros(8))


def test_an_outlier_coarsens_its_own_group_alone():
    before = weights(4, 16)
    spiked = before.clone()
    spiked[0, 0] = 1000
    assert torch.equal(
        compression.rounded(spiked, 8, 16)[1:], compression.rounded(before, 8, 16)[1:]
    )
    assert compression.rounded(spiked, 8)[1:].abs().max() == 0


@given(st.integers(0, 99), st.sampled_from([2, 32, 64]))
def test_four_bits_come_back_as_they_were_rounded(seed, group):
    before = weights(16, 64, seed=seed)
    codes, scales = compression.pack4(before, group)
    assert codes.nbytes == before.numel() / 2
    back = compression.unpack4(codes, scales, before.shape)
    assert torch.allclose(back, compression.rounded(before, 4, group), rtol=1e-3)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: compression.rounded(weights(4), 1), "bits must be at least 2, got 1"),
        (lambda: compression.rounded(weights(9), 8, 4), "9 weights are no whole number of"),
        (lambda: compression.rounded(weights(9), 8, 0), "group must be at least 1, got 0"),
        (lambda: compression.rounded(weights(9), 8, -3), "group must be at least 1, got -3"),
        (lambda: compression.pack4(weights(9), 3), "group must be even, got 3"),
        (lambda: compression.narrowed(models.mlp(8), 9), "units must lie between 1 and 8, got 9"),
        (lambda: compression.interval(5, 4), "right must lie between 0 and total, got 5 of 4"),
    ],
)
def test_what_cannot_be_is_a_sentence(call, sentence):
    with pytest.raises(ValueError, match=sentence):
        call()


@given(st.sampled_from([0, 0.1, 0.5, 1]), st.integers(0, 99))
def test_a_mask_keeps_the_largest(share, seed):
    before = weights(10, 10, seed=seed)
    mask = compression.largest(before, share)
    assert mask.sum() == round(100 * share)
    if 0 < share < 1:
        assert before[mask == 1].abs().min() >= before[mask == 0].abs().max()


def test_removing_units_that_are_dead_changes_no_score():
    model = models.seeded(lambda: models.mlp(16))
    with torch.no_grad():
        for layer in (model[1], model[3]):
            layer.weight[::2] = 0
            layer.bias[::2] = 0
    small = compression.narrowed(model, 8)
    images = torch.rand(5, 1, 8, 8)
    assert torch.allclose(small(images), model(images), atol=1e-6)
    assert [layer.weight.shape[0] for layer in (small[1], small[3], small[5])] == [8, 8, 10]


def test_two_of_every_four_stay_and_they_are_the_larger_ones():
    before = weights(6, 8)
    kept = compression.kept_two_of_four(before).reshape(-1, 4)
    assert ((kept != 0).sum(1) == 2).all()
    assert torch.equal(kept.abs().amax(1), before.reshape(-1, 4).abs().amax(1))


def test_students_learn_their_teacher_without_a_label_and_each_can_be_taken_out():
    data = models.digits()
    teacher = models.seeded(lambda: models.mlp(64, 1))
    models.train(teacher, data.images, data.labels, 4)
    with torch.no_grad():
        taught = teacher(data.images)
    students = compression.Siblings(3, 16)
    rows = torch.arange(len(data.labels)).expand(3, -1)
    compression.learn(
        students, data.images, rows, lambda s, n: compression.distil_loss(s, taught[n]), 200
    )
    same = students.right(data.test_images, teacher(data.test_images).argmax(1))
    assert same.shape == (3,)
    assert same.min() > 0.85
    right = [models.accuracy(students.one(i), data.test_images, data.test_labels) for i in range(3)]
    assert right == pytest.approx(students.right(data.test_images, data.test_labels).tolist())


def test_siblings_differ_and_masked_weights_stay_zero():
    data = models.digits()
    some = compression.Siblings(2, 8)
    assert not torch.equal(some.first[0], some.first[1])
    mask = torch.stack([compression.largest(first.detach(), 0.1) for first in some.first])
    rows = torch.arange(100).expand(2, -1)

    def loss(scores, numbers):
        return torch.nn.functional.cross_entropy(
            scores.flatten(0, 1), data.labels[numbers].flatten()
        )

    compression.learn(some, data.images, rows, loss, 5, mask)
    assert (some.first[mask == 0] == 0).all()


def test_what_only_one_of_two_gets_right():
    truth = np.array([1, 2, 3, 4, 5])
    old = np.array([1, 2, 0, 0, 0])
    new = np.array([0, 2, 3, 4, 0])
    assert compression.only(old, new, truth) == (1, 2)


def test_the_loss_is_least_where_the_scores_are_the_teachers():
    taught = weights(7, 10)
    least = compression.distil_loss(taught, taught, 2.0)
    for seed in range(5):
        assert compression.distil_loss(taught + weights(7, 10, seed=seed + 1), taught, 2.0) > least


def test_what_is_masked_stays_zero_while_the_rest_learns():
    data = models.digits()
    model = models.seeded(lambda: models.mlp(32, 1))
    mask = compression.largest(model[1].weight, 0.2)
    before = model[1].weight.clone()
    compression.tune(model, data.images, data.labels, 1, [(model[1].weight, mask)])
    assert (model[1].weight[mask == 0] == 0).all()
    assert (model[1].weight != before)[mask == 1].any()


@given(st.integers(0, 40), st.integers(0, 40))
def test_mcnemar_is_the_exact_binomial_test(first, second):
    expected = stats.binomtest(first, first + second).pvalue if first + second else 1
    assert math.isclose(smaller_models.p_value(first, second), expected)


@given(st.integers(1, 500), st.data())
def test_the_interval_is_wilsons(total, data):
    right = data.draw(st.integers(0, total))
    expected = stats.binomtest(right, total).proportion_ci(method="wilson")
    assert compression.interval(right, total) == pytest.approx((expected.low, expected.high), 1e-4)


def test_the_interval_holds_the_truth_as_often_as_it_says():
    dice = random.Random(1)
    draws = [sum(dice.random() < 0.97 for _ in range(359)) for _ in range(1000)]
    held = [low <= 0.97 <= high for low, high in (compression.interval(n, 359) for n in draws)]
    assert 920 <= sum(held) <= 980


def test_answers_count_as_the_accuracy_does():
    data = models.digits()
    model = models.seeded(lambda: models.mlp(16))
    right = compression.answers(model, data.test_images) == data.test_labels.numpy()
    assert right.mean() == models.accuracy(model, data.test_images, data.test_labels)
