"""Where the ranks of one machine find each other: a file in their job's folder.

torch's own way (`env://`) lets rank 0 listen on every network of the machine, without a password,
and a torchrun agent unpickles what it reads there. What still listens, on loopback, is gloo.
The way from here into torch is not public: `tests/machine/ranks/test_private_apis.py` watches it.
"""

import importlib.util
import itertools
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from urllib.parse import parse_qsl, urlparse

from scaletoolkit.machine.ranks.folder import Folder

RENDEZVOUS = "torch.distributed.rendezvous"
Meeting = Iterator[tuple[object, int, int]]  # a store, this rank, world_size


def in_files(folder: Folder, attempt: int) -> None:
    """From now on `init_process_group` meets in files of that folder, unless told otherwise.

    Where torch is not imported yet, the change waits for it. A file serves one meeting: its
    entries stay.
    """
    os.environ.pop("MASTER_ADDR", None)  # a rank that missed the change fails and opens no port
    os.environ.pop("MASTER_PORT", None)
    number = itertools.count()

    def meet(url: str, **_: object) -> Meeting:
        from torch.distributed import FileStore  # type: ignore[attr-defined]  # torch re-exports it

        place = dict(os.environ) | {k.upper(): v for k, v in parse_qsl(urlparse(url).query)}
        rank = int(place["RANK"])
        world_size = int(place["WORLD_SIZE"])
        store = FileStore(str(folder.path / f"store-{attempt}-{next(number)}"), world_size)
        yield store, rank, world_size

    if RENDEZVOUS in sys.modules:
        sys.modules[RENDEZVOUS]._rendezvous_handlers["env"] = meet
    else:
        sys.meta_path.insert(0, _Change(meet))


class _Change(MetaPathFinder):
    """Puts another meeting place into torch once torch has been imported."""

    def __init__(self, meet: Callable[..., Meeting]) -> None:
        self._meet = meet

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """How to import torch's module of meeting places; None for every other module."""
        if name != RENDEZVOUS:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        assert spec is not None
        assert spec.loader is not None
        load = spec.loader.exec_module

        def load_and_change(module: ModuleType) -> None:
            load(module)
            module._rendezvous_handlers["env"] = self._meet

        spec.loader.exec_module = load_and_change  # type: ignore[method-assign]
        return spec
