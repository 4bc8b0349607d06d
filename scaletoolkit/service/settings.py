"""What a model server is told, checked before anything starts. Lab 07."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from numbers import Integral
from typing import TypedDict

from scaletoolkit.service import signature, tenancy

LOOPBACK = "127.0.0.1"
EVERYWHERE = "0.0.0.0"
COUNTS = (
    "replicas",
    "max_batch_size",
    "max_queue_delay_microseconds",
    "max_queue_size",
    "cpu_milli",
    "memory_bytes",
    "cache_items",
)


class Options(TypedDict, total=False):
    """What `start` takes beside the model's folder: see `Settings`."""

    replicas: int
    max_batch_size: int
    max_queue_delay_microseconds: int
    max_queue_size: int
    timeout_s: float
    batch_timeout_s: float
    cpu_milli: int | None
    memory_bytes: int | None
    accelerator_ms: tuple[float, float] | None
    start_up_s: float
    warm: bool
    period_s: float
    cache_items: int
    cache_ttl_s: float | None
    tenants: tenancy.Tenants | None
    fair: bool
    port: int
    host: str


@dataclass(frozen=True)
class Settings:
    """One model server; ValueError for what cannot be.

    folder: one with model.onnx, or an ONNX file. batch_timeout_s: a replica that takes longer for a
    batch is replaced, and another one tries. port: 0 takes any that is free. host: 0.0.0.0 answers
    whoever can reach this machine, as a container must. warm: fork replicas
    from a process that has started Python (Linux). period_s: over how long the averages on /metrics
    go; the autoscaler's sync period. cache_items: how many items' answers the gateway keeps,
    cache_ttl_s: for how long at most. tenants: who shares the server, see `tenancy.Tenant`; whoever
    does not say in x-tenant that it is one of them is refused. fair: by weights; else the first
    that came is served first, whosever it is. These emulate:

    cpu_milli: the thousandths of a core that each replica may use and asks for; None: all it gets.
    As a container's limit, but not while the replica starts, which a container's slows as well.
    memory_bytes: what the model may take in each replica, beyond the process without it (Linux).
    accelerator_ms: (for a call, for an item): the model's real answers come after so many
    milliseconds, and a little later: the process must wake up and the gateway hear of it.
    start_up_s: a wait until a replica is ready.
    """

    folder: str
    replicas: int = 1
    max_batch_size: int = 32
    max_queue_delay_microseconds: int = 0
    max_queue_size: int = 1024
    timeout_s: float = 30.0
    batch_timeout_s: float = 10.0
    cpu_milli: int | None = None
    memory_bytes: int | None = None
    accelerator_ms: tuple[float, float] | None = None
    start_up_s: float = 0.0
    warm: bool = True
    period_s: float = 15.0
    cache_items: int = 0
    cache_ttl_s: float | None = None
    tenants: tenancy.Tenants | None = None
    fair: bool = True
    port: int = 0
    host: str = LOOPBACK

    def __post_init__(self) -> None:
        for name in COUNTS:
            if getattr(self, name) is not None:
                object.__setattr__(self, name, _count(name, getattr(self, name)))
        for name in ("max_batch_size", "max_queue_size", "timeout_s", "batch_timeout_s"):
            _at_least(name, getattr(self, name), 1 if name.startswith("max") else 1e-3)
        for name in ("replicas", "max_queue_delay_microseconds", "start_up_s", "cache_items"):
            _at_least(name, getattr(self, name), 0)
        _at_least("period_s", self.period_s, 0.1)
        for name, least in (("cpu_milli", 1), ("memory_bytes", 1), ("cache_ttl_s", 1e-3)):
            if getattr(self, name) is not None:
                _at_least(name, getattr(self, name), least)
        got = self.accelerator_ms
        if got is not None and not (isinstance(got, Sequence) and len(got) == 2):
            raise ValueError(f"accelerator_ms is (for a call, for an item), two numbers; got {got}")
        for value in got or ():
            _at_least("accelerator_ms", value, 0)
        if not isinstance(self.port, int) or not 0 <= self.port < 1 << 16:
            raise ValueError(f"port must be a number from 0 to 65535, got {self.port!r}")
        if self.host not in (LOOPBACK, EVERYWHERE):
            told = f"{LOOPBACK}, for this machine alone, or {EVERYWHERE}, for all that can reach it"
            raise ValueError(f"host must be {told}; got {self.host!r}")
        if self.tenants is not None:
            tenancy.check(self.tenants, self.max_queue_size)
        signature.check_batches(self.model, self.max_batch_size)

    def __repr__(self) -> str:
        kind = "emulated accelerator" if self.accelerator_ms else f"{self.cpu_milli or 'all'} m CPU"
        return (
            f"Settings: {self.replicas} replicas ({kind}), batches of at most "
            f"{self.max_batch_size}, a queue of at most {self.max_queue_size}"
        )

    @cached_property
    def model(self) -> signature.ModelFacts:
        """What the model takes and gives, as its file says it now: read once."""
        return signature.facts(self.folder)


def _count(name: str, value: object) -> object:
    """The value as an int of Python's, if it is a whole number's; a fraction is refused."""
    if isinstance(value, float):
        raise ValueError(f"{name} must be a whole number, got {value!r}")
    return int(value) if isinstance(value, Integral) and not isinstance(value, bool) else value


def _at_least(name: str, value: object, least: float) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not value >= least:
        raise ValueError(f"{name} must be at least {least}, got {value!r}")
    if math.isinf(value):
        raise ValueError(f"{name} must be finite, got {value}")
