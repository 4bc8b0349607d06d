"""A notebook's kernel is killed while it serves, scales and loads: nothing may be left. Lab 09.

SCALETOOLKIT_KILLS=50 makes it a soak. The first kill comes under load, the others at any moment,
also while everything still starts.
"""

import os
import random
import signal
import socket
import time
import uuid
from contextlib import suppress
from queue import Empty

import psutil
import pytest
from jupyter_client import KernelManager
from tools.strict import MARK

NOT_OURS = {".ses"}  # ONNX Runtime keeps a note for all its processes among temporary files
KILLS = int(os.environ.get("SCALETOOLKIT_KILLS", "2"))
LONGEST_S, GRACE_S, PATIENCE_S = 8, 5, 90
CELL = """
import threading
from scaletoolkit import service
from scaletoolkit.machine import processes
from scaletoolkit.serving import autoscaling, traffic

MANIFEST = '''
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: model-server-hpa}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: model-server}
  minReplicas: 1
  maxReplicas: 4
  metrics:
  - type: Pods
    pods:
      metric: {name: inference_queue_length}
      target: {type: AverageValue, averageValue: 2}
'''
spec = autoscaling.parse(MANIFEST)
(processes.workspace("model-server") / "notes").write_text("mine")
server = service.start(MODEL, max_batch_size=1, accelerator_ms=(50, 0))
run = traffic.closed_loop(server.url + "/v1/predict", [(600, 20)], [[[0.5] * 64]])

def read(now):
    seen = server.observe()
    each = int(1000 * seen.queue_length / seen.ready)
    pods = [autoscaling.Pod(one["name"]) for one in seen.replicas]
    return pods, {spec.metrics[0].key: {pod.name: each for pod in pods}}

controller = autoscaling.Controller(spec, autoscaling.FLAGS._replace(sync_period_s=0.5))
for decision in autoscaling.live(controller, read, server.resize, threading.Event().wait):
    if decision.replicas == 4 and run.rows():
        print("under load", flush=True)
"""


class Kernel:
    """A kernel whose processes carry a mark and whose temporary files lie in one folder."""

    def __init__(self, model, folder):
        self.token, self.temporary = uuid.uuid4().hex, folder / "tmp"
        self.temporary.mkdir()
        own = {
            MARK: self.token,
            "TMPDIR": str(self.temporary),
            "IPYTHONDIR": str(folder / "ipython"),
        }
        self.manager = KernelManager(connection_file=str(folder / "kernel.json"))
        self.manager.start_kernel(env=os.environ | own)
        self.client = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(PATIENCE_S)
        self.client.execute(f"MODEL = {str(model)!r}\n{CELL}")

    def under_load(self):
        """Wait until the server has grown and Locust has counted its first second."""
        while "under load" not in str(self.next_message(PATIENCE_S)):
            pass

    def next_message(self, timeout_s):
        """What the cell says next; it must not be an error."""
        message = self.client.get_iopub_msg(timeout=timeout_s)
        assert message["msg_type"] != "error", message["content"]["evalue"]
        return message["content"]

    def kill(self):
        """SIGKILL to the kernel alone: the ports that its processes had been listening on."""
        ports = [port for one in self.marked() for port in _ports(one)]
        os.kill(self.manager.provisioner.pid, signal.SIGKILL)
        with suppress(Empty):  # nothing more was said
            while True:
                self.next_message(0.1)
        return ports

    def marked(self):
        """Processes that carry the mark."""
        return [one for one in psutil.process_iter() if _mark(one) == self.token]

    def left(self, ports):
        """What is still there: a list of sentences."""
        found = [f"the process {' '.join(_command(one))[:150]}" for one in self.marked()]
        found += [f"the port {port}" for port in ports if _answers(port)]
        names = {path.name for path in self.temporary.iterdir()} - NOT_OURS
        return found + [f"the temporary {name}" for name in sorted(names)]

    def close(self):
        """End what the test itself had started, and whatever else is left."""
        self.client.stop_channels()
        for one in self.marked():
            with suppress(psutil.Error):
                one.kill()
        self.manager.cleanup_resources()


def _mark(process):
    try:
        return process.environ().get(MARK)
    except (psutil.Error, OSError):
        return None


def _command(process):
    with suppress(psutil.Error):
        return process.cmdline()
    return ["(ended meanwhile)"]


def _ports(process):
    with suppress(psutil.Error):
        connections = process.net_connections(kind="tcp")
        return [one.laddr.port for one in connections if one.status == psutil.CONN_LISTEN]
    return []


def _answers(port):
    with socket.socket() as knocking:
        knocking.settimeout(1)
        return knocking.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.parametrize("kill", range(KILLS))
def test_a_killed_kernel_leaves_nothing_behind(kill, digits_model, tmp_path):
    kernel = Kernel(digits_model, tmp_path)
    try:
        if kill == 0:
            kernel.under_load()
        else:
            time.sleep(random.Random(kill).uniform(0, LONGEST_S))
        ports, end_s = kernel.kill(), time.monotonic() + GRACE_S
        while (left := kernel.left(ports)) and time.monotonic() < end_s:
            time.sleep(0.1)
        assert left == []
    finally:
        kernel.close()
