"""Compiled kernels: compiled once, in one process, before parties start; and the folder of their cache.

Numba keeps compiled code beside the source. If the installation cannot be written to, the cache is a folder of the
user, mode 0700: another user who can write there could run code in this process.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter

from mpc.errors import ConfigError

_VARIABLE = "NUMBA_CACHE_DIR"
#: Kernels are loaded from the cache within this time; longer means that they are being compiled.
_LOADING_S = 3.0


def choose_cache() -> str:
    """Choose the cache folder before numba is imported, and return its path, for a person to read."""
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
                raise ConfigError(
                    f"{path}: other users of this machine can write here, and Comity runs code from here. "
                    f"Run:  chmod 700 {path}"
                )
    except OSError as error:
        raise ConfigError(
            f"compiled kernels cannot be kept: neither {source} nor {folder} can be written ({error.strerror}). "
            f"Set {_VARIABLE} to a folder that only you can write to."
        ) from None
    os.environ[_VARIABLE] = str(folder)
    return str(folder)


def prepare(engine: str, status: Callable[[str], None]) -> None:
    """Compile the missing kernels of `engine`, with a status line of the progress."""
    choose_cache()
    warm_up = _warm_up(engine)
    if warm_up is None:
        return
    begun, compiling = perf_counter(), False

    def progress(done: int, total: int) -> None:
        nonlocal compiling
        if compiling or (done < total and perf_counter() - begun > _LOADING_S):
            compiling = True
            status(f"compiling kernels, once on this machine … {done} of {total}")

    warm_up(progress)


def _warm_up(engine: str) -> Callable[[Callable[[int, int], None]], None] | None:
    """The function that compiles an engine's kernels and reports (done, total); None if the engine has none."""
    if engine == "replicated":
        from protocols.replicated import engine as replicated

        return replicated.warm_up
    if engine == "shamir":
        from protocols.shamir import engine as shamir

        return shamir.warm_up
    return None
