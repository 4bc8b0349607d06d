"""What one replica can do, and how its CPU follows its load. Lab 09."""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Capacity:
    """What one replica can do. requests_per_s: its throughput when it never idles.

    service_s: how long a request takes that does not wait. start_up_s: until it serves. cpu_full:
    the CPU of a replica that never idles, over what it asks for; 2 where its limit is twice its
    request. cpu_alone: the CPU of a request alone in its batch, over that in a full one.
    """

    requests_per_s: float = 50.0
    service_s: float = 0.16
    start_up_s: float = 30.0
    cpu_full: float = 1.0
    cpu_alone: float = 1.0

    def __repr__(self) -> str:
        return (
            f"Replica: {self.requests_per_s:g} requests/s, {self.service_s:g} s for one, ready "
            f"{self.start_up_s:g} s after it is asked for"
        )

    def __post_init__(self) -> None:
        for name in ("requests_per_s", "service_s", "cpu_full"):
            if not 0 < getattr(self, name) < math.inf:
                raise ValueError(f"{name} must be positive, got {getattr(self, name)}")
        if not 0 <= self.start_up_s < math.inf:
            raise ValueError(f"start_up_s must not be negative, got {self.start_up_s}")
        if not 1 <= self.cpu_alone < math.inf:
            raise ValueError(f"cpu_alone must be at least 1, got {self.cpu_alone}")

    def cpu(self, load: float) -> float:
        """The CPU of a replica that serves this share of its throughput, over what it asks for.

        With batches, few requests are alone and cost much each: the CPU is used up long before the
        replica is full, and from there on the batches grow. Lab 09 measures it.
        """
        return self.cpu_full * min(1.0, self.cpu_alone * load)
