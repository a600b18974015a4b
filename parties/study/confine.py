"""Take rights away from this process, for good: memory, files, network, other processes. Linux; elsewhere, little.

Each mechanism that the kernel has is used, and `confine` returns what is missing:

    Landlock    files: writing none, reading only the named ones (5.13 and later); TCP (6.7); signals (6.12)
    seccomp     no socket, no program, no other process, on x86-64 and ARM64
    setrlimit   memory, core dumps

The three system calls of Landlock are made with `ctypes`: packages that wrap them are young or unmaintained,
and libseccomp's binding needs a library of the system. Nothing here is for the process that holds keys and rows.
"""

from __future__ import annotations

import ctypes
import os
import platform
import struct
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_READ_FILE, _READ_DIR = 1 << 2, 1 << 3
#: All rights over files that a version of Landlock knows.
_FILE_RIGHTS = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 4: (1 << 15) - 1}
_LATER_FILE_RIGHTS = (1 << 16) - 1
_NO_NEW_PRIVILEGES, _SET_SECCOMP, _SET_DUMPABLE, _PARENT_DEATH = 38, 22, 4, 1
#: seccomp's number of an architecture, and its system calls: socket connect bind listen accept accept4 execve execveat
#: ptrace process_vm_readv process_vm_writev kill tkill pidfd_open pidfd_send_signal pidfd_getfd io_uring_setup bpf
#: perf_event_open mount unshare setns userfaultfd add_key request_key keyctl.
_CALLS = {
    "x86_64": (
        0xC000003E,
        (41, 42, 49, 50, 43, 288, 59, 322, 101, 310, 311, 62, 200, 434, 424, 438, 425, 321, 298, 165, 272, 308, 323,
         248, 249, 250, 57, 58),
    ),
    "aarch64": (
        0xC00000B7,
        (198, 203, 200, 201, 202, 242, 221, 281, 117, 270, 271, 129, 130, 434, 424, 438, 425, 280, 241, 40, 97, 268,
         282, 217, 218, 219),
    ),
}  # fmt: skip
#: The places of Python and its libraries, besides `sys.path`.
_SYSTEM = ("/usr", "/lib", "/lib64", "/opt", "/nix/store", "/etc/ld.so.cache", "/etc/localtime", "/dev/null",
           "/dev/urandom", "/dev/zero")  # fmt: skip


def confine(readable: Iterable[Path], memory: int) -> list[str]:
    """Let this process read only `readable` and Python's own files, and take only `memory` bytes beyond what it has.

    This cannot be undone. Returns the rights that could not be taken away, in words for people.
    """
    missing = []
    if not _limit_memory(memory):
        missing.append("its memory is not limited")
    libc = _libc()
    if libc is None:
        return [*missing, "it can use the network", "it can read and write your files"]
    libc.prctl(_PARENT_DEATH, 9, 0, 0, 0)
    libc.prctl(_SET_DUMPABLE, 0, 0, 0, 0)
    libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    if not _landlock(libc, readable):
        missing.append("it can read and write your files")
    if not _seccomp(libc):
        missing.append("it can use the network and start programs")
    return missing


def _libc() -> ctypes.CDLL | None:
    return ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def _limit_memory(memory: int) -> bool:
    try:
        import resource
    except ImportError:  # Windows
        return False
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        status = Path("/proc/self/status").read_text("ascii")
        held = next(int(line.split()[1]) << 10 for line in status.splitlines() if line.startswith("VmData"))
        limit = held + memory
        hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
        resource.setrlimit(resource.RLIMIT_DATA, (limit if hard == resource.RLIM_INFINITY else min(limit, hard),) * 2)
    except (OSError, ValueError, StopIteration):
        return False
    with suppress(OSError):  # if memory still runs out, the kernel ends this process first
        Path("/proc/self/oom_score_adj").write_text("1000", "ascii")
    return True


def _landlock(libc: ctypes.CDLL, readable: Iterable[Path]) -> bool:
    version = libc.syscall(_CREATE_RULESET, None, 0, 1)
    if version < 1:
        return False
    rights = _FILE_RIGHTS.get(version, _LATER_FILE_RIGHTS)
    # No rule gives back a right over TCP, or over sockets and processes outside.
    attributes = struct.pack("QQQ", rights, 0b11, 0b11)[: 8 if version < 4 else 16 if version < 6 else 24]
    rules = libc.syscall(_CREATE_RULESET, attributes, len(attributes), 0)
    if rules < 0:
        return False
    try:
        paths = [*sys.path, sys.prefix, sys.base_prefix, *_SYSTEM, *map(str, readable)]
        for path in {os.path.realpath(path) for path in paths if path and os.path.exists(path)}:
            allowed = _READ_FILE | _READ_DIR if os.path.isdir(path) else _READ_FILE
            descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
            rule = struct.pack("=Qi", allowed, descriptor)
            added = libc.syscall(_ADD_RULE, rules, 1, rule, 0)
            os.close(descriptor)
            if added:
                return False
        return bool(libc.syscall(_RESTRICT_SELF, rules, 0) == 0)
    finally:
        os.close(rules)


def _seccomp(libc: ctypes.CDLL) -> bool:
    """A filter that answers "not permitted" to the calls above, and to those of other architectures."""
    if platform.machine() not in _CALLS or struct.calcsize("P") != 8:
        return False
    architecture, calls = _CALLS[platform.machine()]
    load, equal, above, give = 0x20, 0x15, 0x35, 0x06
    allow, refuse = 0x7FFF0000, 0x00050001
    program = [(load, 0, 0, 4), (equal, 1, 0, architecture), (give, 0, 0, refuse), (load, 0, 0, 0)]
    program.append((above, len(calls) + 1, 0, 0x40000000))  # x32
    program += [(equal, len(calls) - i, 0, call) for i, call in enumerate(calls)]
    program += [(give, 0, 0, allow), (give, 0, 0, refuse)]
    packed = b"".join(struct.pack("HBBI", *line) for line in program)
    buffer = ctypes.create_string_buffer(packed, len(packed))
    header = struct.pack("HxxxxxxP", len(program), ctypes.addressof(buffer))
    return bool(libc.prctl(_SET_SECCOMP, 2, ctypes.c_char_p(header), 0, 0) == 0)
