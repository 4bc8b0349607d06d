"""A server for minutes, with kills and resizes, and processes of every kind killed. Labs 07 and 09.

    SCALETOOLKIT_SOAK_S=600 SCALETOOLKIT_KILLS=100 python -m pytest -s tests/service/test_soak.py

is ten minutes of the one and a hundred of the other.
"""

import http.client
import itertools
import json
import os
import random
import signal
import subprocess
import sys
import time
import uuid
from collections import Counter
from contextlib import suppress

import numpy as np
import onnxruntime
import psutil
import pytest
from tools import strict
from tools.under_load import Asking, close

from scaletoolkit import service
from scaletoolkit.service.gateway.starter import CAN_FORK

SOAK_S = float(os.environ.get("SCALETOOLKIT_SOAK_S", "4"))
KILLS = int(os.environ.get("SCALETOOLKIT_KILLS", "2"))
CLIENTS = 12
ITEMS = np.random.default_rng(4).random((100, 64), dtype=np.float32)
BODIES = [json.dumps([item]) for item in ITEMS.tolist()]


class Clients(Asking):
    """Threads that ask on kept connections; every answer is counted by its status, and checked."""

    def __init__(self, server, expected):
        self.port = server.port
        self.expected = expected
        self.statuses = [Counter() for _ in range(CLIENTS)]
        self.wrong = []
        super().__init__(CLIENTS)

    def ask(self, number):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        for k in itertools.cycle(range(number, len(ITEMS))):
            if self.stopped:
                return
            connection.request("POST", "/v1/predict", BODIES[k])
            response = connection.getresponse()
            answer = json.loads(response.read())
            self.statuses[number][str(response.status)] += 1
            if response.status == 200 and not close(answer[0], self.expected[k]):
                self.wrong.append(f"item {k} has another item's answer")
            if response.status not in (200, 503):
                self.wrong.append(answer)
            if response.status == 503:
                time.sleep(0.01)


def descriptors(process):
    """How many files, pipes and sockets a process has open; what the clients hold not counted."""
    return process.num_fds() - len(process.net_connections("tcp"))


def disturb(server, gateway, draw):
    """Kill a replica or the template, or resize: a word for it.

    Nothing while no replica is ready: a template that is killed again before it has started, and
    again, never brings one.
    """
    act = draw.choice(["replica", "replica", "template", "resize"])
    replicas = server.replicas()
    if not any(replica["state"] == "ready" for replica in replicas):
        return "rest"
    victims = [replica["pid"] for replica in replicas if replica["pid"]]
    if act == "template":
        victims = [child.pid for child in gateway.children() if child.pid not in victims]
    if act == "resize" or not victims:
        server.resize(draw.randint(1, 5))
        return "resize"
    with suppress(ProcessLookupError):
        os.kill(draw.choice(victims), signal.SIGKILL)
    return act


def test_a_soak_loses_nothing_and_grows_nothing(digits_model):
    session = onnxruntime.InferenceSession(digits_model / "model.onnx")
    expected = session.run(None, {"input": ITEMS})[0]
    options = {"replicas": 3, "max_batch_size": 4, "max_queue_size": 8}
    draw = random.Random(5)
    acts = Counter()
    looks = []
    with service.start(digits_model, accelerator_ms=(10, 1), **options) as server:
        gateway = psutil.Process(server.pid)
        end_s = time.monotonic() + SOAK_S
        with Clients(server, expected) as clients:
            while time.monotonic() < end_s:
                acts[disturb(server, gateway, draw)] += 1
                time.sleep(draw.uniform(0.1, 0.6))
                looks.append((gateway.memory_info().rss, descriptors(gateway)))
        server.resize(2)
        server.wait_ready(2)
        page = server.metrics()
        time.sleep(1)
        later = server.metrics()
    assert clients.wrong == []
    sent = sum(clients.statuses, Counter())
    counted = {name[1]: n for name, n in page.items() if name[0] == "inference_requests_total"}
    assert counted == dict(sent)
    ready, clock = "replicas_ready_seconds_total", "gateway_clock_seconds"
    assert (later[ready] - page[ready]) / (later[clock] - page[clock]) == pytest.approx(2, rel=1e-3)
    early, late = (looks[len(looks) // 4 :][: len(looks) // 4], looks[-len(looks) // 4 :])
    grown = np.median(late, axis=0) - np.median(early, axis=0)
    assert grown[0] < 8e6  # bytes
    assert grown[1] <= 10  # pipes and handles of the replicas that are there at the moment
    print(f"\n{dict(sent)} of {sum(sent.values())}; {dict(acts)}; {page['replica_deaths_total']:g}")
    print(f"deaths; memory {grown[0] / 1e6:+.1f} MB, {grown[1]:+g} descriptors; {looks[-1]}")


PARENT = """
import json, sys
from scaletoolkit import lab, service
from scaletoolkit.machine import processes
from scaletoolkit.serving import traffic
from scaletoolkit.serving.traffic import runs

service.server.PATIENCE_S = 5
runs.SILENCE_S = 5
folder = processes.workspace("soak")
options = {"replicas": 2, "accelerator_ms": (20, 1), "batch_timeout_s": 2}
server = service.start(sys.argv[1], **options)
url = server.url + "/v1/predict"
loads = {loop.__name__: loop(url, [(600, 20)], [[[0.5] * 64]]) for loop in
         (traffic.open_loop, traffic.closed_loop)}
for load in loads.values():
    while not load.rows():
        pass
pids = {name: load._child.pid for name, load in loads.items()} | {"gateway": server.pid}
print(json.dumps(pids | {"replica": server.replicas()[0]["pid"]}), flush=True)
input()

def tried(act, *arguments):
    try:
        act(*arguments)
    except lab.LabError as error:
        print(type(error).__name__, error, flush=True)

victim = loads.get(sys.argv[2])
tried(server.predict, [[0.5] * 64])
tried(server.resize, 3)
tried(server.wait_ready, 3, 3)
if victim:
    tried(victim.wait)
for thing in (*loads.values(), server):
    thing.stop() if thing is not server else thing.close()
print("closed", flush=True)
processes.clean_up()
"""
KINDS = ["replica", "gateway", "open_loop", "closed_loop", "parent", *["template"] * CAN_FORK]
SIGNALS = [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP, signal.SIGSTOP]
EVERY = list(itertools.product(KINDS, SIGNALS))
FIRST = [("template", signal.SIGSTOP), ("parent", signal.SIGHUP), ("gateway", signal.SIGSTOP)]


def chosen(count):
    """(whom, with what), so many: a few that are hard first, then any, each time the same."""
    draw = random.Random(9)
    possible = [pair for pair in EVERY if pair != ("parent", signal.SIGSTOP)]  # that one just waits
    first = [pair for pair in FIRST if pair[0] in KINDS]
    return [*first, *draw.choices(possible, k=count)][:count]


@pytest.mark.parametrize(("kind", "what"), chosen(KILLS))
def test_whatever_is_killed_is_said_and_nothing_is_left(kind, what, digits_model, tmp_path):
    token = f"soak-{uuid.uuid4().hex}"
    command = [sys.executable, "-c", PARENT, str(digits_model), kind]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    environment = strict.environment(tmp_path, token)
    with subprocess.Popen(command, **pipes, env=environment, text=True) as parent:
        pids = json.loads(parent.stdout.readline()) | {"parent": parent.pid}
        pids["template"] = psutil.Process(pids["replica"]).ppid()
        os.kill(pids[kind], what)
        said, errors = parent.communicate("\n", timeout=120)
    assert "Traceback" not in errors, f"{kind} {what.name}: {errors}"
    if kind != "parent":
        assert said.endswith("closed\n"), f"{kind} {what.name}: {said}"
    if kind == "gateway":
        assert said.count("ServerError") >= 2
    assert strict.left(token, tmp_path, grace_s=10) == []
    print(f"\n{kind} {what.name}: {said.strip()}")
