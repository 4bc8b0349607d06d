"""What a lab runs reports to nobody."""

import os
import subprocess
import sys

import pytest

# What ONNX Runtime's reporter leaves where it is not told to be silent, beside its calls.
TRACES = {".ses", "Microsoft"}
LAB = """
from scaletoolkit.machine import interrupts
import onnxruntime
onnxruntime.InferenceSession(r"{model}")
"""


@pytest.mark.parametrize("silent", [True, False], ids=["a lab", "without the lab's import"])
def test_onnx_runtime_leaves_no_trace_of_a_report(silent, digits_model, tmp_path):
    code = LAB.format(model=digits_model / "model.onnx")
    if not silent:
        code = code.replace("from scaletoolkit.machine import interrupts", "")
    places = {"TMPDIR": str(tmp_path), "HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path)}
    environment = {k: v for k, v in os.environ.items() if k != "ORT_DISABLE_TELEMETRY"} | places
    environment["PYTHONPATH"] = os.pathsep.join(sys.path)
    subprocess.run([sys.executable, "-c", code], env=environment, check=True, capture_output=True)
    left = {path.name for path in tmp_path.rglob("*")} & TRACES
    if silent:
        assert left == set()
    elif not left:
        pytest.skip("this build reports to nobody")
