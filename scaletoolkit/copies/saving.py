"""Where an executed notebook goes: looked at before the lab runs, written whole at its end."""

import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Self

from scaletoolkit import lab


class Target:
    """A file that is to be written, as a context manager; links are followed, rights are kept.

    Begins the file under a name of its own beside it, so that LabError comes before the work.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self.real = path.resolve()
            mode = self.real.stat().st_mode if self.real.exists() else None
        except (OSError, RuntimeError) as error:
            raise self._refusal(getattr(error, "strerror", None) or str(error)) from None
        if self.real.is_symlink():
            raise self._refusal("it is a link to itself")
        if mode is not None and not stat.S_ISREG(mode):
            raise self._refusal("it is a folder, a device or a pipe")
        if mode is not None and not os.access(self.real, os.W_OK):
            raise self._refusal("it is read-only")
        if not self.real.parent.is_dir():
            raise self._refusal(f"there is no folder {self.real.parent}")
        self._mode = 0o666 & ~_umask() if mode is None else stat.S_IMODE(mode)
        try:
            descriptor, name = tempfile.mkstemp(prefix=".scaletoolkit-", dir=self.real.parent)
        except OSError as error:
            raise self._refusal(error.strerror or "") from None
        os.close(descriptor)
        self._partial = Path(name)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            self._partial.unlink()

    def write(self, text: str) -> None:
        """Put the text there, whole or not at all. Raises LabError where the disk is full."""
        try:
            self._partial.write_text(text, "utf-8", "backslashreplace")  # half characters
            self._partial.chmod(self._mode)
            self._partial.replace(self.real)
        except OSError as error:
            raise self._refusal(error.strerror or "") from None

    def _refusal(self, why: str) -> lab.LabError:
        return lab.LabError(f"{str(self._path)!r} cannot be written: {why}.")


def _umask() -> int:
    umask = os.umask(0)
    os.umask(umask)
    return umask
