"""Checkpoints that are there whole or not at all, and are checked before they are read. Lab 05.

    FOLDER/step-00000020/    what torch.distributed.checkpoint wrote, and the sha256 of each file
    FOLDER/.partial/         a save that is under way, or that was killed

Every function but `verify` is called by all ranks, or in one process without a group. Ranks share
the folder. Reading a checkpoint can run code (pickle): read only those that you wrote yourself.
"""

import hashlib
import json
import shutil
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.checkpoint import state_dict_loader, state_dict_saver
from torch.distributed.checkpoint.state_dict import get_state_dict, set_state_dict
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from scaletoolkit import lab
from scaletoolkit.machine import folders

MANIFEST = "manifest.json"
PARTIAL = ".partial"
PREFIX = "step-"

State = dict[str, Any]
Result = TypeVar("Result")


class CheckpointError(lab.LabError):
    """A checkpoint cannot be written, or is not what was written."""


def collect(model: nn.Module, optimizer: Optimizer, schedule: LRScheduler) -> State:
    """All that training needs to go on: plain values, tensors, and each rank's shards of them.

    The position in the data is the step, for which `save` asks.
    """
    weights, moments = get_state_dict(model, optimizer)
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
    cannot be written; what was there before stays.
    """
    folder = Path(folder)
    partial = folder / PARTIAL
    _on_first_rank(lambda: _empty(partial))
    with _quiet():
        state_dict_saver.save(state, checkpoint_id=partial)
    _on_first_rank(lambda: _publish(partial, folder / f"{PREFIX}{step:08d}"))
    _on_first_rank(lambda: _forget(folder, keep))


def load(
    folder: str | Path, state: State, say: Callable[[str], object] = lambda sentence: None
) -> int:
    """Fill a state that `collect` returned from the newest good checkpoint; returns its step.

    The state may belong to another number of ranks than the one that was saved. Without a good
    checkpoint it stays as it is, and the step is 0. say: told why a newer one was refused.
    """
    path, refused = _on_first_rank(lambda: newest(folder))
    for sentence in refused:
        say(sentence)
    if path is None:
        return 0
    with _quiet():
        state_dict_loader.load(state, checkpoint_id=path)
    return int(path.name.removeprefix(PREFIX))


def newest(folder: str | Path) -> tuple[Path | None, list[str]]:
    """The newest checkpoint in which every file is as it was written, and why newer ones are not.

    (its folder, or None; a sentence for each that was refused)
    """
    refused = []
    for path in _checkpoints(Path(folder)):
        try:
            verify(path)
        except CheckpointError as error:
            refused.append(str(error))
        else:
            return path, refused
    return None, refused


def verify(path: str | Path) -> None:
    """Compare every file of a checkpoint with what was written; CheckpointError names the file."""
    path = Path(path)
    try:
        manifest = json.loads((path / MANIFEST).read_bytes())
        files = {str(name): (int(size), str(digest)) for name, (size, digest) in manifest.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        raise CheckpointError(f"{path.name} has no {MANIFEST} that can be read") from None
    for name, (size_bytes, digest) in files.items():
        _verify_file(path / name, size_bytes, digest)


def _verify_file(file: Path, size_bytes: int, digest: str) -> None:
    where = f"{file.parent.name}: {file.name}"
    try:
        there_bytes = file.stat().st_size
        there = _digest(file)
    except OSError as error:
        raise CheckpointError(f"{where} cannot be read: {error.strerror}") from None
    if there_bytes != size_bytes:
        raise CheckpointError(f"{where} has {there_bytes:,} bytes of the {size_bytes:,} written")
    if there != digest:
        raise CheckpointError(f"{where} is not what was written: its sha256 is another")


def _checkpoints(folder: Path) -> list[Path]:
    """The folders that have a checkpoint's name, newest first."""
    return sorted(folder.glob(f"{PREFIX}[0-9]*"), reverse=True)


def _empty(partial: Path) -> None:
    """A new, empty folder for a save; what a killed one left is removed."""
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)


def _publish(partial: Path, path: Path) -> None:
    """Note what was written, bring it to disk, and give it its name."""
    if path.exists():  # saved before, by a job that has lost its way or is run again
        shutil.rmtree(path)
    files = sorted(file for file in partial.iterdir() if file.is_file())
    manifest = {file.name: (file.stat().st_size, _digest(file)) for file in files}
    (partial / MANIFEST).write_text(json.dumps(manifest))
    for file in (*files, partial / MANIFEST, partial):
        folders.sync(file)
    partial.rename(path)
    folders.sync(path.parent)


def _forget(folder: Path, keep: int) -> None:
    """Remove what is older than the `keep` newest good checkpoints; never the last good one."""
    good = 0
    for path in _checkpoints(folder):
        if good >= max(1, keep):
            shutil.rmtree(path)
            continue
        try:
            verify(path)
        except CheckpointError:
            continue
        good += 1


def _digest(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _rank() -> int:
    return dist.get_rank() if dist.is_initialized() else 0


def _on_first_rank(do: Callable[[], Result]) -> Result:
    """What do() returns on rank 0, on every rank; its failure is a CheckpointError on every rank.

    All ranks wait here, so it is a barrier as well.
    """
    outcome: list[Any] = [None, None]
    if _rank() == 0:
        try:
            outcome[0] = do()
        except OSError as error:
            outcome[1] = f"a checkpoint could not be written: {error}"
    if dist.is_initialized():
        dist.broadcast_object_list(outcome)
    if outcome[1] is not None:
        raise CheckpointError(outcome[1])
    result: Result = outcome[0]
    return result


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
