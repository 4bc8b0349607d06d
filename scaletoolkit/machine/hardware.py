"""What this machine has: cores, memory, GPUs, and what ranks and tensors should use."""

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

CPUINFO = Path("/proc/cpuinfo")
INT8_INSTRUCTIONS = ["avx_vnni", "avx512_vnni", "amx_int8", "asimddp", "i8mm"]
GPU_DRIVERS = ["/dev/nvidiactl", "/dev/kfd", "/dev/dxg"]  # NVIDIA, AMD, Windows' Linux


def cores() -> int:
    """How many processor cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def memory_bytes() -> int:
    """The machine's main memory in bytes."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def int8_instructions() -> list[str]:
    """The instructions that multiply 8-bit integers fast, of those this processor has.

    By Linux' names for them; elsewhere, and on processors without any, the list is empty.
    """
    here = set(CPUINFO.read_text().split()) if CPUINFO.exists() else set()
    return [name for name in INT8_INSTRUCTIONS if name in here]


def gpus() -> int:
    """How many CUDA devices torch can use here; 0 where torch is not installed.

    torch takes seconds and half a gigabyte to import, so it is asked only where a driver is.
    """
    if not any(Path(path).exists() for path in GPU_DRIVERS):
        return 0
    try:
        import torch
    except ImportError:
        return 0
    return torch.cuda.device_count() if torch.cuda.is_available() else 0


def device(local_rank: int = 0) -> str:
    """Where tensors should live: "cuda:<n>", GPUs in turn over the ranks, or "cpu" without one."""
    count = gpus()
    return f"cuda:{local_rank % count}" if count else "cpu"


def gpu_id(place: str) -> str:
    """What tells the GPU that a device names from every other in the world; "" for "cpu"."""
    if place == "cpu":
        return ""
    import torch

    return str(torch.cuda.get_device_properties(place).uuid)


def backend(world_size: int) -> str:
    """What carries messages between ranks: "nccl" where each rank has its own GPU, else "gloo"."""
    if world_size < 1:
        raise ValueError(f"world_size must be at least 1, got {world_size}")
    return "nccl" if gpus() >= world_size else "gloo"


def package_version(name: str) -> str | None:
    """The installed version of a package as text, or None where it is not installed."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def machine(*packages: str) -> str:
    """One line for a lab's first cell: device, cores, memory, Python, the packages' versions."""
    parts = [
        device(),
        f"{cores()} cores",
        f"{memory_bytes() / 2**30:.0f} GiB memory",
        f"Python {platform.python_version()}",
    ]
    return " · ".join(parts + [f"{name} {package_version(name)}" for name in packages])
