"""Lab 03's function on two ranks: by torchrun (`ranks.launch`), and inside Ray's TorchTrainer.

Both run the same function with the same arguments, in turns, and their weights are compared. Ray's
nodes are in a network of their own (`ray.local`) and stay up meanwhile; retries of its start are
said on stderr. Ray Serve is a row of the benchmark `serving`.
"""

import statistics
import time

from scaletoolkit.cluster import ray
from scaletoolkit.machine import ranks

ROUNDS = 3
STEPS = 100
NOTHING = "–"


def tables():
    """One table: seconds until the group is there, for a step, and until the results are here."""
    title = f"{STEPS} steps on two ranks: MLP of 8.7 MB, 256 images a rank"
    return [(title, rows())]


def rows():
    """A row for each launcher, medians over rounds in turns; where Ray is absent, why."""
    begun_s = time.monotonic()
    try:
        with ray.local(nodes=2) as nodes:
            up_s = time.monotonic() - begun_s
            rounds = [(timed(ranks.launch), timed(nodes.train)) for _ in range(ROUNDS)]
    except ray.Absent as reason:
        ours = _row("ranks.launch", [timed(ranks.launch) for _ in range(ROUNDS)], 0.0)
        return [ours, dict.fromkeys(ours, NOTHING) | {"launcher": str(reason)}]
    by_torchrun, by_ray = zip(*rounds, strict=True)
    weights = {outcome[-1] for outcome in (*by_torchrun, *by_ray)}
    if len(weights) != 1:
        raise AssertionError(f"the launchers trained different models: {weights}")
    return [_row("ranks.launch", by_torchrun, 0.0), _row("Ray TorchTrainer", by_ray, up_s)]


def _row(launcher, rounds, up_s):
    start_s, step_s, whole_s, _ = (
        statistics.median(column) for column in zip(*rounds, strict=True)
    )
    return {
        "launcher": launcher,
        "s until the cluster is up": up_s,
        "s until the group is there": start_s,
        "ms a step": 1e3 * step_s,
        "s in all": whole_s,
    }


def timed(launch):
    """(s until the last rank has joined, s a step, s in all, sum of the weights) of one launch."""
    called_s = time.time()
    returned = launch(steps, 2)
    whole_s = time.time() - called_s
    joined_s, step_s, weights = zip(*returned, strict=True)
    return max(joined_s) - called_s, max(step_s), whole_s, weights[0]


def steps(rank, world_size):
    """(when it had joined, seconds a step after the first, the sum of the weights) of a rank."""
    import torch

    from scaletoolkit.training import models

    torch.set_num_threads(1)
    device = ranks.setup_distributed(rank, world_size, timeout_s=300)
    joined_s = time.time()
    generator = torch.Generator().manual_seed(rank)
    images = torch.rand(256, 1, 8, 8, generator=generator).to(device)
    labels = torch.arange(256, device=device) % 10
    model = models.seeded(lambda: models.mlp(1024, 3))
    ddp = models.data_parallel(model.to(device), device)
    optimizer = torch.optim.SGD(ddp.parameters(), lr=0.01)
    models.train_step(ddp, optimizer, images, labels)
    start_s = time.perf_counter()
    for _ in range(STEPS):
        models.train_step(ddp, optimizer, images, labels)
    step_s = (time.perf_counter() - start_s) / STEPS
    return joined_s, step_s, float(models.flat(model).sum())
