"""One function on several processes: a pool, or ranks that talk to each other.

`Pool` (lab 00) hands out independent pieces of work. `launch` (labs 03 to 05) starts real ranks
through torchrun, so what runs in a cell runs unchanged on many GPUs and machines (`command`).

launch    setup_distributed, own_device, launch, command, results
pool      Pool
job       starts, follows and ends torchrun
folder    every file by which a job's launcher and ranks know of each other
marks     those that one rank leaves
lines     passes on what the ranks write
rank      what each rank runs
signs     where a rank stands, and in which exchange it waits
meeting   where the ranks of one machine find each other: in a file, not at a port
failures  finds out which rank failed first
hangs     finds out who keeps the others waiting
"""

from scaletoolkit.machine.ranks.folder import RankError
from scaletoolkit.machine.ranks.launch import (
    choice,
    command,
    launch,
    own_device,
    results,
    setup_distributed,
)
from scaletoolkit.machine.ranks.pool import Pool

__all__ = [
    "Pool",
    "RankError",
    "choice",
    "command",
    "launch",
    "own_device",
    "results",
    "setup_distributed",
]
