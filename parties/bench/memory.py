"""This process's memory, as the kernel counts it."""

from __future__ import annotations

import ctypes
import gc
import sys
from contextlib import suppress
from pathlib import Path


def give_back() -> None:
    """Return unused memory to the system, as far as the system allows that."""
    gc.collect()
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def resident() -> int | None:
    """Bytes in memory now; None if the system does not report them."""
    return _status("VmRSS")


def peak() -> int | None:
    """The most bytes in memory since `forget_peak`; None if the system does not report them."""
    return _status("VmHWM")


def forget_peak() -> bool:
    """Reset the peak to the bytes in memory now; False if the system cannot."""
    if sys.platform == "linux":
        with suppress(OSError):
            Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
            return True
    return False


def _status(name: str) -> int | None:
    with suppress(OSError):
        for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
            if line.startswith(name + ":"):
                return int(line.split()[1]) << 10
    return None
