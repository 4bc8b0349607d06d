"""The queue, the replicas and the HTTP application of one model server. Lab 07."""

import asyncio
import hmac
import math
import secrets
import time
import traceback
from collections.abc import Awaitable, Callable, Mapping

import orjson
from prometheus_client import generate_latest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from scaletoolkit.service.gateway import asgi, inference, welcome
from scaletoolkit.service.gateway.fleet import Door
from scaletoolkit.service.gateway.metrics import Metrics, Own
from scaletoolkit.service.gateway.payloads import BadRequest
from scaletoolkit.service.gateway.replicas import ModelError
from scaletoolkit.service.gateway.repository import Endpoint, Repository
from scaletoolkit.service.gateway.served import Caller, Common, Served
from scaletoolkit.service.gateway.tenants import Tenants
from scaletoolkit.service.settings import LOOPBACK, Settings
from scaletoolkit.serving import batching

STATUSES: dict[type[Exception], int] = {
    asgi.ClientGone: 499,
    ModelError: 422,
    batching.QueueFull: 503,
    batching.QueueClosed: 503,
    batching.ReplicaLost: 503,
    batching.DeadlineExceeded: 504,
}


class Gateway:
    """The tenants, the model and the HTTP application of one model server."""

    def __init__(self, settings: Settings, door: Door) -> None:
        self.settings = settings
        self.tenants = Tenants(settings.tenants, settings.fair, asyncio.get_running_loop().time)
        self.common = Common(settings, door, self.tenants)
        self.model = Served(settings, self.common)
        self.repository = Repository(settings, self.common)
        self.metrics = Metrics(settings, self.model.fleet, self.model.answers, self.tenants)
        self.operator = secrets.token_hex(16)
        name = settings.model["name"]
        self.model_pages = (f"/v2/models/{name}", f"/v2/models/{name}/versions/{inference.VERSION}")
        self.predictions = {"/v1/predict": self.timed(self.model.predict)}
        infer = self.timed(self.model.infer)
        self.predictions |= {f"{page}/infer": infer for page in self.model_pages}
        self.pages = self._pages()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, as ASGI has it: a prediction here, anything else by `pages`."""
        path = scope.get("path", "")
        endpoint = self.predictions.get(path)
        if endpoint and scope.get("method") == "POST":
            await endpoint(asgi.fields(scope["headers"]), receive, send)
        elif self.tenants.accounts and (own := self.repository.endpoint(scope["method"], path)):
            counted = path.startswith("/v1/") or path.endswith("/infer")
            await self.timed(own, counted)(asgi.fields(scope["headers"]), receive, send)
        else:
            await self.pages(scope, receive, send)

    @property
    def models(self) -> list[Served]:
        """All that is served: the shared model, and those that tenants have brought."""
        return [self.model, *self.repository.served]

    async def close(self) -> None:
        """End all replicas, once they have answered what they have in hand."""
        self.model.fleet.resize(0)
        await self.common.starter.begin_to_close()
        await asyncio.gather(self.model.fleet.close(), self.repository.close())
        self.common.starter.close()

    def _pages(self) -> Starlette:
        ready_pages = ("/readyz", "/v2/health/ready", *(f"{p}/ready" for p in self.model_pages))
        about = {"name": "scaletoolkit", "version": "1", "extensions": ["binary_tensor_data"]}
        live = {"live": True}
        fixed_pages: dict[str, object] = {"/healthz": live, "/v2/health/live": live, "/v2": about}
        fixed_pages |= dict.fromkeys(self.model_pages, inference.metadata(self.settings.model))
        return Starlette(
            routes=[
                # so that Starlette calls a GET of them a wrong method, not a wrong path
                *(Route(path, answered_before, methods=["POST"]) for path in self.predictions),
                *(Route(path, fixed(value)) for path, value in fixed_pages.items()),
                *(Route(path, self.ready) for path in ready_pages),
                Route("/metrics", self.page),
                Route("/", self.help),
            ],
            exception_handlers={HTTPException: self.http_error},
        )

    def timed(
        self, endpoint: Endpoint, counted: bool = True
    ) -> Callable[[Caller, Receive, Send], Awaitable[None]]:
        """The endpoint, its failures as answers; every answer is counted where predictions are."""
        clock = time.perf_counter  # the loop's counts whole milliseconds

        async def answer(caller: Caller, receive: Receive, send: Send) -> None:
            start_s = clock()
            status = 200
            tenant = ""
            try:
                if self.settings.host == LOOPBACK:
                    asgi.check_caller(caller)
                tenant = self.tenants.who(caller)
                body, headers = await endpoint(caller, tenant, receive)
            except Exception as error:
                status, body, headers = self.failure(error)
            except asyncio.CancelledError:
                task = asyncio.current_task()
                if task and task.cancelling():
                    raise  # the server ends; else it was the future: the client has gone
                status, body, headers = self.failure(asgi.ClientGone())
            if counted:
                self.metrics.on_answer(status, clock() - start_s, tenant)
            await asgi.reply(send, body, status, headers)

        return answer

    def failure(self, error: Exception) -> tuple[int, bytes, asgi.Headers]:
        """What is answered instead of results: (status, body, headers).

        An error that nobody has foreseen is told on stderr, and answered without its words.
        """
        status = error.status if isinstance(error, BadRequest) else STATUSES.get(type(error), 500)
        sentence = str(error)
        if status == 500:
            traceback.print_exception(error)
            sentence = "the server made a mistake; its log has more"
        headers = self.retry_after() if status in (503, 504) else ()
        if status == 408:  # the rest of the body may never come
            headers = (asgi.CLOSE,)
        return status, orjson.dumps({"error": sentence}), headers

    def retry_after(self) -> asgi.Headers:
        """The header with the time after which the queue will have been worked off, roughly."""
        rate_per_s = self.metrics.averages()["batched"]
        after_s = math.ceil(self.model.batcher.waiting.value / rate_per_s) if rate_per_s else 1
        return [(b"retry-after", b"%d" % min(60, max(1, after_s)))]

    async def ready(self, request: Request) -> Response:
        """GET /readyz: a replica can answer. An `error` says why the model cannot be loaded."""
        count = len(self.model.fleet.ready)
        told = {"name": self.settings.model["name"], "ready": bool(count), "replicas": count}
        trouble = {"error": self.model.fleet.trouble} if self.model.fleet.trouble else {}
        return reply(told | trouble, 200 if count else 503)

    async def http_error(self, request: Request, error: Exception) -> Response:
        """A wrong path or method; what may have been meant as a prediction is counted."""
        assert isinstance(error, HTTPException), "Starlette calls it for nothing else"
        if request.method == "POST":
            self.metrics.answers[error.status_code] += 1
        sentence = f"{request.url.path}: {error.detail}"
        return reply({"error": sentence}, error.status_code, error.headers)

    async def page(self, request: Request) -> Response:
        """GET /metrics: where there are tenants all of it for the operator, for each its own."""
        told: Metrics | Own = self.metrics
        if self.tenants.accounts and not self.is_operator(request):
            try:
                told = Own(self.tenants, self.tenants.who(asgi.fields(request.scope["headers"])))
            except BadRequest as error:
                return reply({"error": str(error)}, error.status)
        text = generate_latest(told)
        return Response(text, media_type="text/plain; version=0.0.4; charset=utf-8")

    def is_operator(self, request: Request) -> bool:
        """Whether the request comes with the word that only who started the server knows."""
        said = request.headers.get("authorization", "")
        return hmac.compare_digest(said.encode(), f"Bearer {self.operator}".encode())

    async def help(self, request: Request) -> Response:
        """GET /: what can be asked, with commands."""
        text = welcome.page(self.settings.model, request.url.netloc)
        return Response(text, media_type="text/html; charset=utf-8")


def fixed(value: object) -> Callable[[Request], Awaitable[Response]]:
    """An endpoint that always answers this JSON value."""

    async def answer(request: Request) -> Response:
        return reply(value)

    return answer


async def answered_before(request: Request) -> Response:
    """Stands for a prediction among Starlette's routes, which is answered before Starlette."""
    raise NotImplementedError


def reply(value: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON response of Starlette's."""
    return Response(orjson.dumps(value), status, headers, "application/json")
