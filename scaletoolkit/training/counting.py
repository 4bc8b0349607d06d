"""Bytes of training, counted one tensor after the other: state, activations, messages. Lab 04.

What the system says of a process (RSS) holds much else: libraries, buffers, what an allocator
keeps. These are the bytes that the method itself needs.
"""

import weakref
from collections import Counter
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


def state_bytes(model: nn.Module, optimizer: Optimizer) -> dict[str, int]:
    """Bytes of weights, gradients and the optimizer's memory that lie on this rank."""
    weights = list(model.parameters())
    gradients = [weight.grad for weight in weights if weight.grad is not None]
    memory = [
        value
        for state in optimizer.state.values()
        for value in state.values()
        if isinstance(value, Tensor) and value.dim() > 0  # Adam's count of steps is no vector
    ]
    return {
        "weights": _bytes(weights),
        "gradients": _bytes(gradients),
        "optimizer": _bytes(memory),
    }


def _bytes(tensors: Iterable[Tensor]) -> int:
    return sum(_local(tensor).nbytes for tensor in tensors)


def _local(tensor: Tensor) -> Tensor:
    """What of a tensor lies on this rank."""
    local: Tensor = getattr(tensor, "to_local", lambda: tensor)()
    return local


class _Kept:
    """A tensor that waits for backward; a class of its own, so that its end can be noticed."""

    def __init__(self, tensor: Tensor) -> None:
        self.tensor = tensor


class Activations:
    """Counts the bytes that forward keeps for backward, while the block runs; weights excepted.

    now_bytes: kept at this moment; peak_bytes: at most. A tensor that several operations keep is
    there once, and counted once. What `checkpoint` recomputes in backward is not seen, and the
    gathered weights of a fully sharded model would be taken for activations.
    """

    def __init__(self, model: nn.Module) -> None:
        self.now_bytes = 0
        self.peak_bytes = 0
        self._weights = {
            _local(weight).untyped_storage().data_ptr() for weight in model.parameters()
        }
        self._keepers: Counter[tuple[int, int]] = Counter()
        self._hooks = torch.autograd.graph.saved_tensors_hooks(self._keep, lambda kept: kept.tensor)

    def __enter__(self) -> "Activations":
        self._hooks.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._hooks.__exit__(*error)

    def _keep(self, tensor: Tensor) -> _Kept:
        kept = _Kept(tensor)
        local = _local(tensor)
        if local.untyped_storage().data_ptr() not in self._weights:
            place = (local.data_ptr(), local.nbytes)
            self._keepers[place] += 1
            if self._keepers[place] == 1:
                self.now_bytes += local.nbytes
                self.peak_bytes = max(self.peak_bytes, self.now_bytes)
            weakref.finalize(kept, self._forget, place)
        return kept

    def _forget(self, place: tuple[int, int]) -> None:
        self._keepers[place] -= 1
        if self._keepers[place] == 0:
            self.now_bytes -= place[1]


# How often a rank sends (p - 1) / p of the whole vector, where p ranks form a ring.
TIMES_SENT = {"all-reduce": 2, "all-gather": 1, "reduce-scatter": 1}


class Messages(TorchDispatchMode):
    """Counts the messages that a rank begins while the block runs, and their vectors' bytes.

    Seen are all-reduce, all-gather, reduce-scatter, and send (from one rank to another).
    counts: {name: how often}; whole_bytes: {name: bytes of the whole vectors}, where the whole is
    what an all-gather ends with and what a reduce-scatter begins with.
    """

    def __init__(self) -> None:
        super().__init__()
        self.counts: dict[str, int] = {}
        self.whole_bytes: dict[str, int] = {}

    def __torch_dispatch__(
        self,
        func: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """Run one operation of torch, and note it if it is a message."""
        result = func(*args, **(kwargs or {}))
        name = _message(str(func))
        if name:
            self.counts[name] = self.counts.get(name, 0) + 1
            size_bytes = _largest_bytes([*args, result])
            self.whole_bytes[name] = self.whole_bytes.get(name, 0) + size_bytes
        return result

    def sent_bytes(self, world_size: int) -> float:
        """What one rank sends, if each collective is a ring over so many ranks."""
        by_ring = sum(TIMES_SENT[n] * size for n, size in self.whole_bytes.items() if n != "send")
        return by_ring * (world_size - 1) / world_size + self.whole_bytes.get("send", 0)


def _largest_bytes(values: Iterable[Any]) -> int:
    """The bytes of the largest of these: tensors, or lists of tensors, however deep."""
    return max(
        sum(leaf.nbytes for leaf in tree_leaves(value) if isinstance(leaf, Tensor))
        for value in values
    )


def _message(operation: str) -> str:
    """The field's name of one of torch's operations, or nothing if it sends nothing."""
    if "c10d" not in operation or "wait" in operation or "wrap" in operation:
        return ""
    flat = operation.replace("_", "")
    for name in (*TIMES_SENT, "send"):
        if name.replace("-", "") in flat:
            return name
    return ""
