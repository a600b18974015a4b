"""Kernels compiled by numba: declared with one signature each, compiled or loaded from the cache before a run.

Rules: every array is writable, outputs are passed in, nothing is allocated, constants have the arrays' type (an
untyped 1 would turn uint64 into int64 or float64). After `ready` a call with other types raises TypeError instead of
compiling in the middle of a run. Kernels come in groups: "base" is compiled before a run begins, the others when
something first asks for them, or before, by whoever knows from a dry run that they will be wanted.

Importing this module imports numba, so only an engine imports it. Compiled code is cached on disk in numba's cache
directory; where the installation is not writable, whoever starts a process sets NUMBA_CACHE_DIR before.
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
                raise LocalProtocolError(f"two kernels are named {function.__name__}: `ready` would miss one")
            compiled: Any = numba.njit(cache=True, nogil=True)(function)
            kernels[function.__name__] = (compiled, f"void({signature})")
            found: F = compiled
            return found

        return declare

    def ready(self, progress: Callable[[int, int], None] | None = None, groups: Sequence[str] = ("base",)) -> None:
        """Compile or load the kernels of some groups; `progress(done, all)` after each. A second call does nothing."""
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
        """Make sure of a group in the middle of a run, where no dry run asked for it before; not on the event loop.

        Meanwhile the party is `busy`: nobody takes it for one that waits.
        """
        if group not in self._complete:
            with busy:
                await asyncio.to_thread(self.ready, None, (group,))
