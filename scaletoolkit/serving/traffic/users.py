"""Closed loop: users who post and wait, by Locust. Lab 07.

A process of its own: `python -m scaletoolkit.serving.traffic.users`, with Locust's own arguments.
It ends when its stdin does, also while Locust, which takes seconds, is still being imported.
"""

import sys

from scaletoolkit.machine import processes

if __name__ == "__main__":
    processes.end_with(sys.stdin.fileno(), status=0)
    from locust.main import main

    main()
