"""Lab 07: our model server against LitServe, mosec, Ray Serve and BentoML, on the same models.

Every server has an environment of its own (data/bench-peers), its documented dynamic batching
with max_batch_size 32, one worker and one thread for the model. All answer the same requests, one
item each, from the same client: 32 connections that send the next request when the answer is
there, then one connection. Ours and mosec answer also to bytes in place of JSON: ours as the Open
Inference Protocol has them (what tritonclient sends), mosec by two lines of its user's. A batch of
ours waits for nobody unless one says so: one row of ours waits as long as mosec's, to show what
that is worth. The servers take turns; each row is a median over the rounds. They listen on
loopback, but a replica of Ray Serve also opens a port that it does not let one choose.
"""

import contextlib
import http.client
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from peers import processes

from scaletoolkit import service
from scaletoolkit.training import export

HERE = Path(__file__).parent / "peers"
ROUNDS = 3
SECONDS = 2.5
ALONE_S = 1.0
WARM_UP_S = 0.5
CONNECTIONS = 32
PIXELS = 64
START_S = 120
NOTHING = "–"
CPU = "CPU µs a request"
RATIOS = ["our req/s ÷ its", "its CPU ÷ ours"]  # bytes beside bytes, JSON beside JSON


@dataclass(frozen=True)
class Peer:
    """Another server: its script, its address, and how long a batch that is not full waits."""

    script: str
    path: str
    waits: str
    wrap: str = "{}"
    bytes: bool = False
    delay_us: int = 0  # ours only

    @property
    def name(self):
        """The package and its version, as in the script."""
        requirements = processes.requirements(HERE / self.script) if self.script else [OURS_NAME]
        return requirements[0].replace("==", " ") + (", bytes" if self.bytes else "")


OURS_NAME = "scaletoolkit"
PEERS = [
    Peer("litserve_server.py", "/predict", "not (its default)"),
    Peer("mosec_server.py", "/inference", "10 ms at most (its default)"),
    Peer("mosec_server.py", "/inference", "10 ms at most (its default)", bytes=True),
    Peer("ray_server.py", "/predict", "10 ms at most (its default)"),
    Peer("bentoml_server.py", "/predict", "adaptive (its default)", '{{"items": {}}}'),
]
OURS = Peer("", "/v1/predict", "not (our default)")
OURS_BYTES = Peer("", "/v2/models/{name}/infer", "not (our default)", bytes=True)
OURS_WAITING = Peer("", OURS_BYTES.path, "10 ms at most", bytes=True, delay_us=10_000)
JSON = {"Content-Type": "application/json"}
BYTES = {"Content-Type": "application/octet-stream"}
LENGTH = "Inference-Header-Content-Length"


def tables():
    """A table for a model that costs nothing, and one for a model that gains from batches."""
    ceiling = client_ceiling()
    pythons = {peer: _environment(peer) for peer in PEERS}
    with tempfile.TemporaryDirectory() as folder:
        return [
            (
                f"Model servers, {words} model (the client's own ceiling: {ceiling:,.0f} req/s)",
                compare(export.untrained(Path(folder) / words, hidden), pythons),
            )
            for words, hidden in [("small (512 hidden)", 512), ("heavy (4096 hidden)", 4096)]
        ]


def _environment(peer):
    """A Python, or the sentence that says why there is none."""
    try:
        return processes.environment(HERE / peer.script)
    except RuntimeError as error:
        return f"could not be installed: {error}"


def client_ceiling():
    """Requests a second against a server that does nothing."""
    port = processes.free_port()
    with processes.running([sys.executable, str(HERE / "constant_server.py"), str(port)]):
        _until_answered(port, "/", b"[]")
        return load(port, "/", [b"[]"], CONNECTIONS, SECONDS)["req/s"]


def compare(folder, pythons):
    """Rows of a table: the rounds of every server, in turn, and their medians."""
    rounds = {}
    reasons = {}
    items = np.random.default_rng(0).random((64, PIXELS), np.float32).round(5)
    for turn in range(ROUNDS):
        servers = [OURS, OURS_BYTES, OURS_WAITING, *pythons]
        for peer in servers[turn:] + servers[:turn]:
            try:
                figures = measure(peer, pythons.get(peer), folder, items)
                rounds.setdefault(peer, []).append(figures)
            except Exception as error:  # whatever is wrong with another server is its row
                if not peer.script:
                    raise
                reasons[peer] = str(error)
                print(f"… {peer.name}: {error}", file=sys.stderr, flush=True)
    rows = {peer: _medians(rounds[peer]) for peer in rounds}
    ours = {False: rows[OURS], True: rows[OURS_BYTES]}
    return [
        _row(peer, rows.get(peer), ours[peer.bytes], reasons.get(peer))
        for peer in [OURS, OURS_BYTES, OURS_WAITING, *pythons]
    ]


def _medians(rounds):
    return {name: statistics.median(figures[name] for figures in rounds) for name in rounds[0]}


def _row(peer, figures, ours, reason):
    if figures is None:
        return {
            "server": peer.name,
            "a batch waits": reason,
            **dict.fromkeys([*ours, *RATIOS], NOTHING),
        }
    ratios = [ours["req/s"] / figures["req/s"], figures[CPU] / ours[CPU]]
    row = {"server": peer.name, "a batch waits": peer.waits, **figures}
    return row | dict(zip(RATIOS, ratios, strict=True))


def measure(peer, python, folder, items):
    """Start a server, check its answers, load it, end it: {column: number}."""
    if isinstance(python, str):
        raise RuntimeError(python)
    bodies, headers = requests(peer, items)
    path = peer.path.format(name=folder_name(folder))
    start_s = time.monotonic()
    with _started(peer, python, folder) as (family, port):
        _until_answered(port, path, bodies[0], headers)
        start_up_s = time.monotonic() - start_s
        answers = _answers(port, path, bodies, headers)
        _check(peer, answers, _expected(folder, items))
        cpu_s = family.cpu_s()
        crowd = load(port, path, bodies, CONNECTIONS, SECONDS, headers)
        cpu_s = family.cpu_s() - cpu_s
        memory_mb = family.memory_mb()
        alone = load(port, path, bodies, 1, ALONE_S, headers)
    return {
        **{name: crowd[name] for name in ("req/s", "p50 ms", "p99 ms")},
        "p50 ms alone": alone["p50 ms"],
        CPU: 1e6 * cpu_s / crowd["answered"],
        "MB": memory_mb,
        "s to start": start_up_s,
    }


def folder_name(folder):
    """What the model is called."""
    return json.loads((folder / "model.json").read_text())["name"]


def requests(peer, items):
    """(bodies, headers): an item a request, in the form that the server reads."""
    if not peer.bytes:
        bodies = [peer.wrap.format(json.dumps([item.tolist()])).encode() for item in items]
        return bodies, JSON
    if peer.script:
        return [item.tobytes() for item in items], BYTES
    size = {"binary_data_size": items[0].nbytes}
    given = {"name": "input", "datatype": "FP32", "shape": [1, PIXELS], "parameters": size}
    wanted = {"binary_data_output": True}
    head = json.dumps({"inputs": [given], "parameters": wanted}).encode()
    return [head + item.tobytes() for item in items], {**BYTES, LENGTH: str(len(head))}


@contextlib.contextmanager
def _started(peer, python, folder):
    """(Family, port) of a server that has just been started."""
    if not peer.script:
        delay = {"max_queue_delay_microseconds": peer.delay_us}
        with service.start(folder, max_batch_size=32, **delay) as server:
            yield processes.Family(server.pid), server.port
    else:
        port = processes.free_port()
        form = ["bytes"] if peer.bytes else []
        command = [python, HERE / peer.script, str(port), folder / "model.onnx", *form]
        with processes.running([str(part) for part in command]) as family:
            yield family, port


def _expected(folder, items):
    import onnxruntime

    return onnxruntime.InferenceSession(folder / "model.onnx").run(None, {"input": items})[0]


def _answers(port, path, bodies, headers):
    """The answers to requests that come together."""
    with ThreadPoolExecutor(16) as pool:
        return list(pool.map(lambda body: _ask(port, path, body, headers), bodies))


def _check(peer, answers, expected):
    """Every answer is the model's."""
    if peer.bytes:  # of ours, JSON stands in front
        size = expected[0].nbytes
        rows = np.array([np.frombuffer(answer[-size:], np.float32) for answer in answers])
    else:
        rows = np.array([json.loads(answer)[0] for answer in answers])
    if not np.allclose(rows, expected, rtol=1e-3, atol=1e-4):
        raise AssertionError(f"{peer.name}: answers that are not the model's")


def _ask(port, path, body, headers=JSON):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    with contextlib.closing(connection):
        connection.request("POST", path, body, headers)
        response = connection.getresponse()
        answer = response.read()
    if response.status != 200:
        raise OSError(f"HTTP {response.status}")
    return answer


def _until_answered(port, path, body, headers=JSON):
    end_s = time.monotonic() + START_S
    while True:
        try:
            return _ask(port, path, body, headers)
        except (OSError, http.client.HTTPException) as error:
            if time.monotonic() > end_s:
                raise RuntimeError(f"did not start in {START_S} s: {error}") from None
        time.sleep(0.02)


def load(port, path, bodies, connections, seconds, headers=JSON):
    """What `closed_loop.py` found."""
    mixed = [body.decode("latin-1") for body in random.Random(0).sample(bodies, len(bodies))]
    plan = {"port": port, "path": path, "headers": headers, "bodies": mixed}
    plan |= {"connections": connections, "seconds": seconds, "warm_up_s": WARM_UP_S}
    run = subprocess.run(
        [sys.executable, HERE / "closed_loop.py"],
        input=json.dumps(plan) + "\n",
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    figures = json.loads(run.stdout)
    if figures["wrong"] or not figures["req/s"]:
        raise RuntimeError(
            f"{figures['wrong']} requests of {figures['answered']} failed under load"
        )
    return figures
