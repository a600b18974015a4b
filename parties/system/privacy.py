"""Keeping secrets from other users of the machine: files that only their owner can read, and no core dumps."""

from __future__ import annotations

import os
import stat
import sys
from contextlib import suppress
from pathlib import Path

from mpc.errors import ConfigError


def write_private(path: Path, content: bytes) -> None:
    """Write a file that only its owner can read: all of it or nothing."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        error.filename = str(path)  # the error of a full disk names no file
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise


def check_private(path: Path) -> None:
    """ConfigError, with the chmod line to run, if other users can reach `path`."""
    if os.name == "nt":
        return
    info = path.stat()
    if stat.S_IMODE(info.st_mode) & 0o077:
        mode = "700" if stat.S_ISDIR(info.st_mode) else "600"
        raise ConfigError(
            f"{path} can be reached by other users of this machine (mode {stat.S_IMODE(info.st_mode):o}). "
            f"Run:  chmod {mode} {path}"
        )


def no_core_dumps() -> None:
    """Switch core dumps off: a crash must not write keys or shares to disk."""
    if sys.platform != "win32":
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
