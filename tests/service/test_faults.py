"""Replicas come, go and are killed; gateways and parents too. Labs 07 and 09.

SCALETOOLKIT_KILLS=50 makes the test of random kills a soak.
"""

import asyncio
import itertools
import os
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnxruntime
import psutil
import pytest
from tools.listeners import listeners
from tools.under_load import PATIENCE_S, Asking, close, kill_one, until

from scaletoolkit import service
from scaletoolkit.service import frames
from scaletoolkit.service.gateway import fleet
from scaletoolkit.service.gateway.replicas import Replica
from scaletoolkit.service.gateway.starter import CAN_FORK, Starter
from scaletoolkit.serving.batching import ReplicaLost

KILLS = int(os.environ.get("SCALETOOLKIT_KILLS", "3"))
ITEMS = np.random.default_rng(1).random((100, 64), dtype=np.float32)


@pytest.fixture(scope="module")
def expected(digits_model):
    session = onnxruntime.InferenceSession(digits_model / "model.onnx")
    return session.run(None, {"input": ITEMS})[0]


def processes_of(server):
    """The gateway and its replicas."""
    gateway = psutil.Process(server.pid)
    return [gateway, *gateway.children(recursive=True)]


class Clients(Asking):
    """Threads that ask again and again, check every answer, and count."""

    def __init__(self, server, expected, count=6):
        self.server = server
        self.expected = expected
        self.answered = [0] * count
        self.wrong = []
        super().__init__(count)

    def ask(self, number):
        for k in itertools.cycle(range(len(ITEMS))):
            if self.stopped:
                return
            try:
                row = self.server.predict([ITEMS[k].tolist()])[0]
                if not close(row, self.expected[k]):
                    self.wrong.append(f"item {k} has another item's answer")
            except Exception as error:
                self.wrong.append(repr(error))
            self.answered[number] += 1

    def turn(self):
        """Wait until every request of this moment, and one more of each client, is answered."""
        goal = [count + 2 for count in self.answered]
        until(lambda: all(map(int.__ge__, self.answered, goal)), "every client was answered")


def test_random_kills_under_load_lose_no_request_and_answer_none_twice(digits_model, expected):
    options = {"replicas": 3, "max_batch_size": 2, "accelerator_ms": (20, 0)}
    with service.start(digits_model, **options) as server:
        with Clients(server, expected) as clients:
            for kill in range(1, KILLS + 1):
                clients.turn()  # so that no request meets two kills: it is tried twice, not thrice
                kill_one(server, kill, replicas=3)
            clients.turn()
        assert clients.wrong == []
        assert server.metrics()["inference_requests_total", "200"] == sum(clients.answered)


def test_the_server_grows_and_shrinks_under_load(digits_model, expected):
    with service.start(digits_model, accelerator_ms=(5, 1)) as server:
        with Clients(server, expected, count=3) as clients:
            for size in (3, 1):
                server.resize(size)
                server.wait_ready(size, PATIENCE_S)
                clients.turn()
        assert clients.wrong == []
        assert server.metrics()["replica_deaths_total"] == 0


def test_a_draining_replica_answers_what_it_has_in_hand(digits_model, expected):
    with (
        service.start(digits_model, accelerator_ms=(1000, 0)) as server,
        ThreadPoolExecutor(1) as pool,
    ):
        answer = pool.submit(server.predict, ITEMS[:1].tolist())
        until(lambda: server.metrics()["inference_in_flight_now"] == 1, "in flight")
        server.resize(0)
        np.testing.assert_allclose(answer.result(), expected[:1], rtol=1e-4, atol=1e-5)
        until(lambda: server.replicas() == [], "the replica is gone")
        assert server.metrics()["replica_deaths_total"] == 0


def test_a_replica_that_hangs_is_replaced_and_its_batch_tried_twice(digits_model):
    options = {"accelerator_ms": (3_600_000, 0), "batch_timeout_s": 0.2}
    with service.start(digits_model, replicas=2, **options) as server:
        with pytest.raises(service.ServerError, match="tried 2 times") as caught:
            server.predict(ITEMS[:1].tolist())
        assert caught.value.status == 503
        until(lambda: server.metrics()["replica_deaths_total"] == 2, "two deaths")
        server.wait_ready(2, PATIENCE_S)


def test_a_replica_keeps_to_its_cpu_budget_and_answers(digits_model, expected):
    with service.start(digits_model, cpu_milli=20, max_batch_size=4) as server:
        server.observe()
        with Clients(server, expected, count=4) as clients:
            for _ in range(4):
                clients.turn()
            observed = server.observe()
        assert clients.wrong == []
        used_milli_s = observed.replicas[0]["cpu_milli"] * observed.period_s
        assert 0 < used_milli_s < 2 * 20 * (observed.period_s + 1)
        assert server.metrics()["replica_cpu_utilization_percent"] > 0


def test_an_emulated_accelerator_says_so(digits_model):
    with service.start(digits_model, accelerator_ms=(1, 0), start_up_s=0.1) as server:
        providers = {replica["provider"] for replica in server.replicas()}
        assert providers == {"emulated accelerator"}


def knock(introduction):
    """Whether a door that expects replica-1 lets in who says this, and what went wrong in it."""
    troubles = []

    async def come():
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: troubles.append(context))
        async with fleet.opened() as door:
            connected = door.expect("replica-1")
            said = introduction | ({"token": door.token} if "token" not in introduction else {})
            reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
            writer.write(frames.pack(said))
            await asyncio.wait(
                [connected, asyncio.ensure_future(reader.read())],
                timeout=10,
                return_when=asyncio.FIRST_COMPLETED,
            )
            writer.close()
            return connected.done()

    return asyncio.run(come()), troubles


@pytest.mark.parametrize(
    "introduction",
    [
        {"name": "replica-1", "token": "guess"},
        {"name": "replica-1", "token": None},
        {"name": "replica-2"},
        {"name": []},
        {"name": {}},
    ],
)
def test_a_door_sends_away_who_does_not_know_its_token(introduction):
    assert knock(introduction) == (False, [])


def test_a_door_lets_in_the_replica_that_it_expects():
    assert knock({"name": "replica-1"}) == (True, [])


async def answered_with(frame):
    """What a batch gets whose replica says this."""
    async with fleet.opened() as door:
        connected = door.expect("replica-1")
        _, writer = await asyncio.open_connection("127.0.0.1", door.port)
        writer.write(frames.pack({"name": "replica-1", "token": door.token}) + frame)
        _, behind = await connected
        try:
            return await Replica({"name": "replica-1"}, connected, 10).call([])
        finally:
            writer.close()
            behind.close()
            await asyncio.sleep(0)


@pytest.mark.parametrize(
    "frame", [frames.LENGTHS.pack(100, frames.MOST_BYTES), frames.LENGTHS.pack(1, 0) + b"{"]
)
def test_a_replica_that_answers_no_frame_is_lost(frame):
    with pytest.raises(ReplicaLost, match="replica-1 was lost with a batch in hand"):
        asyncio.run(answered_with(frame))


class ShortLived:
    """A replica that was ready and is gone at once."""

    was_ready = leaving = True
    trouble = ""
    cpu_s = 0.0

    def __init__(self, version):
        self.version = version

    async def live(self, *_):
        """Nothing."""


async def versions_of(*lives):
    """What a fleet says of each of its replicas' versions, while it lives and after its end."""
    made = fleet.Fleet(None, None, None, None)
    said = []
    for version, asked in lives:
        made.replicas.append(ShortLived(version))
        said += [made.version] if asked else []
        await made._live(made.replicas[0])
    return [*said, made.version]


@pytest.mark.parametrize("asked", [True, False])
def test_a_model_whose_replica_died_unasked_was_the_last_one_all_the_same(asked):
    said = asyncio.run(versions_of(("old", True), ("new", asked)))
    assert said == (["old", "new", "new"] if asked else ["old", "new"])


def test_a_stranger_is_not_taken_for_a_replica(digits_model):
    with service.start(digits_model, replicas=0) as server:
        (door,) = {port for _, port in listeners(server.pid)} - {server.port}
        with socket.create_connection(("127.0.0.1", door)) as stranger:
            stranger.sendall(frames.pack({"name": "replica-1", "token": "guess"}))
            assert stranger.recv(1) == b""
        assert server.ask("GET", "/healthz") == {"live": True}


@pytest.mark.parametrize("warm", [True, False])
def test_a_closed_server_leaves_no_process(digits_model, wait_until_gone, warm):
    server = service.start(digits_model, replicas=2, warm=warm)
    family = processes_of(server)
    server.close()
    assert len(family) == 3 + (warm and CAN_FORK)
    wait_until_gone(family)


async def closed_before_its_turn():
    """What a replica got that waited for the template when the server ended, and the template."""
    starter = Starter(warm=True)
    async with starter._one_by_one:
        starting = asyncio.create_task(starter.start({"port": 1}))
        await asyncio.sleep(0)
        await starter.begin_to_close()
    got = await asyncio.gather(starting, return_exceptions=True)
    starter.close()
    return got, starter._template


@pytest.mark.skipif(not CAN_FORK, reason="this system starts every replica from nothing")
def test_who_waits_for_the_template_when_the_server_ends_starts_none():
    (got,), template = asyncio.run(closed_before_its_turn())
    assert (type(got), template) == (ReplicaLost, None)


@pytest.mark.skipif(not CAN_FORK, reason="this system starts every replica from nothing")
def test_a_killed_template_is_replaced_and_its_replicas_go_on(digits_model, expected):
    with service.start(digits_model, accelerator_ms=(20, 0)) as server:
        template = psutil.Process(server.replicas()[0]["pid"]).parent()
        with Clients(server, expected, count=2) as clients:
            template.kill()
            clients.turn()
            server.resize(3)
            server.wait_ready(3, PATIENCE_S)
            clients.turn()
        assert clients.wrong == []


@pytest.mark.parametrize("warm", [True, False])
def test_replicas_end_with_a_killed_gateway(digits_model, wait_until_gone, warm):
    server = service.start(digits_model, replicas=2, warm=warm)
    family = processes_of(server)
    family[0].kill()
    wait_until_gone(family)
    server.close()


PARENT = """
import sys, time
from scaletoolkit import service
from scaletoolkit.machine import processes
from scaletoolkit.serving import traffic
server = service.start(sys.argv[1], replicas=2, accelerator_ms=(20, 1))
folder = processes.workspace("killed")
run = traffic.open_loop(server.url + "/v1/predict", [(600, 20)], [[[0.5] * 64]])
while not run.rows():
    time.sleep(0.05)
print(folder, flush=True)
time.sleep(600)
"""


def test_a_killed_parent_under_load_leaves_no_process_and_no_file(digits_model, wait_until_gone):
    command = [sys.executable, "-c", PARENT, str(digits_model)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        folder = parent.stdout.readline().strip()
        family = psutil.Process(parent.pid).children(recursive=True)
        assert len(family) >= 5
        parent.kill()
    wait_until_gone(family)
    until(lambda: not Path(folder).exists(), "the folder is gone")
