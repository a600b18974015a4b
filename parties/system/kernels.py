"""Compiled kernels: made once, in one process, before parties start; and where they are kept.

Numba keeps what it compiled beside the source. Where the installation cannot be written to, the cache is a folder of
the user's, mode 0700: whoever can write there runs code in ours.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter

from mpc.errors import ConfigError

_VARIABLE = "NUMBA_CACHE_DIR"
#: Kernels from the cache are there sooner.
_LOADING_S = 3.0


def choose_cache() -> str:
    """Set where kernels are kept, before numba is imported; says where for a person."""
    if os.environ.get(_VARIABLE):
        return os.environ[_VARIABLE]
    spec = find_spec("protocols.replicated")
    source = Path(next(iter(spec.submodule_search_locations or []))) if spec is not None else Path()
    if os.access(source, os.W_OK):
        return str(source)
    folder = Path(os.environ.get("COMITY_HOME") or Path.home() / ".comity") / "cache" / "numba"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for path in (folder, folder.parent):
            if path.stat().st_mode & 0o022 or path.stat().st_uid != os.getuid():
                raise ConfigError(f"{path}: others can write here, and what is there runs here: chmod 700 {path}")
    except OSError as error:
        raise ConfigError(
            f"compiled kernels cannot be kept: neither {source} nor {folder} can be written ({error.strerror}). "
            f"Set {_VARIABLE} to a folder that only you can write to."
        ) from None
    os.environ[_VARIABLE] = str(folder)
    return str(folder)


def prepare(engine: str, status: Callable[[str], None]) -> None:
    """Compile what is missing for `engine`, with a line of progress."""
    choose_cache()
    warm_up = _warm_up(engine)
    if warm_up is None:
        return
    begun, told = perf_counter(), False

    def progress(done: int, total: int) -> None:
        nonlocal told
        if told or (done < total and perf_counter() - begun > _LOADING_S):
            told = True
            status(f"compiling kernels, once on this machine … {done} of {total}")

    warm_up(progress)


def _warm_up(engine: str) -> Callable[[Callable[[int, int], None]], None] | None:
    """What compiles an engine's kernels, telling how many of how many are done; None where it has none."""
    if engine == "replicated":
        from protocols.replicated import engine as replicated

        return replicated.warm_up
    if engine == "shamir":
        from protocols.shamir import engine as shamir

        return shamir.warm_up
    return None
