"""Scheduling: an operation takes its label when it is called, and starts as soon as its operands are there.

It runs at once until it must wait, without a task of its own, so independent operations overlap. A dry run schedules
the same operations and executes none.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from inspect import CORO_RUNNING, getcoroutinestate, signature
from typing import TYPE_CHECKING, Any

from mpc.errors import ComityError, LocalProtocolError
from mpc.machine import history
from mpc.machine.accounting import Accounts
from mpc.machine.digest import digest, parameters
from mpc.machine.engine import Cost, Engine, Spec
from mpc.machine.labels import LABEL_BYTES, Scope
from mpc.machine.network import Network
from mpc.machine.opening import OPENING, Permit, check
from mpc.machine.operation import Handle, Local, Operation, Wake, caller, place
from mpc.machine.outside import Outside
from mpc.machine.party import Busy, Environment
from mpc.machine.primitives import PRIMITIVES
from mpc.machine.witness import Witness
from mpc.untyped import Opaque, Parameter

if TYPE_CHECKING:
    from mpc.machine.assumptions import Assumption
    from mpc.machine.functions import Functions

#: Operations of the runtime itself, which no engine has.
OWN = frozenset({"compare_scripts", "compare_openings"})
#: Most digests of operations that are kept.
_DIGESTS = 4096

_NONE: frozenset[Assumption] = frozenset()
#: The scope of the part of the script that the current task executes.
current_scope: ContextVar[Scope] = ContextVar("comity_scope")


def _all_of(a: frozenset[Assumption], b: frozenset[Assumption]) -> frozenset[Assumption]:
    """The union of both sets; where one set holds the other, that very object."""
    if a <= b:
        return b
    return a if b <= a else a | b


@cache
def _fit(primitive: str, operands: int, names: tuple[str, ...]) -> None:
    """Raise TypeError unless a primitive takes this number of operands and parameters of these names."""
    stated = PRIMITIVES.get(primitive)
    try:
        if stated is not None:  # None: a primitive of a scenario, which `plan` checks against its statement
            signature(stated.result).bind(*[None] * operands, **dict.fromkeys(names))
    except TypeError as error:
        raise TypeError(f"the primitive {primitive}: {error}") from None


class Scheduler(Accounts):
    """Schedules the operations of one party in one run, and starts them."""

    def __init__(
        self,
        engine: Engine,
        functions: Functions,
        environment: Environment | None,
        *,
        network: Network | None,
        run_label: bytes,
        memory_budget: int,
        on_progress: Callable[[str, tuple[str, int]], None] | None,
        outside: Outside | None,
    ) -> None:
        super().__init__(engine.parties, memory_budget)
        self.engine = engine
        self.functions = functions
        #: Inputs of organizations that do not compute.
        self.outside = Outside() if outside is None else outside
        self.network = network
        self._choices: dict[tuple[Any, ...], str] = {}
        self._environment = environment
        self._run_label = run_label
        self._root = Scope(run_label)
        self._digests: dict[Hashable, bytes] = {}
        self.history = history.History()
        self._on_progress = on_progress
        self._ready: deque[Operation | Wake] = deque()
        self._draining = False
        self._outstanding = 0
        self._idle: asyncio.Future[None] | None = None
        self.unfinished: dict[bytes, Operation] = {}
        self.failure: BaseException | None = None
        self._placed: tuple[str, int] | None = None
        self._failed: asyncio.Future[None] | None = None

    @property
    def dry(self) -> bool:
        """Whether nothing is executed."""
        return self._environment is None

    @property
    def standing_in(self) -> bool:
        """Whether the script has a stand-in for an awaited number, as it has while it is planned."""
        return self.dry and bool(self.outside.known)

    @property
    def environment(self) -> Environment:
        if self._environment is None:
            raise LocalProtocolError("a dry run has no environment")
        return self._environment

    @property
    def index(self) -> int:
        """This party's index; 0 in a dry run."""
        return 0 if self._environment is None else self._environment.index

    @property
    def reads(self) -> int | None:
        """The organization whose rows are read here; None: no rows are read."""
        return None if self._environment is None else self._environment.index

    @property
    def busy(self) -> Busy:
        """What is being computed in threads here."""
        return self.environment.busy

    @property
    def parties(self) -> int:
        """How many compute."""
        return self.engine.parties

    @property
    def scope(self) -> Scope:
        """The scope of the part of the script that the current task executes."""
        return current_scope.get(self._root)

    @contextmanager
    def at(self, line: tuple[str, int]) -> Iterator[None]:
        """Operations scheduled inside belong to this line of the script; for releases, which open at its end."""
        before, self._placed = self._placed, line
        try:
            yield
        finally:
            self._placed = before

    def line(self) -> tuple[str, int]:
        """The script's line that is being executed."""
        return self._placed or caller()

    def cheapest(self, primitives: tuple[str, ...], *operands: Handle, **parameters: Parameter) -> str:
        """The one of these primitives, which all do the same, that takes the least time; without a network the first.

        Each is timed alone: its rounds, its bytes and the engine's work. Parameters must be hashable; for one with a
        shape, the shape counts.
        """
        network = self.network
        if network is None:
            return primitives[0]
        specs = tuple([operand.spec for operand in operands])
        key = (primitives, specs, *((name, getattr(value, "shape", value)) for name, value in parameters.items()))
        chosen = self._choices.get(key)
        if chosen is None:
            engine = self.engine

            def seconds(primitive: str) -> float:
                _, cost = engine.plan(primitive, bytes(LABEL_BYTES), *specs, **parameters)
                return network.seconds(cost) + engine.work(primitive, *specs, **parameters)

            chosen = self._choices[key] = min(primitives, key=seconds)
        return chosen

    def schedule(
        self,
        primitive: str,
        *operands: Handle,
        local: Local | None = None,
        reads: bytes = b"",
        after: tuple[Handle, ...] = (),
        permit: Permit | None = None,
        **parameters: Parameter,
    ) -> Handle:
        """Schedule `engine.primitive(party, *operands, **parameters)`; returns at once.

        With `local`, its parameter `values` is a function that makes the array from it at the party that computes
        it, where the operation waits for that too, and None at the others. `reads` is the digest of what an owner
        reads for it. The operation also waits for `after`.

        Raises TooMuchInFlight at the line that schedules more than the budget between two awaits; PolicyError for what
        opens a value, without the permit of `mpc.machine.opening`.
        """
        if primitive in OPENING:
            check(primitive, permit)
        scope = current_scope.get(self._root)
        specs = tuple([operand.spec for operand in operands])
        what = self._digest(primitive, specs, parameters, reads)
        label = scope.label(primitive, b"".join([what, *[operand.label for operand in operands]]))
        spec, cost = self.engine.plan(primitive, label, *specs, **parameters)
        call = getattr(self.engine, primitive)
        return self._scheduled(scope, primitive, call, label, operands, after, spec, cost, parameters, local)

    def _digest(self, primitive: str, specs: tuple[Spec, ...], given: dict[str, Any], reads: bytes) -> bytes:
        """The digest of an operation, without the labels of its operands."""
        key = (primitive, specs, parameters(primitive, given) if given else None, reads)
        what = self._digests.get(key)
        if what is None:
            _fit(primitive, len(specs), tuple(given))
            if len(self._digests) >= _DIGESTS:
                self._digests.clear()
            plain = [(tuple(map(int, shape)), kind, width, form) for shape, kind, width, form in specs]
            what = self._digests[key] = digest(repr((plain, key[2], reads)))
        return what

    def _scheduled(
        self,
        scope: Scope,
        name: str,
        call: Callable[..., Any],
        label: bytes,
        operands: tuple[Handle, ...],
        after: tuple[Handle | Witness, ...],
        spec: Spec,
        cost: Cost,
        parameters: dict[str, Any],
        local: Local | None = None,
    ) -> Handle:
        rounds = cost.rounds
        depth = scope.known + rounds
        assumptions = _NONE
        for before in after:
            depth = max(depth, before.depth + rounds)
        for operand in operands:
            if operand.depth + rounds > depth:
                depth = operand.depth + rounds
            if operand.assumptions and operand.assumptions is not assumptions:
                assumptions = _all_of(assumptions, operand.assumptions)
        self._account(scope, cost, depth, spec)
        handle = Handle(spec, depth, label, assumptions)
        own = scope.witness
        if self._environment is None or self.failure is not None:
            self._planned(handle, name, operands, after, cost, parameters, local)
            if depth > own.depth:
                own.depth, own.last = depth, handle
            return handle
        if depth > own.depth:
            own.depth, own.last = depth, handle
        if local is not None and parameters.get("values") is None:
            local = None  # another party's
        operation = Operation(self, name, call, operands, parameters, handle, local, after, own)
        if name not in OWN:
            self.history.note(scope, label, name, operation.source)
        self._outstanding += 1
        if operation.missing == 0:
            operation.start()
        return handle

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
        """Note an operation that is not executed."""
        if name not in OWN:
            self.planned.add(name)

    def wake(self, source: Handle | Local | Witness) -> None:
        """Start what waited for `source`; without recursion, however long the chain."""
        for operation in source.waiters:
            operation.missing -= 1
            if operation.missing == 0:
                self._ready.append(operation)
        source.waiters.clear()
        if self._draining:
            return
        self._draining = True
        try:
            while self._ready:
                self._ready.popleft().start()
        finally:
            self._draining = False

    def resolve(self, local: Local, value: Opaque) -> None:
        """Set a local value: start what waited for it."""
        local.value = value
        local.ready = True
        self.wake(local)

    def count_out(self) -> None:
        """Count an operation that is done; the end of the run waits for the last one."""
        self._outstanding -= 1
        if not self._outstanding and self._idle is not None and not self._idle.done():
            self._idle.set_result(None)

    def progressed(self, operation: Operation) -> None:
        """Count a finished interactive operation and report it to `on_progress`."""
        self.finished += 1
        if self._on_progress is not None:
            self._on_progress(operation.primitive, operation.source)

    def fail(self, error: BaseException, source: tuple[str, int] | None = None) -> None:
        """End the run with its first error."""
        if self.failure is not None:
            return
        if isinstance(error, ComityError) and error.source is None and source is not None:
            error.source = place(source)
        self.failure = error
        for operation in list(self.unfinished.values()):
            if operation.coroutine is not None:
                coroutine, operation.coroutine = operation.coroutine, None
                if getcoroutinestate(coroutine) != CORO_RUNNING:
                    coroutine.close()
        self.unfinished.clear()
        if self._failed is not None and not self._failed.done():
            self._failed.set_result(None)
