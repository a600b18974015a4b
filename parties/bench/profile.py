"""The time, bytes and rounds of one repetition by operation, and the processor's time by kind of work.

`watched` puts hooks in place for one repetition and removes them, so that they cost nothing otherwise. Rounds and bytes
come from the engine's formulas, rounds along the critical path, so they add up to those of the measurement. Times are
this party's: `elapsed` goes from an operation's start to its end, with waiting, and counts each of several concurrent
operations in full; `busy` is the processor's time, while the operation's code runs on the event loop.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from inspect import iscoroutine
from statistics import fmean
from time import perf_counter, process_time, thread_time
from typing import Any, NamedTuple, cast

from mpc.machine.channel import FRAME_HEADER
from mpc.machine.engine import Engine
from mpc.machine.labels import Streams
from mpc.machine.operation import Handle
from mpc.machine.party import Party
from mpc.machine.runtime import Runtime
from parties.bench.hooks import Driven, Kernel, Parts, compiled_kernels, replaced

Profile = dict[str, Any]

#: What the processor was busy with, in the order of the table.
PROCESSOR = ("kernels", "masks", "protocols", "scheduling", "network")
_INNER = ("kernels", "masks")


@dataclass
class Line:
    """The sums of one primitive."""

    parties: int
    operations: int = 0
    rounds: int = 0
    sent: list[int] = field(default_factory=list)
    elapsed: float = 0.0
    busy: float = 0.0
    processor: float = 0.0

    def __post_init__(self) -> None:
        self.sent = [0] * self.parties


class _Node(NamedTuple):
    """A scheduled operation, as a link of the longest chain of rounds that leads to it."""

    primitive: str
    rounds: int
    depth: int
    before: _Node | None


class Watch:
    """One watched repetition."""

    def __init__(self, parties: int) -> None:
        self.lines: dict[str, Line] = {}
        self._parties = parties
        self._script = Line(parties)
        self._large, self._small = dict.fromkeys(_INNER, 0.0), dict.fromkeys(_INNER, 0.0)
        self._parts = Parts(self._large, self._small, self._inside)
        self._workers = 0.0
        self._thread = threading.get_ident()
        self._nodes: dict[int, _Node] = {}
        self._settled: _Node | None = None
        self._stack: list[Line] = []
        self._since = (0.0, 0.0)
        self.seconds = self._processor = 0.0

    def _inside(self) -> bool:
        return bool(self._stack) or threading.get_ident() != self._thread

    # ---- scheduled operations
    def planned(self, primitive: str, operands: Sequence[Handle], handle: Handle, sent: Sequence[int]) -> None:
        """An operation was scheduled, in which party i sends `sent[i]` bytes."""
        line = self.line(primitive)
        line.operations += 1
        for party, count in enumerate(sent):
            line.sent[party] += count
        depth = max((operand.depth for operand in operands), default=0)
        before = self._settled
        for operand in operands:
            node = self._nodes.get(id(operand))
            if node is not None and (before is None or node.depth > before.depth):
                before = node
        rounds = handle.depth - depth
        # Each handle gets its node when it is made, so it does no harm if an address is used again.
        self._nodes[id(handle)] = _Node(primitive, rounds, rounds + (before.depth if before else 0), before)

    def settled(self, handles: Sequence[Handle]) -> None:
        """The script waited for these handles: operations that it schedules from now on come after them."""
        for handle in handles:
            node = self._nodes.get(id(handle))
            if node is not None and (self._settled is None or node.depth > self._settled.depth):
                self._settled = node

    def line(self, primitive: str) -> Line:
        line = self.lines.get(primitive)
        if line is None:
            line = self.lines[primitive] = Line(self._parties)
        return line

    def _trace(self) -> None:
        """Give each primitive its rounds on the longest chain that the script waited for."""
        node = self._settled
        while node is not None:
            self.lines[node.primitive].rounds += node.rounds
            node = node.before

    # ---- running code
    def enter(self, line: Line) -> None:
        """From here on the event loop's thread works for this line."""
        self._pass()
        self._stack.append(line)

    def leave(self) -> None:
        self._pass()
        self._stack.pop()

    def _pass(self) -> None:
        now = perf_counter(), thread_time()
        if self._stack:
            top = self._stack[-1]
            top.busy += now[0] - self._since[0]
            top.processor += now[1] - self._since[1]
        self._since = now

    async def script(self, part: Coroutine[Any, Any, Handle]) -> Handle:
        """The script's part that is watched, from its beginning to its end."""
        begun = perf_counter(), process_time()
        result: Handle = await self.driven(self._script, part)
        self.seconds, self._processor = perf_counter() - begun[0], process_time() - begun[1]
        return result

    async def driven(self, line: Line, coroutine: Coroutine[Any, Any, Any]) -> Any:
        """Drive a coroutine with each of its steps counted as this line's."""
        return await Driven(coroutine, partial(self.enter, line), self.leave)

    async def operation(self, line: Line, coroutine: Coroutine[Any, Any, Any], begun: float) -> Any:
        try:
            return await Driven(coroutine, partial(self.enter, line), self.leave)
        finally:
            line.elapsed += perf_counter() - begun

    def _task(
        self, loop: asyncio.AbstractEventLoop, coroutine: Coroutine[Any, Any, Any], **options: Any
    ) -> asyncio.Task[Any]:
        """Tasks that a watched part makes (chunks of an operation) count for its line."""
        if self._stack:
            coroutine = self.driven(self._stack[-1], coroutine)
        return asyncio.Task(coroutine, loop=loop, **options)

    def _computed(self, compute: Callable[..., Any]) -> Callable[..., Any]:
        """`Party.compute`: its function counts as a kernel, without the masks inside, also in another thread."""

        def counted(size: int, function: Callable[..., Any], *arguments: Any) -> Any:
            begun = thread_time()
            try:
                return self._parts.run("kernels", size, function, arguments)
            finally:
                if threading.get_ident() != self._thread:
                    self._workers += thread_time() - begun

        async def timed(party: Party, elements: int, function: Callable[..., Any], *arguments: Any) -> Any:
            return await compute(party, elements, counted, 8 * elements, function, *arguments)

        return timed

    def _filled(self, fill: Callable[..., None]) -> Callable[..., None]:
        """`Streams.fill`."""

        def timed(streams: Streams, out: Any, *arguments: Any) -> None:
            self._parts.run("masks", out.nbytes, fill, (streams, out, *arguments))

        return timed

    @contextmanager
    def hooks(self) -> Iterator[None]:
        """Put all hooks in place, except those of the runtime."""
        loop = asyncio.get_running_loop()
        before = loop.get_task_factory()
        with ExitStack() as stack:
            stack.callback(loop.set_task_factory, before)
            loop.set_task_factory(cast(Any, self._task))
            stack.enter_context(replaced(Streams, "fill", self._filled(Streams.fill)))
            stack.enter_context(replaced(Party, "compute", self._computed(Party.compute)))
            for module, name, kernel in compiled_kernels():
                stack.enter_context(replaced(module, name, Kernel(kernel, self._parts)))
            yield

    # ---- the result
    def profile(self) -> Profile:
        """The profile of this party, for JSON."""
        self._trace()
        lines = self.lines.values()
        wall, processor = sum(line.busy for line in lines), sum(line.processor for line in lines) + self._workers
        large, small = sum(self._large.values()), sum(self._small.values())
        scale = min(1.0, max(0.0, processor - large) / max(wall - large, small, 1e-9))
        parts = {name: self._large[name] + scale * self._small[name] for name in _INNER}
        parts["protocols"] = max(0.0, processor - sum(parts.values()))
        parts["scheduling"] = self._script.processor
        parts["network"] = max(0.0, self._processor - processor - self._script.processor)
        operations = {
            name: {
                "operations": line.operations,
                "rounds": line.rounds,
                "sent": line.sent,
                "elapsed_seconds": line.elapsed,
                "busy_seconds": line.processor,
            }
            for name, line in self.lines.items()
        }
        return {"seconds": self.seconds, "processor_seconds": parts, "operations": operations}


class _WatchedEngine:
    """An engine whose primitives are timed; all other attributes are those of the engine."""

    def __init__(self, engine: Engine, watch: Watch) -> None:
        self._engine = engine
        self._watch = watch

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self._engine, name)
        if callable(attribute) and name not in ("plan", "prepare", "work"):
            attribute = self._timed(name, attribute)
        self.__dict__[name] = attribute
        return attribute

    def _timed(self, name: str, primitive: Callable[..., Any]) -> Callable[..., Any]:
        watch, line = self._watch, self._watch.line(name)

        def timed(*arguments: Any, **parameters: Any) -> Any:
            begun = perf_counter()
            watch.enter(line)
            try:
                result = primitive(*arguments, **parameters)
            finally:
                watch.leave()
            if iscoroutine(result):
                return watch.operation(line, result, begun)
            line.elapsed += perf_counter() - begun
            return result

        return timed


@contextmanager
def watched(run: Runtime) -> Iterator[Watch]:
    """Watch what this runtime schedules and executes in the block; only one runtime of a process at a time."""
    engine, schedule, settle, watch = run.engine, run.schedule, run.settle, Watch(run.parties)

    def sent() -> list[int]:
        """Bytes of frames of everything scheduled so far, by party."""
        cost = run.cost
        return [count + FRAME_HEADER * frames for count, frames in zip(cost.bytes_sent, cost.messages, strict=True)]

    def planned(primitive: str, *operands: Handle, **parameters: Any) -> Handle:
        before = sent()
        handle = schedule(primitive, *operands, **parameters)
        watch.planned(primitive, operands, handle, [b - a for a, b in zip(before, sent(), strict=True)])
        return handle

    async def settled(*handles: Handle) -> None:
        await settle(*handles)
        watch.settled(handles)

    with (
        watch.hooks(),
        replaced(run, "engine", _WatchedEngine(engine, watch)),
        replaced(run, "schedule", planned),
        replaced(run, "settle", settled),
    ):
        yield watch


def joined(told: Sequence[Profile], sender: int) -> Profile:
    """Join the profiles of all parties: times are means; bytes are those that party `sender` sends."""
    operations = []
    for name, line in told[0]["operations"].items():
        lines = [profile["operations"][name] for profile in told]
        operations.append(
            {
                "primitive": name,
                "operations": line["operations"],
                "rounds": line["rounds"],
                "bytes": line["sent"][sender],
                "elapsed_seconds": fmean(entry["elapsed_seconds"] for entry in lines),
                "busy_seconds": fmean(entry["busy_seconds"] for entry in lines),
            }
        )
    operations.sort(key=lambda line: -line["busy_seconds"])
    processor = {part: fmean(profile["processor_seconds"][part] for profile in told) for part in PROCESSOR}
    seconds = max(profile["seconds"] for profile in told)
    return {"seconds": seconds, "processor_seconds": processor, "operations": operations}
