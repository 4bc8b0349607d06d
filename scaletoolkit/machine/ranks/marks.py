"""What one rank leaves in its job's folder: files named <mark>-<attempt>-<rank>.

alive    locked while the rank lives; holds its process id
state    where it stands, written again every half second
result   what its function returned; ends the rank
failure  what it raised; ends the rank
stopped  where it stood when a termination signal came
stdout, stderr   what it wrote there, where `launch` started it

Marks instead of messages, because a rank that is killed or hangs can send none.
"""

import fcntl
import io
import json
import os
import pickle
import sys
from pathlib import Path
from typing import IO, Any, TypedDict

import cloudpickle


class Group(TypedDict):
    """How many exchanges of a group its rank has begun, and which ranks belong to it."""

    exchanges: int
    ranks: list[int]


class Wait(TypedDict):
    """The exchange that a rank waits in; the group's name and the other ends, where known."""

    exchange: str
    group: str | None
    peers: list[int]


class Standing(TypedDict):
    """Where a rank stands: its line of code, what it waits in, and its groups by name."""

    where: str
    wait: Wait | None
    groups: dict[str, Group]


class State(Standing):
    """A rank's last sign: its process, how often it gives one, for how long nothing has changed."""

    pid: int
    every_s: float
    still_s: float


class Failure(TypedDict):
    """What a rank raised; `echo` says that another rank's trouble caused it."""

    time_ns: int
    type: str
    message: str
    echo: bool
    lines: list[str]
    traceback: str


class Marks:
    """One rank's own files in its job's folder; each appears whole or not at all."""

    def __init__(self, folder: Path, attempt: int, rank: int) -> None:
        self._folder = folder
        self._ending = f"{attempt}-{rank}"

    def path(self, mark: str) -> Path:
        """Where this rank's mark of one kind lies."""
        return self._folder / f"{mark}-{self._ending}"

    def save(self, mark: str, data: bytes) -> None:
        """Leave a mark."""
        half = self.path(f"writing-{mark}")
        half.touch(mode=0o600)  # for this user alone whatever the umask says
        half.write_bytes(data)
        half.replace(self.path(mark))

    def save_state(self, standing: Standing, every_s: float, still_s: float) -> None:
        """Say where this rank stands, how often it does so, for how long nothing has changed."""
        sign = {"pid": os.getpid(), "every_s": every_s, "still_s": still_s, **standing}
        self.save("state", json.dumps(sign).encode())

    def save_failure(self, failure: Failure) -> None:
        """Say what this rank raised."""
        self.save("failure", json.dumps(failure).encode())

    def save_result(self, identity: str, result: object) -> None:
        """Keep what this rank's function returned, for the job of that identity.

        By value, as the function came: a class of a notebook's cell finds itself there again.
        """
        data = io.BytesIO()
        _Results(data).dump((identity, result))
        self.save("result", data.getvalue())

    def hold(self) -> IO[str]:
        """The file `alive`, locked until this process and its children have ended."""
        alive = self.path("alive").open("w")
        fcntl.flock(alive, fcntl.LOCK_EX)
        alive.write(str(os.getpid()))
        alive.flush()
        return alive


class _Results(cloudpickle.Pickler):
    """Pickles what a rank returns; tensors of a GPU come back on the CPU."""

    def reducer_override(self, value: Any) -> Any:
        """How to rebuild a value, if not in the usual way."""
        torch = sys.modules.get("torch")
        if torch is not None and isinstance(value, torch.Tensor) and value.is_cuda:
            return value.detach().cpu().__reduce_ex__(pickle.HIGHEST_PROTOCOL)
        return super().reducer_override(value)
