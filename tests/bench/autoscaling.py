"""Lab 09: a simulated day of 86,400 syncs, through the same `reconcile` as a live run."""

from pathlib import Path

import numpy as np

from scaletoolkit.machine import measure
from scaletoolkit.serving import autoscaling, traffic

DAY_S = 86_400
REPEATS = 5
MANIFEST = Path(__file__).parents[2] / "labs" / "model-server-hpa.yaml"


def tables():
    """Seconds of the whole day, the fastest of several, the kinds of traffic taken in turns."""
    spec = autoscaling.parse(MANIFEST.read_text())
    flags = autoscaling.Flags(sync_period_s=1)
    rates = days()
    replays = {}

    def replay(name):
        replays[name] = autoscaling.simulate(spec, rates[name], flags=flags)

    seconds = measure.fastest(replay, rates, REPEATS)
    return [
        (
            "A simulated day: 86,400 syncs of one second, two metrics, 2 to 20 replicas",
            [row(name, seconds[name], replays[name]) for name in rates],
        )
    ]


def days(seed=0):
    """{words: requests a second in every second of a day}: as it is on average, and two noises."""
    random = np.random.default_rng(seed)
    steps = traffic.diurnal(mean=400, seconds=DAY_S)
    mean = np.repeat([level for _, level in steps], DAY_S // len(steps))
    return {
        "a smooth day": mean,
        "Poisson arrivals": random.poisson(mean).astype(float),
        "noise of a third": mean * random.lognormal(0, 1 / 3, DAY_S),
    }


def row(name, seconds, replay):
    """What the day took, and what happened in it."""
    return {
        "traffic": name,
        "s": seconds,
        "syncs/s": replay.syncs / seconds,
        "changes of size": int((np.diff(replay.replicas) != 0).sum()),
        "most replicas": int(replay.replicas.max()),
    }
