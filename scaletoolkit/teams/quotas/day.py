"""A day of GPU jobs under quotas, simulated on a virtual clock, exactly. Lab 11."""

from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import Any, NamedTuple

import numpy as np

from scaletoolkit.teams.quotas.cohorts import Quotas

GPU = "gpu"
DAY_MIN = 24 * 60


class Habit(NamedTuple):
    """How a team works: jobs a day, when they come, GPUs of a job, how long jobs take."""

    jobs: int
    from_h: float
    to_h: float
    gpus: tuple[int, ...]
    mean_min: float


class Job(NamedTuple):
    """A job: whose, how many GPUs, for how long, and when it comes."""

    team: str
    gpus: int
    length_min: int
    submitted_min: int


HABITS = {
    "vision": Habit(36, 2, 16, (1, 2, 2, 4), 110.0),
    "speech": Habit(16, 9, 18, (1, 2, 2), 90.0),
    "ads": Habit(16, 0, 20, (1, 1, 2), 70.0),
}


def gpu_jobs(seed: int = 0, habits: Mapping[str, Habit] = HABITS) -> list[Job]:
    """The jobs of a day, in the order in which they come; lengths are exponential, ≥ 5 minutes."""
    random = np.random.default_rng(seed)
    jobs = []
    for team, habit in habits.items():
        for _ in range(habit.jobs):
            hour = random.uniform(habit.from_h, habit.to_h)
            length_min = max(5, round(random.exponential(habit.mean_min)))
            gpus = int(random.choice(habit.gpus))
            jobs.append(Job(team, gpus, length_min, int(hour * 60)))
    return sorted(jobs, key=lambda job: job.submitted_min)


@dataclass(frozen=True, repr=False)
class Day:
    """What came of a day: waits by team, GPUs used by team and minute, work that was lost."""

    waits_min: dict[str, list[int]]  # a job's time from coming to ending, less its length
    used: dict[str, list[int]]
    gpus: int
    preempted: int
    lost_gpu_h: float

    @property
    def utilization(self) -> float:
        """The share of the day's GPU-minutes in which a job ran, jobs that were preempted too."""
        return sum(sum(line[:DAY_MIN]) for line in self.used.values()) / (self.gpus * DAY_MIN)

    @property
    def mean_wait_h(self) -> dict[str, float]:
        """How long a team's jobs waited, and worked in vain, on average."""
        return {team: sum(w) / len(w) / 60 for team, w in self.waits_min.items() if w}

    def __repr__(self) -> str:
        waits = ", ".join(f"{team} {hours:.2f} h" for team, hours in self.mean_wait_h.items())
        return (
            f"Day: utilization {self.utilization:.3f}, mean wait {waits}, "
            f"{self.preempted} jobs preempted"
        )


def simulate_day(
    jobs: Iterable[Job], tree: Mapping[str, Mapping[str, Any]], reclaim: bool = False
) -> Day:
    """Run jobs until the last one ends; each team is a queue of the tree, which counts "gpu".

    A team's jobs start in the order in which they came. Of the teams' next jobs that fit, one that
    borrows nothing goes first, then the one that came first. With `reclaim`, a job within its
    team's own quota stops jobs of teams that borrow, the latest started first, until it fits; what
    they had done is lost, and they wait at the head of their queue. A job that could never start
    raises ValueError. The rule is Kueue's StrictFIFO with reclaimWithinCohort: Any; assumed is that
    nothing is saved before a preemption.
    """
    quotas = Quotas(tree)
    jobs = list(jobs)
    for job in jobs:
        if job.gpus < 1 or job.length_min < 1:
            raise ValueError(f"a job takes at least one GPU for one minute, got {job}")
        if job.gpus > quotas.potential(job.team, GPU):
            most = quotas.potential(job.team, GPU)
            raise ValueError(f"a job of {job.team} asks for {job.gpus} GPUs and can have {most}")
    return _Simulation(quotas, jobs, reclaim).run()


class _Simulation:
    """What runs and what waits, now."""

    def __init__(self, quotas: Quotas, jobs: list[Job], reclaim: bool) -> None:
        self.quotas = quotas
        self.jobs = jobs
        self.reclaim = reclaim
        self.waiting: defaultdict[str, deque[int]] = defaultdict(deque)
        self.started_min: dict[int, int] = {}  # by job, in the order in which they started
        self.ends: list[tuple[int, int, int]] = []
        self.runs: list[tuple[int, int, int]] = []  # job, from, to
        self.lost_gpu_min = 0
        self.preempted = 0

    def run(self) -> Day:
        """Go from event to event: jobs that end, then jobs that come, then jobs that start."""
        order = sorted(range(len(self.jobs)), key=lambda number: self.jobs[number].submitted_min)
        coming = deque(order)
        while coming or self.ends:
            times = [self.ends[0][0]] if self.ends else []
            times += [self.jobs[coming[0]].submitted_min] if coming else []
            now_min = min(times)
            while self.ends and self.ends[0][0] == now_min:
                self._end(*heappop(self.ends))
            while coming and self.jobs[coming[0]].submitted_min == now_min:
                number = coming.popleft()
                self.waiting[self.jobs[number].team].append(number)
            while self._start_one(now_min):
                pass
        return self._day()

    def _end(self, now_min: int, number: int, started_min: int) -> None:
        """A job ends, unless it was stopped in the meantime."""
        if self.started_min.get(number) == started_min:
            self._stop(number, now_min)

    def _stop(self, number: int, now_min: int) -> None:
        self._move(number, self.quotas.remove)
        self.runs.append((number, self.started_min.pop(number), now_min))

    def _start_one(self, now_min: int) -> bool:
        """Start the next job that may; whether there was one."""
        heads = [line[0] for line in self.waiting.values() if line]
        for number in sorted(heads, key=self._rank):
            if self._fits(number) or (self.reclaim and self._make_room(number, now_min)):
                self._start(number, now_min)
                return True
        return False

    def _rank(self, number: int) -> tuple[bool, int, int]:
        """Who starts first: who borrows nothing, then who came first."""
        job = self.jobs[number]
        return self.quotas.borrowed(job.team, GPU, job.gpus) > 0, job.submitted_min, number

    def _fits(self, number: int) -> bool:
        job = self.jobs[number]
        return self.quotas.available(job.team, GPU) >= job.gpus

    def _start(self, number: int, now_min: int) -> None:
        self.waiting[self.jobs[number].team].popleft()
        self._move(number, self.quotas.add)
        self.started_min[number] = now_min
        heappush(self.ends, (now_min + self.jobs[number].length_min, number, now_min))

    def _make_room(self, number: int, now_min: int) -> bool:
        """Stop jobs of teams that borrow until this one fits, if it borrows nothing itself."""
        job = self.jobs[number]
        if self.quotas.borrowed(job.team, GPU, job.gpus):
            return False
        for victim in self._victims(number):
            self._preempt(victim, now_min)
        return self._fits(number)

    def _victims(self, number: int) -> list[int]:
        """The jobs to stop so that this one fits; none where that would not be enough.

        Those started last, of teams that borrow; then, from the oldest, those that can stay do.
        """
        candidates = []
        for victim in reversed(self.started_min):
            if self._fits(number):
                break
            if self.quotas.borrowed(self.jobs[victim].team, GPU):
                self._move(victim, self.quotas.remove)
                candidates.append(victim)
        enough = self._fits(number)
        victims = []
        for victim in reversed(candidates):
            self._move(victim, self.quotas.add)
            if enough and not self._fits(number):
                self._move(victim, self.quotas.remove)
                victims.append(victim)
        for victim in victims:
            self._move(victim, self.quotas.add)
        return victims

    def _move(self, number: int, change: Callable[[str, Mapping[str, int]], None]) -> None:
        """Add a job's GPUs to what its team uses, or remove them."""
        job = self.jobs[number]
        change(job.team, {GPU: job.gpus})

    def _preempt(self, number: int, now_min: int) -> None:
        job = self.jobs[number]
        self.lost_gpu_min += job.gpus * (now_min - self.started_min[number])
        self.preempted += 1
        self._stop(number, now_min)
        self.waiting[job.team].appendleft(number)

    def _day(self) -> Day:
        teams = list(dict.fromkeys(job.team for job in self.jobs))
        length = max([DAY_MIN, *(to_min for _, _, to_min in self.runs)])
        changes = {team: np.zeros(length + 1, dtype=int) for team in teams}
        last_min = {}
        for number, from_min, to_min in self.runs:
            changes[self.jobs[number].team][from_min] += self.jobs[number].gpus
            changes[self.jobs[number].team][to_min] -= self.jobs[number].gpus
            last_min[number] = to_min
        waits: dict[str, list[int]] = {team: [] for team in teams}
        for number, job in enumerate(self.jobs):
            waits[job.team].append(last_min[number] - job.submitted_min - job.length_min)
        used = {team: np.cumsum(line)[:-1].tolist() for team, line in changes.items()}
        gpus = self.quotas.capacity(GPU)
        return Day(waits, used, gpus, self.preempted, self.lost_gpu_min / 60)
