"""HTTP/1.1 on asyncio, just enough of it to load a server without being the bottleneck. Lab 07."""

import asyncio
from urllib.parse import urlsplit


class Connections:
    """Kept connections to one server; each carries one request at a time."""

    def __init__(self, url: str, most: int = 500) -> None:
        parts = urlsplit(url)
        self._host = parts.hostname
        self._port = parts.port or 80
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
        self._slots = asyncio.Semaphore(most)
        self._head = (
            f"POST {parts.path or '/'} HTTP/1.1\r\nHost: {parts.netloc}\r\n"
            "Content-Type: application/json\r\nContent-Length: "
        ).encode()

    async def post(self, body: bytes) -> int:
        """Send the body: the status of the answer, 0 where none came."""
        async with self._slots:
            try:
                return await self._exchange(self._head + b"%d\r\n\r\n" % len(body) + body)
            except (OSError, EOFError, ValueError, IndexError):
                return 0

    async def _exchange(self, request: bytes) -> int:
        """A kept connection may have been closed by the server meanwhile: then on a fresh one."""
        while self._idle:
            reader, writer = self._idle.pop()
            if not reader.at_eof() and not writer.is_closing():
                return await self._ask(reader, writer, request)
        return await self._ask(*await asyncio.open_connection(self._host, self._port), request)

    async def _ask(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes
    ) -> int:
        keep = False
        try:
            writer.write(request)
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            size_bytes = int(head.split(b"content-length:")[1].split(b"\r\n")[0])
            await reader.readexactly(size_bytes)
            keep = b"connection: close" not in head
            return int(head.split(b" ", 2)[1])
        finally:
            if keep:
                self._idle.append((reader, writer))
            else:
                writer.close()

    def close(self) -> None:
        """Close what is idle."""
        for _, writer in self._idle:
            writer.close()
