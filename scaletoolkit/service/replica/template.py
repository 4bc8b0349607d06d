"""The warm process from which replicas are forked: it has started Python and numpy once. Lab 09.

`python -m scaletoolkit.service.replica.template LIFE` reads orders from stdin, a line of JSON each,
and answers each with the process id of a new replica. It stays single-threaded, as a process that
forks must; ONNX Runtime, which starts threads, is imported by the replicas.
"""

import json
import os
import signal
import sys

import numpy  # noqa: F401 - so that no replica has to

from scaletoolkit.service.replica import __main__ as replica


def main(life):
    """Fork a replica for each line of orders until stdin ends."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # who has ended leaves no zombie
    for line in sys.stdin.buffer:
        pid = os.fork()
        if pid == 0:
            become_replica(json.loads(line), life)
        print(pid, flush=True)


def become_replica(orders, life):
    """Be a replica from here on. The template's own pipes are let go."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(nothing, 1)
    status = 1
    try:
        replica.run(orders, life)
        status = 0
    finally:
        sys.stderr.flush()
        os._exit(status)


if __name__ == "__main__":
    main(int(sys.argv[1]))
