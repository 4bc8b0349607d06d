"""Nothing of a server or a load test listens beyond this machine. Labs 07 and 09."""

import os
import time

from tools.listeners import beyond_loopback, listeners

from scaletoolkit import service
from scaletoolkit.serving import traffic

LOADS = (traffic.open_loop, traffic.closed_loop)


def test_a_server_under_load_listens_on_loopback_alone(digits_model):
    with service.start(digits_model, replicas=2) as server:
        url = server.url + "/v1/predict"
        runs = [load(url, [(600, 5)], [[[0.5] * 64]]) for load in LOADS]
        for run in runs:
            while run.running and not run.rows():
                time.sleep(0.05)
        addresses = listeners(os.getpid())
        for run in runs:
            run.stop()
    assert ("127.0.0.1", server.port) in addresses
    assert beyond_loopback(addresses) == []
