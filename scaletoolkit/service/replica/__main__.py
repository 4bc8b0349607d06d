"""One replica: a process that runs the model, batch after batch. Lab 07.

It gets its orders, connects back to the gateway's port and says when the model is loaded. It has
no port of its own, and it ends with the gateway, however that ends: it holds the read end of a pipe
from there. `python -m scaletoolkit.service.replica LIFE` reads the orders from stdin, as a line of
JSON; LIFE is the number of the pipe. A template forks replicas that need no Python of their own.
"""

import contextlib
import json
import os
import socket
import sys
import threading
import time
from pathlib import Path

from scaletoolkit.service import frames
from scaletoolkit.service.replica.budget import CpuBudget

PREFERRED = ("CUDAExecutionProvider", "CPUExecutionProvider")


class Model:
    """An ONNX model in ONNX Runtime, on CUDA where that provider is here, else on the CPU."""

    def __init__(self, folder, model):
        import numpy as np
        import onnxruntime

        onnxruntime.disable_telemetry_events()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        here = onnxruntime.get_available_providers()
        self._session = onnxruntime.InferenceSession(
            Path(folder) / "model.onnx", options, [name for name in PREFERRED if name in here]
        )
        self._np, self._model = np, model
        self(np.zeros((1, *model["shape"]), np.float32).tobytes())  # the first call is slow

    @property
    def provider(self):
        """What the model runs on, as ONNX Runtime calls it."""
        return self._session.get_providers()[0]

    def __call__(self, body):
        """float32 bytes of a batch in, an array of its results out."""
        batch = self._np.frombuffer(body, self._np.float32).reshape(-1, *self._model["shape"])
        (result,) = self._session.run([self._model["output"]], {self._model["input"]: batch})
        return result


def serve(connection, model, orders):
    """Answer batches until the connection ends."""
    budget = orders["cpu_milli"] and CpuBudget(orders["cpu_milli"], time.monotonic())
    used_s = time.process_time()
    while True:
        _, body = frames.receive(connection)
        start_s = time.monotonic()
        header, answer = _answer(model, body)
        before_s, used_s = used_s, time.process_time()
        rest_s = budget.spend(used_s - before_s, time.monotonic()) if budget else 0
        if orders["accelerator_ms"]:
            call_ms, item_ms = orders["accelerator_ms"]
            device_s = (call_ms + item_ms * header.get("size", 1)) / 1000
            rest_s = max(rest_s, start_s + device_s - time.monotonic())
        time.sleep(max(0.0, rest_s))
        connection.sendall(frames.pack(header | {"cpu_s": used_s}, answer))


def _answer(model, body):
    """(header, bytes): the results, or in the header the sentence that says why there are none."""
    try:
        result = model(body)
    except Exception as error:
        return {"error": str(error)}, b""
    header = {"size": len(result), "shape": result.shape[1:], "dtype": str(result.dtype)}
    return header, result.tobytes()


def end_with_gateway(life):
    """End this process when the gateway's end of the pipe closes."""

    def watch():
        os.read(life, 1)
        os._exit(0)

    threading.Thread(target=watch, daemon=True).start()


def run(orders, life):
    """Connect, load, serve until the connection ends; a model that cannot be loaded is said."""
    end_with_gateway(life)
    with (
        contextlib.suppress(EOFError, ConnectionError),
        socket.create_connection(("127.0.0.1", orders["port"])) as connection,
    ):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.sendall(frames.pack({"name": orders["name"], "token": orders["token"]}))
        try:
            model = Model(orders["folder"], orders["model"])
        except Exception as error:  # whatever ONNX Runtime raises; the gateway says it
            connection.sendall(frames.pack({"error": str(error)}))
            return
        time.sleep(orders["start_up_s"])
        provider = "emulated accelerator" if orders["accelerator_ms"] else model.provider
        connection.sendall(frames.pack({"provider": provider, "cpu_s": time.process_time()}))
        serve(connection, model, orders)


if __name__ == "__main__":
    run(json.loads(sys.stdin.readline()), int(sys.argv[1]))
