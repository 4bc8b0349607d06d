"""Models of one's own: any types, several inputs and outputs, and what cannot be served. Lab 07."""

import json
import os
import time

import numpy as np
import onnx
import psutil
import pytest
from onnx import TensorProto, helper

from scaletoolkit import service
from scaletoolkit.service import signature
from scaletoolkit.service.server import PATIENCE_S

FP32, FP64, INT64 = TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.INT64


def model(path, nodes, inputs, outputs, weights=()):
    """Write a graph; inputs, outputs: {name: (element type, shape)}. The path."""
    sides = [
        [helper.make_tensor_value_info(name, *facts) for name, facts in side.items()]
        for side in (inputs, outputs)
    ]
    graph = helper.make_graph(nodes, "graph", *sides, initializer=list(weights))
    opset = helper.make_opsetid("", 17)
    onnx.save(helper.make_model(graph, opset_imports=[opset], ir_version=8), path)
    return path


def doubled(path, element, shape=("n", 3)):
    """The sum of an input with itself."""
    nodes = [helper.make_node("Add", ["x", "x"], ["y"])]
    return model(path, nodes, {"x": (element, shape)}, {"y": (element, shape)})


@pytest.mark.parametrize("element", [FP64, TensorProto.FLOAT16, INT64])
def test_each_type_goes_in_and_comes_out(tmp_path, element):
    path = doubled(tmp_path / "twice.onnx", element)
    name = signature.TYPES[element][0]
    items = np.array([[1, -2, 3], [4, 5, 6]], signature.NUMPY[name])
    tensor = {"name": "x", "datatype": name, "shape": [2, 3], "data": items.tolist()}
    with service.start(path) as server:
        assert server.predict(items.tolist()) == (2 * items).tolist()
        answer = server.ask("POST", "/v2/models/twice/infer", {"inputs": [tensor]})
        binary = infer_bytes(server, "twice", {"x": items})["y"]
    (output,) = answer["outputs"]
    assert (output["datatype"], output["data"]) == (name, (2 * items).ravel().tolist())
    assert (binary.dtype, binary.tolist()) == (items.dtype, (2 * items).tolist())


def infer_bytes(server, name, inputs):
    """What `tritonclient` asks unless told otherwise: {output: array}."""
    dtypes = {numpy: datatype for datatype, numpy in signature.NUMPY.items()}
    tensors = [
        {
            "name": tensor,
            "datatype": dtypes[array.dtype.name],
            "shape": array.shape,
            "parameters": {"binary_data_size": array.nbytes},
        }
        for tensor, array in inputs.items()
    ]
    head = json.dumps({"inputs": tensors, "parameters": {"binary_data_output": True}}).encode()
    body = b"".join([head, *(array.tobytes() for array in inputs.values())])
    headers = {"inference-header-content-length": str(len(head))}
    status, said, answer = server.request("POST", f"/v2/models/{name}/infer", body, headers)
    assert status == 200, answer
    at = int(said["inference-header-content-length"])
    results = {}
    for output in json.loads(answer[:at])["outputs"]:
        dtype = signature.NUMPY[output["datatype"]]
        array = np.frombuffer(answer, dtype, int(np.prod(output["shape"])), at)
        results[output["name"]] = array.reshape(output["shape"])
        at += output["parameters"]["binary_data_size"]
    assert at == len(answer)
    return results


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """A server of a model with token ids and a mask in, a mean and a label out."""
    path = tmp_path_factory.mktemp("pair") / "tokens.onnx"
    nodes = [
        helper.make_node("Cast", ["ids"], ["float_ids"], to=FP32),
        helper.make_node("Mul", ["float_ids", "mask"], ["masked"]),
        helper.make_node("ReduceMean", ["masked"], ["mean"], axes=[1], keepdims=0),
        helper.make_node("ArgMax", ["masked"], ["label"], axis=1, keepdims=0),
    ]
    inputs = {"ids": (INT64, ["n", 4]), "mask": (FP32, ["n", 4])}
    outputs = {"mean": (FP32, ["n"]), "label": (INT64, ["n"])}
    with service.start(model(path, nodes, inputs, outputs), cache_items=10) as server:
        yield server


IDS = np.array([[1, 2, 3, 4], [9, 8, 7, 6]])
MASK = np.array([[1, 1, 1, 1], [0, 1, 1, 0]], np.float32)


def test_several_inputs_are_objects_by_name(pair):
    items = [
        {"ids": ids, "mask": mask} for ids, mask in zip(IDS.tolist(), MASK.tolist(), strict=True)
    ]
    expected = [{"mean": 2.5, "label": 3}, {"mean": 3.75, "label": 1}]
    assert pair.predict(items) == expected
    assert pair.predict(items[::-1]) == expected[::-1]  # kept answers, each its own
    with pytest.raises(service.ServerError, match="an object with the field 'mask'"):
        pair.predict([{"ids": [1, 2, 3, 4]}])
    with pytest.raises(service.ServerError, match="'ids' in the body must hold whole numbers"):
        pair.predict([{"ids": [1.5, 2, 3, 4], "mask": [1, 1, 1, 1]}])


def test_an_item_that_no_request_has_room_for_is_said(tmp_path):
    path = doubled(tmp_path / "huge.onnx", FP32, ("n", 600_000_000))
    with pytest.raises(ValueError, match="an item has 600,000,000 numbers; 16,777,216 can be sent"):
        service.Settings(str(path))


def weighted(path, factor):
    """A model that multiplies by what lies in another file."""
    nodes = [helper.make_node("Mul", ["x", "factor"], ["y"])]
    side = {"x": (FP32, ["n", 2])}
    weights = [onnx.numpy_helper.from_array(np.full(2, factor, np.float32), "factor")]
    made = onnx.load(model(path, nodes, side, {"y": (FP32, ["n", 2])}, weights))
    beside = {"location": "below/factor.bin", "size_threshold": 0}
    (path.parent / "below").mkdir(exist_ok=True)
    onnx.save(made, path, save_as_external_data=True, **beside)
    return path


def test_no_answer_of_weights_in_another_file_outlives_them(tmp_path):
    path = weighted(tmp_path / "times.onnx", 2.0)
    assert signature.external(path) == [tmp_path / "below" / "factor.bin"]
    with service.start(path, cache_items=10) as server:
        assert server.predict([[1, 3]]) == [[2, 6]]
        before = path.read_bytes()
        (tmp_path / "below" / "factor.bin").write_bytes(np.full(2, 5, np.float32).tobytes())
        for replicas in (0, 1):
            server.resize(replicas)
            server.wait_ready(replicas)
        assert server.predict([[1, 3]]) == [[5, 15]]
    assert path.read_bytes() == before


@pytest.mark.parametrize("place", ["/dev/zero", "../other", "a/../../other"])
def test_weights_that_a_model_may_not_read_are_not_looked_at(tmp_path, place):
    path = weighted(tmp_path / "times.onnx", 2.0)
    made = onnx.load(path, load_external_data=False)
    made.graph.initializer[0].external_data[0].value = place
    path.write_bytes(made.SerializeToString())
    assert signature.external(path) == []


def test_weights_inside_a_branch_are_found_too(tmp_path):
    inner = onnx.load(weighted(tmp_path / "times.onnx", 2.0), load_external_data=False).graph
    branch = helper.make_node("If", ["c"], ["y"], then_branch=inner, else_branch=inner)
    inputs = {"c": (TensorProto.BOOL, [1]), "x": (FP32, [1, 2])}
    path = model(tmp_path / "if.onnx", [branch], inputs, {"y": (FP32, [1, 2])})
    assert signature.external(path) == [tmp_path / "below" / "factor.bin"]


@pytest.mark.parametrize(
    ("element", "numbers"),
    [
        (TensorProto.UINT64, [1, 2**63, 2**64 - 1]),
        (TensorProto.UINT64, [2**63, 2**63, 2**63]),
        (INT64, [1, -(2**63), 2**63 - 1]),
    ],
)
def test_whole_numbers_of_64_bits_are_kept_to_the_last(tmp_path, element, numbers):
    nodes = [helper.make_node("Identity", ["x"], ["y"])]
    sides = [{name: (element, ["n", 3])} for name in "xy"]
    with service.start(model(tmp_path / "same.onnx", nodes, *sides)) as server:
        assert server.predict([[0, 0, 0], numbers]) == [[0, 0, 0], numbers]
        assert server.predict([numbers]) == [numbers]
        for wrong in ([-1, 2**63, 0], [1, 2**63, -(2**63)]):
            with pytest.raises(service.ServerError, match="holds a number beyond"):
                server.predict([wrong])


def test_several_tensors_go_in_and_only_what_is_asked_for_comes_out(pair):
    results = infer_bytes(pair, "tokens", {"mask": MASK, "ids": IDS})
    assert results["mean"].tolist() == [2.5, 3.75]
    assert results["label"].tolist() == [3, 1]
    inputs = [
        {"name": "ids", "datatype": "INT64", "shape": [2, 4], "data": IDS.tolist()},
        {"name": "mask", "datatype": "FP32", "shape": [2, 4], "data": MASK.tolist()},
    ]
    asked = {"inputs": inputs, "outputs": [{"name": "label"}]}
    answer = pair.ask("POST", "/v2/models/tokens/infer", asked)
    assert answer["outputs"] == [
        {"name": "label", "datatype": "INT64", "shape": [2], "data": [3, 1]}
    ]
    for wrong, sentence in [
        ({"outputs": [{"name": "x"}]}, "outputs.0..name must be 'label' or 'mean', got 'x'"),
        ({"outputs": "x"}, "outputs in the body must be a list, got text"),
        ({"inputs": inputs[:1]}, "inputs must hold the model's 'ids' and 'mask', got 1"),
        ({"inputs": [inputs[0]] * 2}, "inputs.1..name must be 'mask', got 'ids'"),
        ({"parameters": {"binary_data_output": 1}}, "must be true or false, got a number"),
    ]:
        with pytest.raises(service.ServerError, match=sentence):
            pair.ask("POST", "/v2/models/tokens/infer", asked | wrong)


def test_the_signature_is_what_onnx_reads(tmp_path):
    for element, (datatype, _) in signature.TYPES.items():
        path = doubled(tmp_path / "one.onnx", element, ["n", 3, None, 0, 2**40])
        facts = signature.facts(path)
        assert facts["inputs"] == [
            {"name": "x", "datatype": datatype, "shape": [-1, 3, -1, 0, 2**40]}
        ]
        numpy = helper.tensor_dtype_to_np_dtype(element)
        assert signature.NUMPY[datatype] == numpy.name


def test_weights_that_are_listed_as_inputs_are_none(tmp_path):
    weight = helper.make_tensor("w", FP32, [3], [1, 2, 3])
    nodes = [helper.make_node("Add", ["x", "w"], ["y"])]
    inputs = {"x": (FP32, ["n", 3]), "w": (FP32, [3])}
    path = model(tmp_path / "old.onnx", nodes, inputs, {"y": (FP32, ["n", 3])}, [weight])
    assert [tensor["name"] for tensor in signature.facts(path)["inputs"]] == ["x"]
    with service.start(path) as server:
        assert server.predict([[0, 0, 0]]) == [[1, 2, 3]]


def test_two_inputs_of_one_name_are_refused(tmp_path):
    path = doubled(tmp_path / "m.onnx", FP32)
    made = onnx.load(path)
    made.graph.input.append(made.graph.input[0])
    path.write_bytes(made.SerializeToString())
    with pytest.raises(ValueError, match="served: two of its inputs have the same name"):
        service.Settings(str(path))


@pytest.mark.parametrize(
    "junk", [b"", b"no model", bytes(100), b"\xff" * 100, b"PK\3\4" + b"a" * 99]
)
def test_another_kind_of_file_is_named_before_anything_starts(tmp_path, junk):
    path = tmp_path / "junk.onnx"
    path.write_bytes(junk)
    with pytest.raises(ValueError, match=r"junk\.onnx is no ONNX model that can be served: \w+"):
        service.Settings(str(path))


def test_a_file_that_ends_early_is_named(tmp_path):
    path = doubled(tmp_path / "m.onnx", FP32)
    whole = path.read_bytes()
    sentences = []
    for size in range(len(whole) - 20):  # the last few say which operators it uses
        path.write_bytes(whole[:size])
        with pytest.raises(ValueError, match="is no ONNX model that can be served") as caught:
            signature.facts(path)
        sentences.append(str(caught.value))
    assert not any("\n" in sentence for sentence in sentences)


@pytest.mark.parametrize(
    ("shape", "sentence"),
    [
        ((4, 3), "input 'x' has the shape 4×3: export it with a first dimension that may vary"),
        ((1, 3), "a first dimension that may vary, or ask for max_batch_size=1"),
        (("n", "length"), "input 'x' has the shape n×n: only the first dimension"),
        ((), "input 'x' has the shape .*: export it"),
    ],
)
def test_a_shape_that_cannot_be_batched_is_named(tmp_path, shape, sentence):
    with pytest.raises(ValueError, match=sentence):
        service.Settings(str(doubled(tmp_path / "m.onnx", FP32, shape)))


def test_a_model_for_one_item_is_served_one_by_one(tmp_path):
    path = doubled(tmp_path / "m.onnx", FP32, (1, 3))
    with service.start(path, max_batch_size=1) as server:
        assert server.predict([[1, 2, 3], [4, 5, 6]]) == [[2, 4, 6], [8, 10, 12]]


def flattened(path):
    """A model that makes one row of all items."""
    shape = helper.make_tensor("shape", INT64, [2], [1, -1])
    nodes = [helper.make_node("Reshape", ["x", "shape"], ["y"])]
    inputs, outputs = {"x": (FP32, ["n", 3])}, {"y": (FP32, ["m", "k"])}
    return model(path, nodes, inputs, outputs, [shape])


def unknown_operator(path):
    nodes = [helper.make_node("NoSuchThing", ["x"], ["y"])]
    return model(path, nodes, {"x": (FP32, ["n", 3])}, {"y": (FP32, ["n", 3])})


@pytest.mark.parametrize(
    ("write", "sentence"),
    [
        (flattened, "2 items gave an output 'y' of the shape .1, 6.: the model does not keep"),
        (unknown_operator, "the model cannot be loaded: .*NoSuchThing"),
    ],
)
def test_a_model_that_fails_is_told_at_once_and_nothing_is_left(tmp_path, write, sentence):
    path = write(tmp_path / "bad.onnx")
    before = set(psutil.Process(os.getpid()).children(recursive=True))
    start_s = time.monotonic()
    with pytest.raises(service.ServerError, match=sentence):
        service.start(path, replicas=2)
    assert time.monotonic() - start_s < PATIENCE_S / 2  # not only when time is up
    assert set(psutil.Process(os.getpid()).children(recursive=True)) <= before


def test_a_model_without_a_name_has_its_folders(tmp_path):
    folder = tmp_path / "fruit"
    folder.mkdir()
    doubled(folder / "model.onnx", FP32)
    assert service.Settings(str(folder)).model["name"] == "fruit"
    (folder / "model.json").write_text("{}")
    with pytest.raises(ValueError, match=r'model\.json must be JSON with a name: {"name"'):
        service.Settings(str(folder))


def test_a_folder_that_goes_and_comes_back_costs_no_server(tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    doubled(folder / "model.onnx", FP32)
    with service.start(folder) as server:
        folder.rename(tmp_path / "away")
        server.resize(2)
        with pytest.raises(service.ServerError, match="cannot be loaded: there is no model at"):
            server.wait_ready(2)
        assert server.predict([[1, 2, 3]]) == [[2, 4, 6]]
        (tmp_path / "away").rename(folder)
        end_s = time.monotonic() + 60
        while len([r for r in server.replicas() if r["state"] == "ready"]) < 2:
            assert time.monotonic() < end_s
            time.sleep(0.05)
        doubled(folder / "model.onnx", FP32, ("n", 5))
        server.resize(3)
        with pytest.raises(service.ServerError, match="another model lies in its place"):
            server.wait_ready(3)


def test_a_port_that_is_taken_is_said(tmp_path):
    path = doubled(tmp_path / "m.onnx", FP32)
    with (
        service.start(path, replicas=0) as server,
        pytest.raises(service.ServerError, match=r"The server did not start: .*already in use"),
    ):
        service.start(path, replicas=0, port=server.port)
