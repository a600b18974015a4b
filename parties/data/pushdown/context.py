"""What questions are asked about: the rows of a table, in which expressions become measures."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from functools import reduce

from mpc.tables.expressions import Expression
from parties.data.pushdown.expressions import Column, Compiler, NotInSQL


class Context:
    """What questions are asked about: a table of rows, with their values by the names of the columns.

    rows         how many there are
    compensated  whether its database has a sum of floats that loses no digits
    """

    def __init__(self, table: Column, columns: Mapping[str, Column], rows: int, *, compensated: bool) -> None:
        self.table = table
        self.rows = rows
        self.compensated = compensated
        self._compiler = Compiler(columns)

    def number(self, a: Expression) -> Column:
        """Raises NotInSQL, also for the same number in each row."""
        if not a.columns():
            raise NotInSQL(f"{a.text} is the same in each row")
        return self._compiler.number(a)

    def index(self, a: Expression) -> Column:
        """A category or a flag as a whole number."""
        self.number(a)
        value = self._compiler.value(a)
        return value.cast("int32").cast("int64") if a.type == "flag" else value

    def missing(self, a: Expression) -> Column:
        self.number(a)
        return self._compiler.value(a).isnull()

    def where(self, a: Expression | None) -> Column | None:
        """A condition; None: all rows."""
        if a is None:
            return None
        self.number(a)
        return self._compiler.truth(a)

    def count(self, where: Column | None) -> Column:
        return self.table.count(where=where)


def whole_number(number: int) -> Column:
    """An int64."""
    import ibis

    return ibis.literal(int(number), "int64")


def all_of(*conditions: Column | None) -> Column:
    """All of them together; None always holds. At least one is given."""
    given = [condition for condition in conditions if condition is not None]
    return reduce(operator.and_, given)
