"""In a real kernel: an interrupted cell leaves no server and no load test behind. Lab 09."""

import pytest
from tools.kernels import Kernel

SETUP = """
import time
from scaletoolkit import service
from scaletoolkit.lab import plots
from scaletoolkit.machine import processes
from scaletoolkit.service.autoscaler import Autoscaler
from scaletoolkit.serving import traffic
"""
START = "server = service.start({model!r}, replicas=2)\ntime.sleep(60)"
SERVE = "server = service.start({model!r})\nprint(server.predict([[0.5] * 64]) != [])"
LOAD = """
url = server.url + "/v1/predict"
run = traffic.{loop}(url, [(60, 5)], [[[0.5] * 64]])


def draw(show):
    rows = run.rows()
    time_s = [row["time_s"] for row in rows]
    answered = plots.Series("answered", time_s, [row["answered"] for row in rows], "measured")
    plots.curves([answered], "Load", "seconds", "requests/s", show=show)


plots.live(draw, run.ticks())
"""


@pytest.fixture(scope="module")
def kernel(tmp_path_factory):
    """One for all tests: what an interrupt breaks in it, the next test meets."""
    kernel = Kernel(tmp_path_factory.mktemp("kernel"))
    assert not kernel.run(SETUP).error
    yield kernel
    assert kernel.close() == []


def ours(kernel):
    """The commands of our processes that run now, but for those that keep a folder."""
    return {command for command in kernel.running(patience_s=0) if "python" in command}


@pytest.mark.parametrize("moment_s", [0.1, 0.4, 0.8, 3])
def test_a_server_that_starts(moment_s, kernel, digits_model):
    ran = kernel.run(START.format(model=str(digits_model)), moment_s)
    assert ran.error == "KeyboardInterrupt"
    assert kernel.running() == []
    assert kernel.run(SERVE.format(model=str(digits_model))).printed == "True\n"
    assert not kernel.run("processes.clean_up()").error


@pytest.mark.parametrize("loop", ["open_loop", "closed_loop"])
def test_a_load_test_and_its_picture(loop, kernel, digits_model):
    assert not kernel.run(SERVE.format(model=str(digits_model))).error
    serving = ours(kernel)
    ran = kernel.run(LOAD.format(loop=loop), 4)
    assert ran.error == "KeyboardInterrupt"
    assert len(ran.complaints) == 2
    assert ours(kernel) == serving
    assert kernel.run("print(server.predict([[0.5] * 64]) != [])").printed == "True\n"
    assert not kernel.run("processes.clean_up()").error
    assert kernel.running() == []
