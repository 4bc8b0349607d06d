"""The queue, the replicas and the HTTP application of one model server. Lab 07."""

import asyncio
import math
import time
import traceback
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import orjson
from prometheus_client import generate_latest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from scaletoolkit.service.gateway import asgi, inference, welcome
from scaletoolkit.service.gateway.answers import Answers, Waiting
from scaletoolkit.service.gateway.fleet import Door, Fleet
from scaletoolkit.service.gateway.metrics import Metrics
from scaletoolkit.service.gateway.payloads import BadRequest, Format
from scaletoolkit.service.gateway.replicas import Item, ItemBatcher, ModelError, Row
from scaletoolkit.service.settings import LOOPBACK, Settings
from scaletoolkit.serving import batching

GRACE_S = 0.05
LONG_BYTES = 256 << 10  # a body that would keep everybody waiting for as long as it is read
STATUSES: dict[type[Exception], int] = {
    asgi.ClientGone: 499,
    ModelError: 422,
    batching.QueueFull: 503,
    batching.QueueClosed: 503,
    batching.ReplicaLost: 503,
    batching.DeadlineExceeded: 504,
}
Caller = dict[bytes, bytes]  # the headers of a request
Answered = tuple[bytes, asgi.Headers]
Read = TypeVar("Read")


class Gateway:
    """The queue, the replicas and the HTTP application of one model server."""

    def __init__(self, settings: Settings, door: Door) -> None:
        self.settings = settings
        self.format = Format(settings.model, settings.max_queue_size)
        self.reader = ThreadPoolExecutor(1)  # one after the other: each takes turns with the loop
        self.bodies = asgi.Bodies(self.format.most_bytes, settings.timeout_s)
        self.batcher: ItemBatcher = batching.Batcher(
            settings.max_batch_size, settings.max_queue_delay_microseconds, settings.max_queue_size
        )
        self.fleet = Fleet(settings, self.batcher, door)
        self.answers = Answers(settings, self.fleet)
        self.metrics = Metrics(settings, self.fleet, self.answers)
        name = settings.model["name"]
        self.model_pages = (f"/v2/models/{name}", f"/v2/models/{name}/versions/{inference.VERSION}")
        self.predictions = {"/v1/predict": self.timed(self.predict)}
        self.predictions |= {f"{page}/infer": self.timed(self.infer) for page in self.model_pages}
        self.pages = self._pages()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, as ASGI has it: a prediction here, anything else by `pages`."""
        endpoint = self.predictions.get(scope.get("path", ""))
        if endpoint and scope.get("method") == "POST":
            await endpoint(dict(scope["headers"]), receive, send)
        else:
            await self.pages(scope, receive, send)

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
        self, endpoint: Callable[[Caller, Receive], Awaitable[Answered]]
    ) -> Callable[[Caller, Receive, Send], Awaitable[None]]:
        """The endpoint, with its failures as answers and every answer counted."""
        clock = time.perf_counter  # the loop's counts whole milliseconds

        async def answer(caller: Caller, receive: Receive, send: Send) -> None:
            start_s = clock()
            status = 200
            try:
                if self.settings.host == LOOPBACK:
                    asgi.check_caller(caller)
                body, headers = await endpoint(caller, receive)
            except Exception as error:
                status, body, headers = self.failure(error)
            except asyncio.CancelledError:
                task = asyncio.current_task()
                if task and task.cancelling():
                    raise  # the server ends; else it was the future: the client has gone
                status, body, headers = self.failure(asgi.ClientGone())
            self.metrics.on_answer(status, clock() - start_s)
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
        after_s = math.ceil(self.batcher.waiting.value / rate_per_s) if rate_per_s else 1
        return [(b"retry-after", b"%d" % min(60, max(1, after_s)))]

    async def body(self, caller: Caller, receive: Receive) -> bytes:
        """The body of a request, which must not be compressed."""
        encoding = caller.get(b"content-encoding", b"identity")
        if encoding != b"identity":
            told = encoding[:40].decode("latin-1")
            raise BadRequest(f"a body with content-encoding {told} is not read: send it plain", 415)
        return await self.bodies.read(receive)

    async def read(self, body: bytes, function: Callable[[bytes], Read]) -> Read:
        """What the function makes of a body; of a long one beside the event loop."""
        if len(body) < LONG_BYTES:
            return function(body)
        return await asyncio.get_running_loop().run_in_executor(self.reader, function, body)

    async def predict(self, caller: Caller, receive: Receive) -> Answered:
        """POST /v1/predict: a JSON list of items in, a list of results in the same order out."""
        body = await self.body(caller, receive)
        items = await self.read(body, self.format.items)
        return self.format.results(await self.results(receive, items)), ()

    async def infer(self, caller: Caller, receive: Receive) -> Answered:
        """POST /v2/models/{name}/infer: the Open Inference Protocol."""
        body = await self.body(caller, receive)
        json_bytes = caller.get(inference.LENGTH)
        asked = await self.read(body, lambda read: inference.asked(read, json_bytes, self.format))
        rows = await self.results(receive, asked.items)
        return inference.answer(asked, rows, self.settings.model)

    async def results(self, receive: Receive, items: list[Item]) -> list[Row]:
        """The rows of a request's items: all, or the first one's failure.

        What nobody waits for any more leaves the queue: after a failure, or when the client goes.
        """
        futures: list[Waiting] = []
        watch = asyncio.get_running_loop().call_later(
            GRACE_S, asgi.cancel_when_gone, receive, futures
        )
        try:
            for item in items:
                futures.append(self.answers.submit(item, self.settings.timeout_s))
            return [(await future)[0] for future in futures]
        finally:
            watch.cancel()
            for future in futures:
                if not future.cancel() and not future.cancelled():
                    future.exception()  # seen, so that asyncio does not complain

    async def ready(self, request: Request) -> Response:
        """GET /readyz: a replica can answer. An `error` says why the model cannot be loaded."""
        count = len(self.fleet.ready)
        told = {"name": self.settings.model["name"], "ready": bool(count), "replicas": count}
        trouble = {"error": self.fleet.trouble} if self.fleet.trouble else {}
        return reply(told | trouble, 200 if count else 503)

    async def http_error(self, request: Request, error: Exception) -> Response:
        """A wrong path or method; what may have been meant as a prediction is counted."""
        assert isinstance(error, HTTPException), "Starlette calls it for nothing else"
        if request.method == "POST":
            self.metrics.answers[error.status_code] += 1
        sentence = f"{request.url.path}: {error.detail}"
        return reply({"error": sentence}, error.status_code, error.headers)

    async def page(self, request: Request) -> Response:
        """GET /metrics."""
        text = generate_latest(self.metrics)
        return Response(text, media_type="text/plain; version=0.0.4; charset=utf-8")

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
