"""Jobs of several ranks that take turns, so that only one of them computes at a time."""

import time
from pathlib import Path

import torch.distributed as dist

TURNS = 40
STEPS = 6
LOOK_EVERY_S = 0.002


def take_turns(step, folder, place, jobs):
    """Seconds of the fastest step in each of this job's turns: a list.

    place: this job's number, from 0, among `jobs`. They see each other's marks in the folder; the
    first turn begins when every job has made its first step.
    """
    step()
    _mark(folder, f"ready-{place}")
    return [_turn(step, folder, turn, place, jobs) for turn in range(TURNS)]


def _turn(step, folder, turn, place, jobs):
    before = [f"ready-{job}" for job in range(jobs)]
    if place > 0:
        before.append(f"done-{turn}-{place - 1}")
    if turn > 0:
        before.append(f"done-{turn - 1}-{jobs - 1}")
    if dist.get_rank() == 0:
        while not all((Path(folder) / mark).exists() for mark in before):
            time.sleep(LOOK_EVERY_S)
    seconds = min(_seconds(step) for _ in range(STEPS))
    _mark(folder, f"done-{turn}-{place}")
    return seconds


def _seconds(step):
    """Of a step that begins together and ends with the last rank."""
    dist.barrier()
    begun = time.perf_counter()
    step()
    dist.barrier()
    return time.perf_counter() - begun


def _mark(folder, name):
    if dist.get_rank() == 0:
        (Path(folder) / name).touch()
