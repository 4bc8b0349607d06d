"""A notebook's kernel is killed while it serves, scales and loads: nothing may be left. Lab 09.

SCALETOOLKIT_KILLS=50 makes it a soak. The first kill comes under load, the others at any moment,
also while everything still starts.
"""

import os
import random
import signal
import socket
import time
from contextlib import suppress
from queue import Empty

import psutil
import pytest
from tools import strict
from tools.kernels import Kernel

NOT_OURS = {".ses"}  # ONNX Runtime keeps a note for all its processes among temporary files
KILLS = int(os.environ.get("SCALETOOLKIT_KILLS", "2"))
LONGEST_S = 8
GRACE_S = 5
PATIENCE_S = 90
CELL = """
from scaletoolkit import service
from scaletoolkit.machine import processes
from scaletoolkit.service.autoscaler import Autoscaler
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
with Autoscaler(server, spec, speed=30) as autoscaler:
    for _ in run.ticks(0.5):
        if autoscaler.decisions and autoscaler.decisions[-1].replicas == 4 and run.rows():
            print("under load", flush=True)
"""


class Serving(Kernel):
    """A kernel that serves, scales and loads."""

    def __init__(self, model, folder):
        super().__init__(folder)
        self.ours = {path.name for path in self.folder.iterdir()}
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
        ports = [port for process in strict.marked(self.token) for port in _ports(process)]
        os.kill(self.manager.provisioner.pid, signal.SIGKILL)
        with suppress(Empty):  # nothing more was said
            while True:
                self.next_message(0.1)
        return ports

    def left(self, ports):
        """What is still there: a list of sentences."""
        processes = strict.marked(self.token)
        sentences = [f"the process {' '.join(_command(p))[:150]}" for p in processes]
        sentences += [f"the port {port}" for port in ports if _answers(port)]
        names = {path.name for path in self.folder.iterdir()} - self.ours - NOT_OURS
        return sentences + [f"the temporary {name}" for name in sorted(names)]


def _command(process):
    with suppress(psutil.Error):
        return process.cmdline()
    return ["(ended meanwhile)"]


def _ports(process):
    with suppress(psutil.Error):
        sockets = process.net_connections(kind="tcp")
        return [tcp.laddr.port for tcp in sockets if tcp.status == psutil.CONN_LISTEN]
    return []


def _answers(port):
    with socket.socket() as knocking:
        knocking.settimeout(1)
        return knocking.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.parametrize("kill", range(KILLS))
def test_a_killed_kernel_leaves_nothing_behind(kill, digits_model, tmp_path):
    kernel = Serving(digits_model, tmp_path)
    try:
        if kill == 0:
            kernel.under_load()
        else:
            time.sleep(random.Random(kill).uniform(0, LONGEST_S))
        ports = kernel.kill()
        end_s = time.monotonic() + GRACE_S
        while kernel.left(ports) and time.monotonic() < end_s:
            time.sleep(0.1)
        assert kernel.left(ports) == []
    finally:
        kernel.close()
