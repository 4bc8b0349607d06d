"""What Locust runs: users that post payloads, a shape from steps, a line of JSON a second. Lab 07.

Only Locust's own process imports this: gevent, which it brings, rewires Python's sockets.
"""

import itertools
import json
import os
import random
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import gevent
from gevent.os import tp_read
from locust import FastHttpUser, LoadTestShape, constant, constant_throughput, events, task

from scaletoolkit.serving.traffic.tally import Tally, to_lines

PLAN = json.loads(Path(os.environ["SCALETOOLKIT_LOAD_PLAN"]).read_text())
BODIES = itertools.cycle([json.dumps(payload).encode() for payload in PLAN["payloads"]])
PATH = urlsplit(PLAN["url"]).path or "/"  # Locust knows the rest as the host
RATE = PLAN["rate_per_user"]


class Learner(FastHttpUser):
    """One user: posts the next payload and waits for the answer before posting again."""

    wait_time = constant_throughput(RATE) if RATE else constant(0)
    network_timeout = connection_timeout = PLAN["patience_s"]

    def on_start(self):
        """Users who start together would fire in step for ever; spread them over one turn."""
        gevent.sleep(random.random() * (min(1 / RATE, 1) if RATE else 0.05))

    @task
    def post(self):
        self.client.post(
            PATH, data=next(BODIES), headers={"Content-Type": "application/json"}, name=PATH
        )


class Steps(LoadTestShape):
    """So many users for so many seconds, step after step."""

    def tick(self):
        """(users, users started per second) now; None at the end."""
        end_s = 0
        for seconds, users in PLAN["steps"]:
            end_s += seconds
            if self.get_run_time() < end_s:
                return round(users), 1000
        return None


class Reporter:
    """Counts every request of a test and writes the lines."""

    def __init__(self, environment):
        self.environment, self.start_s = environment, None
        self.tally = Tally(to_lines(sys.stdout))

    def begin(self, **_):
        """The test starts: count time from here."""
        self.start_s = time.time()
        self.lines = gevent.spawn(self.report)

    def request(self, start_time, response_time, response=None, **_):
        """One answer; `response` is None or has status 0 where none came."""
        status = getattr(response, "status_code", 0) or 0
        self.tally.add(start_time - self.start_s, response_time / 1000, status)

    def report(self):
        """A line a second."""
        second = 0
        while second := second + 1:
            gevent.sleep(max(0, self.start_s + second - time.time()))
            self.tally.second(second, users=self.environment.runner.user_count)

    def end(self, **_):
        """The last lines."""
        self.lines.kill()
        self.tally.second(time.time() - self.start_s, users=0)
        self.tally.finish()


@events.init.add_listener
def watch(environment, **_):
    """Report, and end when stdin ends: the parent's end brings that about."""
    reporter = Reporter(environment)
    environment.events.test_start.add_listener(reporter.begin)
    environment.events.request.add_listener(reporter.request)
    environment.events.quitting.add_listener(reporter.end)
    gevent.spawn(end_with_parent)


def end_with_parent():
    """tp_read waits in a thread of gevent's, so that users go on."""
    while tp_read(sys.stdin.fileno(), 1):
        pass
    os._exit(1)
