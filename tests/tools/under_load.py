"""A server under load in a test: waiting for what must come, threads that ask, a killed replica."""

import os
import random
import signal
import threading
import time

import numpy as np

PATIENCE_S = 90


def until(condition, what):
    """Wait until the condition holds; fails with what never happened."""
    end_s = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end_s, f"never happened: {what}"
        time.sleep(0.02)


def close(row, expected):
    """Whether a server's answer is what the model says, in whatever batch it was computed."""
    return np.allclose(row, expected, rtol=1e-4, atol=1e-5)


def kill_one(server, number, replicas):
    """Kill a replica, the `number`th to die here, and wait until as many as before are ready."""
    victim = random.Random(number).choice(server.replicas())
    os.kill(victim["pid"], signal.SIGKILL)
    until(lambda: server.metrics()["replica_deaths_total"] == number, "its death is noticed")
    server.wait_ready(replicas, PATIENCE_S)


class Asking:
    """Threads that run `ask(number)` while the block runs; it must end when `stopped` is set."""

    def __init__(self, count):
        self.stopped = False
        self.threads = [threading.Thread(target=self.ask, args=[n]) for n in range(count)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stopped = True
        for thread in self.threads:
            thread.join()
