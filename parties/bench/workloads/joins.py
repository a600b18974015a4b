"""Joins of tables whose rows are shared, on keys that their owners hold; rows are in memory."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from mpc import Integer, Key, Table
from mpc.machine.operation import Handle
from mpc.tables.keys import second
from mpc.tables.local import LocalPass
from mpc.tables.lookups import HeldKeys
from mpc.tables.private import PrivateTable
from mpc.tables.rows import ArrayRows
from mpc.tables.source import Source
from parties.bench.workloads.base import Integers, Workload, largest_of, seeded
from protocols.tables.lookup import link

_BOUND = 1 << 30


class _Rows(Table):
    who = Key()
    value = Integer(-_BOUND, _BOUND)


class Join(Workload):
    """A table of `size` rows looked up in another one with unique keys, half of which it finds; one column on each
    side. Party 0 owns the left rows, party 1 the right ones. From rows in memory to the joined column in secret."""

    unit = "rows on each side"
    default = 1_000_000
    largest = 1 << 21
    #: Rows of each key on the right.
    matches: ClassVar[int] = 1

    async def prepare(self) -> None:
        people = seeded("people", (2, 2 * self.size), (1 << 61) - 1) + ((1 << 61) - 1)
        asked = np.abs(seeded("asked", (self.size,), 2 * self.size - 1))
        self.left = people[:, asked], seeded("x", (self.size,), _BOUND)
        whose = np.arange(self.size) // self.matches
        self.right = people[:, whose], seeded("y", (self.size,), _BOUND)
        self.clear = np.zeros((2 * self.size, self.matches), np.int64)
        self.clear[whose, np.arange(self.size) % self.matches] = self.right[1]
        self.clear = self.clear[asked]

    def _table(self, name: str, owner: int, columns: tuple[Integers, Integers]) -> PrivateTable:
        run = self.run
        rows = None
        if not run.dry and run.index == owner:
            keys, values = columns
            rows = ArrayRows({"who": keys[0], second("who"): keys[1], "value": values})
        local = LocalPass(run, name, rows)
        return PrivateTable(Source(run, name, _Rows.schema, [owner], self.size, local))

    async def timed(self) -> Handle:
        left, right = self._table("left", 0, self.left), self._table("right", 1, self.right)
        table = left.share(rows=self.size).join(right.share(rows=self.size), on="who", validate="m:1")
        joined: Any = table["value_right"]
        await self.run.settle(table.rows.handle, joined.handle, joined.valid.handle)
        handle: Handle = joined.handle
        return handle

    async def error(self, result: Handle) -> float:
        return largest_of((await self.opened(result)).reshape(self.clear.shape) - self.clear)


class JoinMany(Join):
    """As `join`, with two rows of each key on the right: each left row finds both or none."""

    default = 500_000
    matches = 2

    async def timed(self) -> Handle:
        left, right = self._table("left", 0, self.left), self._table("right", 1, self.right)
        y: Any = right[["value"]].share(rows=self.size)["value"]
        keys = [HeldKeys(table.source, None, ("who",), self.size) for table in (left, right)]
        links = await link(keys[0], keys[1], [y.without_mask(), y.valid], matches=self.matches)
        await self.run.settle(links.found.handle, *[x.handle for x in links.gathered])
        return links.gathered[0].handle
