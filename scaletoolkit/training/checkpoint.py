"""Checkpoints that are there whole or not at all, and are checked before they are read. Lab 05.

    FOLDER/step-00000020/      what torch.distributed.checkpoint wrote, and the sha256 of each file
    FOLDER/step-00000020.old/  only while another checkpoint takes its place
    FOLDER/.partial-1f0e5a77/  a save that is under way, or that was killed

Every function but `newest` and `verify` is called by all ranks, or in one process without a group.
A folder belongs to one job; all its ranks see it. Reading a checkpoint can run code (pickle): read
only those that you wrote yourself.
"""

import contextlib
import shutil
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.checkpoint import state_dict_loader, state_dict_saver
from torch.distributed.checkpoint.api import CheckpointException
from torch.distributed.checkpoint.state_dict import get_state_dict, set_state_dict
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from scaletoolkit.training import saves

State = dict[str, Any]
Result = TypeVar("Result")


newest = saves.newest
verify = saves.verify
CheckpointError = saves.CheckpointError


def collect(model: nn.Module, optimizer: Optimizer, schedule: LRScheduler) -> State:
    """All that training needs to go on: plain values, tensors, and each rank's shards of them.

    The position in the data is the step, for which `save` asks. The generators are torch's: numpy's
    and Python's are not among them. Training goes on as if nobody had asked.
    """
    fresh = not optimizer.state
    with _gradients_aside(optimizer):
        weights, moments = get_state_dict(model, optimizer)
    if fresh:  # torch has taken an empty step, to see what the optimizer will remember
        optimizer.state.clear()
    return {
        "model": weights,
        "optimizer": moments,
        "schedule": schedule.state_dict(),
        "generators": _of_all_ranks(_generators()),
    }


def restore(model: nn.Module, optimizer: Optimizer, schedule: LRScheduler, state: State) -> None:
    """Put back what `collect` returned and `load` has filled.

    A rank that the saved job did not have keeps its generators as they are.
    """
    with _gradients_aside(optimizer):
        set_state_dict(
            model,
            optimizer,
            model_state_dict=state["model"],
            optim_state_dict=state["optimizer"],
        )
    schedule.load_state_dict(state["schedule"])
    if _rank() < len(state["generators"]):
        _set_generators(state["generators"][_rank()])


def save(folder: str | Path, step: int, state: State, keep: int = 2) -> None:
    """Write a checkpoint and remove all but the `keep` newest good ones.

    Until its last step, a rename, it has another name. CheckpointError, on every rank, where it
    cannot be written; what was there before stays. ValueError: a step below 1.
    """
    if step < 1:
        raise ValueError(f"a checkpoint belongs to a step from 1 on, got {step}")
    folder = Path(folder)
    partial = _on_first_rank(lambda: saves.new_partial(folder))
    try:
        with _quiet(), _in_a_sentence("written"):
            state_dict_saver.save(state, checkpoint_id=partial)
        published = _on_first_rank(lambda: saves.publish(partial, folder, step))
    except CheckpointError:
        if _rank() == 0:
            shutil.rmtree(partial, ignore_errors=True)  # where the disk is full, it fills it
        raise
    _on_first_rank(lambda: saves.forget(folder, keep, published))


def load(
    folder: str | Path, state: State, say: Callable[[str], object] = lambda sentence: None
) -> int:
    """Fill a state that `collect` returned from the newest good checkpoint; returns its step.

    The state may belong to another number of ranks than the one that was saved. Without a good
    checkpoint it stays as it is, and the step is 0. say: told why a newer one was refused.
    CheckpointError, on every rank, where a good one does not fit this state.
    """
    path, refused = _on_first_rank(lambda: newest(folder), "read")
    for sentence in refused:
        say(sentence)
    if path is None:
        return 0
    with _quiet(), _in_a_sentence("read"):
        state_dict_loader.load(state, checkpoint_id=path)
    return saves.step(path)[0]


@contextlib.contextmanager
def _gradients_aside(optimizer: Optimizer) -> Iterator[None]:
    """Inside the block no weight has a gradient, where the optimizer remembers nothing yet.

    There torch takes an empty step, to see what the optimizer will remember; but not where any
    gradient lies, and then the moments would not be among what is saved or read.
    """
    groups = [] if optimizer.state else optimizer.param_groups
    weights = [weight for group in groups for weight in group["params"]]
    gradients = [weight.grad for weight in weights]
    for weight in weights:
        weight.grad = None
    try:
        yield
    finally:
        for weight, gradient in zip(weights, gradients, strict=True):
            weight.grad = gradient


def _rank() -> int:
    return dist.get_rank() if dist.is_initialized() else 0


def _on_first_rank(do: Callable[[], Result], done: str = "written") -> Result:
    """What do() returns on rank 0, on every rank; its failure is a CheckpointError on every rank.

    All ranks wait here, so it is a barrier as well.
    """
    outcome: list[Any] = [None, None]
    if _rank() == 0:
        try:
            outcome[0] = do()
        except Exception as error:  # else the other ranks would wait for it
            outcome[1] = f"a checkpoint could not be {done}: {error}"
    if dist.is_initialized():
        dist.broadcast_object_list(outcome)
    if outcome[1] is not None:
        raise CheckpointError(outcome[1])
    result: Result = outcome[0]
    return result


@contextlib.contextmanager
def _in_a_sentence(done: str) -> Iterator[None]:
    """What torch raises on every rank, where any has failed, as a CheckpointError."""
    try:
        yield
    except CheckpointException as error:
        rank, (cause, _) = next(iter(error.failures.items()))
        if isinstance(cause, KeyboardInterrupt):  # which torch wraps as well
            raise cause from error
        sentence = f"a checkpoint could not be {done}: rank {rank}: {cause}"
        raise CheckpointError(sentence) from error


def _of_all_ranks(value: object) -> list[Any]:
    """The value of each rank, in rank order, on every rank."""
    if not dist.is_initialized():
        return [value]
    values: list[Any] = [None] * dist.get_world_size()
    dist.all_gather_object(values, value)
    return values


def _generators() -> list[bytes]:
    """The states of this rank's generators: the CPU's, and its GPU's where it has one."""
    states = [torch.get_rng_state()]
    if torch.cuda.is_initialized():
        states.append(torch.cuda.get_rng_state())
    return [state.numpy().tobytes() for state in states]


def _set_generators(states: list[bytes]) -> None:
    tensors = [torch.frombuffer(bytearray(state), dtype=torch.uint8) for state in states]
    torch.set_rng_state(tensors[0])
    if len(tensors) > 1 and torch.cuda.is_initialized():
        torch.cuda.set_rng_state(tensors[1])


def _quiet() -> warnings.catch_warnings:
    """Without torch's warning that one process is alone, and that it uses a storage of its own."""
    return warnings.catch_warnings(action="ignore", category=UserWarning)
