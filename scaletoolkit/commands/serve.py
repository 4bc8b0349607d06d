"""Your own ONNX model behind the server of lab 07, until Ctrl-C.

Its inputs, outputs and their types are read from the file.
"""

import json
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from typing import Any

import numpy as np

from scaletoolkit import lab, service
from scaletoolkit.service import signature

WHOLE = ("replicas", "max_batch_size", "max_queue_delay_microseconds", "max_queue_size")


def command(parser: ArgumentParser) -> Callable[[Namespace], int]:
    """What `serve` takes and does."""
    parser.add_argument("model", help="an .onnx file, or a folder with model.onnx")
    parser.add_argument("--port", type=int, default=8000, help="0 takes one that is free")
    parser.add_argument("--timeout-s", type=float, default=service.Settings.timeout_s)
    for name in WHOLE:
        default = getattr(service.Settings, name)
        parser.add_argument(f"--{name.replace('_', '-')}", type=int, default=default)
    return _serve


def _serve(options: Namespace) -> int:
    given = {name: getattr(options, name) for name in (*WHOLE, "port", "timeout_s")}
    try:
        server = service.start(options.model, **given)
    except ValueError as error:
        raise lab.LabError(f"{error}.") from None
    with server:
        model = server.settings.model
        for tensor in (*model["inputs"], *model["outputs"]):
            print(f"{tensor['name']:<20} {tensor['datatype']:<7} {tensor['shape']}")
        print(f"{model['name']} answers at {server.url}/v1/predict and /v2. Try:", flush=True)
        print(f"curl {server.url}/v1/predict -d '{json.dumps([_zeros(model)])}'", flush=True)
        server.wait()
    return 1


def _zeros(model: signature.ModelFacts) -> Any:
    """An item of zeros, as /v1/predict takes it."""
    item = np.zeros((), signature.item_type(model["inputs"]))
    fields = {tensor["name"]: item[tensor["name"]].tolist() for tensor in model["inputs"]}
    return fields if len(fields) > 1 else fields.popitem()[1]
