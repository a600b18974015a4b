"""What releases of different tables tell together, where these are prepared from the same rows.

The number of all persons less that of the persons with a condition, each from a table of its own, is the number of
persons without it. Owners bring the tables to one key of an input that all come from (persons), and count, for sums and
differences of the releases, the keys that these are about: where the contributions of a person do not cancel out. The
numbers of keys are shared as any counts are, and must be none or enough.

Contributions are compared by their values, not by what a script says about them: how many rows of a table have the key,
and the sum of each measured column over them. So it does not matter in how many ways a table can be prepared.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mpc.machine.outside import Part
from mpc.machine.relations import Rule
from mpc.tables import whole
from mpc.tables.aggregates import Aggregate, Evaluate
from mpc.tables.counts import count_rows, rows_where
from mpc.tables.expressions import WHOLE, Expression, Floats, both, comparison, logical, public, unary
from mpc.tables.keys import KeyColumn, first
from mpc.tables.local import share_parts
from mpc.tables.prepare import building, lineage
from mpc.tables.prepare.nodes import Aggregate as Grouped
from mpc.tables.prepare.nodes import Join, Measure, Query, Scan, Select, Stacked
from mpc.tables.rows import as_real
from mpc.tables.schema import Column, IntegerColumn, RealColumn, Schema
from mpc.tables.selections import Selection
from mpc.tables.signed_sums import Bit, Quantity, TooMany, hidden_sums, signed_sums
from mpc.tables.source import Source, source_column
from mpc.values.cohorts import Cohort
from mpc.values.secret import SecretArray

#: Values that differ by less, relative to their size or to the range of their column, are the same: rounding.
SAME, SAME_OF_RANGE = 1e-9, 1e-12


class Told(NamedTuple):
    """A selection that a release is about, and whether it came out.

    rows_only  its rows were shared: which of their values are told is not known
    came_out   a function that gives the bit; None: it did
    is_cell    it is a cell of a table, which is another selection
    """

    selection: Selection
    rows_only: bool
    came_out: Bit | None
    is_cell: bool = False


class _Part(NamedTuple):
    """A selection by key: a query with a row for each key, its key columns, and its other columns."""

    source: Source
    keys: tuple[str, ...]
    quantities: tuple[Quantity, ...]


@dataclass(frozen=True)
class Together(Rule):
    """0 <= each number of keys <= at_most."""

    at_most: int
    covers = frozenset({"keys"})

    def relations(self, parts: Mapping[str, SecretArray]) -> list[SecretArray]:
        return [parts["keys"], self.at_most - parts["keys"]]


class Uncancelled(Aggregate):
    """For each signed sum of columns: the number of rows where it is not 0. keys: (sums,)

    signs  (sums, columns): -1, 0 or 1;  limits  (columns,): the largest magnitude of each
    """

    def __init__(self, columns: Sequence[Expression], signs: NDArray[np.int64], limits: Sequence[float]) -> None:
        self.columns = columns
        self.signs = signs
        self._slack = SAME_OF_RANGE * (np.abs(signs) @ np.asarray(limits, np.float64))
        self._counts = np.zeros(len(signs), np.int64)

    def expressions(self) -> Sequence[Expression]:
        return self.columns

    def settings(self) -> tuple[object, ...]:
        return (self.signs,)

    def update(self, evaluate: Evaluate, rows: int) -> None:
        values = np.stack([np.broadcast_to(as_real(evaluate(column)), (rows,)) for column in self.columns])
        sizes = np.abs(values)
        for k, signs in enumerate(self.signs):
            used = np.flatnonzero(signs)
            total = np.abs(signs[used] @ values[used])
            self._counts[k] += np.count_nonzero(total > SAME * sizes[used].sum(axis=0) + self._slack[k])

    def collected(self) -> dict[str, Floats]:
        return {"keys": self._counts.astype(np.float64)}


def shared_inputs(one: Source, other: Source) -> list[str]:
    """The names of the inputs that two sources of common owners are both made from."""
    if not set(one.owners) & set(other.owners):
        return []
    here = dict.fromkeys(scan.table for scan in one.query.scans())
    return [table for table in here if any(scan.table == table for scan in other.query.scans())]


def of_few(column: Expression, where: Expression | None, source: Source) -> tuple[Cohort, ...]:
    """Of a column that was made while its table was prepared: the rows where such a number is not 0, none or enough; of
    numbers of flags, those where it is 0, too. A sum that is 0 for all but a few is about these few."""
    number = column.type in ("real", "integer") and column.low <= 0 <= column.high
    if not number or _is_tag(column, source):
        return ()
    made = [name for name in sorted(column.columns()) if lineage.is_made(source.query, name)]
    sides = ["!="] if made else []
    if made and all(lineage.is_of_flags(source.query, name) for name in made):
        sides.append("==")
    cohorts: list[Cohort] = []
    for symbol in sides:
        some = both(where, comparison(symbol, column, public(0)))
        cohorts += count_rows(source, some, rows_where(source, some), or_none=True).basis.cohorts
    return tuple(cohorts)


def beside_prepared(new: Sequence[Selection], rows_only: bool, earlier: Sequence[Told], table: str) -> list[Cohort]:
    """The cohorts of keys of an input that a release tells of with earlier ones: none, or enough.

    new      the selections of the release: its rows, and the cells of a table
    earlier  selections of tables that come from the same input
    """
    found = []
    for key in _keys([*new, *(past.selection for past in earlier)], table):
        try:
            cohort = _by_key(new, rows_only, earlier, table, key)
        except TooMany:  # the rows of tables together, then
            cohort = _by_key(new[:1], rows_only, [past for past in earlier if not past.is_cell], table, key)
        if cohort is not None:
            every = dict.fromkeys([new[0], *(past.selection for past in earlier if not past.is_cell)])
            found += [cohort, *(nobody for selection in every for nobody in _without_key(selection, table, key))]
    return found


def _without_key(selection: Selection, table: str, key: Sequence[str]) -> tuple[Cohort, ...]:
    """The rows of a selection without a key, which are in no group, nor the latest of any: none, or enough."""
    source, query = selection.source, selection.source.query
    if not isinstance(query, Scan | Join) or not key:
        return ()
    if isinstance(query, Join):
        keyed = lineage.with_key(query, table, key)
        if keyed is None:
            return ()
        source, names = source.prepared(keyed.query, listed=False), keyed.names
    else:
        names = tuple(key)
    gone: Expression | None = None
    for name in names:
        missing = unary("isna", source_column(source.schema[name]))
        gone = missing if gone is None else logical("|", gone, missing)
    what = f"rows of {selection.source.name} without {' and '.join(key)}, or none"
    return count_rows(source, both(selection.where, gone), what, or_none=True).basis.cohorts


def _keys(selections: Sequence[Selection], table: str) -> list[tuple[str, ...]]:
    """The keys of an input by which tables are compared: those with a column of keys by which they are prepared; else
    a column of keys that the input has; else the columns by which they are prepared, or all columns."""
    scan = next(scan for scan in selections[0].source.query.scans() if scan.table == table)
    used = {
        tuple(sorted(key)): None for selection in selections for key in lineage.keys_of(selection.source.query, table)
    }
    of_keys = [key for key in used if any(isinstance(scan.schema[name], KeyColumn) for name in key)]
    own = [column for column in scan.schema.columns if isinstance(column, KeyColumn)]
    own.sort(key=lambda column: not column.unique)
    return of_keys or [(column.name,) for column in own[:1]] or list(used) or [()]


def _by_key(
    new: Sequence[Selection], rows_only: bool, earlier: Sequence[Told], table: str, key: tuple[str, ...]
) -> Cohort | None:
    told = [*(Told(selection, rows_only, None) for selection in new), *earlier]
    parts: list[_Part] = []
    owner: list[int] = []  # of each part: which selection it is of
    rows = [_own_rows(past.selection, table, key) for past in told]
    unknown = {k for k, past in enumerate(told) if rows[k] is None or past.rows_only}
    for k, (past, own) in enumerate(zip(told, rows, strict=True)):
        if own is not None:
            parts.append(own)
            owner.append(k)
        if unknown and (behind := _rows_behind(past.selection, table, key)) is not None:
            parts.append(behind)
            owner.append(k)
    quantities = [quantity for part in parts for quantity in part.quantities]
    of = [owner[p] for p, part in enumerate(parts) for _ in part.quantities]
    signs = signed_sums(quantities, of, [past.selection for past in told], len(new), unknown)
    if not len(signs):
        return None
    union = _union(parts, quantities, key)
    columns = [source_column(union.schema[f"value {k}"]) for k in range(len(quantities))]
    local = union.local.ask(Uncancelled(columns, signs, [quantity.limit for quantity in quantities]))
    part = Part("keys", (len(signs),), 0, union.at_most, "int")
    shared = share_parts(union, local, [part], Together(union.at_most))["keys"]
    names = " and ".join(dict.fromkeys(past.selection.source.name for past in told))
    what = f"{_words(key, table)} in which these differ: {names}"
    groups = Cohort.of(shared.sum(0), shared, what=what, or_none=True)
    hidden = hidden_sums(signs, of, [past.came_out for past in told])

    def decide(bits: Sequence[SecretArray]) -> SecretArray:
        return (bits[0] if hidden is None else bits[0] | hidden()).all()

    return Cohort(
        groups.run, groups.counts, most=groups.most, what=what, or_none=True, sources=(groups,), decide=decide
    )


def _words(key: Sequence[str], table: str) -> str:
    return f"{' and '.join(key)} of {table}" if key else f"rows of {table}"


# ---- selections by key
def _own_rows(selection: Selection, table: str, key: tuple[str, ...]) -> _Part | None:
    """How often a selection has a row of each key, and with what values. None where its rows are of several keys."""
    measured = _measured(selection)
    numbers = {name: _as_real(column) for name, column in measured.items()}
    own = lineage.with_key(building.select(selection.source.query, selection.where, numbers), table, key)
    return None if own is None else _counted(selection.source, own, measured, "rows")


def _rows_behind(selection: Selection, table: str, key: tuple[str, ...]) -> _Part | None:
    """How many rows of the input are behind a selection, by key: where its values are not known, or its rows are of
    several keys."""
    behind = lineage.rows_with_key(building.select(selection.source.query, selection.where, {}), table, key)
    return None if behind is None else _counted(selection.source, behind, {}, "input")


def _measured(selection: Selection) -> dict[str, Expression]:
    """The columns whose sums a release may tell: of shared rows, all that were shared."""
    where = b"" if selection.where is None else selection.where.digest
    columns = selection.source.shared.get(where, {}).values() if selection.shared else selection.valid
    values = [c for c in columns if c.type not in ("key", "text") and not _is_tag(c, selection.source)]
    return {f"measured {k}": column for k, column in enumerate(values)}


def _is_tag(column: Expression, source: Source) -> bool:
    """Whether it is made from a key."""
    return any(isinstance(source.schema[first(name)], KeyColumn) for name in column.columns())


def _counted(source: Source, keyed: lineage.Keyed, values: Mapping[str, Expression], kind: str) -> _Part:
    """The rows of each key, and the sums of these values of them."""
    query, names = keyed
    keys = tuple(query.schema[name] for name in names)
    measures = [Measure("rows", "", "", IntegerColumn("rows", minimum=0, maximum=max(query.most, 1)))]
    quantities = [Quantity(kind, float(query.most))]
    for name, column in values.items():
        largest = float(max(abs(column.low), abs(column.high), 1))
        most = largest * query.most
        measures.append(Measure("sum", name, "", RealColumn(name, minimum=-most, maximum=most)))
        quantities.append(Quantity("value", largest, column.type in ("integer", "flag")))
    schema = Schema(f"{query.name}, by key", (*keys, *(measure.result for measure in measures)))
    grouped = Grouped(schema, query.most, query, names, tuple(measures))
    return _Part(source.prepared(grouped, listed=False), names, tuple(quantities))


def _union(parts: Sequence[_Part], quantities: Sequence[Quantity], key: tuple[str, ...]) -> Source:
    """All keys of the parts, each with its quantities in every part: the columns "value 0", "value 1", …"""
    stacked: list[Query] = []
    nothing = public(0.0)
    columns = [RealColumn(f"value {k}", minimum=-1e300, maximum=1e300) for k in range(len(quantities))]
    start = 0
    keys: tuple[Column, ...] = ()
    for part in parts:
        query = part.source.query
        named = [column for column in query.schema.columns if column.name not in part.keys]
        made = {f"value {k}": nothing for k in range(len(quantities))}
        for k, column in enumerate(named):
            made[f"value {start + k}"] = _as_real(source_column(column))
        start += len(named)
        place = {f"key {k}": source_column(query.schema[name]) for k, name in enumerate(part.keys)}
        own = tuple(
            building.column_of(f"key {k}", e, query.schema[name])
            for k, (e, name) in enumerate(zip(place.values(), part.keys, strict=True))
        )
        keys = keys or own
        schema = Schema(query.name, (*own, *columns))
        stacked.append(Select(schema, query.most, query, None, tuple((place | made).items())))
    most = sum(query.most for query in stacked)
    every = Stacked(Schema("all", (*keys, *columns)), most, tuple(stacked))
    measures = tuple(Measure("sum", column.name, "", column) for column in columns)
    names = tuple(column.name for column in keys)
    total = Grouped(Schema("all, by key", every.schema.columns), most, every, names, measures)
    owners = set(parts[0].source.owners).intersection(*(part.source.owners for part in parts))
    first = next(part.source for part in parts if set(part.source.owners) == owners)
    return first.prepared(total, *(part.source for part in parts), listed=False, once=True)


def _as_real(a: Expression) -> Expression:
    """A number, flag, day or index of a level as float64."""
    if a.type in ("real", "flag"):
        return a
    function = whole.as_real if a.type in WHOLE else _itself
    operation = "as real" if a.type == "integer" else ""
    return Expression(
        type="real", low=a.low, high=a.high, function=function, arguments=(a,), text=a.text, operation=operation
    )


def _itself(x: Floats) -> Floats:
    return x
