"""One party in one run: schedules operations, keeps their costs, ends on the first error.

An operation is scheduled when it is called and takes its label then. It starts as soon as its operands are there
and is driven at once until it really waits, without a task of its own; independent operations overlap by
themselves. A dry run schedules the same operations and executes none.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Coroutine, Hashable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from inspect import CORO_RUNNING, getcoroutinestate, signature
from typing import TYPE_CHECKING, Any

from mpc.errors import AgreementError, ChannelError, ComityError, LocalProtocolError, Stopped, TooMuchInFlight
from mpc.machine import history, witness
from mpc.machine.digest import digest, parameters
from mpc.machine.engine import Cost, Engine, Spec
from mpc.machine.labels import LABEL_BYTES, Scope
from mpc.machine.network import Network
from mpc.machine.opening import OPENING, Permit, check
from mpc.machine.operation import Handle, Local, Operation, Ready, Wake, caller, place, raised_at
from mpc.machine.outside import Outside
from mpc.machine.party import Busy, Environment, Party
from mpc.machine.primitives import PRIMITIVES
from mpc.machine.relations import Relations
from mpc.machine.witness import Witness

if TYPE_CHECKING:
    from mpc.machine.assumptions import Assumption
    from mpc.machine.functions import Functions

#: Bytes and operations that may be scheduled between two awaits of one task.
MEMORY_BUDGET = 256 << 20
OPERATIONS_BUDGET = 50_000
#: Operations of the runtime itself, which no engine has.
OWN = frozenset({"compare_scripts", "compare_openings"})
#: Digests of operations that are kept.
_DIGESTS = 4096

_NONE: frozenset[Assumption] = frozenset()
_scope: ContextVar[Scope] = ContextVar("comity_scope")


def _all_of(a: frozenset[Assumption], b: frozenset[Assumption]) -> frozenset[Assumption]:
    """Both sets, as the object that is there already where one holds the other."""
    if a <= b:
        return b
    return a if b <= a else a | b


@cache
def _fit(primitive: str, operands: int, names: tuple[str, ...]) -> None:
    """Raise TypeError where a primitive does not take so many operands and parameters of these names."""
    stated = PRIMITIVES.get(primitive)
    try:
        if stated is not None:  # a scenario's own is held against its statement when it is planned
            signature(stated.result).bind(*[None] * operands, **dict.fromkeys(names))
    except TypeError as error:
        raise TypeError(f"the primitive {primitive}: {error}") from None


class Runtime:
    """Schedules and accounts for all operations of one party in one run.

    Without `environment` the run is dry: the same labels, specifications and costs, and no values. `network` is what
    protocols are chosen by (`cheapest`), the same at all parties; None: a fast local one.
    """

    def __init__(
        self,
        engine: Engine,
        functions: Functions,
        environment: Environment | None = None,
        *,
        network: Network | None = None,
        run_label: bytes = b"",
        memory_budget: int = MEMORY_BUDGET,
        on_progress: Callable[[str, tuple[str, int]], None] | None = None,
        outside: Outside | None = None,
    ) -> None:
        self.engine = engine
        self.functions = functions
        #: Inputs of organizations that do not compute.
        self.outside = Outside() if outside is None else outside
        #: What must hold between the inputs of each owner.
        self.relations = Relations(self)
        self.network = network
        self._choices: dict[tuple[Any, ...], str] = {}
        self._environment = environment
        self._run_label = run_label
        self._root = Scope(run_label)
        self._digests: dict[Hashable, bytes] = {}
        self.history = history.History()
        #: The parties' names, for messages.
        self.names: Sequence[str] = ()
        self._memory_budget = memory_budget
        self._on_progress = on_progress
        self._ready: deque[Operation | Wake] = deque()
        self._draining = False
        self._outstanding = 0
        self._idle: asyncio.Future[None] | None = None
        self._over = False
        self._flushes: list[Callable[[], Coroutine[Any, Any, None] | None]] = []
        self.unfinished: dict[bytes, Operation] = {}
        self.rounds = 0
        self._bytes_sent = [0] * engine.parties
        self._messages = [0] * engine.parties
        self._distance = 0.0
        self.operations = 0
        #: The primitives that a dry run met.
        self.planned: set[str] = set()
        #: What everybody sees in the clear besides releases, in a dry run: kind -> how many.
        self.disclosed: Counter[str] = Counter()
        #: Rows that leave their owners as shares: (table, column) -> resolution, 0 where they are exact.
        self.shared: dict[tuple[str, str], float] = {}
        self.steps = 0
        self.finished = 0
        self.failure: BaseException | None = None
        self._placed: tuple[str, int] | None = None
        self._failed: asyncio.Future[None] | None = None

    # ---- state
    @property
    def dry(self) -> bool:
        """Whether nothing is executed."""
        return self._environment is None

    @property
    def standing_in(self) -> bool:
        """Whether the script has an awaited number and only something in its place, as it has while it is planned."""
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
        """The organization whose rows are read here; None: no rows are."""
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
    def cost(self) -> Cost:
        """What was scheduled so far, by the formulas; rounds are the longest chain of dependent ones."""
        return Cost(self.rounds, tuple(self._bytes_sent), tuple(self._messages), self._distance)

    @property
    def scope(self) -> Scope:
        """The scope of the part of the script that the current task executes."""
        return _scope.get(self._root)

    @contextmanager
    def at(self, line: tuple[str, int]) -> Iterator[None]:
        """Operations scheduled inside belong to this line of the script: those of releases at its end."""
        before, self._placed = self._placed, line
        try:
            yield
        finally:
            self._placed = before

    def line(self) -> tuple[str, int]:
        """The script's line that is being executed."""
        return self._placed or caller()

    # ---- scheduling
    def cheapest(self, primitives: tuple[str, ...], *operands: Handle, **parameters: Any) -> str:
        """Which of these primitives, that all do the same, takes the least time here: the first one without a network.

        Compares what each takes alone: rounds, bytes and the engine's own work. Parameters must be hashable; what has
        a shape counts by that.
        """
        network = self.network
        if network is None:
            return primitives[0]
        specs = tuple([operand.spec for operand in operands])
        key = (primitives, specs, *((name, getattr(value, "shape", value)) for name, value in parameters.items()))
        found = self._choices.get(key)
        if found is None:
            engine = self.engine

            def seconds(primitive: str) -> float:
                _, cost = engine.plan(primitive, bytes(LABEL_BYTES), *specs, **parameters)
                return network.seconds(cost) + engine.work(primitive, *specs, **parameters)

            found = self._choices[key] = min(primitives, key=seconds)
        return found

    def schedule(
        self,
        primitive: str,
        *operands: Handle,
        local: Local | None = None,
        reads: bytes = b"",
        after: tuple[Handle, ...] = (),
        permit: Permit | None = None,
        **parameters: Any,
    ) -> Handle:
        """Schedule `engine.primitive(party, *operands, **parameters)`; returns at once.

        With `local`, the operation waits for that too, and its parameter `values` is a function that makes the
        array from it. `reads` is the digest of what an owner reads for it. The operation also waits for `after`.

        Raises TooMuchInFlight at the line that schedules more than the budget between two awaits; PolicyError for what
        opens a value, without the permit of `mpc.machine.opening`.
        """
        if primitive in OPENING:
            check(primitive, permit)
        scope = _scope.get(self._root)
        specs = tuple([operand.spec for operand in operands])
        what = self._digest(primitive, specs, parameters, reads)
        label = scope.label(primitive, b"".join([what, *[operand.label for operand in operands]]))
        spec, cost = self.engine.plan(primitive, label, *specs, **parameters)
        call = getattr(self.engine, primitive)
        return self._scheduled(scope, primitive, call, label, operands, after, spec, cost, parameters, local)

    def _digest(self, primitive: str, specs: tuple[Spec, ...], given: dict[str, Any], reads: bytes) -> bytes:
        """What an operation is, but for its operands' origin."""
        key = (primitive, specs, parameters(primitive, given) if given else None, reads)
        found = self._digests.get(key)
        if found is None:
            _fit(primitive, len(specs), tuple(given))
            if len(self._digests) >= _DIGESTS:
                self._digests.clear()
            plain = [(tuple(map(int, shape)), kind, width, form) for shape, kind, width, form in specs]
            found = self._digests[key] = digest(repr((plain, key[2], reads)))
        return found

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
        rounds = depth = cost.rounds
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
        if depth > own.depth:
            own.depth, own.last = depth, handle
        if self._environment is None or self.failure is not None:
            if name not in OWN:
                self.planned.add(name)
            return handle
        operation = Operation(self, name, call, operands, parameters, handle, local, after, own)
        if name not in OWN:
            self.history.note(scope, label, name, operation.source)
        self._outstanding += 1
        if operation.missing == 0:
            operation.start()
        return handle

    # ---- the same script at all parties
    def cover(self, name: str, what: Any, *operands: Handle) -> None:
        """Something a script does that is no operation (a release it asks for) must be the same at all parties, too."""
        scope = _scope.get(self._root)
        label = scope.label(name, b"".join([digest(what), *[operand.label for operand in operands]]))
        if self._environment is not None:
            self.history.note(scope, label, name, self.line())

    def compare_scripts(self) -> Handle:
        """Whether all parties have done the same so far in this part of the script; else AgreementError ends the run.

        What opens something waits for it. Rounds 1, beside everything that was scheduled before. Bytes 16 to each peer.
        """
        scope = _scope.get(self._root)
        scope.comparisons += 1
        label = history.comparison_label(scope, scope.comparisons, self._run_label)

        def call(party: Party) -> Coroutine[Any, Any, None]:
            return history.compare(party, own, self.history, self.name)

        own = scope.digest
        return self._scheduled(scope, "compare_scripts", call, label, (), (), Spec(()), self._comparison(), {})

    def compare_openings(self, *opened: Handle) -> Handle:
        """Whether all parties were told the same wherever something was opened so far, in this part of the script and
        around it; else CheckFailed ends the run. Results are given out after it.

        Waits for `opened` and for all operations scheduled before. Rounds 1, after them. Bytes 16 to each peer.
        """
        self.relations.compare()  # which opens something, too
        scope = _scope.get(self._root)
        scope.comparisons += 1
        label = history.comparison_label(scope, scope.comparisons, self._run_label)
        witnesses = scope.to_confirm()

        def call(party: Party) -> Coroutine[Any, Any, None]:
            return witness.compare(party, witnesses, self.name)

        after: tuple[Handle | Witness, ...] = (*opened, *witnesses)
        return self._scheduled(scope, "compare_openings", call, label, (), after, Spec(()), self._comparison(), {})

    def _comparison(self) -> Cost:
        """Of 16 bytes with each peer."""
        peers = self.parties - 1
        return Cost(1, (16 * peers,) * self.parties, (peers,) * self.parties) if peers else Cost()

    def name(self, party: int) -> str:
        """How messages call a party."""
        return self.names[party] if party < len(self.names) else f"party {party}"

    async def parted(self) -> AgreementError | None:
        """Where this party and its peers went apart, if all of them ask: they wait for each other in vain."""
        label = history.comparison_label(self._root, -1, self._run_label)
        peers = [peer for peer in range(self.parties) if peer != self.index]
        error = await history.differences(Party(self.environment, label), self.history, peers, self.name)
        return error if error.source is not None else None

    def _account(self, scope: Scope, cost: Cost, depth: int, spec: Spec) -> None:
        if cost.rounds:
            for party, sent in enumerate(cost.bytes_sent):
                self._bytes_sent[party] += sent
                self._messages[party] += cost.messages[party]
            self._distance += cost.distance
            self.steps += 1
        if depth > self.rounds:
            self.rounds = depth
        self.operations += 1
        scope.operations += 1
        scope.bytes_held += spec.size * 16
        if scope.bytes_held > self._memory_budget or scope.operations > OPERATIONS_BUDGET:
            raise TooMuchInFlight(
                f"{scope.operations:,} operations ({scope.bytes_held >> 20:,} MiB) were scheduled without an await "
                f"(at most {OPERATIONS_BUDGET:,} and {self._memory_budget >> 20:,} MiB): "
                "`await study.settle(x)` once an iteration"
            )

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

    def resolve(self, local: Local, value: Any) -> None:
        """A local value is there: start what waited for it."""
        local.value = value
        local.ready = True
        self.wake(local)

    def count_out(self) -> None:
        """An operation is done; the end of the run waits for the last one."""
        self._outstanding -= 1
        if not self._outstanding and self._idle is not None and not self._idle.done():
            self._idle.set_result(None)

    def progressed(self, operation: Operation) -> None:
        """Count a finished interactive operation and tell whoever shows progress."""
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

    # ---- awaiting
    def before_await(self, flush: Callable[[], Coroutine[Any, Any, None] | None]) -> None:
        """Call `flush` whenever the script awaits (local aggregates are collected until then)."""
        self._flushes.append(flush)

    async def flush(self) -> None:
        """Run what was collected for the next await."""
        for flush in self._flushes:
            pending = flush()
            if pending is not None:
                await pending

    async def settle(self, *handles: Handle) -> None:
        """Wait until these shares are there; the script may schedule a budget's worth of work again."""
        _scope.get(self._root).awaited()
        self.relations.compare()
        if self.dry:
            return
        await self.flush()
        for handle in handles:
            if self.failure is not None:
                raise self.failure
            if not handle.done:
                await Ready(handle)

    async def execute(self, script: Coroutine[Any, Any, None]) -> None:
        """Run the script and everything it scheduled to the end; raise the run's first error.

        What nobody uses is computed too, at all parties alike. Once the script is through, its releases are in, and a
        peer that goes then, or an operator that stops this party, ends nothing any more.
        """
        loop = asyncio.get_running_loop()
        self._failed = loop.create_future()

        async def main() -> None:
            self._root.adopt()
            _scope.set(self._root)
            await script
            self.relations.compare()
            await self.flush()
            self._over = True
            if self._outstanding and self.failure is None:
                self._idle = loop.create_future()
                await self._idle

        task = asyncio.ensure_future(main())
        try:
            await asyncio.wait({task, self._failed}, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            self.fail(LocalProtocolError("the run was cancelled"))
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            raise
        if self.failure is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            if self._over and isinstance(self.failure, ChannelError | Stopped):
                return
            raise self.failure
        try:
            await task
        except BaseException as error:
            self.fail(error, raised_at(error))
            raise

    async def gather(self, *parts: Coroutine[Any, Any, Any]) -> list[Any]:
        """Run parts of a script concurrently, each in a numbered scope of its own."""
        around = self.scope
        try:
            scopes = [around.child("gather") for _ in parts]
        except LocalProtocolError:
            for part in parts:
                part.close()
            raise

        async def inside(scope: Scope, part: Coroutine[Any, Any, Any]) -> Any:
            scope.adopt()
            _scope.set(scope)
            found = await part
            self.relations.compare()
            return found

        tasks = [asyncio.ensure_future(inside(scope, part)) for scope, part in zip(scopes, parts, strict=True)]
        try:
            results = list(await asyncio.gather(*tasks))
        except BaseException:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            raise
        finally:
            around.awaited()
        around.join(scopes)
        return results

    # ---- what the session asks
    def waiting(self) -> tuple[str, str] | None:
        """Operation and source line of what this party waits for; None while it computes or waits for nothing."""
        if self._environment is None or self._environment.busy.count:
            return None
        for label, operation in self.unfinished.items():
            return f"{operation.primitive} {label.hex()[:8]}", place(operation.source)
        return None
