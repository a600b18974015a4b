"""The hooks of a profile into kernels, streams and coroutines. `profile` makes a table of their times."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Coroutine, Generator, Iterator, Sequence
from contextlib import contextmanager
from time import perf_counter, thread_time
from typing import Any

#: Where an engine's kernels are declared.
_KERNELS = ("protocols.replicated.kernels", "protocols.shamir.kernels")
#: A part that works on more bytes is measured by the processor's clock.
_LARGE = 1 << 15


class Parts(threading.local):
    """Seconds of parts of operations, each without the parts inside of it; one stack for each thread.

    Reading the processor's clock takes a microsecond, more than a small part does. So small parts are measured by the
    wall clock, and their sum is scaled afterwards to the processor's time.
    """

    def __init__(self, large: dict[str, float], small: dict[str, float], inside: Callable[[], bool]) -> None:
        self._large, self._small = large, small
        #: Whether the code that runs now belongs to a watched operation.
        self._watched = inside
        self._inside: list[float] = []

    def run(self, part: str, size: int, function: Callable[..., Any], arguments: Sequence[Any]) -> Any:
        """Call the function; its time counts for `part`. `size`: about how many bytes it works on."""
        if not self._watched():
            return function(*arguments)
        clock, totals = (thread_time, self._large) if size > _LARGE else (perf_counter, self._small)
        self._inside.append(0.0)
        begun = clock()
        try:
            return function(*arguments)
        finally:
            spent = clock() - begun
            totals[part] += spent - self._inside.pop()
            if self._inside:
                self._inside[-1] += spent


class Driven:
    """Awaitable: a coroutine, with `enter` called before each of its steps and `leave` after it."""

    def __init__(
        self, coroutine: Coroutine[Any, Any, Any], enter: Callable[[], None], leave: Callable[[], None]
    ) -> None:
        self._coroutine, self._enter, self._leave = coroutine, enter, leave

    def __await__(self) -> Generator[Any, Any, Any]:
        coroutine = self._coroutine
        error: BaseException | None = None
        while True:
            self._enter()
            try:
                awaited = coroutine.send(None) if error is None else coroutine.throw(error)
            except StopIteration as stop:
                return stop.value
            finally:
                self._leave()
            error = None
            try:
                yield awaited
            except GeneratorExit:
                coroutine.close()
                raise
            except BaseException as thrown:  # a cancellation goes to the driven coroutine
                error = thrown


class Kernel:
    """A compiled kernel that is timed."""

    def __init__(self, kernel: Any, parts: Parts) -> None:
        self._kernel = kernel
        self._parts = parts

    def __call__(self, *arguments: Any) -> Any:
        # The outputs come last.
        return self._parts.run("kernels", getattr(arguments[-1], "nbytes", 0), self._kernel, arguments)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._kernel, name)


@contextmanager
def replaced(holder: Any, name: str, value: Any) -> Iterator[None]:
    defined = name in vars(holder)
    before = getattr(holder, name)
    setattr(holder, name, value)
    try:
        yield
    finally:
        if defined:
            setattr(holder, name, before)
        else:
            delattr(holder, name)


def compiled_kernels() -> list[tuple[Any, str, Any]]:
    """Module, name and function of each compiled kernel, for each module of `protocols` that has a name for it."""
    # Only the engines of this process have kernels here.
    engines = [module for name in _KERNELS if (module := sys.modules.get(name)) is not None]
    compiled = set()
    for kernels in engines:
        # A kernel that another kernel calls is compiled with it, so it must be compiled before its name is replaced.
        kernels.ready(groups=list(kernels.GROUPS))
        compiled |= {id(function) for group in kernels.GROUPS.values() for function, _ in group.values()}
    modules = [module for name, module in list(sys.modules.items()) if name.startswith("protocols.")]
    return [(module, name, x) for module in modules for name, x in list(vars(module).items()) if id(x) in compiled]
