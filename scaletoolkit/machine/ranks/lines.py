"""What the ranks of a job write, passed on while it runs: whole lines, each with its rank."""

import sys
from pathlib import Path

from scaletoolkit.machine.ranks.folder import Folder


class Lines:
    """Passes on what has come to the ranks' `stdout` and `stderr` since it was last asked."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._places: dict[Path, int] = {}

    def pass_on(self, attempt: int, last: bool = False) -> None:
        """Print the new lines of an attempt; the last time, also those that were never ended."""
        for mark, stream in (("stdout", sys.stdout), ("stderr", sys.stderr)):
            for rank, path in sorted(self._folder.marks(mark, attempt).items()):
                for line in self._new(path, last):
                    print(f"rank {rank} │ {line}", file=stream)

    def _new(self, path: Path, last: bool) -> list[str]:
        with path.open("rb") as file:
            file.seek(self._places.get(path, 0))
            text = file.read()
        ended = text if last else text[: text.rfind(b"\n") + 1]
        self._places[path] = self._places.get(path, 0) + len(ended)
        lines = ended.decode(errors="replace").removesuffix("\n").split("\n")
        return [_shown(line) for line in lines] if ended else []


def _shown(line: str) -> str:
    """What a terminal would show of a line in which a progress bar has begun anew many times."""
    return line.rstrip("\r").rsplit("\r", 1)[-1]
