"""What Locust runs: users that post payloads, a shape from steps, a line of JSON a second. Lab 07.

Only Locust's own process (`users`) imports this: gevent, which it brings, rewires Python's sockets.
"""

import itertools
import json
import os
import random
import sys
import time
from pathlib import Path
from typing import Any

import gevent
from locust import FastHttpUser, LoadTestShape, constant, constant_throughput, events, task
from locust.env import Environment
from locust.user.task import LOCUST_STATE_RUNNING, LOCUST_STATE_WAITING

from scaletoolkit.serving.traffic.arrivals import target
from scaletoolkit.serving.traffic.tally import Tally

PLAN = json.loads(Path(os.environ["SCALETOOLKIT_LOAD_PLAN"]).read_text())
BODIES = itertools.cycle([json.dumps(payload).encode() for payload in PLAN["payloads"]])
PATH = target(PLAN["url"])  # Locust knows the rest as the host
RATE = PLAN["rate_per_user"]
HEADERS = {"Content-Type": "application/json", **PLAN["headers"]}


class Learner(FastHttpUser):
    """One user: posts the next payload and waits for the answer before posting again."""

    wait_time = constant_throughput(RATE) if RATE else constant(0)
    network_timeout = PLAN["patience_s"]
    connection_timeout = PLAN["patience_s"]

    def on_start(self) -> None:
        """Users who start together would fire in step for ever; spread them over one turn."""
        self._state = LOCUST_STATE_WAITING  # so that it can be stopped meanwhile
        gevent.sleep(random.random() * (1 / RATE if RATE else 0.05))
        self._state = LOCUST_STATE_RUNNING

    @task
    def post(self) -> None:
        """One request."""
        body: Any = next(BODIES)  # bytes, encoded once; Locust's types know only text
        self.client.post(PATH, data=body, headers=HEADERS, name=PATH)


class Steps(LoadTestShape):
    """So many users for so many seconds, step after step."""

    def tick(self) -> tuple[int, float] | None:
        """(users, users started per second) now; None at the end."""
        end_s = 0.0
        for seconds, users in PLAN["steps"]:
            end_s += seconds
            if self.get_run_time() < end_s:
                return round(users), 1000
        return None


class Reporter:
    """Made when the test starts: counts every request from then on, and writes the lines."""

    def __init__(self, environment: Environment, **_: object) -> None:
        self.environment = environment
        self.start_s = time.monotonic()  # Locust's own moments jump with the wall clock
        self.tally = Tally(sys.stdout)
        self.lines = gevent.spawn(self.report_seconds)
        events.request.add_listener(self.request)
        events.quitting.add_listener(self.end)

    def request(self, response_time: float, response: object = None, **_: object) -> None:
        """One answer; `response` is None or has status 0 where none came."""
        status = getattr(response, "status_code", 0) or 0
        latency_s = response_time / 1000
        self.tally.add(time.monotonic() - self.start_s - latency_s, latency_s, status)

    def report_seconds(self) -> None:
        """A line a second."""
        for second in itertools.count(1):
            gevent.sleep(max(0, self.start_s + second - time.monotonic()))
            runner = self.environment.runner
            self.tally.report(second, users=runner.user_count if runner else 0)

    def end(self, **_: object) -> None:
        """The last lines."""
        self.lines.kill()
        self.tally.report(time.monotonic() - self.start_s, users=0)
        self.tally.finish()


events.test_start.add_listener(Reporter)
