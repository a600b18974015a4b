"""One party in one run: executes a script, whose operations are scheduled as it calls them, up to its first error.

What operations cost is in `mpc.machine.accounting`, when they start in `mpc.machine.scheduling`, and what parties
compare in `mpc.machine.comparing`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from mpc.errors import ChannelError, LocalProtocolError, Stopped
from mpc.machine.accounting import MEMORY_BUDGET
from mpc.machine.comparing import Comparing
from mpc.machine.engine import Engine
from mpc.machine.labels import Scope
from mpc.machine.network import Network
from mpc.machine.operation import Handle, Ready, place, raised_at
from mpc.machine.outside import Outside
from mpc.machine.party import Environment
from mpc.machine.relations import Relations
from mpc.machine.scheduling import current_scope
from mpc.untyped import Opaque

if TYPE_CHECKING:
    from mpc.machine.functions import Functions


class Runtime(Comparing):
    """Schedules, accounts for and executes all operations of one party in one run.

    Without `environment` the run is dry: the same labels, specifications and costs, and no values. `cheapest` chooses
    protocols for `network`, the same at all parties; None: a fast local one.
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
        super().__init__(
            engine,
            functions,
            environment,
            network=network,
            run_label=run_label,
            memory_budget=memory_budget,
            on_progress=on_progress,
            outside=outside,
        )
        self.relations = Relations(self)
        #: Held while a table that is read once is computed, so that one such table is in memory at a time.
        self.in_turn = asyncio.Lock()
        #: Keys of random numbers beside this party's own rows, by a label of the table.
        self.noise_keys: dict[bytes, bytes] = {}
        self._flushes: list[Callable[[], Coroutine[Any, Any, None] | None]] = []
        #: The script is through, and its releases are in.
        self._over = False

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
        if not current_scope.get(self._root).in_sequence:
            await self._settled(*handles)

    async def _settled(self, *handles: Handle) -> None:
        current_scope.get(self._root).awaited()
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

        Results that nobody uses are computed, too, as at all parties. At the end of the script its releases are in: a
        peer that leaves after that, or an operator that stops this party, does not fail the run.
        """
        loop = asyncio.get_running_loop()
        self._failed = loop.create_future()

        async def main() -> None:
            self._root.adopt()
            current_scope.set(self._root)
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

    async def gather(self, *parts: Coroutine[Any, Any, Any]) -> list[Opaque]:
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
            current_scope.set(scope)
            result = await part
            self.relations.compare()
            return result

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

    def waiting(self) -> tuple[str, str] | None:
        """The operation that this party waits for, and its source line; None while it computes or waits for nothing."""
        if self._environment is None or self._environment.busy.count:
            return None
        for label, operation in self.unfinished.items():
            return f"{operation.primitive} {label.hex()[:8]}", place(operation.source)
        return None
