"""What a process gives up for good, without being root: files, network, programs, processes.

Linux on x86_64 or aarch64: Landlock (from 5.13) for files, seccomp for the rest, and limits. Each
wall is tried from inside once it stands: what `close` returns is what was refused, not what was
asked for. Elsewhere only the limits hold. What stays open to it is in STAYS_OPEN.
Sources: Linux' Documentation/userspace-api/landlock.rst and seccomp_filter.rst.
"""

import ctypes
import errno
import os
import platform
import resource
import signal
import struct
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from scaletoolkit.classes import syscalls

ALL = ("files", "network", "programs", "processes")
STAYS_OPEN = "whether a path exists, its size and times, and the host's name"
ARCHITECTURES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}  # column, AUDIT_ARCH
NO_NEW_PRIVILEGES = 38  # prctl(2)
SET_SECCOMP = 22
PARENT_DEATH_SIGNAL = 1
READ_FILE = 1 << 2  # linux/landlock.h
READ_FOLDER = 1 << 3
FILE_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}  # version of Landlock: how many kinds there are
ALLOW = 0x7FFF0000  # linux/seccomp.h
REFUSE = 0x00050000  # plus an errno
KILL = 0x80000000
LOAD = 0x20  # linux/filter.h: a 32-bit word of the call; then jumps, and a verdict
EQUAL = 0x15
ANY_BIT = 0x45
VERDICT = 0x06
TRUNCATE = 0x200  # asm-generic/fcntl.h
MAP_SHARED = 0x01  # asm-generic/mman-common.h
MAP_ANONYMOUS = 0x20
MAP_GROWSDOWN = 0x100
CLONE_THREAD = 0x00010000
HARMLESS_FCNTL = (0, 1, 2, 3, 1030)  # F_DUPFD, F_GETFD, F_SETFD, F_GETFL, F_DUPFD_CLOEXEC
HARMLESS_IOCTL = (0x5421, 0x5450, 0x5451)  # FIONBIO, FIONCLEX, FIOCLEX
Instruction = tuple[int, int, int, int]


def die_with_parent() -> None:
    """End this process when the one that started it ends, also by a kill. Linux only."""
    if sys.platform == "linux":
        parent = os.getppid()
        ctypes.CDLL(None).prctl(PARENT_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:  # it has ended before we asked
            os._exit(1)


def limit(memory_bytes: int) -> None:
    """Bound this process: a minute of CPU, bytes of memory, none into files, no core dump."""
    bounds = {
        resource.RLIMIT_CPU: (60, 60),
        resource.RLIMIT_DATA: (memory_bytes, memory_bytes),
        resource.RLIMIT_FSIZE: (0, 0),
        resource.RLIMIT_CORE: (0, 0),
        resource.RLIMIT_NOFILE: (64, 64),
    }
    for what, bound in bounds.items():
        with suppress(ValueError, OSError):  # a system may not know it, or have a lower one
            resource.setrlimit(what, bound)


def landlock() -> int:
    """The version of Landlock that this machine has; less than 1 where it has none."""
    if sys.platform != "linux" or platform.machine() not in ARCHITECTURES:
        return 0
    ask = 1  # the flag that asks for the version
    return ctypes.CDLL(None).syscall(syscalls.LANDLOCK[0], None, ctypes.c_size_t(0), ask)


def close(readable: Mapping[str, bool]) -> list[str]:
    """Give up what can be given up here: the names of ALL of which that was refused afterwards.

    readable: {path: whether the files in it may be read, else only their names}.
    """
    if landlock() >= 1:
        libc = ctypes.CDLL(None, use_errno=True)
        libc.syscall.restype = ctypes.c_long
        libc.prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0)
        _close_files(libc, readable)
        _close_calls(libc)
    tries = {"files": _reads, "network": _connects, "programs": _executes, "processes": _forks}
    return [name for name in ALL if not tries[name]()]


def _close_files(libc: ctypes.CDLL, readable: Mapping[str, bool]) -> None:
    create, add, restrict = syscalls.LANDLOCK
    version = landlock()
    rights = (1 << FILE_RIGHTS.get(version, 16)) - 1
    parts = [rights, *([3] if version >= 4 else []), *([3] if version >= 6 else [])]  # net, scope
    wanted = struct.pack(f"{len(parts)}Q", *parts)
    rules = libc.syscall(create, wanted, ctypes.c_size_t(len(wanted)), 0)
    for path, whole in readable.items():
        try:
            place = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except OSError:
            continue
        right = READ_FOLDER | whole * READ_FILE if Path(path).is_dir() else READ_FILE
        libc.syscall(add, rules, 1, struct.pack("=Qi", right, place), 0)
        os.close(place)
    libc.syscall(restrict, rules, 0)
    os.close(rules)


def _close_calls(libc: ctypes.CDLL) -> None:
    program = _program()
    code = b"".join(struct.pack("HBBI", *instruction) for instruction in program)
    kept = ctypes.create_string_buffer(code)
    head = struct.pack("HP", len(program), ctypes.addressof(kept))
    libc.prctl(SET_SECCOMP, 2, head, 0, 0)


def _program() -> list[Instruction]:
    """The filter: what it is told of a call is its number at 0, the machine at 4, arguments."""
    column, machine = ARCHITECTURES[platform.machine()]
    program: list[Instruction] = [
        (LOAD, 0, 0, 4),
        (EQUAL, 1, 0, machine),
        (VERDICT, 0, 0, KILL),
        (LOAD, 0, 0, 0),
    ]
    for numbers in syscalls.NUMBERS.values():
        number = numbers[column]
        if number is not None:
            program += _when(number, [(VERDICT, 0, 0, ALLOW)])
    refuse = (VERDICT, 0, 0, REFUSE + errno.EPERM)
    for numbers, flags in ((syscalls.OPEN, 24), (syscalls.OPENAT, 32)):
        number = numbers[column]
        if number is not None:
            program += _when(number, [*_emptying_nothing(flags), refuse])
    thread = [(LOAD, 0, 0, 16), (ANY_BIT, 0, 1, CLONE_THREAD), (VERDICT, 0, 0, ALLOW), refuse]
    program += _when(syscalls.CLONE[column], thread)
    program += _when(syscalls.MMAP[column], [*_counted_memory(), refuse])
    program += _when(syscalls.CLONE3[column], [(VERDICT, 0, 0, REFUSE + errno.ENOSYS)])
    program += _when(syscalls.FCNTL[column], [*_one_of(HARMLESS_FCNTL), refuse])
    not_a_terminal = (VERDICT, 0, 0, REFUSE + errno.ENOTTY)
    program += _when(syscalls.IOCTL[column], [*_one_of(HARMLESS_IOCTL), not_a_terminal])
    program += _when(syscalls.SENDTO[column], [*_without_address(), refuse])
    return [*program, refuse]


def _when(number: int, then: list[Instruction]) -> list[Instruction]:
    """Instructions that are run for this call alone; they end with a verdict."""
    return [(EQUAL, 0, len(then), number), *then]


def _one_of(values: tuple[int, ...]) -> list[Instruction]:
    """Allow the call where its second argument is one of these."""
    steps: list[Instruction] = [(LOAD, 0, 0, 24)]
    for value in values:
        steps += _when(value, [(VERDICT, 0, 0, ALLOW)])
    return steps


def _emptying_nothing(flags: int) -> list[Instruction]:
    """Allow the call unless its flags, which lie at this place, say that the file is emptied.

    To Landlock that is no writing, and before its version 3 it does not look at it.
    """
    return [(LOAD, 0, 0, flags), (ANY_BIT, 1, 0, TRUNCATE), (VERDICT, 0, 0, ALLOW)]


def _counted_memory() -> list[Instruction]:
    """Allow the call unless RLIMIT_DATA would not count what it takes: its fourth argument says so.

    That is what grows like a stack, and what is shared but no file.
    """
    return [
        (LOAD, 0, 0, 40),
        (ANY_BIT, 3, 0, MAP_GROWSDOWN),
        (ANY_BIT, 0, 1, MAP_ANONYMOUS),
        (ANY_BIT, 1, 0, MAP_SHARED),
        (VERDICT, 0, 0, ALLOW),
    ]


def _without_address() -> list[Instruction]:
    """Allow the call where its fifth argument, both halves of it, is no address."""
    return [
        (LOAD, 0, 0, 48),
        (EQUAL, 0, 3, 0),
        (LOAD, 0, 0, 52),
        (EQUAL, 0, 1, 0),
        (VERDICT, 0, 0, ALLOW),
    ]


def _reads() -> bool:
    """Whether a file that lies outside can be opened: the folder of all folders."""
    try:
        os.close(os.open("/", os.O_RDONLY))
    except OSError:
        return False
    return True


def _connects() -> bool:
    """Whether a socket for the internet can be made."""
    made = ctypes.CDLL(None).socket(2, 1, 0)  # AF_INET, SOCK_STREAM
    if made < 0:
        return False
    os.close(made)
    return True


def _executes() -> bool:
    """Whether a program could be started; that there is none of this name is another error."""
    try:
        os.execv("/scaletoolkit-no-such-program", ["none"])
    except OSError as error:
        return error.errno != errno.EPERM


def _forks() -> bool:
    try:
        child = os.fork()
    except OSError:
        return False
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    return True
