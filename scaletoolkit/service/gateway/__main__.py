"""The process that speaks HTTP: queue, batches, answers. Lab 07.

`python -m scaletoolkit.service.gateway` reads its settings as a line of JSON from stdin, prints its
port as one, then takes orders from stdin ({"replicas": 5}). It stops when stdin ends.
"""

import asyncio
import contextlib
import gc
import json
import math
import os
import socket
import sys
import threading

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Route

from scaletoolkit.service.gateway import asgi, payloads
from scaletoolkit.service.gateway.fleet import Fleet
from scaletoolkit.service.gateway.metrics import Metrics
from scaletoolkit.service.gateway.replicas import ModelError
from scaletoolkit.service.settings import Settings
from scaletoolkit.serving.batching import (
    Batcher,
    DeadlineExceeded,
    QueueClosed,
    QueueFull,
    ServerLost,
)

GRACE_S, LAST_RESORT_S = 0.05, 4.0
STATUSES = {QueueFull: 503, QueueClosed: 503, ServerLost: 503, DeadlineExceeded: 504}
CLIENT_GONE = 499


class Gateway:
    """The queue, the replicas and the HTTP application of one model server."""

    def __init__(self, settings):
        self.settings, self.model = settings, settings.model
        self.metrics = Metrics(settings)
        self.batcher = Batcher(
            settings.max_batch_size,
            settings.max_queue_delay_microseconds,
            settings.max_queue_size,
            self.metrics.on_batch,
        )
        self.fleet = Fleet(settings, self.batcher)
        name = self.model["name"]
        predictions = {
            "/v1/predict": self.timed(self.predict),
            f"/v2/models/{name}/infer": self.timed(self.infer),
        }
        self.app = asgi.ShortWay(predictions, self.others(name, predictions))

    def others(self, name, predictions):
        """What answers everything but predictions: a Starlette application."""
        return Starlette(
            routes=[
                *(Route(path, not_allowed, methods=["POST"]) for path in predictions),
                Route(f"/v2/models/{name}", self.describe),
                Route(f"/v2/models/{name}/ready", self.ready),
                Route("/v2", self.server),
                Route("/v2/health/live", self.healthy),
                Route("/v2/health/ready", self.ready),
                Route("/healthz", self.healthy),
                Route("/readyz", self.ready),
                Route("/metrics", self.page),
            ],
            exception_handlers={HTTPException: _http_error},
        )

    def timed(self, endpoint):
        """The endpoint, with its failures as answers and every answer counted."""
        clock = asyncio.get_running_loop().time

        async def answer(receive, send):
            start_s, status, headers = clock(), 200, ()
            try:
                value = await endpoint(receive)
            except payloads.BadRequest as error:
                status, value = error.status, {"error": str(error)}
            except ModelError as error:
                status, value = 422, {"error": str(error)}
            except tuple(STATUSES) as error:
                status, value = STATUSES[type(error)], {"error": str(error)}
                headers = self.retry_after()
            except asgi.ClientGone:
                status, value = CLIENT_GONE, None
            except asyncio.CancelledError:
                if asyncio.current_task().cancelling():
                    raise
                status, value = CLIENT_GONE, None
            self.metrics.on_answer(status, clock() - start_s)
            await asgi.reply(send, payloads.encode(value), status, headers)

        return answer

    def retry_after(self):
        """The header with the time after which the queue will have been worked off, roughly."""
        rate = self.metrics.averages(self.fleet, self.batcher)["items_per_s"]
        after_s = math.ceil(self.batcher.waiting.value / rate) if rate else 1
        return [(b"retry-after", b"%d" % min(60, max(1, after_s)))]

    async def predict(self, receive):
        """POST /v1/predict: a JSON list of items in, a list of results in the same order out."""
        items = payloads.items(await asgi.body_of(receive), self.model)
        return [row.tolist() for row in await self.results(receive, items)]

    async def infer(self, receive):
        """POST /v2/models/{name}/infer: the Open Inference Protocol."""
        identity, items = payloads.tensor(await asgi.body_of(receive), self.model)
        return payloads.answer(identity, await self.results(receive, items), self.model)

    async def results(self, receive, items):
        """The rows of a request's items: all, or the first one's failure.

        What nobody waits for any more leaves the queue: after a failure, or when the client goes.
        """
        if len(items) > self.settings.max_queue_size:
            most = self.settings.max_queue_size
            raise payloads.BadRequest(f"{len(items)} items in one request; at most {most}", 413)
        futures, watch = [], None
        try:
            for item in items:
                futures.append(self.batcher.submit(item, self.settings.timeout_s))
            loop = asyncio.get_running_loop()
            watch = loop.call_later(GRACE_S, asgi.cancel_when_gone, receive, futures)
            return [await future for future in futures]
        finally:
            if watch:
                watch.cancel()
            for future in futures:
                if not future.cancel() and not future.cancelled():
                    future.exception()  # seen, so that asyncio does not complain

    async def describe(self, request):
        """GET /v2/models/{name}."""
        return reply(payloads.metadata(self.model))

    async def server(self, request):
        """GET /v2."""
        return reply({"name": "scaletoolkit", "version": "1", "extensions": []})

    async def healthy(self, request):
        """GET /healthz: this process works."""
        return reply({"live": True})

    async def ready(self, request):
        """GET /readyz: a replica can answer."""
        count = len(self.fleet.ready)
        return reply({"ready": bool(count), "replicas": count}, 200 if count else 503)

    async def page(self, request):
        """GET /metrics."""
        text = self.metrics.text(self.fleet, self.batcher)
        return Response(text, media_type="text/plain; version=0.0.4; charset=utf-8")

    async def run(self, orders, listening):
        """Serve until `orders` (a stream of JSON lines) ends; then answer what is in flight."""
        await self.fleet.open()
        watching = asyncio.create_task(self.metrics.watch(self.fleet, self.batcher))
        server = uvicorn.Server(
            uvicorn.Config(
                self.app,
                http=asgi.OneWriteProtocol,
                lifespan="off",
                log_level="warning",
                access_log=False,
                proxy_headers=False,
                timeout_graceful_shutdown=2,
                timeout_keep_alive=75,  # longer than the quiet parts of a load test
            )
        )
        serving = asyncio.create_task(server.serve([listening]))
        following = asyncio.create_task(self.follow(orders))
        await asyncio.wait([serving, following], return_when=asyncio.FIRST_COMPLETED)
        end_soon()
        self.batcher.close()
        server.should_exit = True
        await serving
        await self.fleet.close()
        watching.cancel()

    async def follow(self, orders):
        """Do what the lines say, until there are no more."""
        while line := await orders.readline():
            self.fleet.resize(json.loads(line)["replicas"])


async def not_allowed(request):
    """Never called: Starlette knows by this route that GET is the wrong method here."""


def reply(value, status=200, headers=None):
    """A JSON response of Starlette's."""
    return Response(payloads.encode(value), status, headers, "application/json")


async def _http_error(request, error):
    return reply({"error": f"{request.url.path}: {error.detail}"}, error.status_code, error.headers)


def end_soon():
    """End this process within seconds, whatever hangs."""
    timer = threading.Timer(LAST_RESORT_S, os._exit, [1])
    timer.daemon = True
    timer.start()


async def main():
    """Read the settings, say the port, serve."""
    orders = asyncio.StreamReader()
    protocol = asyncio.StreamReaderProtocol(orders)
    await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, sys.stdin)
    settings = Settings(**json.loads(await orders.readline()))
    with socket.create_server(("127.0.0.1", 0), backlog=2048) as listening:
        gateway = Gateway(settings)
        gc.freeze()  # what is here now stays; looking through it again and again costs a tenth
        print(json.dumps({"port": listening.getsockname()[1]}), flush=True)
        await gateway.run(orders, listening)


def new_loop():
    """uvloop's event loop where it is installed, else Python's own."""
    with contextlib.suppress(ImportError):
        import uvloop

        return uvloop.new_event_loop()
    return asyncio.new_event_loop()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(main())
