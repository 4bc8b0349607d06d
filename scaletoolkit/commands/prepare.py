"""The data that the labs read, made beforehand, so that nobody waits for it."""

from argparse import ArgumentParser, Namespace
from collections.abc import Callable

from scaletoolkit import lab
from scaletoolkit.data import events
from scaletoolkit.machine import hardware


def command(parser: ArgumentParser) -> Callable[[Namespace], int]:
    """What `prepare` does."""
    return _prepare


def _prepare(options: Namespace) -> int:
    folder, _ = events.prepare(workers=min(4, hardware.cores()))
    size = sum(file.stat().st_size for file in folder.iterdir())
    print(f"The events are ready in {folder}: {lab.quantity(size, 'B')}.")
    return 0
