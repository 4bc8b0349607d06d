"""Lab 07: our model server against LitServe, mosec, Ray Serve and BentoML, on the same models.

Every server has an environment of its own (data/bench-servers), its documented dynamic batching
with max_batch_size 32, one worker and one thread for the model. All answer the same requests, one
item each, from the same client: 32 connections that send the next request when the answer is
there, then one connection. The servers take turns; each row is a median over the rounds. They
listen on loopback, but a replica of Ray Serve also opens a port that it does not let one choose.
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
from serving_peers import processes

from scaletoolkit import service
from scaletoolkit.training import export

HERE = Path(__file__).parent / "serving_peers"
ROUNDS = 3
SECONDS = 2.5
ALONE_S = 1.0
WARM_UP_S = 0.5
CONNECTIONS = 32
PIXELS = 64
START_S = 120
NOTHING = "–"


@dataclass(frozen=True)
class Peer:
    """Another server: its script, its address, and how long a batch that is not full waits."""

    script: str
    path: str
    waits: str
    wrap: str = "{}"

    @property
    def name(self):
        """The package and its version, as in the script."""
        return processes.requirements(HERE / self.script)[0].replace("==", " ")


PEERS = [
    Peer("litserve_server.py", "/predict", "not (its default)"),
    Peer("mosec_server.py", "/inference", "10 ms at most (its default)"),
    Peer("ray_server.py", "/predict", "10 ms at most (its default)"),
    Peer("bentoml_server.py", "/predict", "adaptive (its default)", '{{"items": {}}}'),
]
OURS = Peer("", "/v1/predict", "not (our default)")


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
        _until_answered(port, "/", "[]")
        return load(port, "/", ["[]"], CONNECTIONS, SECONDS)["req/s"]


def compare(folder, pythons):
    """Rows of a table: the rounds of every server, in turn, and their medians."""
    rounds = {}
    reasons = {}
    items = np.random.default_rng(0).random((64, PIXELS), np.float32).round(5)
    for turn in range(ROUNDS):
        servers = [OURS, *pythons]
        for peer in servers[turn:] + servers[:turn]:
            try:
                figures = measure(peer, pythons.get(peer), folder, items)
                rounds.setdefault(peer, []).append(figures)
            except Exception as error:  # whatever is wrong with another server is its row
                if peer is OURS:
                    raise
                reasons[peer] = str(error)
                print(f"… {peer.name}: {error}", file=sys.stderr, flush=True)
    rows = {peer: _medians(rounds[peer]) for peer in rounds}
    return [_row(peer, rows.get(peer), rows[OURS], reasons.get(peer)) for peer in [OURS, *pythons]]


def _medians(rounds):
    return {name: statistics.median(figures[name] for figures in rounds) for name in rounds[0]}


def _row(peer, figures, ours, reason):
    name = peer.name if peer.script else "scaletoolkit"
    if figures is None:
        return {
            "server": name,
            "a batch waits": reason,
            **dict.fromkeys([*ours, "ours ÷ it"], NOTHING),
        }
    ratio = ours["req/s"] / figures["req/s"]
    return {"server": name, "a batch waits": peer.waits, **figures, "ours ÷ it": ratio}


def measure(peer, python, folder, items):
    """Start a server, check its answers, load it, end it: {column: number}."""
    if isinstance(python, str):
        raise RuntimeError(python)
    bodies = [peer.wrap.format(json.dumps([item.tolist()])) for item in items]
    start_s = time.monotonic()
    with _started(peer, python, folder) as (family, port):
        _until_answered(port, peer.path, bodies[0])
        start_up_s = time.monotonic() - start_s
        _check(port, peer.path, bodies, _expected(folder, items))
        cpu_s = family.cpu_s()
        crowd = load(port, peer.path, bodies, CONNECTIONS, SECONDS)
        cpu_s = family.cpu_s() - cpu_s
        memory_mb = family.memory_mb()
        alone = load(port, peer.path, bodies, 1, ALONE_S)
    return {
        **{name: crowd[name] for name in ("req/s", "p50 ms", "p99 ms")},
        "p50 ms alone": alone["p50 ms"],
        "CPU µs a request": 1e6 * cpu_s / crowd["answered"],
        "MB": memory_mb,
        "s to start": start_up_s,
    }


@contextlib.contextmanager
def _started(peer, python, folder):
    """(Family, port) of a server that has just been started."""
    if peer is OURS:
        with service.start(folder, max_batch_size=32) as server:
            yield processes.Family(server.pid), server.port
    else:
        port = processes.free_port()
        command = [python, HERE / peer.script, str(port), folder / "model.onnx"]
        with processes.running([str(part) for part in command]) as family:
            yield family, port


def _expected(folder, items):
    import onnxruntime

    return onnxruntime.InferenceSession(folder / "model.onnx").run(None, {"input": items})[0]


def _check(port, path, bodies, expected):
    """Every answer is the model's, also of requests that come together."""
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda body: _ask(port, path, body), bodies))
    rows = np.array([json.loads(answer)[0] for answer in answers])
    if not np.allclose(rows, expected, rtol=1e-3, atol=1e-4):
        raise AssertionError(f"{path}: answers that are not the model's")


def _ask(port, path, body):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    with contextlib.closing(connection):
        connection.request("POST", path, body, {"Content-Type": "application/json"})
        response = connection.getresponse()
        answer = response.read()
    if response.status != 200:
        raise OSError(f"HTTP {response.status}")
    return answer


def _until_answered(port, path, body):
    end_s = time.monotonic() + START_S
    while True:
        try:
            return _ask(port, path, body)
        except (OSError, http.client.HTTPException) as error:
            if time.monotonic() > end_s:
                raise RuntimeError(f"did not start in {START_S} s: {error}") from None
        time.sleep(0.02)


def load(port, path, bodies, connections, seconds):
    """What `closed_loop.py` found."""
    plan = {"port": port, "path": path, "bodies": random.Random(0).sample(bodies, len(bodies))}
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
