"""Jobs of several ranks that take turns, so that only one of them computes at a time."""

import json
import os
import sys
import time
from pathlib import Path

import torch
import torch.distributed as dist

TURNS = 40
STEPS = 6
LOOK_EVERY_S = 0.002


def joined():
    """The device of a rank that torchrun has started, which is in its group then."""
    local_rank = int(os.environ["LOCAL_RANK"])
    gpu = torch.cuda.device_count() >= int(os.environ["LOCAL_WORLD_SIZE"])
    device = torch.device("cuda", local_rank) if gpu else torch.device("cpu")
    if gpu:
        torch.cuda.set_device(device)
    dist.init_process_group("nccl" if gpu else "gloo")
    return device


def report(step):
    """Take turns as a script that is given FOLDER PLACE JOBS; rank 0 prints the seconds as JSON."""
    folder, place, jobs = sys.argv[1:]
    seconds = take_turns(step, folder, int(place), int(jobs))
    if dist.get_rank() == 0:
        print(json.dumps(seconds))
    dist.destroy_process_group()


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
