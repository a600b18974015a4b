"""How many rows lack which of several columns: each pattern, or of many columns each two."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mpc.errors import ConfigError, ShapeError
from mpc.machine.outside import Part
from mpc.releases.disclosure import Guard, Opened, Result
from mpc.releases.enough import all_enough
from mpc.tables.aggregates import Crosstab
from mpc.tables.counts import Tabulated, rows_where
from mpc.tables.expressions import unary
from mpc.tables.local import share_parts
from mpc.tables.private import PrivateTable
from mpc.tables.secret_columns import SecretKey, numbers_of
from mpc.tables.secret_table import SecretTable
from mpc.untyped import Json, JsonObject
from mpc.values.cohorts import Cohort
from mpc.values.places import indicator
from mpc.values.secret import SecretArray, stack
from protocols.statistics.counts.in_levels import in_levels
from protocols.statistics.missing.none_or_enough import RULE, or_none, shown_cells
from protocols.statistics.missing.pairs import pairs
from protocols.statistics.missing.several_tables import beside_earlier
from protocols.tables.grouped import present

#: Of more columns, each two are counted.
MOST_COLUMNS = 6
#: The last row of the table.
_ALL = "all rows"


def missing_patterns(table: PrivateTable | SecretTable, columns: Sequence[str] | None = None) -> Result:
    """How many rows have which pattern of missing columns; of more than six columns, how many have each two of them.

    table    private or shared rows
    columns  names of columns of any kind (default: all; of shared rows, all but keys); at most 40

    Opens       of up to six columns the number of rows, and of each of the 2^k patterns how many rows have it: a row of
                the result for each pattern that occurs, with 1 for a column with a value, 0 for one without, and the
                number of rows; patterns with few missing columns first, the number of all rows last. Of more columns a
                matrix: rows with a value in both columns, on its diagonal in one, and in its first row and column
                beside the rows of the table
    Missing     is what is counted; no row is left out
    Undefined   never. A table without rows is suppressed
    Protection  a pattern with rows, but fewer than the minimum (and than 5), has words in place of its number, and so
                has another pattern where the number could be told from the total; where there is no other one,
                everything is suppressed. Of two of many columns, the rows that have both, each alone and none must be
                none or enough, else the pair has words. A pattern without rows is no secret. Numbers of missing values
                of a column that another release shows (`x.missing()`, `x.count()`) can tell a suppressed pattern: show
                either. Bounds of a suppressed pair follow from other pairs, as from any margins. Two tables of patterns
                of rows that stay, of common columns or under another condition, are held apart: rows in each
                combination must be none or enough, else the later one is suppressed
    Error       none
    Rounds      about 30; of shared rows 20 more
    Bytes       a few kB; of shared rows up to 1,300 a place for six columns
    Limits      shared rows: 4,194,304 patterns times places, and six columns
    Raises      ShapeError for anything but a table; ConfigError for a column twice, none, or more than 40; and for two
                tables that have more than 4,096 combinations together
    Equals      R's `mice::md.pattern`; of more columns `mice::md.pairs(…)$rr`; pandas' `isna().value_counts()`
    Source      van Buuren, Flexible Imputation of Missing Data (2nd ed., 2018), 4.1; suppression:
                `missing.none_or_enough`
    """
    if not isinstance(table, PrivateTable | SecretTable):
        raise ShapeError(f"missing_patterns: {table!r}; a table is wanted, private or shared, or table[[names]]")
    names = list(table.columns) if columns is None else list(columns)
    if columns is None and isinstance(table, SecretTable):
        names = [name for name in names if not isinstance(table.column(name), SecretKey)]
    if len(set(names)) != len(names) or not 1 <= len(names) <= 40:
        raise ConfigError(f"missing_patterns: {len(names)} columns; expected 1 to 40 different ones")
    if len(names) > MOST_COLUMNS:
        if isinstance(table, SecretTable):
            raise ConfigError(f"missing_patterns: {len(names)} columns of shared rows; at most {MOST_COLUMNS}: choose")
        return pairs(table, names)
    found = _private(table, names) if isinstance(table, PrivateTable) else _shared(table, names)
    # The complete rows are last: where another pattern must be hidden, it is not these.
    signs = np.asarray([[pattern >> (len(names) - 1 - j) & 1 for j in range(len(names))] for pattern in _order(names)])

    def finish(opened: Mapping[str, Opened]) -> Any:
        return _document(names, signs, opened["patterns"], opened["rows"])

    parts = {"patterns": found.counts, "rows": found.rows}
    return Result("matrix", parts, finish, _guard(found))


class _Counted(NamedTuple):
    """counts  rows by pattern, in the order of `_order`;  rows  all rows
    tables  cohorts of the patterns;  others  cohorts that everything stands on
    """

    counts: SecretArray
    rows: SecretArray
    tables: tuple[Cohort, ...]
    others: tuple[Cohort, ...]


def _order(names: Sequence[str]) -> list[int]:
    """The patterns: the first column is the highest bit, set where it is missing; rows that lack most come first."""
    return sorted(range(1 << len(names)), key=lambda pattern: (-pattern.bit_count(), pattern))


def _guard(found: _Counted) -> Guard:
    everything = (*found.tables, *found.others)

    def bits(minimum: int, others: bool) -> dict[str, SecretArray]:
        shown: SecretArray | None = None
        whole = all_enough(found.rows.run, found.others, minimum, others=others)
        for table in found.tables:
            cells, sound = shown_cells(table, minimum, others)
            shown = cells if shown is None else shown & cells
            whole = sound if whole is None else whole & sound
        assert shown is not None
        assert whole is not None
        return {"patterns": shown & whole.reshape(1).broadcast_to(shown.shape), "rows": whole}

    return Guard(RULE, {"patterns": everything, "rows": everything}, bits)


def _private(table: PrivateTable, names: Sequence[str]) -> _Counted:
    source = table.source
    flags = [unary("isna", table.column(name).expression) for name in names]
    shape = (2,) * len(names)
    local = source.local.ask(Crosstab(flags, shape, table.where))
    own = share_parts(source, local, [Part("counts", shape, 0, source.at_most, "int")], Tabulated(source.at_most))
    order = _order(names)
    each = own["counts"].reshape(len(source.owners), 1 << len(names)).view(lambda a: a[:, order])
    total = each.sum(0).bounded(source.most_rows)
    what = f"{rows_where(source, table.where)} by what they lack of {', '.join(names)}, each or none"
    cells = Cohort.of(total, each, what=what, or_none=True)
    whole = table.count()
    others = (*whole.basis.cohorts, *beside_earlier(table, names))
    origin = (f"missing values of {rows_where(source, table.where)}",)
    return _Counted(total.standing_on(cells, origin=origin), whole, (cells,), others)


def _shared(table: SecretTable, names: Sequence[str]) -> _Counted:
    rows = table.rows
    columns = [numbers_of(table.column(name)) for name in names]
    there = rows.bare()
    gone = stack([indicator(there & ~present(there, column)) for column in columns])
    weights = np.asarray([[1 << (len(names) - 1 - j)] for j in range(len(names))])
    size = 1 << len(names)
    codes = (gone * weights).sum(0).bounded(size - 1)
    found = in_levels("missing_patterns", codes, size, there, rows.basis)
    order = _order(names)
    tables = tuple(or_none(c.view(lambda a: a[order])) for c in found.cohorts if c.shape)
    whole = table.count()
    others = tuple(dict.fromkeys((*[c for c in found.cohorts if not c.shape], *whole.basis.cohorts)))
    counts = found.counts.view(lambda a: a[order]).standing_on(*tables, origin=found.origin)
    return _Counted(counts, whole, tables, others)


def _document(names: Sequence[str], signs: NDArray[np.int64], patterns: Opened, rows: Opened) -> JsonObject:
    """The patterns that have rows, or words, by how much they lack; of as much, the most frequent first."""
    cells: list[Json] = patterns.whole_cells()

    def place(k: int) -> tuple[int, int, int]:
        return int(signs[k].sum()), -cells[k] if isinstance(cells[k], int) else 0, k

    shown = sorted((k for k, cell in enumerate(cells) if cell != 0), key=place)
    values: list[list[Json]] = [[*(1 - signs[k]).tolist(), cells[k]] for k in shown]
    values.append([*_observed(signs, cells), rows.whole_cells()])
    labels = [*(_label(names, signs[k]) for k in shown), _ALL]
    return {"rows": labels, "columns": [*names, "rows"], "values": values}


def _observed(signs: NDArray[np.int64], cells: Sequence[Json]) -> list[Json]:
    """Of each column the rows that have it, where all patterns are shown; else words."""
    if any(isinstance(cell, str) for cell in cells):
        return ["suppressed with a pattern"] * signs.shape[1]
    return [int(n) for n in np.asarray(cells, np.int64) @ (1 - signs)]


def _label(names: Sequence[str], pattern: NDArray[np.int64]) -> str:
    lacking = [name for name, gone in zip(names, pattern, strict=True) if gone]
    return f"without {', '.join(lacking)}" if lacking else "complete"
