"""Three tenants, kills and resizes: what is sent is answered or refused, and paid for. Lab 11.

SCALETOOLKIT_REQUESTS=1000000 says how many requests, SCALETOOLKIT_KILLS=50 how many replicas die.
"""

import os
import socket
import threading

import pytest
from tools.under_load import Asking, kill_one

from scaletoolkit import service

REQUESTS = int(os.environ.get("SCALETOOLKIT_REQUESTS", "3000"))
KILLS = int(os.environ.get("SCALETOOLKIT_KILLS", "3"))
TENANTS = {
    "ads": {"weight": 3, "max_waiting": 8},
    "speech": {"weight": 1, "max_waiting": 8},
    "vision": {"weight": 1, "max_waiting": 4},
}
CLIENTS = {"ads": 12, "speech": 4, "vision": 2}  # ads asks for more than may wait
AT_ONCE = 8  # requests that a client sends before it reads
BODY = b"[[" + b",".join([b"0.5"] * 64) + b"]]"


class Client:
    """A connection that sends requests of a tenant, some at once, and counts what comes back."""

    def __init__(self, port, tenant):
        self.counts = {"200": 0, "503": 0}
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._lines = self._socket.makefile("rb")
        head = f"POST /v1/predict HTTP/1.1\r\nHost: 127.0.0.1\r\nx-tenant: {tenant}\r\n"
        self._request = head.encode() + b"content-length: %d\r\n\r\n%s" % (len(BODY), BODY)

    def ask(self, count):
        """Send so many requests and read their answers."""
        self._socket.sendall(self._request * count)
        for _ in range(count):
            status = self._lines.readline().split()[1].decode()
            self.counts[status] = self.counts.get(status, 0) + 1
            size = 0
            while (line := self._lines.readline()) != b"\r\n":
                name, _, value = line.partition(b":")
                size = int(value) if name.lower() == b"content-length" else size
            self._lines.read(size)


class Crowd(Asking):
    """Every tenant's clients, until so many requests are sent and nobody needs them any more."""

    def __init__(self, server):
        names = [tenant for tenant, count in CLIENTS.items() for _ in range(count)]
        self.tenants = names
        self.clients = [Client(server.port, name) for name in names]
        self.lock = threading.Lock()
        self.left = REQUESTS
        super().__init__(len(names))

    def ask(self, number):
        while self.left > 0 or not self.stopped:
            with self.lock:
                self.left -= AT_ONCE
            self.clients[number].ask(AT_ONCE)

    def sent(self, tenant):
        """How many of a tenant's requests were answered with each status."""
        total = {}
        for name, client in zip(self.tenants, self.clients, strict=True):
            for status, count in client.counts.items():
                total[status] = total.get(status, 0) + count * (name == tenant)
        return total


def test_what_three_tenants_send_is_answered_or_refused_and_device_seconds_add_up(digits_model):
    options = {"replicas": 2, "max_batch_size": 4, "accelerator_ms": (1, 0.1)}
    with service.start(digits_model, tenants=TENANTS, **options) as server:
        with Crowd(server) as crowd:
            for kill in range(1, KILLS + 1):
                kill_one(server, kill, replicas=2)
                for size in (3, 2):
                    server.resize(size)
                    server.wait_ready(size)
        facts = server.tenants()
        page = server.metrics()
    for tenant, had in facts.items():
        counts = crowd.sent(tenant)
        assert set(counts) == {"200", "503"}
        assert (had["answered"], had["refused"]) == (counts["200"], counts["503"])
        assert (had["failed"], had["waiting"]) == (0, 0)
        assert had["answered"] > 0
    assert sum(client.counts[s] for client in crowd.clients for s in ("200", "503")) >= REQUESTS
    assert facts["ads"]["refused"] > 0
    total_s = page["inference_device_seconds_total"]
    assert sum(had["device_s"] for had in facts.values()) == pytest.approx(total_s, rel=1e-9)
    assert page["replica_deaths_total"] == KILLS
