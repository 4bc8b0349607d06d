"""Models that tenants bring to a running server: whole, bounded, nobody else's. Lab 11."""

import json
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnx
import psutil
import pytest
from onnx import TensorProto, helper
from tools.under_load import Asking, until

from scaletoolkit import service

FLOAT = TensorProto.FLOAT
ROOM_BYTES = 20_000_000
TENANTS = {
    "ads": {"max_waiting": 100, "model_bytes": ROOM_BYTES},
    "vision": {"max_waiting": 100, "model_bytes": ROOM_BYTES},
    "guest": {"max_waiting": 100},
}


@pytest.fixture(scope="module")
def server(digits_model):
    with service.start(digits_model, tenants=TENANTS, timeout_s=20) as server:
        yield server


@pytest.fixture
def own(server):
    """The name of a model that is taken away afterwards."""
    yield "scale"
    for tenant in ("ads", "vision"):
        for model in server.ask("POST", "/v2/repository/index", tenant=tenant):
            server.unload(tenant, model["name"])


def write(path, nodes, weights, numbers=1):
    """A model of so many numbers in and out, x to y."""
    sides = [[helper.make_tensor_value_info(name, FLOAT, ["n", numbers])] for name in "xy"]
    graph = helper.make_graph(nodes, "graph", *sides, initializer=weights)
    opset = helper.make_opsetid("", 17)
    onnx.save(helper.make_model(graph, opset_imports=[opset], ir_version=8), path)
    return path


def times(folder, factor, padding=0):
    """A model that multiplies, with so many numbers that do nothing."""
    nodes = [
        helper.make_node("ReduceSum", ["padding"], ["sum"], keepdims=0),
        helper.make_node("Mul", ["x", "factor"], ["product"]),
        helper.make_node("Add", ["product", "sum"], ["y"]),
    ]
    weights = [
        helper.make_tensor("factor", FLOAT, [1], [factor]),
        onnx.numpy_helper.from_array(np.zeros(padding, np.float32), "padding"),
    ]
    return write(folder / f"times-{factor}-{padding}.onnx", nodes, weights)


def greedy(folder):
    """A small file that wants 4 GB when it is asked."""
    size = helper.make_tensor("size", TensorProto.INT64, [1], [1_000_000_000])
    nodes = [
        helper.make_node("ConstantOfShape", ["size"], ["zeros"]),
        helper.make_node("ReduceSum", ["zeros"], ["sum"], keepdims=0),
        helper.make_node("Add", ["x", "sum"], ["y"]),
    ]
    return write(folder / "greedy.onnx", nodes, [size])


def outside(folder, location):
    """A model whose weight lies in another file."""
    weight = TensorProto(name="factor", data_type=FLOAT, dims=[1])
    weight.data_location = TensorProto.EXTERNAL
    weight.external_data.add(key="location", value=str(location))
    weight.external_data.add(key="length", value="4")
    nodes = [helper.make_node("Mul", ["x", "factor"], ["y"])]
    sides = [[helper.make_tensor_value_info(name, FLOAT, ["n", 1])] for name in "xy"]
    graph = helper.make_graph(nodes, "graph", *sides, initializer=[weight])
    opset = helper.make_opsetid("", 17)
    made = helper.make_model(graph, opset_imports=[opset], ir_version=8)
    path = folder / "outside.onnx"
    path.write_bytes(made.SerializeToString())
    return path


class Callers(Asking):
    """Threads that ask ads' model and the shared one, and keep what they were told."""

    def __init__(self, server, name, count=4):
        self.server = server
        self.page = f"/v1/predict/{name}"
        self.answers = []
        self.shared = []
        super().__init__(count)

    def ask(self, number):
        while not self.stopped:
            if number == 0:
                self.shared.append(len(self.server.predict([[0.5] * 64] * 3, "vision")))
                continue
            body = json.dumps([[1.0]] * 20)
            said = self.server.request("POST", self.page, body, {"x-tenant": "ads"})
            status, headers, rows = said
            self.answers.append((status, headers["x-model-version"], json.loads(rows)))

    def turn(self):
        goal = len(self.answers) + 20
        until(lambda: len(self.answers) > goal, "twenty more answers")


def test_each_request_is_answered_by_one_version_and_nobody_elses_is_lost(server, own, tmp_path):
    factors = {"1": 2.0, "2": 3.0, "3": 4.0}
    assert server.deploy("ads", own, times(tmp_path, 2.0)) == "1"
    with Callers(server, own) as callers:
        callers.turn()
        for number in ("2", "3"):
            assert server.deploy("ads", own, times(tmp_path, factors[number])) == number
            callers.turn()
        assert server.roll_back("ads", own) == "2"
        callers.turn()
        assert server.roll_back("ads", own) == "3"
    assert {status for status, _, _ in callers.answers} == {200}
    assert {number for _, number, _ in callers.answers} == {"1", "2", "3"}
    for _, number, rows in callers.answers:
        assert rows == [[factors[number]]] * 20
    assert set(callers.shared) == {3}


def test_after_a_switch_no_new_request_meets_the_old_version(server, own, tmp_path):
    for number in range(1, 5):
        assert server.deploy("ads", own, times(tmp_path, float(number))) == str(number)
        assert server.predict([[1.0]], "ads", own) == [[float(number)]]
    loaded = [sample for sample in server.metrics() if sample[0] == "tenant_model_bytes"]
    assert loaded == [("tenant_model_bytes", own, "ads", number) for number in ("3", "4")]


def test_the_open_inference_protocol_says_which_version(server, own, tmp_path):
    server.deploy("ads", own, times(tmp_path, 2.0))
    server.deploy("ads", own, times(tmp_path, 3.0))
    tensor = {"name": "x", "datatype": "FP32", "shape": [1, 1], "data": [5]}
    answer = server.ask("POST", f"/v2/models/{own}/infer", {"inputs": [tensor]}, "ads")
    assert (answer["model_version"], answer["outputs"][0]["data"]) == ("2", [15.0])
    assert server.ask("GET", f"/v2/models/{own}", tenant="ads")["versions"] == ["2"]


def sentence(call, *arguments):
    """What a call is refused with: (status, sentence)."""
    with pytest.raises(service.ServerError) as caught:
        call(*arguments)
    return caught.value.status, str(caught.value)


def test_to_others_a_model_is_as_if_it_were_not_there(server, own, tmp_path):
    server.deploy("ads", own, times(tmp_path, 2.0))
    for page in (f"/v1/predict/{own}", f"/v2/models/{own}/infer", f"/v2/models/{own}"):
        method = "GET" if page.endswith(own) and page.startswith("/v2") else "POST"
        theirs = sentence(server.ask, method, page, [[1.0]], "vision")
        nobodys = sentence(server.ask, method, page.replace(own, "never"), [[1.0]], "vision")
        assert theirs == (404, f"{page}: Not Found")
        assert nobodys == (404, f"{page.replace(own, 'never')}: Not Found")
        assert sentence(server.ask, method, page, [[1.0]])[0] == 403
    for change in (server.roll_back, server.unload):
        assert sentence(change, "vision", own) == (404, f"tenant 'vision' has no model '{own}'")
    assert server.ask("POST", "/v2/repository/index", tenant="vision") == []
    _, _, page = server.request("GET", "/metrics", headers={"x-tenant": "vision"})
    assert own.encode() not in page
    assert server.predict([[1.0]], "ads", own) == [[2.0]]


def test_two_tenants_use_the_same_name_for_models_of_their_own(server, own, tmp_path):
    server.deploy("ads", own, times(tmp_path, 2.0))
    server.deploy("vision", own, times(tmp_path, 7.0))
    assert server.predict([[1.0]], "ads", own) == [[2.0]]
    assert server.predict([[1.0]], "vision", own) == [[7.0]]
    server.unload("vision", own)
    assert sentence(server.predict, [[1.0]], "vision", own)[0] == 404
    assert server.predict([[1.0]], "ads", own) == [[2.0]]


@pytest.mark.parametrize(
    ("write", "status", "words"),
    [
        (lambda folder: times(folder, 3.0, ROOM_BYTES // 4), 413, "more than 20,000,000 bytes"),
        (lambda folder: times(folder, 3.0, ROOM_BYTES // 5), 413, "; tenant 'ads' has 1"),
        (lambda folder: times(folder, 3.0, ROOM_BYTES // 8), 422, "cannot be loaded"),
        (greedy, 422, "cannot be loaded"),
        (lambda folder: outside(folder, "/etc/hostname"), 422, "Absolute path not allowed"),
        (lambda folder: outside(folder, "../../../x"), 422, "escapes model directory"),
    ],
)
def test_what_does_not_fit_or_load_changes_nothing(server, own, tmp_path, write, status, words):
    server.deploy("ads", own, times(tmp_path, 2.0))
    server.deploy("ads", "other", times(tmp_path, 5.0))
    got = sentence(server.deploy, "ads", own, write(tmp_path))
    assert (got[0], words in got[1]) == (status, True), got
    assert "/tmp" not in got[1]
    assert server.predict([[1.0]], "ads", own) == [[2.0]]
    assert server.predict([[1.0]], "ads", "other") == [[5.0]]
    loaded = [sample[1:] for sample in server.metrics() if sample[0] == "tenant_model_bytes"]
    assert sorted(loaded) == [("other", "ads", "1"), (own, "ads", "1")]


def test_what_is_no_model_or_has_no_name_is_said(server, own, tmp_path):
    junk = tmp_path / "junk.onnx"
    junk.write_bytes(b"no model")
    status, told = sentence(server.deploy, "ads", own, junk)
    assert (status, told.partition(":")[0]) == (
        422,
        f"{own}.onnx is no ONNX model that can be served",
    )
    path = times(tmp_path, 2.0)
    assert sentence(server.deploy, "ads", "Big", path)[0] == 400
    assert sentence(server.deploy, "ads", server.settings.model["name"], path)[0] == 400
    assert sentence(server.deploy, "guest", own, path)[0] == 403
    assert sentence(server.deploy, "nobody", own, path)[0] == 403
    assert sentence(server.roll_back, "ads", own)[0] == 404
    server.deploy("ads", own, path)
    assert sentence(server.roll_back, "ads", own)[0] == 409


@pytest.mark.parametrize("names", [("x", "x"), ("", "f0")])
def test_inputs_that_cannot_be_told_apart_are_refused_and_the_name_stays_free(
    server, own, tmp_path, names
):
    sides = [helper.make_tensor_value_info(name, FLOAT, ["n", 1]) for name in (*names, "y")]
    graph = helper.make_graph([], "graph", sides[:2], sides[2:])
    path = tmp_path / "twins.onnx"
    path.write_bytes(helper.make_model(graph).SerializeToString())
    assert sentence(server.deploy, "ads", own, path)[0] == 422
    assert server.deploy("ads", own, times(tmp_path, 2.0)) == "1"
    assert server.predict([[1.0]], "ads", own) == [[2.0]]


def test_a_refused_file_leaves_the_version_to_go_back_to(server, own, tmp_path):
    for factor in (2, 3):
        server.deploy("ads", own, times(tmp_path, factor))
    junk = tmp_path / "junk.onnx"
    huge = write(tmp_path / "huge.onnx", [helper.make_node("Neg", ["x"], ["y"])], [], 600_000_000)
    refused = ((b"no model", 422), (bytes(ROOM_BYTES + 1), 413), (huge.read_bytes(), 422))
    for content, status in refused:
        junk.write_bytes(content)
        assert sentence(server.deploy, "ads", own, junk)[0] == status
    assert server.roll_back("ads", own) == "1"
    assert server.deploy("ads", own, times(tmp_path, 4)) == "3"


def test_a_name_is_one_part_of_an_address_whatever_it_holds(server, own, tmp_path):
    server.deploy("ads", own, times(tmp_path, 2))
    for name in (f"{own}?", f"{own}#", f"{own}/", f"{own} x", f"../predict/{own}"):
        assert sentence(server.predict, [[1.0]], "ads", name)[0] == 404
        assert sentence(server.unload, "ads", name)[0] == 404
    assert server.predict([[1.0]], "ads", own) == [[2.0]]


def test_own_models_answers_are_forgotten_too(digits_model, tmp_path):
    with service.start(digits_model, tenants=TENANTS, cache_items=10) as server:
        server.deploy("ads", "scale", times(tmp_path, 2.0))

        def worked():
            server.predict([[1.0]], "ads", "scale")
            return server.tenants()["ads"]["device_s"]

        assert worked() == worked()
        before_s = worked()
        server.forget()
        until(lambda: worked() > before_s, "the model is asked again")


def test_who_waits_for_an_own_model_when_the_server_ends_is_told(digits_model, tmp_path):
    device = {"accelerator_ms": (1000, 0), "max_batch_size": 1}
    server = service.start(digits_model, tenants=TENANTS, **device)
    server.deploy("ads", "scale", times(tmp_path, 2.0))
    with ThreadPoolExecutor(2) as pool:
        asked = [pool.submit(server.predict, [[1.0]], "ads", "scale") for _ in range(2)]
        until(lambda: server.tenants()["ads"]["waiting"] == 1, "one of them waits")
        server.close()
    told = [str(one.exception()) for one in asked if one.exception()]
    assert told == ["the server is stopping"]


def test_a_model_that_wants_too_much_when_asked_fails_alone(digits_model, tmp_path):
    shape = helper.make_tensor("shape", TensorProto.INT64, [1], [-1])
    nodes = [  # as many zeros as the number says
        helper.make_node("Reshape", ["x", "shape"], ["flat"]),
        helper.make_node("ReduceMax", ["flat"], ["most"], keepdims=1),
        helper.make_node("Cast", ["most"], ["size"], to=TensorProto.INT64),
        helper.make_node("ConstantOfShape", ["size"], ["zeros"]),
        helper.make_node("ReduceSum", ["zeros"], ["sum"], keepdims=0),
        helper.make_node("Add", ["x", "sum"], ["y"]),
    ]
    path = write(tmp_path / "greedy.onnx", nodes, [shape])
    tenants = {"ads": {"model_bytes": ROOM_BYTES}}
    with service.start(digits_model, tenants=tenants) as server:
        server.deploy("ads", "greedy", path)
        assert server.predict([[10.0]], "ads", "greedy") == [[10.0]]
        assert sentence(server.predict, [[1e9]], "ads", "greedy")[0] == 422
        assert server.predict([[10.0]], "ads", "greedy") == [[10.0]]
        assert server.metrics()["replica_deaths_total"] == 0


@pytest.mark.parametrize("end", ["close", "kill"])
def test_nothing_of_a_model_is_left_when_the_server_ends(
    digits_model, tmp_path, wait_until_gone, end
):
    server = service.start(digits_model, tenants=TENANTS)
    for _ in range(2):
        server.deploy("ads", "scale", times(tmp_path, 2.0))
    gateway = psutil.Process(server.pid)
    family = [gateway, *gateway.children(recursive=True)]
    homes = {
        argument for p in family for argument in p.cmdline() if "scaletoolkit-models" in argument
    }
    assert len(homes) == 1
    home = Path(*homes)
    assert len([*os.walk(home)]) > 2
    if end == "kill":
        gateway.kill()
    server.close()
    wait_until_gone(family)
    until(lambda: not home.exists(), "its folder is gone")


def test_two_loads_at_once_are_two_versions(server, own, tmp_path):
    path = times(tmp_path, 2.0)
    numbers = []
    threads = [
        threading.Thread(target=lambda: numbers.append(server.deploy("ads", own, path)))
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(numbers) == ["1", "2", "3"]
