"""What happened to a server between two readings of /metrics. Lab 09."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Observation:
    """What an autoscaler sees of a server at a sync, averaged since the one before.

    queue_length, in_flight: items, on average over `period_s`. wanted: replicas asked for.
    replicas: a list of dicts with name, pid, state, provider and cpu_milli, the thousandths of a
    core that it used since it was ready or since the last sync.
    """

    period_s: float
    queue_length: float
    in_flight: float
    wanted: int
    replicas: list = field(repr=False)

    @property
    def ready(self):
        """How many replicas can take a batch."""
        return sum(one["state"] == "ready" for one in self.replicas)

    def __repr__(self):
        return (
            f"Observation: {self.ready} of {self.wanted} replicas ready, {self.queue_length:.1f} "
            f"items waited and {self.in_flight:.1f} were in flight over {self.period_s:.1f} s"
        )


def between(before, after):
    """The Observation between two pages, each as `Server.metrics` returns it."""
    seconds = _change(before, after, "gateway_clock_seconds")

    def average(name):
        return _change(before, after, name) / seconds

    found = replicas(after)
    for one in found:
        used_s = _change(before, after, "replica_cpu_seconds_total", one["name"])
        one["cpu_milli"] = 1000 * used_s / seconds
    return Observation(
        period_s=seconds,
        queue_length=average("inference_queue_length_seconds_total"),
        in_flight=average("inference_in_flight_seconds_total"),
        wanted=int(after["replicas_wanted",]),
        replicas=found,
    )


def _change(before, after, *key):
    return after[key] - before.get(key, 0.0)


def replicas(page):
    """What a page says of each replica: a list of dicts with name, pid, state, provider."""
    keys = ("pid", "provider", "name", "state")  # the order of their labels
    infos = [key[1:] for key in page if key[0] == "replica_info"]
    found = [dict(zip(keys, info, strict=True)) for info in infos]
    return [one | {"pid": int(one["pid"])} for one in found]
