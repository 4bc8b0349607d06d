"""One replica: a process that runs the model, batch after batch. Lab 07.

It gets its orders, connects back to the gateway's port and says when the model is loaded.
`python -m scaletoolkit.service.replica DESCRIPTOR` reads the orders from stdin, a line of JSON;
DESCRIPTOR is the number of a pipe from the gateway, with which it ends.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import socket
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from scaletoolkit.machine import processes
from scaletoolkit.service import frames, providers, signature
from scaletoolkit.service.replica import memory
from scaletoolkit.service.settings import Settings

if TYPE_CHECKING:  # imported with the model: a template has numpy already
    from collections.abc import Sequence

    import numpy as np

PERIOD_S = 0.1


class Model:
    """An ONNX model in ONNX Runtime, on CUDA where that provider is here, else on the CPU.

    Raises ValueError where it has not an answer for each item of the batches that it is tried with.
    """

    def __init__(
        self, folder: str | Path, facts: signature.ModelFacts, tried: Sequence[int] = (1, 2)
    ) -> None:
        import numpy as np
        import onnxruntime

        onnxruntime.disable_telemetry_events()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        path = signature.file(folder)
        self._session = onnxruntime.InferenceSession(path, options, providers.available())
        self._np = np
        self._item = np.dtype(signature.item_type(facts["inputs"]))
        self._outputs = [output["name"] for output in facts["outputs"]]
        for size in tried:  # the first call is slow
            self(bytes(size * self._item.itemsize))

    @property
    def provider(self) -> str:
        """What the model runs on, as ONNX Runtime calls it."""
        return self._session.get_providers()[0]

    def __call__(self, body: bytes) -> list[np.ndarray]:
        """A batch's items as bytes in (see `signature.item_type`), an array for each output out."""
        batch = self._np.frombuffer(body, self._item)
        names = self._item.names or ()
        feeds = {name: self._np.ascontiguousarray(batch[name]) for name in names}
        results = self._session.run(self._outputs, feeds)
        for name, result in zip(self._outputs, results, strict=True):
            if result.shape[:1] != batch.shape:
                told = f"{len(batch)} items gave an output {name!r} of the shape {result.shape}"
                raise ValueError(f"{told}: the model does not keep its batch dimension")
        return results


def fingerprint(settings: Settings) -> str:
    """The sha256 of the model's files where answers are kept by it, else nothing: it takes time."""
    if not settings.cache_items:
        return ""
    digest = hashlib.sha256()
    digest.update(json.dumps(settings.model).encode())
    beside = [path for path in signature.external(settings.folder) if path.is_file()]
    for path in (signature.file(settings.folder), *beside):
        digest.update(f"{path.name} {path.stat().st_size} ".encode())
        with path.open("rb") as file:
            hashlib.file_digest(file, lambda: digest)
    return digest.hexdigest()


def bound_memory(settings: Settings) -> int:
    """Let the model have `memory_bytes` from here on: the bytes that there are without it."""
    providers.available()  # imports ONNX Runtime, which is none of the model's memory
    before_bytes = memory.data_bytes()
    if settings.memory_bytes is not None:
        memory.bound(before_bytes + settings.memory_bytes)
    return before_bytes


class CpuBudget:
    """A token bucket: grants thousandths of a core, and saves up at most one period's worth.

    As Linux limits a container: a quota of CPU time for every period of 100 ms, and who has used it
    up stands still. Times are arguments: no clock inside.
    """

    def __init__(self, cpu_milli: int, now_s: float) -> None:
        self.rate = cpu_milli / 1000
        self._most_s = self.rate * PERIOD_S
        self._left_s = self._most_s
        self._now_s = now_s

    def spend(self, cpu_s: float, now_s: float) -> float:
        """How long to stand still, in seconds, after having used `cpu_s` of CPU until `now_s`."""
        earned_s = (now_s - self._now_s) * self.rate
        self._left_s = min(self._most_s, self._left_s + earned_s) - cpu_s
        self._now_s = now_s
        return max(0.0, -self._left_s / self.rate)


def serve(connection: socket.socket, model: Model, settings: Settings) -> None:
    """Answer batches until the connection ends, which is an EOFError."""
    budget = CpuBudget(settings.cpu_milli, time.monotonic()) if settings.cpu_milli else None
    used_s = time.process_time()
    stream = connection.makefile("rb")
    while True:
        _, body = frames.receive(stream)
        start_s = time.monotonic()
        header, answer = _answer(model, body)
        before_s = used_s
        used_s = time.process_time()
        rest_s = budget.spend(used_s - before_s, time.monotonic()) if budget else 0.0
        if settings.accelerator_ms:
            call_ms, item_ms = settings.accelerator_ms
            device_s = (call_ms + item_ms * header.get("size", 1)) / 1000
            rest_s = max(rest_s, start_s + device_s - time.monotonic())
        time.sleep(max(0.0, rest_s))
        connection.sendall(frames.pack(header | {"cpu_s": used_s}, answer))


def _answer(model: Model, body: bytes) -> tuple[frames.Header, bytes]:
    """(header, bytes): the results, or in the header the sentence that says why there are none."""
    try:
        results = model(body)
    except Exception as error:  # whatever the model raises is the answer
        return {"error": str(error)}, b""
    outputs = [(str(result.dtype), result.shape) for result in results]
    header = {"size": len(results[0]), "outputs": outputs}
    return header, b"".join([result.tobytes() for result in results])


def load(settings: Settings, facts: signature.ModelFacts) -> tuple[Model, frames.Header]:
    """(the model, what the gateway hears of it); RuntimeError where another lies in its place."""
    if settings.model != facts:
        raise RuntimeError("another model lies in its place, with other inputs or outputs")
    version = fingerprint(settings)
    before_bytes = bound_memory(settings)
    model = Model(settings.folder, facts, range(1, 3)[: settings.max_batch_size])
    memory_bytes = memory.data_bytes() - before_bytes
    if fingerprint(settings) != version:
        raise RuntimeError("the model's file was replaced while it was loaded")
    provider = "emulated accelerator" if settings.accelerator_ms else model.provider
    return model, {"provider": provider, "version": version, "memory_bytes": memory_bytes}


def run(orders: frames.Orders, gateway: int) -> None:
    """Connect, load, serve until the connection ends; a model that cannot be loaded is said.

    gateway: the descriptor of a pipe from the gateway; when it closes, this process ends.
    """
    processes.end_with(gateway, status=0)
    with (
        contextlib.suppress(EOFError, ConnectionError),
        socket.create_connection(("127.0.0.1", orders["port"])) as connection,
    ):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.sendall(frames.pack({"name": orders["name"], "token": orders["token"]}))
        try:
            settings = Settings(**orders["settings"])
            model, ready = load(settings, orders["model"])
        except Exception as error:  # whatever ONNX Runtime raises; the gateway says it
            connection.sendall(frames.pack({"error": str(error)}))
            return
        time.sleep(settings.start_up_s)
        connection.sendall(frames.pack(ready | {"cpu_s": time.process_time()}))
        serve(connection, model, settings)


if __name__ == "__main__":
    run(json.loads(sys.stdin.readline()), int(sys.argv[1]))
