"""The benchmarks' runner: what it prints, and that each benchmark can be found."""

import ast
import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).parent / "bench"
BENCHMARKS = [path for path in BENCH.glob("*.py") if path.stem != "__main__"]


def load(name):
    spec = importlib.util.spec_from_file_location(f"bench_{name}", BENCH / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_rows_become_a_markdown_table():
    rows = [{"layout": "by day", "B": 1_234_567, "ratio": 0.123456}]
    assert load("__main__").markdown("Reads", rows).splitlines() == [
        "### Reads",
        "",
        "| layout | B | ratio |",
        "| --- | --- | --- |",
        "| by day | 1,234,567 | 0.123 |",
    ]


def test_a_part_of_the_page_is_replaced_and_the_others_stay():
    bench = load("__main__")
    page = bench.written({"training": "two\n\n### Steps\n\n| a |", "caching": "one"})
    assert bench.written(bench.parts(page)) == page
    assert bench.parts(page) | {"caching": "new"} == {
        "caching": "new",
        "training": "two\n\n### Steps\n\n| a |",
    }
    assert page.index("## caching") < page.index("## training")


def test_an_unknown_benchmark_is_a_sentence():
    run = subprocess.run([sys.executable, BENCH, "nope"], capture_output=True, text=True)
    assert run.returncode == 1
    assert run.stderr.startswith("There is no benchmark 'nope'; there are ")


@pytest.mark.parametrize("path", BENCHMARKS, ids=lambda path: path.stem)
def test_every_benchmark_has_tables(path):
    functions = [node for node in ast.parse(path.read_text()).body if hasattr(node, "name")]
    assert "tables" in {function.name for function in functions}


@pytest.fixture
def serving(monkeypatch):
    monkeypatch.syspath_prepend(BENCH)
    return load("serving")


def test_the_client_measures_a_server_and_nothing_of_it_is_left(serving):
    port = serving.processes.free_port()
    command = [sys.executable, str(serving.HERE / "constant_server.py"), str(port)]
    with serving.processes.running(command) as family:
        serving._until_answered(port, "/", b"[]")
        found = serving.load(port, "/", [b"[]"], connections=3, seconds=0.2)
        assert family.members()
    assert (found["wrong"], family.members()) == (0, [])
    assert found["answered"] > 3


def test_a_server_that_cannot_be_measured_keeps_its_row(serving):
    ours = {"req/s": 100.0, serving.CPU: 10.0}
    peer = serving.PEERS[0]
    measured = serving._row(peer, {"req/s": 50.0, serving.CPU: 30.0}, ours, None)
    failed = serving._row(peer, None, ours, "could not be installed: no network")
    assert list(failed) == list(measured)
    assert [measured[name] for name in serving.RATIOS] == [2, 3]
    assert failed["a batch waits"] == "could not be installed: no network"


def test_every_server_pins_what_it_is(serving):
    for peer in serving.PEERS:
        assert "==" in serving.processes.requirements(serving.HERE / peer.script)[0]
