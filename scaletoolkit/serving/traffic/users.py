"""Closed loop: users who post and wait, by Locust; its arguments are Locust's own. Lab 07.

A process that ends when its stdin does, also while Locust, which takes seconds, is imported.
"""

import sys

from scaletoolkit.machine import processes

if __name__ == "__main__":
    processes.end_with(sys.stdin.fileno(), status=0)
    from locust.main import main

    main()
