"""The server keeps answers: what is kept, what is shared, and never an old model's. Lab 08.

SCALETOOLKIT_KILLS=20 SCALETOOLKIT_REQUESTS=100000 makes the faults a soak.
"""

import http.client
import json
import os
import random
import shutil
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import onnxruntime
import psutil
import pytest
from tools.under_load import Asking, close, kill_one, until

from scaletoolkit import service
from scaletoolkit.training import export

KILLS = int(os.environ.get("SCALETOOLKIT_KILLS", "3"))
REQUESTS = int(os.environ.get("SCALETOOLKIT_REQUESTS", "3000"))
FLUSHES = 5
ITEMS = np.random.default_rng(2).random((100, 64), dtype=np.float32)
BODIES = [json.dumps([item]) for item in ITEMS.tolist()]


@pytest.fixture(scope="module")
def versions(tmp_path_factory):
    """Two models of one name: [(folder, what it says to ITEMS)]."""
    found = []
    for seed in (1, 2):
        folder = export.untrained(tmp_path_factory.mktemp("model"), hidden=32, seed=seed)
        session = onnxruntime.InferenceSession(folder / "model.onnx")
        found.append((folder, session.run(None, {"input": ITEMS})[0]))
    return found


def counts(server):
    """(hits, misses, shared) so far."""
    page = server.metrics()
    return [int(page[f"prediction_cache_{what}_total"]) for what in ("hits", "misses", "shared")]


def test_the_same_item_is_computed_once_however_it_is_written(versions):
    folder, expected = versions[0]
    with service.start(folder, cache_items=50) as server:
        item = [0.0] * 32 + [0.5] * 32
        first = server.predict([item])[0]
        written = [json.dumps([item]).replace("0.0", zero) for zero in ("0", "-0.0", "0e3")]
        answers = [json.loads(server.request("POST", "/v1/predict", body)[2]) for body in written]
        assert answers == [[first]] * 3
        assert counts(server) == [3, 1, 0]
        assert close(server.predict(ITEMS.tolist()), expected)
        page = server.metrics()
        assert page["prediction_cache_items"] == 50  # and not 101
        assert page["inference_batch_size_sum"] == 101


def test_without_cache_items_nothing_is_kept(versions):
    with service.start(versions[0][0]) as server:
        for _ in range(2):
            server.predict(ITEMS[:1].tolist())
        assert counts(server) == [0, 0, 0]
        assert server.metrics()["inference_batch_size_sum"] == 2


def test_an_answer_ends_with_its_time(versions):
    with service.start(versions[0][0], cache_items=50, cache_ttl_s=0.3) as server:
        for pause_s in (0, 0, 0.4):
            time.sleep(pause_s)
            server.predict(ITEMS[:1].tolist())
        hits, misses, _ = counts(server)
        assert hits + misses == 3
        assert misses >= 2


def test_a_failure_is_not_kept(versions):
    with service.start(versions[0][0], cache_items=50) as server:
        for _ in range(2):
            with pytest.raises(service.ServerError, match="not a finite number") as caught:
                server.predict([[3e38] * 64])
            assert caught.value.status == 422
        assert counts(server) == [0, 2, 0]
        assert server.metrics()["prediction_cache_items"] == 0


def test_thirty_at_once_are_one_call_and_the_first_may_go(versions):
    folder, expected = versions[0]
    options = {"cache_items": 50, "accelerator_ms": (700, 0)}
    with service.start(folder, **options) as server, ThreadPoolExecutor(30) as pool:
        first = http.client.HTTPConnection("127.0.0.1", server.port)
        first.request("POST", "/v1/predict", BODIES[0])
        until(lambda: counts(server)[1] == 1, "the first one's call")
        others = [pool.submit(server.predict, ITEMS[:1].tolist()) for _ in range(30)]
        until(lambda: counts(server)[2] == 30, "all others wait")
        first.close()
        assert all(close(other.result()[0], expected[0]) for other in others)
        assert counts(server) == [0, 1, 30]


def test_a_call_that_nobody_waits_for_leaves_the_queue(versions):
    with service.start(versions[0][0], cache_items=50, replicas=0) as server:
        gone = http.client.HTTPConnection("127.0.0.1", server.port)
        gone.request("POST", "/v1/predict", BODIES[0])
        until(lambda: server.metrics()["inference_queue_length_now"] == 1, "it waits")
        gone.close()
        until(lambda: server.metrics()["inference_queue_length_now"] == 0, "it has left")


def test_who_joins_late_has_his_whole_time(versions):
    options = {"cache_items": 50, "timeout_s": 2, "accelerator_ms": (2500, 0)}
    with service.start(versions[0][0], **options) as server, ThreadPoolExecutor(2) as pool:
        first = pool.submit(server.predict, ITEMS[:1].tolist())
        until(lambda: counts(server)[1] == 1, "the first one's call")
        time.sleep(1.2)
        second = pool.submit(server.predict, ITEMS[:1].tolist())
        with pytest.raises(service.ServerError, match="not answered within 2 s") as caught:
            first.result()
        assert caught.value.status == 504
        assert close(second.result()[0], versions[0][1][0])
        assert counts(server)[1:] == [1, 1]


def test_while_two_models_answer_the_newer_ones_answers_are_kept(versions, tmp_path):
    folder = shutil.copytree(versions[0][0], tmp_path / "model")
    with service.start(folder, cache_items=200, replicas=2, max_batch_size=1) as server:
        server.predict(ITEMS.tolist())
        put(versions[1][0], folder)
        kill_one(server, 1, replicas=2)
        hits = counts(server)[0]

        def half_are_hits():
            server.predict(ITEMS.tolist())
            return counts(server)[0] >= hits + 50

        until(half_are_hits, "answers of the new model are kept")
        answers = []
        for item in ITEMS.tolist():
            before = counts(server)[0]
            answers.append((server.predict([item])[0], counts(server)[0] > before))
    assert all(
        close(row, new) or (not hit and close(row, old))
        for (row, hit), old, new in zip(answers, versions[0][1], versions[1][1], strict=True)
    )


class Askers(Asking):
    """Threads that ask for item after item on kept connections, and check every answer.

    period: (number, the model that must answer, or None while it changes).
    """

    def __init__(self, server, versions, count=4):
        self.server = server
        self.expected = [expected for _, expected in versions]
        self.period = (0, 0)
        self.counts = [0] * count
        self.problems = []
        super().__init__(count)

    def ask(self, number):
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=60)
        draw = random.Random(number)
        while not self.stopped:
            k = min(draw.randrange(len(ITEMS)), draw.randrange(len(ITEMS)))
            before = self.period
            connection.request("POST", "/v1/predict", BODIES[k])
            response = connection.getresponse()
            answer = json.loads(response.read())
            allowed = [0, 1] if before != self.period or before[1] is None else [before[1]]
            if response.status != 200:
                self.problems.append(answer)
            elif not any(close(answer[0], self.expected[model][k]) for model in allowed):
                self.problems.append(f"item {k} in period {before} has another answer")
            self.counts[number] += 1

    def change(self, model, act):
        """Let `act()` put a model in place: from its end on only that one may answer."""
        number, _ = self.period
        self.period = (number + 1, None)
        act()
        self.period = (number + 2, model)

    @property
    def count(self):
        return sum(self.counts)

    def wait_for(self, more):
        goal = self.count + more
        until(lambda: self.count >= goal or self.problems, f"{more} more answers")


def put(model, folder):
    """Put another model's file into a folder at once, as a careful release does."""
    shutil.copy(model / "model.onnx", folder / "new")
    (folder / "new").replace(folder / "model.onnx")


def replace(server, model, folder):
    """Put another model into the server's folder, and let replicas that have it take over."""
    put(model, folder)
    names = {replica["name"] for replica in server.replicas()}
    server.resize(0)
    server.resize(2)

    def taken_over():
        replicas = server.replicas()
        new = [replica["name"] not in names and replica["state"] == "ready" for replica in replicas]
        return new == [True, True]

    until(taken_over, "the new model's replicas are alone")


def test_kills_and_flushes_lose_no_request_and_no_answer_is_stale(versions, tmp_path):
    folder = shutil.copytree(versions[0][0], tmp_path / "model")
    options = {"replicas": 2, "max_batch_size": 4, "cache_items": 60, "cache_ttl_s": 5}
    model_of = {1: 1, 3: 0}  # after these flushes the model changes
    pause = REQUESTS // (KILLS + FLUSHES + len(model_of) + 1)
    with service.start(folder, **options) as server:
        gateway = psutil.Process(server.pid)
        with Askers(server, versions) as askers:
            askers.wait_for(pause)
            size_bytes = gateway.memory_info().rss
            for step in range(max(KILLS, FLUSHES)):
                if step < KILLS:
                    kill_one(server, step + 1, replicas=2)
                    askers.wait_for(pause)
                if step < FLUSHES:
                    server.forget()
                    askers.wait_for(pause)
                if step in model_of:
                    model, _ = versions[model_of[step]]
                    askers.change(model_of[step], lambda m=model: replace(server, m, folder))
                    askers.wait_for(pause)
            size_bytes = gateway.memory_info().rss - size_bytes
        page = server.metrics()
        hits, misses, shared = counts(server)
    assert askers.problems == []
    assert page["inference_requests_total", "200"] == askers.count >= 0.9 * REQUESTS
    assert page["prediction_cache_items"] <= 60
    assert hits > askers.count / 10
    assert hits + misses + shared <= askers.count
    assert size_bytes < 40e6
    print(f"{askers.count} answers: {hits} hits, {misses} misses, {shared} shared")
