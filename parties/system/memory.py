"""Freed memory stays with the process for the next array, if the C library has such a setting (glibc).

By default glibc gives freed arrays of a few megabytes back at once. The next array is then made of new pages, which
the kernel clears and maps one by one. In products of a million elements this takes a tenth of a party's time or more.
"""

from __future__ import annotations

import ctypes
import sys

#: Parameters of mallopt(3) with our values: how much free memory stays at the end of the heap, and from which size an
#: array is mapped by itself, and unmapped when it is freed (the largest value that glibc takes).
_TRIM_THRESHOLD, _KEPT = -1, 256 << 20
_MMAP_THRESHOLD, _MAPPED = -3, 32 << 20


def keep_freed() -> bool:
    """Keep up to 256 MiB of freed memory; False if the C library has no such setting."""
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    return bool(mallopt(_TRIM_THRESHOLD, _KEPT)) and bool(mallopt(_MMAP_THRESHOLD, _MAPPED))
