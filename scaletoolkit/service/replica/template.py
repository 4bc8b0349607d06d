"""The warm process from which replicas are forked: it has started Python and numpy once. Lab 09.

`python -m scaletoolkit.service.replica.template DESCRIPTOR` reads orders from stdin, a line of JSON
each, and answers each with the process id of a new replica; it ends with its stdin. As a process
that forks it has one thread; ONNX Runtime, which starts more, is imported by the replicas.
"""

import json
import os
import signal
import sys

import numpy  # noqa: F401 - so that no replica has to

from scaletoolkit.service.frames import Orders
from scaletoolkit.service.replica import __main__ as replica


def main(gateway: int) -> None:
    """Fork a replica for each line of orders until stdin ends."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the system forgets replicas that have ended
    for line in sys.stdin.buffer:
        pid = os.fork()
        if pid == 0:
            become_replica(json.loads(line), gateway)
        print(pid, flush=True)


def become_replica(orders: Orders, gateway: int) -> None:
    """Be a replica from here on. The template's own pipes are let go."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(nothing, 1)
    status = 1
    try:
        replica.run(orders, gateway)
        status = 0
    finally:
        sys.stderr.flush()
        os._exit(status)


if __name__ == "__main__":
    main(int(sys.argv[1]))
