"""An answer that is always the same, from the least code: python constant_server.py PORT.

How fast the client is at its fastest: no server of the bench may come near it.
"""

import asyncio
import sys

import uvloop

BODY = b"[[0.123456789]]"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(BODY), BODY)


class Constant(asyncio.Protocol):
    """One connection."""

    def connection_made(self, transport):
        """A client has connected."""
        self.transport = transport

    def data_received(self, data):
        """A request is here, whatever it is."""
        self.transport.write(ANSWER)


async def main():
    """Serve for ever."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Constant, "127.0.0.1", int(sys.argv[1]))
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main())
