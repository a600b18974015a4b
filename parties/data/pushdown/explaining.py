"""What is pushed down to an owner's database, and what this party reads: for the owner, before a run.

The SQL is shown as it is asked; "…" stands for numbers that an earlier pass gives.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from mpc.tables.aggregates import Aggregate, Count, Crosstab, Sum
from mpc.tables.expressions import Expression
from mpc.tables.moments import Moments
from mpc.untyped import JsonObject
from parties.data.pushdown.asking import aggregated
from parties.data.pushdown.expressions import Column
from parties.data.pushdown.tables import Declared, Engine, counted


@dataclass(frozen=True)
class Explanation:
    """How the aggregates of a dataset would be computed.

    aggregates  how many are asked for
    dialect     the database that computes some of them; "": none
    reads       what the table in the SQL stands for, if it is no table of the database
    check       SQL of the check; "": this party checks the rows
    passes      for each pass over the rows, its queries in SQL
    left        what this party computes: in words -> how many aggregates
    columns     column -> why this party reads it
    streamed    why this party reads all rows; "" if it does not
    """

    aggregates: int
    dialect: str = ""
    reads: str = ""
    check: str = ""
    passes: list[list[str]] = field(default_factory=list)
    left: dict[str, int] = field(default_factory=dict)
    columns: dict[str, str] = field(default_factory=dict)
    streamed: str = ""

    @property
    def pushed(self) -> int:
        """How many aggregates the database computes."""
        return self.aggregates - sum(self.left.values()) if self.dialect and not self.streamed else 0

    def describe(self) -> JsonObject:
        return {
            "aggregates": self.aggregates,
            "pushed_down": self.pushed,
            "database": self.dialect or None,
            "reads": self.reads or None,
            "check": self.check or None,
            "passes": self.passes,
            "left": self.left,
            "columns": self.columns,
            "streamed": self.streamed or None,
        }

    def lines(self) -> list[str]:
        """For a terminal."""
        if self.streamed:
            return [f"This party reads the rows: {self.streamed}."]
        others = "; this party computes the others from the rows" if self.left else ""
        lines = [f"{self.dialect} computes {self.pushed} of {self.aggregates} aggregates{others}."]
        lines += [f"{number} x {reason}" for reason, number in self.left.items()]
        lines += [reason for name, reason in self.columns.items() if not any(reason in left for left in self.left)]
        if self.reads:
            lines += ["", "The rows are", *_indented(self.reads)]
        if self.check:
            lines += ["", "Check of the rows", *_indented(self.check)]
        for number, queries in enumerate(self.passes, 1):
            for query in queries:
                lines += ["", f"Pass {number}", *_indented(query)]
        return lines


def explained(
    engine: Engine,
    columns: Declared,
    aggregates: Sequence[Aggregate],
    rows: int,
    *,
    drop: bool,
    watch: bool,
    apart: dict[str, str],
) -> Explanation:
    """What `asking.aggregated` would ask. Raises NotInSQL."""
    readable = [declared for declared in columns if declared[0].name not in apart]
    done = aggregated(engine, readable, aggregates, rows, drop=drop, watch=watch, shown=True)
    left = Counter(f"{type(aggregates[k]).__name__}: {reason}" for k, reason in done.reasons.items())
    passes = [[_sql(query) for query in queries] for queries in done.queries]
    check = "" if apart else _sql(counted(engine, columns))
    return Explanation(len(aggregates), engine.dialect, engine.reads, check, passes, dict(left), apart)


def usual(columns: Sequence[Expression]) -> list[Aggregate]:
    """What most statistics ask of a table: counts, missing values, sums, means, squares, and counts by level."""
    import numpy as np

    known = [column for column in columns if column.type in ("real", "integer", "flag", "category")]
    numbers = [column for column in known if column.type in ("real", "integer")]
    asked: list[Aggregate] = [Count(known)]
    asked += [Sum([column]) for column in numbers]
    asked += [Crosstab([c], [len(c.levels) or 2]) for c in known if c.type in ("flag", "category")]
    if numbers:
        ones = np.ones(len(numbers))
        asked.append(Moments(numbers, 0 * ones, ones, [None] * len(numbers)))
    return asked


def _sql(query: Column) -> str:
    import ibis

    return str(ibis.to_sql(query))


def _indented(text: str) -> list[str]:
    return [f"  {line}" for line in text.split("\n")]
