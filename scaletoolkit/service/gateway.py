"""The process that speaks HTTP: queue, batches, answers. Lab 07.

`python -m scaletoolkit.service.gateway` reads its settings as a line of JSON from stdin, prints its
port as one, then takes orders from stdin ({"replicas": 5}). It stops when stdin ends.
"""

import asyncio
import contextlib
import json
import math
import os
import socket
import sys
import threading

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.routing import Route

from scaletoolkit.batching import Batcher, DeadlineExceeded, QueueClosed, QueueFull, ServerLost
from scaletoolkit.service import payloads
from scaletoolkit.service.fleet import Fleet
from scaletoolkit.service.member import ModelError
from scaletoolkit.service.metrics import Metrics
from scaletoolkit.service.settings import Settings

MOST_BODY_BYTES = 16 << 20
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
        self.app = Starlette(
            routes=[
                Route("/v1/predict", self.timed(self.predict), methods=["POST"]),
                Route(f"/v2/models/{name}/infer", self.timed(self.infer), methods=["POST"]),
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
        loop = asyncio.get_running_loop()

        async def answer(request):
            start_s = loop.time()
            try:
                response = reply(await endpoint(request))
            except payloads.BadRequest as error:
                response = reply({"error": str(error)}, error.status)
            except ModelError as error:
                response = reply({"error": str(error)}, 422)
            except tuple(STATUSES) as error:
                response = self.unavailable(error)
            except ClientDisconnect:
                response = Response(status_code=CLIENT_GONE)
            except asyncio.CancelledError:
                if asyncio.current_task().cancelling():
                    raise
                response = Response(status_code=CLIENT_GONE)
            self.metrics.on_answer(response.status_code, loop.time() - start_s)
            return response

        return answer

    def unavailable(self, error):
        """503 or 504; with the time after which the queue will have been worked off, roughly."""
        rate = self.metrics.averages(self.fleet, self.batcher)["items_per_s"]
        after_s = math.ceil(self.batcher.waiting.value / rate) if rate else 1
        headers = {"retry-after": str(min(60, max(1, after_s)))}
        return reply({"error": str(error)}, STATUSES[type(error)], headers)

    async def predict(self, request):
        """POST /v1/predict: a JSON list of items in, a list of results in the same order out."""
        items = payloads.items(await body_of(request), self.model)
        return [row.tolist() for row in await self.results(request, items)]

    async def infer(self, request):
        """POST /v2/models/{name}/infer: the Open Inference Protocol."""
        identity, items = payloads.tensor(await body_of(request), self.model)
        return payloads.answer(identity, await self.results(request, items), self.model)

    async def results(self, request, items):
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
            watch = asyncio.get_running_loop().call_later(GRACE_S, _watch, request, futures)
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


def _watch(request, futures):
    """From now on, cancel what was asked for when the client goes."""

    async def watch():
        while (await request.receive())["type"] != "http.disconnect":
            pass
        for future in futures:
            future.cancel()

    if not all(future.done() for future in futures):
        task = asyncio.create_task(watch())
        for future in futures:
            future.add_done_callback(lambda _: all(one.done() for one in futures) and task.cancel())


async def body_of(request):
    """The whole body of a request, bytes; BadRequest when it is too long."""
    parts, size = [], 0
    async for part in request.stream():
        parts.append(part)
        size += len(part)
        if size > MOST_BODY_BYTES:
            raise payloads.BadRequest(f"the body has more than {MOST_BODY_BYTES:,} bytes", 413)
    return b"".join(parts)


def reply(value, status=200, headers=None):
    """A JSON response, in ASCII: text that a client sent may hold halves of characters."""
    text = json.dumps(value, separators=(",", ":"))
    return Response(text, status, headers, "application/json")


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
