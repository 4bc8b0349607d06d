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
        "## Reads",
        "",
        "| layout | B | ratio |",
        "| --- | --- | --- |",
        "| by day | 1,234,567 | 0.123 |",
    ]


def test_an_unknown_benchmark_is_a_sentence():
    run = subprocess.run([sys.executable, BENCH, "nope"], capture_output=True, text=True)
    assert run.returncode == 1
    assert run.stderr.startswith("There is no benchmark 'nope'; there are ")


@pytest.mark.parametrize("path", BENCHMARKS, ids=lambda path: path.stem)
def test_every_benchmark_has_tables(path):
    functions = [node for node in ast.parse(path.read_text()).body if hasattr(node, "name")]
    assert "tables" in {function.name for function in functions}
