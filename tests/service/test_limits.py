"""What breaks HTTP or a limit is answered with a sentence, and costs the others nothing. Lab 07."""

import json
import select
import socket
import subprocess
import sys
import time

import psutil
import pytest
from tools.listeners import listeners
from tools.under_load import until

from scaletoolkit import service
from scaletoolkit.service.gateway import asgi

HEAD = b"POST /v1/predict HTTP/1.1\r\nHost: localhost\r\n"
ITEM = [[0.5] * 64]


@pytest.fixture(scope="module")
def server(digits_model):
    with service.start(digits_model, timeout_s=1, max_queue_size=4096) as server:
        yield server


@pytest.fixture(autouse=True)
def unharmed(server):
    """Whatever a test does, the server answers afterwards and has not grown."""
    gateway = psutil.Process(server.pid)
    before = gateway.memory_info().rss
    yield
    assert len(server.predict(ITEM)) == 1
    assert gateway.memory_info().rss - before < 2 * asgi.HELD_BYTES
    assert "Traceback" not in server._gateway.said()


def connect(server):
    return socket.create_connection(("127.0.0.1", server.port), timeout=30)


def answer(connection):
    """(status, sentence) of what comes until the connection ends."""
    said = b""
    try:
        while part := connection.recv(1 << 16):
            said += part
    except ConnectionResetError:  # more was sent than read: the answer may be lost, or not
        pass
    head, _, body = said.partition(b"\r\n\r\n")
    assert head, "no answer"
    return int(head.split()[1]), json.loads(body)["error"]


@pytest.mark.parametrize(
    "sent",
    [
        b"GET /" + b"a" * 40_000,
        b"GET / HTTP/1.1\r\n" + b"x: y\r\n" * 8000,
        b"GET / HTTP/1.1\r\nx: " + b"y" * 40_000,
        b"GET / HTTP/1.1\r\nx: " + b"y" * 40_000 + b"\r\n\r\n",
    ],
    ids=["address", "many", "long", "whole"],
)
def test_a_long_head_is_refused(server, sent):
    with connect(server) as connection:
        connection.sendall(sent)
        status, sentence = answer(connection)
    assert status in (400, 431)
    assert "head" in sentence


def test_a_head_behind_a_long_body_is_no_long_head(server):
    body = json.dumps(ITEM * 200).encode()
    first = HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body
    assert 40_000 < len(first) < 64 << 10  # one read
    with connect(server) as connection:
        connection.sendall(first + b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n")
        time.sleep(0.2)
        connection.sendall(b"Connection: close\r\n\r\n")
        said = b"".join(iter(lambda: connection.recv(1 << 16), b""))
    assert said.count(b"HTTP/1.1 200 OK") == 2


def test_requests_sent_in_a_row_are_no_long_head(server):
    whole = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n"
    with connect(server) as connection:
        connection.sendall((whole + b"\r\n") * 2000 + whole)
        time.sleep(0.2)
        connection.sendall(b"Connection: close\r\n\r\n")
        said = b"".join(iter(lambda: connection.recv(1 << 16), b""))
    assert said.count(b"HTTP/1.1 200 OK") == said.count(b"HTTP/1.1 ") == 2001


@pytest.mark.parametrize("before", [b"", b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"])
def test_a_long_head_in_small_pieces_is_refused(server, before):
    with connect(server) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.sendall(before)
        if before:  # behind a whole request, in the same bytes, a head is not counted
            assert connection.recv(1 << 16).startswith(b"HTTP/1.1 200")
        connection.sendall(b"GET / HTTP/1.1\r\nx: ")
        for _ in range(33):
            connection.sendall(b"y" * 1000)
        said = b"".join(iter(lambda: connection.recv(1 << 16), b""))
    assert b"HTTP/1.1 431" in said


@pytest.mark.parametrize("late", [b"\r", b"\r\n", b"G"])
def test_a_byte_after_an_answer_keeps_no_connection_for_ever(server, late):
    with connect(server) as connection:
        connection.settimeout(8)
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert connection.recv(1 << 16).startswith(b"HTTP/1.1 200")
        connection.sendall(late)
        assert answer(connection)[0] == 408


@pytest.mark.parametrize("sent", [b"\0\1\2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"GET\r\n\r\n"])
def test_what_is_no_http_has_a_sentence_as_json(server, sent):
    with connect(server) as connection:
        connection.sendall(sent)
        assert answer(connection) == (400, "this is not HTTP/1.1, or its head is too long")


def test_who_is_silent_or_slow_is_sent_away(server):
    none = HEAD + b"Content-Length: 1000\r\n\r\n"
    half = none + b"[["
    for sent, what in [(b"", "head"), (b"GET / HT", "head"), (none, "body"), (half, "body")]:
        with connect(server) as connection:
            connection.sendall(sent)
            status, sentence = answer(connection)
        assert status == 408
        assert f"the {what}" in sentence


def test_unfinished_bodies_are_bounded_together(digits_model):
    with service.start(digits_model, max_queue_size=4096) as patient:
        most_bytes = patient.settings.max_queue_size * 64 * 32
        fit = asgi.HELD_BYTES // most_bytes
        connections = []
        long = HEAD + b"Content-Length: %d\r\n\r\n" % most_bytes
        for _ in range(fit + 3):
            connections.append(connect(patient))  # not before: a head must come within seconds
            connections[-1].sendall(long + b" " * (most_bytes - 1000))
        until(lambda: turned_away(connections) >= 3, "whose bodies are too much are turned away")
        assert len(patient.predict(ITEM)) == 1
        for connection in connections:
            connection.close()


def test_models_and_their_files_hold_unfinished_bodies_together(digits_model):
    tenants = {"ads": {"model_bytes": asgi.HELD_BYTES}}
    with service.start(digits_model, max_queue_size=4096, tenants=tenants) as patient:
        head = b"POST %s HTTP/1.1\r\nHost: localhost\r\nx-tenant: ads\r\nContent-Length: %d\r\n\r\n"
        with connect(patient) as file, connect(patient) as body:
            file.sendall(head % (b"/v2/repository/models/m/load", asgi.HELD_BYTES))
            file.sendall(bytes(asgi.HELD_BYTES - (3 << 20)))
            body.sendall(head % (b"/v1/predict", 8 << 20) + bytes(7 << 20))
            refused, _, _ = select.select([file, body], [], [], 20)
            assert [one.recv(100).split()[1] for one in refused] == [b"503"]
        assert len(patient.predict(ITEM, "ads")) == 1


def test_a_body_is_as_long_as_a_full_queue_needs(server):
    most_bytes = 4096 * 64 * 32
    assert server.request("POST", "/v1/predict", b"[" + b" " * (most_bytes - 2) + b"]")[0] == 200
    status, _, said = server.request("POST", "/v1/predict", b"[" + b" " * most_bytes + b"]")
    assert (status, json.loads(said)["error"]) == (
        413,
        f"the body has more than {most_bytes:,} bytes",
    )


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"host": "evil.example"}, 403),
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "http://localhost:8888"}, 200),
        ({"content-encoding": "gzip"}, 415),
        ({"content-encoding": "identity"}, 200),
    ],
)
def test_who_may_ask_and_how(server, headers, status):
    got, _, said = server.request("POST", "/v1/predict", json.dumps(ITEM), headers)
    assert got == status
    assert got == 200 or json.loads(said)["error"]


@pytest.mark.parametrize("length", ["", "-1", "x", "99999999", "1" * 5000])
def test_a_wrong_length_of_the_json_is_named(server, length):
    path = f"/v2/models/{server.settings.model['name']}/infer"
    headers = {"inference-header-content-length": length}
    status, _, said = server.request("POST", path, "{}", headers)
    assert status == 400
    assert "inference-header-content-length must be a number" in json.loads(said)["error"]


def test_who_wants_a_websocket_is_answered_as_if_he_did_not(server):
    upgrade = {"connection": "Upgrade", "upgrade": "websocket", "sec-websocket-version": "13"}
    headers = upgrade | {"sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ=="}
    assert server.request("GET", "/healthz", headers=headers)[0] == 200
    assert server.request("GET", "/v1/predict", headers=headers)[0] == 405


def test_strangers_at_the_replicas_door_cost_nothing(server):
    (door,) = {port for _, port in listeners(server.pid)} - {server.port}
    huge = (1 << 30).to_bytes(4, "big") + bytes(4)
    deep = (4000).to_bytes(4, "big") + bytes(4) + b"[" * 4000
    for sent in [huge, deep] * 20:
        with socket.create_connection(("127.0.0.1", door), timeout=30) as stranger:
            stranger.sendall(sent)
            assert stranger.recv(1) == b""


def test_everything_that_a_server_says_to_a_probe_is_valid_for_prometheus(server):
    status, headers, text = server.request("GET", "/metrics")
    assert status == 200
    assert headers["content-type"].startswith("text/plain; version=0.0.4")
    assert all(line.isascii() for line in text.decode().splitlines())


FEW = """
import json, resource, socket, sys, time
resource.setrlimit(resource.RLIMIT_NOFILE, (200, 200))
from scaletoolkit import service
server = service.start(sys.argv[1])
print(server.port, flush=True)
input()
server.resize(3)
server.wait_ready(3)
print(len(server.predict([[0.5] * 64])), flush=True)
server.close()
"""


def test_more_clients_than_descriptors_are_turned_away_and_end_nothing(digits_model):
    command = [sys.executable, "-c", FEW, str(digits_model)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:
        port = int(parent.stdout.readline())
        clients = [socket.create_connection(("127.0.0.1", port)) for _ in range(400)]
        until(lambda: turned_away(clients) >= 250, "most are turned away")
        for client in clients[:20]:
            client.close()
        said, _ = parent.communicate("go\n", timeout=90)
    assert said == "1\n"
    assert parent.returncode == 0


def turned_away(clients):
    """How many clients have been told that there is no room."""
    count = 0
    for client in clients:
        client.setblocking(False)
        try:
            count += b" 503 " in client.recv(100, socket.MSG_PEEK)
        except (BlockingIOError, ConnectionResetError):
            continue
    return count
