"""The model server over real HTTP: answers, protocols, mistakes, limits. Lab 07."""

import http.client
import json
import re
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict

import numpy as np
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scaletoolkit import service
from scaletoolkit.service import signature
from scaletoolkit.service.gateway import inference
from scaletoolkit.service.gateway.payloads import BadRequest, Format
from scaletoolkit.service.replica.__main__ import CpuBudget, Model
from scaletoolkit.training import export

PAIR = {"name": "input", "datatype": "FP32", "shape": [-1, 2]}
FORMAT = Format({"name": "m", "inputs": [PAIR], "outputs": [PAIR]}, most_items=64)
ITEMS = np.random.default_rng(0).random((200, 64), dtype=np.float32)
JSON_LIKE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@pytest.fixture(scope="module")
def server(digits_model):
    with service.start(digits_model, max_batch_size=8, max_queue_size=64) as server:
        yield server


@pytest.fixture
def empty(digits_model):
    """A server without replicas: whatever it takes waits."""
    with service.start(digits_model, replicas=0, max_queue_size=3, timeout_s=60) as server:
        yield server


@pytest.fixture(scope="module")
def expected(digits_model):
    """What the model says to ITEMS, by ONNX Runtime in this process."""
    session = onnxruntime.InferenceSession(digits_model / "model.onnx")
    return session.run(None, {"input": ITEMS})[0]


def test_an_exported_model_says_what_torch_says(tmp_path):
    import torch

    from scaletoolkit.training import models

    folder = export.untrained(tmp_path, hidden=16, seed=3)
    model = Model(folder, signature.facts(folder))
    with torch.no_grad():
        reference = models.seeded(lambda: models.mlp(16), 3)(torch.tensor(ITEMS)).numpy()
    np.testing.assert_allclose(model(ITEMS.tobytes())[0], reference, rtol=1e-4, atol=1e-5)


@given(start=st.integers(0, 150), count=st.integers(0, 40))
@settings(max_examples=15, deadline=None)
def test_results_are_the_models_in_the_order_of_the_items(server, expected, start, count):
    rows = server.predict(ITEMS[start : start + count].tolist())
    np.testing.assert_allclose(
        np.reshape(rows, (-1, 10)), expected[start : start + count], rtol=1e-4, atol=1e-5
    )


def test_requests_at_the_same_time_share_batches_and_keep_their_answers(server, expected):
    before = server.metrics()
    with ThreadPoolExecutor(16) as pool:
        rows = list(pool.map(lambda item: server.predict([item.tolist()])[0], ITEMS))
    np.testing.assert_allclose(rows, expected, rtol=1e-4, atol=1e-5)
    after = server.metrics()
    assert after["inference_batch_size_sum"] - before["inference_batch_size_sum"] == len(ITEMS)
    assert after["inference_requests_total", "200"] == before.get(
        ("inference_requests_total", "200"), 0
    ) + len(ITEMS)


def test_what_the_gateway_uses_of_the_processor_is_counted(server):
    before = server.metrics()["gateway_cpu_seconds_total"]
    for _ in range(50):
        server.predict(ITEMS[:1].tolist())
    assert 0 < server.metrics()["gateway_cpu_seconds_total"] - before < 5


def infer(server, request):
    name = server.settings.model["name"]
    status, _, body = server.request("POST", f"/v2/models/{name}/infer", json.dumps(request))
    return status, json.loads(body)


def test_the_open_inference_protocol_gives_the_same_answer(server):
    tensor = {"name": "input", "shape": [3, 64], "datatype": "FP32", "data": ITEMS[:3].tolist()}
    status, answer = infer(server, {"id": "seven", "inputs": [tensor]})
    (output,) = answer["outputs"]
    assert (status, answer["id"], output["shape"]) == (200, "seven", [3, 10])
    np.testing.assert_allclose(
        np.reshape(output["data"], (3, 10)), server.predict(ITEMS[:3].tolist()), atol=1e-5
    )


def test_the_model_describes_itself(server):
    facts = server.ask("GET", f"/v2/models/{server.settings.model['name']}")
    assert facts["inputs"] == [{"name": "input", "datatype": "FP32", "shape": [-1, 64]}]
    assert server.ask("GET", "/v2/health/live") == {"live": True}
    assert facts["outputs"] == [{"name": "output", "datatype": "FP32", "shape": [-1, 10]}]
    name = server.settings.model["name"]
    assert server.ask("GET", "/readyz") == {"name": name, "ready": True, "replicas": 1}
    for page in ("", "/ready"):
        model = f"/v2/models/{name}"
        versioned = server.ask("GET", f"{model}/versions/1{page}")
        assert versioned == server.ask("GET", f"{model}{page}")


@given(JSON_LIKE.map(json.dumps).map(str.encode) | st.binary(max_size=200))
@settings(max_examples=60, deadline=None)
def test_whatever_is_sent_is_answered_with_a_sentence(server, body):
    status, _, answer = server.request("POST", "/v1/predict", body)
    assert status == 400 or (status == 200 and json.loads(body) == [])
    assert json.loads(answer) == [] or "\n" not in json.loads(answer)["error"]


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "id": st.just("one") | JSON_LIKE,
            "inputs": JSON_LIKE
            | st.lists(
                st.fixed_dictionaries(
                    {},
                    optional={
                        "name": st.just("input") | JSON_LIKE,
                        "datatype": st.just("FP32") | JSON_LIKE,
                        "shape": st.just([1, 64]) | st.lists(st.integers(-1, 2**70)) | JSON_LIKE,
                        "data": st.just([0.5] * 64) | JSON_LIKE,
                    },
                ),
                max_size=2,
            ),
        },
    )
)
@settings(max_examples=60, deadline=None)
def test_whatever_tensor_is_sent_is_answered_with_a_sentence(server, request_):
    status, answer = infer(server, request_)
    assert status in (200, 400)
    assert "outputs" in answer or "\n" not in answer["error"]


@given(st.binary(max_size=300), st.integers(0, 400) | st.text("0123456789-x ", max_size=4))
@settings(max_examples=20, deadline=None)
def test_whatever_bytes_follow_the_json_are_answered_with_a_sentence(server, rest, length):
    tensor = {"name": "input", "shape": [1, 64], "datatype": "FP32"}
    head = json.dumps({"inputs": [tensor | {"parameters": {"binary_data_size": 256}}]}).encode()
    path = f"/v2/models/{server.settings.model['name']}/infer"
    headers = {"inference-header-content-length": str(length).strip() or str(len(head))}
    status, _, answer = server.request("POST", path, head + rest, headers)
    assert status == (200 if answer.startswith(b'{"model_name"') else 400)
    assert status == 200 or "\n" not in json.loads(answer)["error"]


def test_a_wrong_path_is_counted_with_the_answers(server):
    before = server.metrics().get(("inference_requests_total", "404"), 0)
    server.request("POST", "/v2/models/x/infer", "{}")
    assert server.metrics()["inference_requests_total", "404"] == before + 1


def test_a_long_body_does_not_keep_others_waiting_while_it_is_read(digits_model):
    long = json.dumps([[0.5] * 64] * 20_000)
    with (
        service.start(digits_model, max_queue_size=20_000, max_batch_size=512) as server,
        ThreadPoolExecutor(1) as pool,
    ):
        reading = pool.submit(server.request, "POST", "/v1/predict", long)
        count = 0
        while not reading.done():
            server.ask("GET", "/healthz")
            count += 1
        status, _, rows = reading.result()
    assert (status, len(json.loads(rows))) == (200, 20_000)
    assert count >= 5


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ({}, "the body must be a list of items, got an object"),
        ([1, 2], "the body must have the shape n×2, got 2"),
        ([[1, 2], [3]], "the body is not a regular list of numbers"),
        ([["1", "2"]], "the body holds something that is not a number"),
        ([[True, False]], "the body holds something that is not a number"),
        ([[1, 1e39]], "the body holds a number that is not finite in 32 bits"),
    ],
)
def test_a_mistake_is_named(value, sentence):
    with pytest.raises(BadRequest) as caught:
        FORMAT.items(json.dumps(value).encode())
    assert str(caught.value) == sentence


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"shape": [3, 2]}, "inputs[0].data has 4 numbers, its shape asks for 6"),
        (
            {"data": [[1, 2, 3, 4]]},
            "inputs[0].data is nested as 1×4, its shape says 2×2",
        ),
        ({"shape": [1] * 65}, "inputs[0].shape must be n×2, got 1×1×1"),
        ({"shape": [0, 2**31 - 1] * 50_000}, "inputs[0].shape must be n×2, got 0×2147483647×0"),
        ({"shape": []}, "inputs[0].shape must be n×2, got "),
        ({"shape": [2**31 - 1, 2]}, "2147483647 items in one request; at most 64"),
        ({"data": [1, 2, True, 4]}, "inputs[0].data holds something that is not a number"),
        ({"name": "x"}, "inputs[0].name must be 'input', got 'x'"),
        ({"datatype": "FP64"}, "inputs[0].datatype must be 'FP32', got 'FP64'"),
        (
            {"parameters": {"shared_memory_region": "x"}},
            "a parameter of inputs[0] must be 'binary_data_size', got 'shared_memory_region'",
        ),
        (
            {"parameters": {"binary_data_size": 16}},
            "inputs[0] must have 16 bytes behind the JSON, got 16 of 0 bytes",
        ),
    ],
)
def test_a_mistake_in_a_tensor_is_named(fields, sentence):
    tensor = {"name": "input", "datatype": "FP32", "shape": [2, 2], "data": [1, 2, 3, 4]} | fields
    with pytest.raises(BadRequest) as caught:
        inference.asked(json.dumps({"inputs": [tensor]}).encode(), None, FORMAT)
    assert str(caught.value) == sentence


@pytest.mark.parametrize("data", [[1, 2, 3, 4], [[1, 2], [3, 4]]])
def test_the_numbers_of_a_tensor_may_stand_in_one_list_or_in_lists(data):
    tensor = {"name": "input", "datatype": "FP32", "shape": [2, 2], "data": data}
    asked = inference.asked(json.dumps({"inputs": [tensor]}).encode(), None, FORMAT)
    assert [item["input"].tolist() for item in asked.items] == [[1, 2], [3, 4]]


def test_the_same_json_before_other_bytes_is_another_request():
    given = {"name": "input", "datatype": "FP32", "shape": [1, 2]}
    given["parameters"] = {"binary_data_size": 8}
    head = json.dumps({"id": "7", "inputs": [given]}).encode()
    length = b"%d" % len(head)
    for pair in ([1, 2], [3, 4]):
        body = head + np.array(pair, np.float32).tobytes()
        asked = inference.asked(body, length, FORMAT)
        assert [item["input"].tolist() for item in asked.items] == [pair]
        assert asked.identity == "7"
    for behind, sentence in ((b"1234", "got 8 of 4 bytes"), (b"12345678_", "1 bytes stand behind")):
        with pytest.raises(BadRequest, match=sentence):
            inference.asked(head + behind, length, FORMAT)
    other = Format({"name": "m", "inputs": [PAIR | {"name": "x"}], "outputs": [PAIR]}, 64)
    with pytest.raises(BadRequest, match="name must be 'x'"):
        inference.asked(body, length, other)


def test_a_long_text_takes_no_memory_in_each_of_its_neighbours():
    row = ["x" * 100_000, *[""] * 100_000]  # numpy would take 40 GB
    with pytest.raises(BadRequest, match="not a number"):
        FORMAT.items(json.dumps([row]).encode())


@pytest.mark.parametrize("body", [b"[{}]", b"[[{}, 1]]"])
def test_an_object_is_no_whole_number(body):
    whole = PAIR | {"datatype": "INT64"}
    form = Format({"name": "m", "inputs": [whole], "outputs": [whole]}, most_items=64)
    with pytest.raises(BadRequest, match="the body holds something that is not a number"):
        form.items(body)


@pytest.mark.parametrize("body", [b"[" * 100_000, b"1" * 10_000, b"\xff\xfe", b""])
def test_hostile_json_is_a_bad_request(body):
    with pytest.raises(BadRequest):
        FORMAT.items(body)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/nothing", 404), ("GET", "/v1/predict", 405), ("POST", "/v2/models/x/infer", 404)],
)
def test_an_unknown_address_is_a_sentence(server, method, path, status):
    got, _, body = server.request(method, path)
    assert got == status
    assert json.loads(body)["error"].startswith(path)


def test_too_much_is_refused(server):
    assert server.request("POST", "/v1/predict", b" " * (17 << 20))[0] == 413
    with pytest.raises(service.ServerError, match="65 items in one request; at most 64") as caught:
        server.predict([[0.0] * 64] * 65)
    assert caught.value.status == 413


def test_a_poisoned_item_fails_alone(server, expected):
    poison = np.full(64, 3e38).tolist()  # finite, and too large for the model's sums

    def ask(item):
        try:
            return server.predict([item])[0]
        except service.ServerError as error:
            return error.status, str(error)

    with ThreadPoolExecutor(9) as pool:
        answers = list(pool.map(ask, [poison, *ITEMS[:8].tolist()]))
    assert answers[0] == (422, "the model's answer is not a finite number")
    np.testing.assert_allclose(answers[1:], expected[:8], rtol=1e-4, atol=1e-5)


def wait_for(server, name, value):
    end_s = time.monotonic() + 60
    while server.metrics()[name] != value:
        assert time.monotonic() < end_s, f"{name} never became {value}"
        time.sleep(0.02)


def test_a_full_queue_says_when_to_come_back_and_who_waits_is_answered(empty, expected):
    with ThreadPoolExecutor(3) as pool:
        waiting = [pool.submit(empty.predict, [item]) for item in ITEMS[:3].tolist()]
        wait_for(empty, "inference_queue_length_now", 3)
        with pytest.raises(service.ServerError, match="3 requests wait already") as caught:
            empty.predict(ITEMS[3:4].tolist())
        assert (caught.value.status, caught.value.retry_after_s) == (503, 1)
        assert empty.request("GET", "/readyz")[0] == 503
        empty.resize(1)
        rows = [future.result()[0] for future in waiting]
    np.testing.assert_allclose(rows, expected[:3], rtol=1e-4, atol=1e-5)


def test_a_client_that_goes_makes_room(empty):
    connection = http.client.HTTPConnection("127.0.0.1", empty.port)
    connection.request("POST", "/v1/predict", json.dumps(ITEMS[:3].tolist()))
    wait_for(empty, "inference_queue_length_now", 3)
    connection.close()
    wait_for(empty, "inference_queue_length_now", 0)


def test_a_request_is_answered_by_its_deadline(digits_model):
    with service.start(digits_model, replicas=0, timeout_s=0.2) as server:
        with pytest.raises(service.ServerError, match=r"not answered within 0\.2 s") as caught:
            server.predict(ITEMS[:2].tolist())
        assert caught.value.status == 504
        assert server.metrics()["inference_queue_length_now"] == 0


def test_a_server_that_stops_answers_who_waits(empty):
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(empty.predict, ITEMS[:1].tolist())
        wait_for(empty, "inference_queue_length_now", 1)
        empty.close()
        with pytest.raises(service.ServerError, match="the server is stopping"):
            waiting.result()


def test_an_observation_averages_between_two_looks(empty):
    empty.observe()
    thread = threading.Thread(target=lambda: empty.request("POST", "/v1/predict", "[[0]]"))
    thread.start()
    thread.join()
    quiet = empty.observe()
    assert (quiet.queue_length, quiet.in_flight, quiet.wanted, quiet.ready) == (0, 0, 0, [])
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(empty.predict, ITEMS[:2].tolist())
        wait_for(empty, "inference_queue_length_now", 2)
        empty.observe()
        assert empty.observe().queue_length == pytest.approx(2)
        empty.resize(1)
        waiting.result()
    empty.wait_ready(1)
    assert [replica["state"] for replica in empty.observe().replicas] == ["ready"]


@given(st.lists(st.tuples(st.floats(0, 0.5), st.floats(0, 0.3)), max_size=50), st.integers(1, 2000))
def test_a_budget_never_grants_more_than_its_share(work, cpu_milli):
    now_s = 0.0
    used_s = 0.0
    budget = CpuBudget(cpu_milli, now_s)
    for idle_s, cpu_s in work:
        now_s += idle_s + cpu_s
        used_s += cpu_s
        now_s += budget.spend(cpu_s, now_s)
        assert used_s <= cpu_milli / 1000 * (now_s + 0.1) + 1e-9


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"replicas": -1}, "replicas must be at least 0, got -1"),
        ({"max_batch_size": 0}, "max_batch_size must be at least 1, got 0"),
        ({"timeout_s": float("nan")}, r"timeout_s must be at least 0\.001, got nan"),
        ({"accelerator_ms": (1,)}, "accelerator_ms is"),
        ({"accelerator_ms": 5}, "accelerator_ms is .*; got 5"),
        ({"replicas": 2.0}, r"replicas must be a whole number, got 2\.0"),
        ({"memory_bytes": 1e9}, "memory_bytes must be a whole number, got 1000000000"),
        ({"max_batch_size": 2.5}, r"max_batch_size must be a whole number, got 2\.5"),
        ({"cache_items": True}, "cache_items must be at least 0, got True"),
        ({"folder": "nowhere"}, "no model at nowhere"),
        ({"port": 70_000}, "port must be a number from 0 to 65535, got 70000"),
    ],
)
def test_wrong_settings_are_refused_before_anything_starts(digits_model, options, sentence):
    with pytest.raises(ValueError, match=sentence):
        service.Settings(**{"folder": str(digits_model), **options})


def test_arrays_are_items_too(server):
    listed = server.predict(ITEMS[:3].tolist())
    assert server.predict(ITEMS[:3]) == server.predict(list(ITEMS[:3])) == listed
    with pytest.raises(ValueError, match="only numbers, texts, lists and arrays can be sent, got"):
        server.predict([object()])


def test_whole_numbers_of_numpys_are_python_s_from_then_on(digits_model):
    made = service.Settings(str(digits_model), replicas=np.int64(2), cache_items=np.uint8(3))
    assert json.loads(json.dumps(asdict(made)))["replicas"] == 2
    assert type(made.cache_items) is int


def test_a_size_that_is_no_number_is_refused(empty):
    with pytest.raises(ValueError, match="whole number of 0 or more, got '2'"):
        empty.resize("2")


def exchange(server, sent):
    """Everything that the server says on one connection, until it closes that."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        connection.sendall(sent)
        return b"".join(iter(lambda: connection.recv(1 << 16), b""))


def test_requests_in_a_row_chunks_and_heads_are_answered_in_order(server):
    head = b"POST /v1/predict HTTP/1.1\r\nHost: localhost\r\n"
    chunked = head + b"Transfer-Encoding: chunked\r\n\r\n1\r\n[\r\n1\r\n]\r\n0\r\n\r\n"
    asked_first = head + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n{}"
    last = b"HEAD /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    said = exchange(server, chunked + asked_first + last)
    statuses = re.findall(rb"HTTP/1.1 (\d+)", said)
    assert statuses in ([b"200", b"400", b"200"], [b"200", b"100", b"400", b"200"])
    assert b"\r\n\r\n[]HTTP/1.1" in said
    assert said.endswith(b"\r\n\r\n")


def test_a_large_answer_arrives_whole(digits_model):
    with service.start(digits_model, max_queue_size=5000, max_batch_size=512) as server:
        rows = server.predict(np.tile(ITEMS, (20, 1)).tolist())
    assert np.shape(rows) == (4000, 10)
