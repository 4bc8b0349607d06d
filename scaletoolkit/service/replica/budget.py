"""A CPU limit for one process, as a token bucket: so 20 replicas fit on two cores. Lab 09."""


class CpuBudget:
    """Grants `cpu_milli` thousandths of a core, and saves up at most one period's worth.

    As Linux limits a container: a quota of CPU time for every period of 100 ms, and who has used it
    up stands still. The limit is also the request, so utilization means what it means in
    Kubernetes. Times are arguments: no clock inside.
    """

    def __init__(self, cpu_milli: int, now_s: float, period_s: float = 0.1) -> None:
        self.rate = cpu_milli / 1000
        self._most_s = self.rate * period_s
        self._left_s = self._most_s
        self._now_s = now_s

    def spend(self, cpu_s: float, now_s: float) -> float:
        """How long to stand still, in seconds, after having used `cpu_s` of CPU until `now_s`."""
        earned_s = (now_s - self._now_s) * self.rate
        self._left_s = min(self._most_s, self._left_s + earned_s) - cpu_s
        self._now_s = now_s
        return max(0.0, -self._left_s / self.rate)
