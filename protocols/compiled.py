"""Kernels compiled by numba: declared with one signature each, compiled or loaded from the cache before a run.

Rules: all arrays are writable; the caller passes the arrays for the results; a kernel allocates nothing; constants have
the type of the arrays (an untyped 1 would turn uint64 into int64 or float64). After `ready`, a call with other types
raises TypeError; it does not compile in the middle of a run. Kernels come in groups. The group "base" is compiled
before a run begins; another group too, if a dry run shows that the run needs it, else at its first use.

Importing this module imports numba, so only an engine imports it. numba caches compiled code on disk, in its cache
directory; if the installation is not writable, set NUMBA_CACHE_DIR before the process starts.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numba

from mpc.errors import LocalProtocolError
from mpc.machine.party import Busy

F = TypeVar("F", bound=Callable[..., Any])

_compiling = threading.Lock()


class Kernels:
    """The kernels of one engine, by group: name -> (compiled function, its only signature)."""

    def __init__(self) -> None:
        self.groups: dict[str, dict[str, tuple[Any, str]]] = {"base": {}}
        self._complete: set[str] = set()

    def kernel(self, signature: str, group: str = "base") -> Callable[[F], F]:
        """Declare a kernel; it is compiled, or loaded from the cache, by `ready`."""

        def declare(function: F) -> F:
            kernels = self.groups.setdefault(group, {})
            if function.__name__ in kernels:
                raise LocalProtocolError(f"two kernels have the name {function.__name__}: rename one of them")
            compiled: Any = numba.njit(cache=True, nogil=True)(function)
            kernels[function.__name__] = (compiled, f"void({signature})")
            declared: F = compiled
            return declared

        return declare

    def ready(self, progress: Callable[[int, int], None] | None = None, groups: Sequence[str] = ("base",)) -> None:
        """Compile or load the kernels of `groups`; call `progress(done, all)` after each kernel. A second call compiles
        nothing."""
        wanted = [entry for group in groups for entry in self.groups[group].values()]
        for done, (compiled, signature) in enumerate(wanted, 1):
            if not compiled.signatures:
                with _compiling:
                    if not compiled.signatures:
                        compiled.compile(signature)
                        compiled.disable_compile()
            if progress is not None:
                progress(done, len(wanted))
        self._complete.update(groups)

    async def loaded(self, group: str, busy: Busy) -> None:
        """Load a group in the middle of a run, if it was not loaded before; in a thread, not on the event loop.

        Meanwhile the party counts as `busy`: its peers do not take it for a party that waits.
        """
        if group not in self._complete:
            with busy:
                await asyncio.to_thread(self.ready, None, (group,))
