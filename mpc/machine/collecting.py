"""The script as an organization that does not compute runs it: alone, dry, and over its own rows."""

from __future__ import annotations

from mpc.machine.engine import Engine
from mpc.machine.functions import Functions
from mpc.machine.network import Network
from mpc.machine.operation import Handle
from mpc.machine.party import Busy
from mpc.machine.runtime import Runtime


class Collecting(Runtime):
    """A dry run that reads one organization's rows. At its end, `outside.vector(owner)` is the contribution."""

    def __init__(self, engine: Engine, functions: Functions, owner: int, *, network: Network | None = None) -> None:
        super().__init__(engine, functions, network=network)
        self._owner = owner
        self._busy = Busy()

    @property
    def reads(self) -> int | None:
        return self._owner

    @property
    def busy(self) -> Busy:
        return self._busy

    async def _settled(self, *handles: Handle) -> None:
        await super()._settled(*handles)
        await self.flush()
