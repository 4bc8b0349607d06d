"""The process that speaks HTTP: its settings, its orders, its end. Lab 07.

`python -m scaletoolkit.service.gateway` reads its settings as a line of JSON from stdin, prints its
port and the operator's word as one, then takes orders from stdin: {"replicas": 5}, or
{"forget": true} for the answers that it keeps. When stdin ends, which the end of its parent brings
about, it answers what is in flight and ends.
"""

import asyncio
import gc
import json
import os
import socket
import sys
import threading

import uvicorn
import uvloop

from scaletoolkit.service.gateway import connections, fleet
from scaletoolkit.service.gateway.application import Gateway
from scaletoolkit.service.gateway.connections import JoiningProtocol
from scaletoolkit.service.settings import Settings

LAST_RESORT_S = 4.0
MOST_LINE_BYTES = 1 << 24  # of the settings: each tenant has a part


async def main() -> None:
    """Read the settings, say the port, serve."""
    orders = asyncio.StreamReader(MOST_LINE_BYTES)
    protocol = asyncio.StreamReaderProtocol(orders)
    await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, sys.stdin)
    settings = Settings(**json.loads(await orders.readline()))
    JoiningProtocol.most_connections = connections.most_connections()
    JoiningProtocol.head_s = min(JoiningProtocol.head_s, settings.timeout_s)
    with opened(settings) as listening:
        async with fleet.opened() as door:
            gateway = Gateway(settings, door)
            gc.freeze()  # what is here now stays; looking through it again and again costs a tenth
            told = {"port": listening.getsockname()[1], "operator": gateway.operator}
            print(json.dumps(told), flush=True)
            await serve(gateway, orders, listening)


def opened(settings: Settings) -> socket.socket:
    """Where the server listens; where it cannot, a sentence on stderr is the end."""
    try:
        return socket.create_server((settings.host, settings.port), backlog=2048)
    except OSError as error:
        why = os.strerror(error.errno or 0).lower()
        sys.exit(f"port {settings.port}: {why}; 0 takes one that is free")


async def serve(gateway: Gateway, orders: asyncio.StreamReader, listening: socket.socket) -> None:
    """Serve until `orders` (a stream of JSON lines) ends; then answer what is in flight."""
    gateway.model.fleet.resize(gateway.settings.replicas)
    watching = asyncio.create_task(gateway.metrics.watch())
    server = uvicorn.Server(
        uvicorn.Config(
            gateway,
            http=JoiningProtocol,
            lifespan="off",
            log_level="error",
            access_log=False,
            proxy_headers=False,
            ws="none",
            timeout_graceful_shutdown=2,
            timeout_keep_alive=75,  # longer than the quiet parts of a load test
        )
    )
    serving = asyncio.create_task(server.serve([listening]))
    following = asyncio.create_task(follow(orders, gateway))
    await asyncio.wait([serving, following], return_when=asyncio.FIRST_COMPLETED)
    end_soon()
    for served in gateway.models:
        served.batcher.close()
    server.should_exit = True
    await serving
    await gateway.close()
    watching.cancel()


async def follow(orders: asyncio.StreamReader, gateway: Gateway) -> None:
    """Do what the lines say, until there are no more."""
    while line := await orders.readline():
        order = json.loads(line)
        if "replicas" in order:
            gateway.model.fleet.resize(order["replicas"])
        else:
            for served in gateway.models:
                served.answers.cache.clear()


def end_soon() -> None:
    """End this process within seconds, whatever hangs: its parent may not be there to kill it."""
    timer = threading.Timer(LAST_RESORT_S, os._exit, [1])
    timer.daemon = True
    timer.start()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
