"""Starts a model server from a notebook or a test, and talks to it. Labs 07 to 12."""

import http.client
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from email.message import Message
from pathlib import Path
from typing import Any, NoReturn, Unpack
from urllib.parse import quote

from scaletoolkit import lab
from scaletoolkit.machine import processes
from scaletoolkit.service import observation, signature
from scaletoolkit.service.settings import Options, Settings

PATIENCE_S = 60.0
CHANGE_S = 120.0  # for a tenant's model: another change, its file, a minute to load it
ENDING_S = 1.0  # between the end of a server's connections and that of its process
SHOWN_CHARACTERS = 500  # of what a server wrote to stderr


class ServerError(lab.LabError):
    """What the server answered instead of a result: its sentence; `status` is HTTP's."""

    def __init__(self, sentence: str, status: int = 0, retry_after_s: int | None = None) -> None:
        super().__init__(sentence)
        self.status = status
        self.retry_after_s = retry_after_s


def start(folder: str | Path, wait: bool = True, **options: Unpack[Options]) -> "Server":
    """A running model server: a Server, its replicas ready unless `wait` is False.

    folder: one with model.onnx, as `training.export` leaves it, or an ONNX file of your own; its
    inputs and outputs are read from it. options: those of `Settings`. It ends with this process.
    Raises ValueError for a wrong option or model, ServerError when it does not start.
    """
    server = Server(Settings(str(folder), **options))
    try:
        if wait:
            server.wait_ready(server.settings.replicas)
    except BaseException:  # nobody else could close it
        server.close()
        raise
    return server


def _plain(value: object) -> object:
    """What JSON has in place of an array or number of numpy's."""
    if not hasattr(value, "tolist"):
        raise ValueError(f"only numbers, texts, lists and arrays can be sent, got {value!r:.80}")
    return value.tolist()


class Server:
    """A model server in processes of its own; a context manager that closes it.

    operator: the word for `authorization: Bearer`, with which /metrics tells of all tenants.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._gateway = processes.Child(["-m", "scaletoolkit.service.gateway"])
        try:
            self._tell(asdict(settings))
            line = self._gateway.stdout.readline()
            if not line:
                raise ServerError(f"The server did not start: {self._last_words()}.")
            told = json.loads(line)
            self.port: int = told["port"]
            self.operator: str = told["operator"]
            self.url = f"http://127.0.0.1:{self.port}"
            self._page = self.metrics()
        except BaseException:  # nobody else could close it
            self.close()
            raise

    def __repr__(self) -> str:
        return f"Server at {self.url}: {self.settings!r}"

    def __enter__(self) -> "Server":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def pid(self) -> int:
        """The gateway's process id."""
        return self._gateway.pid

    def predict(self, items: Sequence[object], tenant: str = "", model: str = "") -> list[Any]:
        """The model's results for a list of items: a list, in the same order.

        model: one that the tenant has deployed itself; "": the one that all share. Raises
        ServerError for whatever is no success; its `status` says which.
        """
        page = f"/v1/predict/{quote(model, safe='')}" if model else "/v1/predict"
        return self.ask("POST", page, items, tenant)

    def deploy(self, tenant: str, name: str, path: str | Path) -> str:
        """Let a tenant bring an ONNX file, or its next version: the version that now answers.

        The one before answers until then. Raises ServerError where it cannot be served, or does not
        fit: then the same one answers; but where a model was too much to load, or failed when it
        was tried, there is none before that any more. ValueError where there is no file.
        """
        file = signature.file(path)
        if not file.is_file():
            raise ValueError(f"there is no model at {path}: neither a file nor a folder with one")
        return self._change(tenant, name, "load", file.read_bytes())

    def roll_back(self, tenant: str, name: str) -> str:
        """Let the version before answer again: its number."""
        return self._change(tenant, name, "roll-back")

    def unload(self, tenant: str, name: str) -> None:
        """Take a tenant's model away."""
        self._change(tenant, name, "unload")

    def _change(self, tenant: str, name: str, action: str, body: bytes = b"") -> str:
        page = f"/v2/repository/models/{quote(name, safe='')}/{action}"
        status, _, said = self.request("POST", page, body, {"x-tenant": tenant}, CHANGE_S)
        answer = json.loads(said)
        if status >= 400:
            raise ServerError(answer["error"], status)
        return str(answer["version"])

    def ask(self, method: str, path: str, value: object = None, tenant: str = "") -> Any:
        """The JSON that the server answers; raises ServerError when it is not a success."""
        sent = None if value is None else json.dumps(value, default=_plain)
        asking = {"x-tenant": tenant} if tenant else {}
        status, headers, body = self.request(method, path, sent, asking)
        answer = json.loads(body)
        if status >= 400:
            after_s = headers.get("retry-after")
            sentence = answer.get("error", body.decode())  # a server that is not ready has none
            raise ServerError(sentence, status, int(after_s) if after_s else None)
        return answer

    def request(
        self,
        method: str,
        path: str,
        body: str | bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout_s: float = PATIENCE_S,
    ) -> tuple[int, Message, bytes]:
        """One HTTP request on a connection of its own: (status, headers, body).

        Raises ServerError when the server has ended or does not answer.
        """
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout_s)
        try:
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            return response.status, response.headers, response.read()
        except TimeoutError:
            sentence = f"The server did not answer within {timeout_s:g} s."
            raise ServerError(sentence) from None
        except (ConnectionError, http.client.HTTPException):
            if self._gateway.over(ENDING_S):
                raise self._ended() from None
            raise
        finally:
            connection.close()

    def resize(self, replicas: int) -> None:
        """Want so many replicas from now on; returns at once."""
        if not isinstance(replicas, int) or replicas < 0:
            raise ValueError(f"replicas must be a whole number of 0 or more, got {replicas!r}")
        self._tell({"replicas": replicas})

    def forget(self) -> None:
        """Forget all answers that are kept (`cache_items`); returns at once."""
        self._tell({"forget": True})

    def _tell(self, order: dict[str, Any]) -> None:
        try:
            self._gateway.tell(json.dumps(order))
        except (BrokenPipeError, ValueError):  # ValueError: it was closed
            raise self._ended() from None

    def _ended(self) -> ServerError:
        return ServerError(f"The server has ended: {self._last_words()}. Start it again.")

    def _last_words(self) -> str:
        """Why the server has ended, if it said so, else by what."""
        self._gateway.over(ENDING_S)
        why = self._gateway.said().splitlines()[-1:] or [self._gateway.cause()]
        return why[0][:SHOWN_CHARACTERS]

    def metrics(self) -> observation.Page:
        """The page /metrics: {name: value}, where there are labels {(name, label value, …): value}.

        Label values stand in the alphabetical order of their labels.
        """
        from prometheus_client.parser import text_string_to_metric_families as parse

        operator = {"authorization": f"Bearer {self.operator}"}
        _, _, text = self.request("GET", "/metrics", headers=operator)
        samples = [sample for family in parse(text.decode()) for sample in family.samples]
        return {
            (sample.name, *sample.labels.values()) if sample.labels else sample.name: sample.value
            for sample in samples
        }

    def replicas(self) -> list[observation.ReplicaFacts]:
        """What is known of each replica: name, pid, state, provider."""
        return observation.replicas(self.metrics())

    def tenants(self) -> dict[str, observation.TenantFacts]:
        """What each tenant has had so far: {name: facts}."""
        return observation.tenants(self.metrics())

    def wait_ready(self, replicas: int, timeout_s: float = PATIENCE_S) -> None:
        """Wait until exactly so many replicas are there, all ready; raises ServerError if not.

        It does not wait for replicas that cannot load their model.
        """
        end_s = time.monotonic() + timeout_s
        while [replica["state"] for replica in self.replicas()] != ["ready"] * replicas:
            _, _, told = self.request("GET", "/readyz")
            if trouble := json.loads(told).get("error"):
                raise ServerError(f"No replica can answer: {trouble[:SHOWN_CHARACTERS]}")
            if time.monotonic() > end_s:
                reason = self._gateway.said()[-SHOWN_CHARACTERS:] or "They gave no reason."
                raise ServerError(
                    f"{replicas} replicas were not ready in {timeout_s:g} s. {reason}"
                )
            time.sleep(0.05)

    def wait(self) -> NoReturn:
        """Wait until the server ends, and raise the ServerError that says why."""
        while not self._gateway.over(ENDING_S):
            pass
        raise self._ended()

    def observe(self) -> observation.Observation:
        """What happened since the last call; the first time, since the start."""
        before = self._page
        self._page = self.metrics()
        return observation.between(before, self._page)

    def close(self) -> str:
        """Stop the server and wait until its processes are gone: what it had written to stderr."""
        return self._gateway.end()
