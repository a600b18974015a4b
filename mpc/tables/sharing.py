"""Rows that leave their owners as shares: only where a script says `share()`.

Every owner's rows are padded to a public number, which hides how many rows it brought. A mask tells rows from padding
and from missing values; it is secret, as the values are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mpc.errors import ConfigError, DataError
from mpc.machine.outside import Part
from mpc.machine.relations import Rule
from mpc.tables.aggregates import Aggregate, Evaluate
from mpc.tables.beside_prepared import of_few
from mpc.tables.counts import named
from mpc.tables.expressions import WHOLE, Expression, not_too_small, public
from mpc.tables.filled_rows import filled_rows
from mpc.tables.local import share_parts
from mpc.tables.rows import absent
from mpc.tables.selections import Selection
from mpc.untyped import JsonObject
from mpc.values.basis import Basis
from mpc.values.fixed import frac_for
from mpc.values.places import Lazy, Places, Shared
from mpc.values.secret import SecretArray

if TYPE_CHECKING:
    from mpc.machine.operation import Local
    from mpc.tables.private_array import PrivateArray
    from mpc.tables.source import Source

#: Seconds for each place of a column: it is put there, and encoded.
_COLLECTED_S = 40e-9


class Collect(Aggregate):
    """The rows themselves, padded to `rows`: for column k "values k", 0 where there is none, and "present k"."""

    def __init__(self, columns: Sequence[Expression], rows: int, table: str, where: Expression | None) -> None:
        self.where = where
        self._columns = columns
        self._table = table
        self._values = [np.zeros(rows, np.int64 if c.type in WHOLE else np.float64) for c in columns]
        self._present = np.zeros((len(columns), rows))
        self._used = 0

    @property
    def work(self) -> float:
        return _COLLECTED_S * self._present.size

    def expressions(self) -> Sequence[Expression]:
        return self._columns

    def settings(self) -> tuple[object, ...]:
        return self._table, self._present.shape

    def update(self, evaluate: Evaluate, rows: int) -> None:
        keep = self._selected(evaluate, rows)
        end = self._used + int(np.count_nonzero(keep))
        if end > self._present.shape[1]:
            raise DataError(
                f"table {self._table}: more rows than share(rows={self._present.shape[1]}) has room for; "
                "agree on a larger number (all organizations)"
            )
        for k, column in enumerate(self._columns):
            values = np.broadcast_to(evaluate(column), (rows,))[keep]
            gone = absent(values)
            self._values[k][self._used : end] = np.where(gone, 0, values)
            self._present[k, self._used : end] = ~gone
        self._used = end

    def collected(self) -> JsonObject:
        named: dict[str, Any] = {f"values {k}": row for k, row in enumerate(self._values)}
        return named | {f"present {k}": row for k, row in enumerate(self._present)}


@dataclass(frozen=True)
class Row(Rule):
    """Values within their bound. "present" needs no rule: a comparison makes a bit of whatever an owner shared."""

    covers = frozenset({"present"})


def _shared(source: Source, rows: int, where: Expression | None) -> Shared:
    """The places of a selection's shared rows; the same for columns that are shared in separate calls."""
    key = ("shared", rows, b"" if where is None else where.digest)
    if key not in source.memo:
        source.memo[key] = Shared(
            source.run, source.name, len(source.owners), rows, Selection(source, where, shared=True)
        )
    base: Shared = source.memo[key]
    return base


def share_rows(columns: Sequence[PrivateArray], rows: int) -> list[SecretArray]:
    """Each column as a secret array of (owners * rows) elements, with a mask; one reading, one message an owner.

    Each element is a single row, so a release of it needs a reason; a value computed from many of them stands on the
    rows that are present.

    An owner with a value beyond a column's bound counts as an owner without rows in that column.

    Raises DataError at an owner that has more than `rows` rows; RangeError for columns of values below 1e-9.
    Bytes 16 an element and owner, and those of two `nonnegative` for each element; rounds 4, and those of
    `nonnegative`.
    """
    if rows < 1:
        raise ConfigError("share(rows=…): a public number of rows per owner, at least the largest owner's")
    source = columns[0].source
    expressions = [column.expression for column in columns]
    local = source.local.ask(Collect(expressions, rows, source.name, columns[0].where))
    return share_collected(columns, local, _shared(source, rows, columns[0].where))


def share_collected(columns: Sequence[PrivateArray], local: Local, base: Shared) -> list[SecretArray]:
    """`share_rows` of rows that each owner has collected: "values k" and "present k" of column k in its places."""
    source, rows = columns[0].source, base.rows
    places = np.arange(base.owners * rows)
    shared = []
    for k, expression in enumerate(column.expression for column in columns):
        not_too_small(columns[k].name, expression, 1e-9)
        limit = max(abs(expression.low), abs(expression.high), 1e-9)
        whole = expression.type != "real"  # flags, indices of levels, days
        frac = 0 if whole else frac_for(limit)
        bound = max(int(np.ceil(np.ldexp(limit, frac))), 1)
        if expression.type in WHOLE:  # exact, also beyond 2^53
            bound = max(abs(int(expression.low)), abs(int(expression.high)), 1)

        source.run.shared[source.name, columns[k].name] = 0.0 if whole else 2.0**-frac
        parts = [
            Part("values", (rows,), frac, bound, "int" if whole else "fixed", of=f"values {k}"),
            Part("present", (rows,), 0, 1, "int", of=f"present {k}"),
        ]
        with source.run.scope.sequence():
            both = share_parts(source, local, parts, Row())
            values = both["values"].reshape(-1)
            mask = both["present"].reshape(-1) > 0  # a bit, whatever an owner shares
        flags = (Lazy.of(values),) if expression.type == "flag" else ()
        place = Places(base, places, Lazy.of(mask), (), flags)
        origin = (named(columns[k]),)
        where = columns[k].where
        source.shared.setdefault(b"" if where is None else where.digest, {})[expression.digest] = expression
        few = (*of_few(expression, where, source), *filled_rows(source, [expression], where))
        shared.append(values.masked(mask, "missing").with_basis(Basis(few, (place,), origin=origin)))
    return shared


def rows_shared(source: Source, where: Expression | None, rows: int) -> SecretArray:
    """Bits (owners * rows,): which places of the shared rows of a selection hold a row. Shared once in a scope.

    Bytes 8 an element and owner; rounds those of a comparison.
    """
    key = ("rows", rows, b"" if where is None else where.digest)
    if key not in source.memo:
        local = source.local.ask(Collect([public(1.0)], rows, source.name, where))
        parts = [Part("present", (rows,), 0, 1, "int", of="present 0")]
        mask = share_parts(source, local, parts, Row())["present"].reshape(-1) > 0
        place = Places(_shared(source, rows, where), np.arange(len(source.owners) * rows), Lazy.of(mask))
        source.memo[key] = mask.with_basis(Basis((), (place,), origin=(f"rows of {source.name}",)))
    there: SecretArray = source.memo[key]
    return there
