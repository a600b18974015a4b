"""Freed memory stays with the process for the next array, where the C library can be told so (glibc).

By default glibc gives freed arrays of a few megabytes back at once, and every array after them is made of pages that
the kernel clears and maps one by one: a tenth of a party's time and more in products of a million elements.
"""

from __future__ import annotations

import ctypes
import sys

#: Parameters of mallopt(3), and what they are set to: free memory at the heap's end that stays, and the size from
#: which an array is mapped by itself and unmapped when it is freed (the largest that glibc takes).
_TRIM_THRESHOLD, _KEPT = -1, 256 << 20
_MMAP_THRESHOLD, _MAPPED = -3, 32 << 20


def keep_freed() -> bool:
    """Keep up to 256 MiB of freed memory; False where the C library has no such setting."""
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    return bool(mallopt(_TRIM_THRESHOLD, _KEPT)) and bool(mallopt(_MMAP_THRESHOLD, _MAPPED))
