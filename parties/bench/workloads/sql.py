"""A SQL query over the tables of two owners: conditions at the owners, a join and a group-by in secret."""

from __future__ import annotations

import numpy as np

from mpc import Category, Integer, Key, Table
from mpc.errors import ConfigError
from mpc.machine.operation import Handle
from mpc.tables.keys import second
from mpc.tables.local import LocalPass
from mpc.tables.private import PrivateTable
from mpc.tables.rows import ArrayRows
from mpc.tables.secret_columns import numbers_of
from mpc.tables.secret_table import SecretTable
from mpc.tables.source import Source
from parties.bench.workloads.base import Integers, Workload, largest_of, seeded

_BOUND = 1 << 20
_PLACES = tuple(f"place {k}" for k in range(10))


class _People(Table):
    id = Key(unique=True)
    place = Category(*_PLACES)


class _Visits(Table):
    person = Key()
    cost = Integer(0, _BOUND)


class Sql(Workload):
    """Visits joined with people and added up by place, from rows in memory to the sums in secret; half of the visits
    are of people who are there, and WHERE drops a quarter of them at their owner."""

    unit = "rows of each of two tables"
    default = 100_000
    largest = 1 << 20
    query = """
        SELECT place, sum(cost) AS total, count(*) AS visits
        FROM visits JOIN people ON person = id
        WHERE cost > 262144
        GROUP BY place ORDER BY place
    """

    async def prepare(self) -> None:
        tags = seeded("people", (2, 2 * self.size), (1 << 61) - 1) + ((1 << 61) - 1)
        person = np.abs(seeded("asked", (self.size,), 2 * self.size - 1))
        place = np.abs(seeded("place", (self.size,), len(_PLACES) - 1))
        cost = np.abs(seeded("cost", (self.size,), _BOUND))
        self.columns: dict[str, dict[str, Integers]] = {
            "visits": {"person": tags[0, person], second("person"): tags[1, person], "cost": cost},
            "people": {"id": tags[0, : self.size], second("id"): tags[1, : self.size], "place": place},
        }
        counted = (person < self.size) & (cost > _BOUND // 4)
        at = place[person[counted]]
        self.clear = np.bincount(at, cost[counted], len(_PLACES)).astype(np.int64)
        self.some = np.bincount(at, minlength=len(_PLACES)) > 0

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the tables."""
        return "visits", "people"

    def table(self, name: str) -> PrivateTable:
        """A table of one owner, as `Study.table`."""
        if name not in self.inputs:
            raise ConfigError(f"no table {name!r}")
        owner = self.inputs.index(name)
        schema = (_Visits, _People)[owner].schema
        rows = None
        if not self.run.dry and self.run.index == owner:
            columns = self.columns[name]
            rows = ArrayRows({k: v.astype(np.float64) if k == "place" else v for k, v in columns.items()})
        return PrivateTable(Source(self.run, name, schema, [owner], self.size, LocalPass(self.run, name, rows)))

    async def timed(self) -> Handle:
        from protocols.sql.query import Query

        limits = dict.fromkeys(self.inputs, self.size)
        made = Query(self, self.query, rows=limits).run()
        assert isinstance(made, SecretTable)
        total = numbers_of(made.column("total"))
        self.there = made.rows.handle
        await self.run.settle(total.handle, self.there)
        return total.handle

    async def error(self, result: Handle) -> float:
        there = (await self.opened(self.there)) & 1 > 0
        found = (await self.opened(result))[there]
        wanted = self.clear[self.some]
        return largest_of(found - wanted) if len(found) == len(wanted) else float("inf")
