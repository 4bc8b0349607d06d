"""Other right answers to the exercises of lab 03: with the values of numpy or torch, then plain."""


def weight_with_torch(share, batch, world_size):
    import torch

    return torch.tensor(share / batch) / torch.tensor(1 / world_size)


def weight_by_the_mean_share(share, batch, world_size):
    return share / (batch / world_size)


def rate_with_numpy(base, step, warmup_steps, times_the_batch):
    import numpy as np

    return np.interp(step, [0, warmup_steps], [base, base * times_the_batch])


def rate_by_cases(base, step, warmup_steps, times_the_batch):
    if step >= warmup_steps:
        return base * times_the_batch
    part = step / warmup_steps
    return (1 - part) * base + part * base * times_the_batch


def steps_with_numpy(group_rows, batch_size, world_size):
    import numpy as np

    ranks = np.arange(len(group_rows)) % world_size
    rows = np.bincount(ranks, weights=group_rows, minlength=world_size)
    return (rows // batch_size).min()


def steps_in_a_loop(group_rows, batch_size, world_size):
    rows = [0] * world_size
    for i, size in enumerate(group_rows):
        rows[i % world_size] += size
    return min(rows) // batch_size


def speed_up_with_numpy(share, world_size):
    import numpy as np

    return np.divide(share * world_size, share + (1 - share) * (world_size - 1))


def speed_up_from_one_machine(share, world_size):
    one_s = 1.0
    exchange_on_two_s = one_s / 2 * (1 - share) / share
    ring = 2 * (world_size - 1) / world_size
    return one_s / (one_s / world_size + ring * exchange_on_two_s)


ANSWERS = {
    "3.1": (weight_with_torch, weight_by_the_mean_share),
    "3.2": (rate_with_numpy, rate_by_cases),
    "3.3": (steps_with_numpy, steps_in_a_loop),
    "3.4": (speed_up_with_numpy, speed_up_from_one_machine),
}
