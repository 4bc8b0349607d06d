"""What a model server is told, checked before anything starts. Lab 07."""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict


class ModelFacts(TypedDict):
    """What a model's folder says of it in model.json: its name, its tensors, an item's shape."""

    name: str
    input: str
    output: str
    shape: list[int]


class Options(TypedDict, total=False):
    """What `start` takes beside the model's folder: see `Settings`."""

    replicas: int
    max_batch_size: int
    max_queue_delay_microseconds: int
    max_queue_size: int
    timeout_s: float
    batch_timeout_s: float
    cpu_milli: int | None
    accelerator_ms: tuple[float, float] | None
    start_up_s: float
    warm: bool
    period_s: float
    cache_items: int
    cache_ttl_s: float | None


@dataclass(frozen=True)
class Settings:
    """One model server; ValueError for what cannot be.

    cpu_milli: the thousandths of a core that each replica may use and asks for; None: all it gets.
    accelerator_ms: (for a call, for an item) emulates an accelerator: the model's real answers
    after so many milliseconds. start_up_s: emulates a wait until a replica is ready. warm: fork
    replicas from a process that has started Python (Linux). period_s: over how long the averages
    on /metrics go; the autoscaler's sync period. cache_items: how many items' answers the gateway
    keeps, cache_ttl_s: for how long at most.
    """

    folder: str
    replicas: int = 1
    max_batch_size: int = 32
    max_queue_delay_microseconds: int = 0
    max_queue_size: int = 1024
    timeout_s: float = 30.0
    batch_timeout_s: float = 60.0
    cpu_milli: int | None = None
    accelerator_ms: tuple[float, float] | None = None
    start_up_s: float = 0.0
    warm: bool = True
    period_s: float = 15.0
    cache_items: int = 0
    cache_ttl_s: float | None = None

    def __post_init__(self) -> None:
        for name in ("max_batch_size", "max_queue_size", "timeout_s", "batch_timeout_s"):
            _at_least(name, getattr(self, name), 1 if name.startswith("max") else 1e-3)
        for name in ("replicas", "max_queue_delay_microseconds", "start_up_s", "cache_items"):
            _at_least(name, getattr(self, name), 0)
        _at_least("period_s", self.period_s, 0.1)
        if self.cpu_milli is not None:
            _at_least("cpu_milli", self.cpu_milli, 1)
        if self.cache_ttl_s is not None:
            _at_least("cache_ttl_s", self.cache_ttl_s, 1e-3)
        for value in self.accelerator_ms or ():
            _at_least("accelerator_ms", value, 0)
        got = self.accelerator_ms
        if got is not None and len(got) != 2:
            raise ValueError(f"accelerator_ms is (for a call, for an item), two numbers; got {got}")
        if not (Path(self.folder) / "model.json").is_file():
            raise ValueError(f"there is no model in {self.folder}: it has no model.json")

    def __repr__(self) -> str:
        kind = "emulated accelerator" if self.accelerator_ms else f"{self.cpu_milli or 'all'} m CPU"
        return (
            f"Settings: {self.replicas} replicas ({kind}), batches of at most "
            f"{self.max_batch_size}, a queue of at most {self.max_queue_size}"
        )

    @property
    def model(self) -> ModelFacts:
        """What the model's folder says of it."""
        return json.loads((Path(self.folder) / "model.json").read_text())


def _at_least(name: str, value: object, least: float) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not value >= least:
        raise ValueError(f"{name} must be at least {least}, got {value!r}")
    if math.isinf(value):
        raise ValueError(f"{name} must be finite, got {value}")
