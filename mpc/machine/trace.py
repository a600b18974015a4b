"""The operations of a dry run and what each waits for: `mpc.machine.forecast` predicts time from it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from mpc.machine.engine import Cost
from mpc.machine.labels import Scope
from mpc.machine.operation import Handle, Local
from mpc.machine.runtime import Runtime
from mpc.machine.scheduling import OWN
from mpc.machine.witness import Witness
from mpc.untyped import Opaque, Parameter


class Step(NamedTuple):
    """One scheduled operation. `after`: numbers of the operations whose results it takes; `work`: seconds.

    At its owner it also waits for what this owner computes from its rows: `local` is its number.
    """

    primitive: str
    after: tuple[int, ...]
    cost: Cost
    work: float
    owner: int | None = None
    local: int | None = None


class Read(NamedTuple):
    """The script waits here until each owner has computed these from its rows."""

    locals: tuple[int, ...]


class Settle(NamedTuple):
    """The script waits here for the results of these operations."""

    steps: tuple[int, ...]


@dataclass
class Task:
    """A part of the script in program order: numbers of the operations it schedules, waits, and lists of concurrent
    parts, which it waits for."""

    items: list[int | Settle | Read | list[Task]] = field(default_factory=list)


@dataclass
class Trace:
    """All operations of a dry run by number, and the script that schedules them."""

    parties: int
    steps: list[Step] = field(default_factory=list)
    #: Seconds that owners compute from their rows, by number.
    locals: list[float] = field(default_factory=list)
    script: Task = field(default_factory=Task)
    #: (primitives, the chosen one) -> how often `Runtime.cheapest` chose it.
    choices: Counter[tuple[tuple[str, ...], str]] = field(default_factory=Counter)


class Traced(Runtime):
    """A dry run that keeps a trace."""

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self.trace = Trace(self.engine.parties)
        self._tasks: dict[Scope, Task] = {self.scope: self.trace.script}
        self._numbers: dict[Handle, int] = {}
        self._locals: dict[Local, int] = {}
        self._unread: list[int] = []

    def begin_again(self) -> None:
        """Forget what was traced: all that was scheduled until now is there already. Not within `gather`."""
        self.trace = Trace(self.engine.parties)
        self._tasks = {self.scope: self.trace.script}
        self._numbers, self._locals, self._unread = {}, {}, []

    def cheapest(self, primitives: tuple[str, ...], *operands: Handle, **parameters: Parameter) -> str:
        chosen = super().cheapest(primitives, *operands, **parameters)
        self.trace.choices[primitives, chosen] += 1
        return chosen

    def _planned(
        self,
        handle: Handle,
        name: str,
        operands: tuple[Handle, ...],
        after: tuple[Handle | Witness, ...],
        cost: Cost,
        parameters: dict[str, Any],
        local: Local | None,
    ) -> None:
        super()._planned(handle, name, operands, after, cost, parameters, local)
        work = 0.0
        if name not in OWN:
            specs = [operand.spec for operand in operands]
            self.disclosed.update(self.engine.discloses(name, *specs, **parameters))
            work = self.engine.work(name, *specs, **parameters)
        before = [source.last if isinstance(source, Witness) else source for source in (*operands, *after)]
        # Facts about inputs have no number: they are compared in operations that are scheduled later.
        waits = tuple(dict.fromkeys(self._numbers[x] for x in before if x is not None and x in self._numbers))
        self._numbers[handle] = len(self.trace.steps)
        owner = None if local is None else int(parameters["owner"])
        self.trace.steps.append(Step(name, waits, cost, work, owner, self._number(local)))
        self._task().items.append(self._numbers[handle])

    def _number(self, local: Local | None) -> int | None:
        if local is None:
            return None
        if local not in self._locals:
            self._locals[local] = len(self.trace.locals)
            self._unread.append(len(self.trace.locals))
            self.trace.locals.append(local.work)
        return self._locals[local]

    async def flush(self) -> None:
        await super().flush()
        if self._unread:
            self._task().items.append(Read(tuple(self._unread)))
            self._unread = []

    async def _settled(self, *handles: Handle) -> None:
        await super()._settled(*handles)
        await self.flush()
        waits = [self._numbers[handle] for handle in handles if handle in self._numbers]
        self._task().items.append(Settle(tuple(dict.fromkeys(waits))))

    async def gather(self, *parts: Coroutine[Any, Any, Any]) -> list[Opaque]:
        around, known = self.scope, len(self._tasks)
        beside: list[Task] = []
        self._task().items.append(beside)
        results = await super().gather(*parts)
        beside += [task for scope, task in list(self._tasks.items())[known:] if scope.parent is around]
        return results

    def _task(self) -> Task:
        scope = self.scope
        if scope not in self._tasks:
            self._tasks[scope] = Task()
        return self._tasks[scope]
