"""How much memory this process has, and may have: what a container's limit is, for one process.

Counted is what Linux calls data: all that is private and can be written, resident or not. So a
bound refuses an allocation, which is an error of the model's, where a container's kills. Lab 11.
"""

import resource
from pathlib import Path

STATUS = Path("/proc/self/status")


def data_bytes() -> int:
    """The bytes of this process's data; 0 where the system does not say."""
    if not STATUS.exists():
        return 0
    for line in STATUS.read_text().splitlines():
        if line.startswith("VmData:"):
            return int(line.split()[1]) << 10
    return 0


def bound(most_bytes: int) -> None:
    """Refuse this process, and who it forks, more data than that; nothing outside Linux."""
    if STATUS.exists():
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        most = most_bytes if hard == resource.RLIM_INFINITY else min(most_bytes, hard)
        resource.setrlimit(resource.RLIMIT_DATA, (most, most))
