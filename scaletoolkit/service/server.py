"""Starts a model server from a notebook or a test, and talks to it. Labs 07 to 12."""

import http.client
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict

from scaletoolkit import lab
from scaletoolkit.service import observation
from scaletoolkit.service.settings import Settings

PATIENCE_S = 60.0


class ServerError(lab.LabError):
    """What the server answered instead of a result: its sentence; `status` is HTTP's."""

    def __init__(self, sentence, status=0, retry_after_s=None):
        super().__init__(sentence)
        self.status, self.retry_after_s = status, retry_after_s


def start(folder, wait=True, **options):
    """A running model server: a Server, its replicas ready unless `wait` is False.

    folder: of a model, see `models`. options: those of `Settings`. It ends with this process.
    """
    server = Server(Settings(str(folder), **options))
    if wait:
        server.wait_ready(server.settings.replicas)
    return server


class Server:
    """A model server in processes of its own; a context manager that closes it."""

    def __init__(self, settings):
        self.settings = settings
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the server
        self._gateway = subprocess.Popen(
            [sys.executable, "-m", "scaletoolkit.service.gateway"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            start_new_session=True,
        )
        self._order(asdict(settings))
        line = self._gateway.stdout.readline()
        if not line:
            raise ServerError(f"The server did not start: {self.close()[-500:]}")
        self.port = json.loads(line)["port"]
        self.url = f"http://127.0.0.1:{self.port}"
        self._page = self.metrics()

    def __repr__(self):
        return f"Server at {self.url}: {self.settings!r}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    @property
    def pid(self):
        """The gateway's process id."""
        return self._gateway.pid

    def predict(self, items):
        """The model's results for a list of items: a list, in the same order."""
        return self.ask("POST", "/v1/predict", items)

    def ask(self, method, path, value=None):
        """The JSON that the server answers; a ServerError when it is not a success."""
        status, headers, body = self.request(
            method, path, None if value is None else json.dumps(value)
        )
        answer = json.loads(body)
        if status >= 400:
            sentence = answer["error"] if "error" in answer else body.decode()
            after = headers.get("retry-after")
            raise ServerError(sentence, status, after and int(after))
        return answer

    def request(self, method, path, body=None):
        """One HTTP request on a connection of its own: (status, headers, body)."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        try:
            connection.request(method, path, body)
            response = connection.getresponse()
            return response.status, response.headers, response.read()
        finally:
            connection.close()

    def resize(self, replicas):
        """Want so many replicas from now on; returns at once."""
        if not isinstance(replicas, int) or replicas < 0:
            raise ValueError(f"replicas must be a whole number of 0 or more, got {replicas!r}")
        self._order({"replicas": replicas})

    def _order(self, order):
        self._gateway.stdin.write(json.dumps(order) + "\n")
        self._gateway.stdin.flush()

    def metrics(self):
        """The page /metrics: {(name, label value, …): value}, labels in alphabetical order."""
        from prometheus_client.parser import text_string_to_metric_families as parse

        _, _, text = self.request("GET", "/metrics")
        samples = [sample for family in parse(text.decode()) for sample in family.samples]
        return {(sample.name, *sample.labels.values()): sample.value for sample in samples}

    def replicas(self):
        """What is known of each replica: a list of dicts with name, pid, state, provider."""
        return observation.replicas(self.metrics())

    def wait_ready(self, replicas, timeout_s=PATIENCE_S):
        """Wait until exactly so many replicas are there, all ready."""
        end_s = time.monotonic() + timeout_s
        while [one["state"] for one in self.replicas()] != ["ready"] * replicas:
            if time.monotonic() > end_s:
                said = self._said()[-500:] or "They gave no reason."
                raise ServerError(f"{replicas} replicas were not ready in {timeout_s:g} s. {said}")
            time.sleep(0.05)

    def observe(self):
        """What happened since the last call (the first time: since the start): an Observation."""
        before, self._page = self._page, self.metrics()
        return observation.between(before, self._page)

    def close(self):
        """Stop the server and wait until its processes are gone: what it had written to stderr."""
        if self._log.closed:
            return ""
        self._gateway.stdin.close()
        try:
            self._gateway.wait(10)
        except subprocess.TimeoutExpired:
            self._gateway.kill()
            self._gateway.wait()
        self._gateway.stdout.close()
        with self._log:
            return self._said()

    def _said(self):
        """What the server has written to stderr so far. Its own place in the file is another."""
        size = os.fstat(self._log.fileno()).st_size
        return os.pread(self._log.fileno(), size, 0).decode(errors="replace").strip()
