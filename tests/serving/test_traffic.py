"""Load tests against a real HTTP server: shapes, open and closed loop, and their ends. Lab 07."""

import asyncio
import contextlib
import io
import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaletoolkit.serving import traffic
from scaletoolkit.serving.traffic import runs, sender
from scaletoolkit.serving.traffic.arrivals import checked
from scaletoolkit.serving.traffic.tally import Tally

steps = st.lists(st.tuples(st.floats(0.1, 20), st.floats(0, 50)), min_size=1, max_size=5)


class Echo(BaseHTTPRequestHandler):
    """Answers 200 to an even number, 503 to an odd one; remembers the bodies."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.bodies.append(body)
        self.server.paths.add(self.path)
        right = 200 if body % 2 == 0 else 503
        self.send_response(right if self.path == "/v1/predict" else 404)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"[]")

    def log_message(self, *_):
        """Silence."""


class EchoServer(ThreadingHTTPServer):
    """Has room for every connection of a test at once."""

    request_queue_size = 128


@pytest.fixture
def server():
    with EchoServer(("127.0.0.1", 0), Echo) as server:
        server.daemon_threads = True
        server.bodies = []
        server.paths = set()
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def address(server):
    return f"http://127.0.0.1:{server.server_port}/v1/predict"


@given(steps, st.integers(0, 2**32))
def test_arrivals_rise_and_stay_within_the_steps(steps, seed):
    moments = traffic.poisson(steps, seed)
    assert (np.diff(moments) >= 0).all()
    assert not moments.size or 0 <= moments[0] <= moments[-1] <= sum(s for s, _ in steps) + 1e-9
    np.testing.assert_array_equal(moments, traffic.poisson(steps, seed))


def test_each_step_has_its_own_rate():
    moments = traffic.poisson([(100, 50), (100, 500), (100, 50)])
    counts, _ = np.histogram(moments, [0, 100, 200, 300])
    np.testing.assert_allclose(counts, [5_000, 50_000, 5_000], rtol=0.06)


def test_gaps_of_a_steady_load_are_exponential():
    gaps = np.diff(traffic.poisson([(1000, 100)]))
    np.testing.assert_allclose([gaps.mean(), gaps.std()], [0.01, 0.01], rtol=0.03)


def test_a_day_is_plain_steps():
    day = traffic.diurnal(100, seconds=960)
    assert sum(s for s, _ in day) == pytest.approx(960)
    assert np.mean([level for _, level in day]) == pytest.approx(100)
    assert day[48][1] > 8.9 * day[0][1]


@pytest.mark.parametrize("wrong", [[], [(1,)], [("1", 2)], [(0, 2)], [(1, -2)], (10, 20)])
def test_wrong_steps_are_refused(wrong):
    with pytest.raises(ValueError, match="step"):
        checked(wrong)


@pytest.mark.parametrize("kind", [np.int64, np.float32, float])
def test_steps_may_be_numbers_of_numpys(kind):
    steps = checked(np.array([(10, 20), (10, 200)], kind))
    assert steps == [(10, 20), (10, 200)]
    assert json.loads(json.dumps(steps)) == [[10, 20], [10, 200]]


def test_an_open_loop_sends_exactly_what_is_due_and_its_seconds_add_up(server):
    run = traffic.open_loop(address(server), [(2.2, 40)], [0, 1, 2], seed=3)
    result = run.wait()
    due = traffic.poisson([(2.2, 40)], seed=3)
    np.testing.assert_allclose(np.sort(result.due_s), due, atol=1e-6)
    assert sorted(server.bodies) == sorted(n % 3 for n in range(len(due)))
    totals = result.totals
    assert totals["requests"] == len(due) == totals["answered"] + totals["refused"]
    assert totals["refused"] == server.bodies.count(1)
    assert (result.latency_ms > 0).all()
    assert (result.late_ms >= 0).all()
    assert (result.late_ms <= result.latency_ms).all()
    for name in ("requests", "answered", "refused", "failed"):
        assert sum(row[name] for row in result.rows) == result.totals[name]
    assert repr(result).startswith(f"LoadResult: {result.totals['requests']} requests")


def test_without_a_server_every_request_fails():
    with socket.socket() as silent:  # bound, so that nobody else gets the port; not listening
        silent.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        result = traffic.open_loop(address, [(0.5, 20)], [0]).wait()
    assert result.totals["failed"] == result.totals["requests"] > 0


@pytest.fixture
def silent():
    """A server that lets everybody in and never says a word."""
    with socket.create_server(("127.0.0.1", 0), backlog=4096) as listening:
        yield listening


def test_what_is_never_answered_is_counted_too(silent):
    address = f"http://127.0.0.1:{silent.getsockname()[1]}/"
    result = traffic.open_loop(address, [(0.5, 40)], [0], seed=3, patience_s=0.3).wait()
    assert len(result.status) == len(traffic.poisson([(0.5, 40)], seed=3)) > 0
    assert set(result.status) == {0}
    assert (result.latency_ms >= 290).all()
    assert sum(row["failed"] for row in result.rows) == result.totals["failed"]


def test_an_open_loop_stays_open_with_a_thousand_on_their_way(silent):
    address = f"http://127.0.0.1:{silent.getsockname()[1]}/"
    result = traffic.open_loop(address, [(0.5, 2000)], [0], patience_s=1).wait()
    silent.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        for connections in itertools.count():  # noqa: B007 - how many there were
            silent.accept()[0].close()
    assert connections == len(result.status) > 800


def test_who_waits_for_its_turn_to_be_sent_is_late(silent, monkeypatch):
    monkeypatch.setattr(sender, "most_at_once", lambda: 1)
    url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
    plan = {"url": url, "headers": {}, "payloads": [0], "due_s": [0.0, 0.1], "patience_s": 0.2}
    lines = io.StringIO()
    tally = Tally(lines)
    asyncio.run(sender.send(plan, tally))
    tally.finish()
    outcomes = json.loads(lines.getvalue().splitlines()[-1])
    columns = (outcomes[name] for name in ("due_s", "late_ms", "latency_ms"))
    (_, first_ms, _), (_, late_ms, latency_ms) = sorted(zip(*columns, strict=True))
    assert first_ms < late_ms == latency_ms


def test_locust_follows_the_steps_and_keeps_its_report(server, tmp_path):
    before = set(sys.modules)
    run = traffic.closed_loop(
        address(server), [(3, 3), (1, 1)], [0, 1], rate_per_user=10, folder=tmp_path
    )
    result = run.wait()
    assert max(row["users"] for row in result.rows) == 3
    assert result.totals["requests"] == len(server.bodies) > 0
    assert result.totals["refused"] == sum(server.bodies)
    assert result.totals["answered"] == server.bodies.count(0)
    assert "html" in (tmp_path / "report.html").read_text().lower()
    assert (tmp_path / "locust_stats.csv").exists()
    assert {"locust", "gevent"} & (set(sys.modules) - before) == set()


def test_it_ticks_while_it_runs_and_knows_when_it_began(server):
    before_s = time.monotonic()
    run = traffic.open_loop(address(server), [(0.5, 20)], [0])
    assert sum(1 for _ in run.ticks(every_s=0.05)) > 5
    assert not run.running
    assert before_s < run.began_s < time.monotonic() - 0.4
    run.wait()


@pytest.mark.parametrize("load", [traffic.open_loop, traffic.closed_loop])
def test_a_test_can_be_stopped_twice(server, load, wait_until_gone):
    run = load(address(server), [(600, 5)], [0])
    assert run.running
    child = psutil.Process(run._child.pid)
    run.stop()
    run.stop()
    assert not run.running
    wait_until_gone([child])


def test_a_test_that_is_waited_for_with_a_line_has_the_same_result(server):
    result = traffic.open_loop(address(server), [(1.2, 20)], [0], seed=3).wait("open loop")
    due_s = traffic.poisson([(1.2, 20)], seed=3)
    np.testing.assert_allclose(np.sort(result.due_s), due_s, atol=1e-6)


def test_it_has_its_turn_for_as_long_as_it_runs(server, monkeypatch, tmp_path):
    monkeypatch.setenv("SCALETOOLKIT_TURNS", str(tmp_path))
    run = traffic.open_loop(address(server), [(1, 5)], [0])
    assert len(list(tmp_path.iterdir())) == 1
    for _ in run.ticks(0.1):
        pass
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("what", "sentence"),
    [
        (signal.SIGSTOP, "said nothing for 1 s, as if it were stopped"),
        (signal.SIGKILL, r"without a result \(SIGKILL\)"),
    ],
)
def test_a_test_that_is_stopped_or_killed_says_so(server, what, sentence, monkeypatch):
    monkeypatch.setattr(runs, "SILENCE_S", 1.0)
    run = traffic.open_loop(address(server), [(600, 5)], [0])
    next(run.ticks())
    os.kill(run._child.pid, what)
    with pytest.raises(traffic.LoadError, match=sentence):
        run.wait("open loop")


def test_a_test_that_takes_too_long_says_so(server):
    with pytest.raises(traffic.LoadError, match=r"had not ended after 0\.2 s"):
        traffic.open_loop(address(server), [(600, 5)], [0]).wait(timeout_s=0.2)


@pytest.mark.parametrize("load", [traffic.open_loop, traffic.closed_loop])
def test_a_query_is_sent_too(server, load):
    load(f"{address(server)}?a=2", [(1, 10)], [0]).wait()
    assert server.paths == {"/v1/predict?a=2"}


def test_users_who_post_seldom_are_spread_over_one_turn(server):
    run = traffic.closed_loop(address(server), [(2, 40)], [0], rate_per_user=0.1)
    assert len(run.wait().status) == len(server.bodies) < 25  # and not 40 in the first second


async def kept_after(answers):
    """How many connections are kept after each of these answers, and those that still are open."""
    left = iter(answers)

    async def handle(reader, writer):
        while await reader.readuntil(b"\r\n\r\n0"):
            answer, goes = next(left)
            writer.write(answer + b"\r\nContent-Length: 2\r\n\r\n[]")
            if goes:
                break
        writer.close()

    kept = []
    writers = []
    async with await asyncio.start_server(handle, "127.0.0.1", 0) as listening:
        port = listening.sockets[0].getsockname()[1]
        connections = sender.Connections(f"http://127.0.0.1:{port}/", {}, 1)
        for _ in answers:
            assert await connections.post(b"0") == 200
            kept.append(len(connections._idle))
            writers += [writer for _, writer in connections._idle if writer not in writers]
            await asyncio.sleep(0.05)
        connections.close()
    return kept, [writer.is_closing() for writer in writers]


@pytest.mark.parametrize(
    ("start", "kept"),
    [
        (b"HTTP/1.1 200 OK", 1),
        (b"HTTP/1.0 200 OK", 0),
        (b"HTTP/1.1 200 OK\r\nConnection: close", 0),
    ],
)
def test_a_connection_is_kept_where_its_server_keeps_it(start, kept):
    assert asyncio.run(kept_after([(start, not kept)] * 3))[0] == [kept] * 3


def test_a_connection_that_its_server_has_ended_is_closed():
    answers = [(b"HTTP/1.1 200 OK", True)] * 3
    assert asyncio.run(kept_after(answers)) == ([1, 1, 1], [True, True, True])


@pytest.mark.parametrize(
    ("url", "payloads"),
    [
        ("ftp://x", [1]),
        ("http://x", []),
        ("http://x:99999", [1]),
        ("http://x:y", [1]),
        ("http:///path", [1]),
    ],
)
def test_wrong_requests_are_refused_before_anything_starts(url, payloads):
    with pytest.raises(ValueError, match="a load test needs"):
        traffic.open_loop(url, [(1, 1)], payloads)


@pytest.mark.parametrize(
    ("load", "options", "sentence"),
    [
        (traffic.closed_loop, {"rate_per_user": 0}, "rate_per_user must be a positive number, got"),
        (traffic.closed_loop, {"patience_s": -1}, "patience_s must be a positive number, got -1"),
        (traffic.open_loop, {"patience_s": float("nan")}, "patience_s must be a positive number"),
    ],
)
def test_times_and_rates_that_cannot_be_are_refused(load, options, sentence):
    with pytest.raises(ValueError, match=sentence):
        load("http://x", [(1, 1)], [1], **options)


def test_arrays_are_sent_as_lists_and_what_is_none_is_said(server):
    run = traffic.open_loop(address(server), [(0.5, 20)], np.array([0, 2]))
    assert run.wait().totals["failed"] == 0
    assert set(server.bodies) == {0, 2}
    with pytest.raises(ValueError, match="only numbers, texts, lists and arrays can be sent, got"):
        traffic.open_loop(address(server), [(0.5, 20)], [object()])


@pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")
def test_half_a_line_of_a_test_that_is_stopped_is_no_line(tmp_path, monkeypatch):
    (tmp_path / "half.py").write_text("""print('{"time_s": 1}\\n{"time_s": 2', end="")""")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    run = runs.LoadRun(["half"], {"steps": [(1, 1)]}, tmp_path)
    run._reader.join()
    assert run.rows() == [{"time_s": 1}]
    run.stop()


def test_locust_ends_with_its_parent(server, wait_until_gone):
    code = (
        "import sys, time; from scaletoolkit.serving import traffic\n"
        "run = traffic.closed_loop(sys.argv[1], [(600, 5)], [0])\n"
        "print('ready', flush=True); time.sleep(600)"
    )
    command = [sys.executable, "-c", code, address(server)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as parent:
        assert parent.stdout.readline() == b"ready\n"
        until = time.monotonic() + 60
        while not server.bodies and time.monotonic() < until:
            time.sleep(0.05)
        assert server.bodies
        children = psutil.Process(parent.pid).children(recursive=True)
        parent.kill()
    wait_until_gone(children)


def test_a_result_is_cut_into_the_steps_of_its_load():
    due_s = np.array([0.1, 0.9, 1.2, 1.9, 2.1])
    latency_ms = np.array([200.0, 300, 400, 500, 600])
    result = traffic.LoadResult(due_s, latency_ms, np.array([200, 200, 503, 200, 200]), [])
    first, second = result.by_step([(1, 4), (2, 8)], skip_s=0.25)
    assert first[0] == pytest.approx(1 / 0.75)
    assert first[1].tolist() == [200]  # the next one was due in the first step, answered later
    assert second[0] == pytest.approx(2 / 1.75)
    assert second[1].tolist() == [500, 600]
    with pytest.raises(ValueError, match="skip_s=1 leaves nothing of a step of 1 s"):
        result.by_step([(1, 4), (2, 8)], skip_s=1)
