"""Folders of checkpoints: a new one, its name, its manifest, and which may go. Lab 05.

One process, the first rank, calls these; `checkpoint` says what lies where.
"""

import hashlib
import json
import re
import secrets
import shutil
from pathlib import Path

from torch.distributed.checkpoint.filesystem import FileSystemReader

from scaletoolkit import lab
from scaletoolkit.machine import folders

MANIFEST = "manifest.json"
PARTIAL = ".partial"
PREFIX = "step-"
NAME = re.compile(rf"{PREFIX}(\d+)(\.old)?")


class CheckpointError(lab.LabError):
    """A checkpoint cannot be written, or is not what was written."""


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
    if not files:
        raise CheckpointError(f"{path.name}: {MANIFEST} names no file")
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


def step(path: Path) -> tuple[int, bool]:
    """Which step a folder is of, and that it is not an .old one; (0, False) for other names."""
    name = NAME.fullmatch(path.name)
    return (int(name[1]), not name[2]) if name else (0, False)


def _checkpoints(folder: Path) -> list[Path]:
    """The folders that have a checkpoint's name, newest first."""
    named = [path for path in folder.glob(f"{PREFIX}*") if NAME.fullmatch(path.name)]
    return sorted((path for path in named if path.is_dir()), key=step, reverse=True)


def new_partial(folder: Path) -> Path:
    """A new, empty folder for a save; what killed ones left is removed.

    Its name is its own: a rank of a job that was given up cannot write into it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for left in folder.glob(f"{PARTIAL}*"):
        shutil.rmtree(left, ignore_errors=True)
    partial = _partial_in(folder)
    partial.mkdir()
    return partial


def _partial_in(folder: Path) -> Path:
    return folder / f"{PARTIAL}-{secrets.token_hex(4)}"


def publish(partial: Path, folder: Path, step: int) -> Path:
    """Note what was written, bring it to disk, and give it its name, which comes back.

    OSError where it cannot.
    """
    path = folder / f"{PREFIX}{step:08d}"
    files = sorted(file for file in partial.iterdir() if file.is_file())
    there = {file.name for file in files}
    for part in FileSystemReader(partial).read_metadata().storage_data.values():
        if part.relative_path not in there:
            raise OSError(f"{part.relative_path} is missing: do all ranks see {folder}?")
    manifest = {file.name: (file.stat().st_size, _digest(file)) for file in files}
    (partial / MANIFEST).write_text(json.dumps(manifest))
    folders.sync_all(partial)
    old = path.with_name(f"{path.name}.old")
    if path.exists():  # of a job that then went on from an older one; a kill here leaves it as .old
        shutil.rmtree(old, ignore_errors=True)
        path.rename(old)
    partial.rename(path)
    folders.sync(folder)
    shutil.rmtree(old, ignore_errors=True)
    return path


def forget(folder: Path, keep: int, published: Path | None = None) -> None:
    """Remove what is older than the `keep` newest good checkpoints; never the last good one.

    published: the one whose digests have just been taken; it is not read again.
    """
    good = 0
    for path in _checkpoints(folder):
        if good >= max(1, keep):
            gone = _partial_in(folder)  # a kill while it goes leaves no half checkpoint
            path.rename(gone)
            shutil.rmtree(gone, ignore_errors=True)
            continue
        try:
            if path != published:
                verify(path)
        except CheckpointError:
            continue
        good += 1


def _digest(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
