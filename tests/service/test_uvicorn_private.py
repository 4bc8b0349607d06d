"""What the gateway uses of uvicorn without its promise: a failure names what has moved."""

import asyncio
import importlib
import inspect

MODULE = "uvicorn.protocols.http.httptools_impl"
USED_BY = "service/gateway/connections.py"


def test_uvicorn_has_the_protocol_that_we_extend():
    try:
        protocol = importlib.import_module(MODULE).HttpToolsProtocol
    except (ImportError, AttributeError) as error:
        raise AssertionError(f"{USED_BY} extends {MODULE}.HttpToolsProtocol: {error}") from None
    assert issubclass(protocol, asyncio.Protocol), f"{MODULE}: no longer a protocol of asyncio's"
    takes = list(inspect.signature(protocol.connection_made).parameters)
    assert takes == ["self", "transport"], f"{MODULE}: connection_made takes {takes}"


def test_uvicorn_keeps_the_transport_that_it_is_given_and_writes_answers_with_it():
    source = inspect.getsource(importlib.import_module(MODULE))
    for line in ("self.transport = transport", "self.transport.write(", "self.transport.close()"):
        assert line in source, f"{USED_BY} hands a transport to {MODULE}, which has no {line!r}"


def test_uvicorn_asks_the_methods_that_we_override():
    source = inspect.getsource(importlib.import_module(MODULE))
    for line in (
        "def on_message_begin(self)",
        "def on_headers_complete(self)",
        "def on_message_complete(self)",
        "self.response_complete = True",
        "self._unset_keepalive_if_required()",
        "self.send_400_response(msg)",
        "self.connections.add(self)",
        "self.headers.append((name, value))",
        "self.url += url",
        "except httptools.HttpParserError:",
    ):
        assert line in source, f"{USED_BY} relies on {MODULE}, which has no {line!r}"
