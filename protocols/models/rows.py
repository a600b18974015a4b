"""Rows for models: columns side by side, complete rows, and public orders of places.

The places of rows are public: the rows of owners follow each other, padded to one length. The contents are secret. So a
public order, which follows from a public seed, may shuffle places and hold places out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import shake_128
from itertools import combinations, product

import numpy as np
from numpy.typing import NDArray

from mpc.errors import RangeError, ShapeError
from mpc.tables.secret_table import SecretTable
from mpc.values.basis import Basis, union
from mpc.values.cohorts import Cohort, Counts
from mpc.values.places import Lazy, Places, distinct, indicator, integers
from mpc.values.reductions import is_flag
from mpc.values.secret import SecretArray, concatenate, constant, stack
from protocols.numeric.normalize import F

#: Columns: by name (also a table of shared rows), in a list, or as a matrix (rows, columns).
Columns = Mapping[str, SecretArray] | SecretTable | Sequence[SecretArray] | SecretArray
Order = NDArray[np.int64]
#: From so many flags on, their combinations are counted together.
_FEW_FLAGS = 4


class Coded(dict[str, SecretArray]):
    """Columns by name, made of levels and flags.

    constant    the name of the constant term
    impossible  combinations (flag, flag, has, has) that no row can have, by names of columns that are flags
    apart       flags of further groups of rows that a model tells apart
    """

    def __init__(
        self,
        columns: Iterable[tuple[str, SecretArray]],
        constant: str,
        impossible: frozenset[tuple[str, str, bool, bool]],
        apart: Sequence[SecretArray] = (),
    ) -> None:
        super().__init__(columns)
        self.apart = tuple(apart)
        self.constant = constant
        self.impossible = impossible


class Design:
    """Columns of numbers or flags, side by side, with a joint mask: a bit a row.

    names     names of the columns; "x0", "x1", … for columns without a name
    exponent  for each column: |x| <= 2^exponent
    valid     bits (rows,): no column is missing; None: all rows are complete
    basis     the rows behind each row
    flags     the columns that are flags
    constant  what a model calls its constant term
    """

    def __init__(self, x: Columns) -> None:
        if isinstance(x, SecretArray):
            if x.ndim != 2:
                raise ShapeError(f"expected a matrix (rows, columns), got shape {x.shape}")
            self.names, columns = [f"x{j}" for j in range(x.shape[1])], [x]
        else:
            self.names = list(x) if isinstance(x, Mapping) else [f"x{j}" for j in range(len(x))]
            columns = _listed(x)
        if not self.names or not len(columns[0]):
            raise ShapeError("expected at least one column with at least one row")
        self.rows = len(columns[0])
        self.run = columns[0].run
        for column in columns:
            if len(column) != self.rows or (column.ndim != 1 and len(columns) > 1):
                raise ShapeError(f"expected columns of {self.rows} rows, got one of shape {column.shape}")
        wide = len(self.names) // len(columns)
        self._columns = [column.numeric().bare().reshape(self.rows, wide) for column in columns]
        self._units = [int(np.frexp(column.limit)[1]) for column in self._columns]
        self.exponent = [unit for unit in self._units for _ in range(wide)]
        self.valid = _joint_valid(columns)
        self.basis = union(*[_by_row(column) for column in columns]).plain()
        named = [(i, column) for i, column in enumerate(columns) if column.ndim == 1 and is_flag(column)]
        self.flags = [column for _, column in named]
        self._flag_names = [self.names[i] for i, _ in named]
        self.constant = x.constant if isinstance(x, Coded) else "intercept"
        self._impossible = x.impossible if isinstance(x, Coded) else frozenset()
        self._apart = x.apart if isinstance(x, Coded) else ()

    def behind(self, *flags: SecretArray, valid: SecretArray | None = None, pairs: bool = False) -> Basis:
        """The basis of a value that is computed from all valid rows: these rows, and both sides of the flags (rows,).

        pairs  also the four combinations of each two flags, flags among the columns included
        """
        bases = [self.basis.reduced(0, valid)]
        for flag in flags:
            bases.append(self.basis.sides(flag, 0, valid))
        bases += [self.basis.where(Lazy.of(flag)).reduced(0, valid, rest=False) for flag in self._apart if pairs]
        every = [*flags, *self.flags]
        names = [*[""] * len(flags), *self._flag_names]
        kept = [pair for pair in _pairs(len(every)) if self._possible(names, pair)]
        together = _of_pairs(distinct(self.basis.places), every, kept, valid) if pairs and valid is not None else None
        if together is not None:
            return union(*bases, self.basis._replace(cohorts=together, places=()))
        for i, j, *has in kept if pairs else []:
            sides = [
                Lazy.of(every[k]) if with_ else Lazy.of(every[k]).inverse()
                for k, with_ in zip((i, j), has, strict=True)
            ]
            bases.append(self.basis.where(*sides).reduced(0, valid, rest=False))
        return union(*bases)

    def _possible(self, names: Sequence[str], pair: _Pair) -> bool:
        i, j, first, second = pair
        return (names[i], names[j], first, second) not in self._impossible

    def in_units(self) -> SecretArray:
        """(rows, columns) in units u = x / 2^exponent with |u| <= 1, F fraction bits, without mask."""
        return _beside(
            [
                column.rescaled(column.frac + unit).cut(F).bounded(1 << F)
                for column, unit in zip(self._columns, self._units, strict=True)
            ]
        )

    def at_common_scale(self, width: int) -> SecretArray:
        """(rows, columns) at a common scale, at which the largest bound has at most `width` bits; without mask."""
        frac = min(max(column.frac for column in self._columns), width - 1 - max(self._units))
        return _beside([column.cut(frac) for column in self._columns])


#: The order in which `_of_pairs` counts combinations.
_LAYOUT = ((True, True), (True, False), (False, True), (False, False))
#: Two flags, and of each whether rows have it.
_Pair = tuple[int, int, bool, bool]


def _pairs(flags: int) -> Iterator[_Pair]:
    """The four combinations of each two of so many flags."""
    for i, j in combinations(range(flags), 2):
        for first, second in product((True, False), repeat=2):
            yield i, j, first, second


def _of_pairs(
    places: Sequence[Places], flags: Sequence[SecretArray], kept: Sequence[_Pair], valid: SecretArray
) -> tuple[Cohort, ...] | None:
    """For each table, these combinations of each two of many flags as one cohort, from products of matrices; None where
    the rows were moved or filtered, and for few flags."""
    plain = all(
        not (place.base.moved or place.when or place.kept or place.cut or place.alone)
        and np.array_equal(place.ids, np.arange(len(place.ids)))
        for place in places
    )
    if not plain or len(flags) < _FEW_FLAGS:
        return None
    first, second = np.triu_indices(len(flags), 1)
    chosen = set(kept)
    there_are = np.asarray(
        [(int(i), int(j), *has) in chosen for has in _LAYOUT for i, j in zip(first, second, strict=True)], np.bool_
    )

    def of(place: Places) -> Cohort:
        base, rows = place.base, len(place.ids)

        def make() -> Counts:
            there = integers(valid.bare()).reshape(rows, 1)
            bits = concatenate([integers(flag.bare()).reshape(rows, 1) for flag in flags], axis=1).times(there)
            marks = concatenate([there, bits], axis=1)
            own = []
            for start in range(0, base.owners * base.rows, base.rows):
                block = marks[start : start + base.rows]
                sums = block.T @ block
                n, one, both = sums[0, 0], sums.diagonal()[1:], sums[1:, 1:]
                a, b = one.view(lambda x: x[first]), one.view(lambda x: x[second])
                ab = both.view(lambda x: x[first, second])
                every = concatenate([ab, a - ab, b - ab, n - a - b + ab]).bounded(base.rows)
                own.append(every if there_are.all() else every.view(lambda x: x[there_are]))
            each = stack(own)
            return Counts(each.sum(0).bare().bounded(rows), each.bare())

        what = f"rows of {base.table} with two conditions"
        return Cohort(base.run, make, most=rows, what=what, share=base.share, selection=base.selection)

    return tuple(of(place) for place in places)


def _listed(x: Columns) -> list[SecretArray]:
    """The columns in a list. Raises ShapeError for one that is no number and no flag."""
    columns = list(x.values()) if isinstance(x, Mapping) else list(x)
    numbers = [column for column in columns if isinstance(column, SecretArray)]
    if len(numbers) < len(columns):
        other = next(column for column in columns if not isinstance(column, SecretArray))
        raise ShapeError(
            f'{other!r} is no number: take a flag a level (table.drug == "statin"), or days (table.on - day)'
        )
    return numbers


def _by_row(column: SecretArray) -> Basis:
    return column.basis if column.ndim == 1 else column.basis.reduced(1, column.valid)


def _beside(parts: Sequence[SecretArray]) -> SecretArray:
    return parts[0] if len(parts) == 1 else concatenate(parts, axis=1)


def both(a: SecretArray | None, b: SecretArray | None) -> SecretArray | None:
    """Bits set in both; None stands for bits that are all set."""
    if a is None or b is None or a is b:
        return a if b is None else b
    return a.bare() & b.bare()


def _joint_valid(columns: Sequence[SecretArray]) -> SecretArray | None:
    rows = len(columns[0])
    masks = {id(column.valid): column.valid.bare() for column in columns if column.valid is not None}
    bits = [valid if valid.ndim == 2 else valid.broadcast_to((rows,)).reshape(rows, 1) for valid in masks.values()]
    return _beside(bits).all(1) if bits else None


def complete_rows(columns: Columns) -> SecretArray:
    """The number of rows without a missing value, a secret integer; its release needs as many rows as the minimum."""
    listed = _listed(columns)
    valid = _joint_valid(listed)
    count = constant(listed[0].run, len(listed[0])) if valid is None else indicator(valid.bare()).sum()
    return count.with_basis(union(*[_by_row(column) for column in listed]).plain().reduced(0, valid, name="complete"))


def public_order(rows: int, seed: int) -> Order:
    """An order of the places 0..rows-1 that looks random and follows from the public seed alone."""
    if not 0 <= seed < 1 << 63:
        raise RangeError(f"seed {seed}: expected a number from 0 to 2^63 - 1")
    words = shake_128(b"comity public order" + seed.to_bytes(8, "little")).digest(8 * rows)
    return np.argsort(np.frombuffer(words, "<u8"), kind="stable").astype(np.int64)


def split_rows(rows: int, test_size: float, seed: int) -> tuple[Order, Order]:
    """(places for training, places held out) by a public order; `test_size` is the fraction that is held out."""
    if not 0 < test_size < 1:
        raise RangeError(f"test_size {test_size}: expected a fraction between 0 and 1")
    order = public_order(rows, seed)
    held_out = min(max(round(rows * test_size), 1), rows - 1)
    return order[held_out:], order[:held_out]


def train_test_split(
    table: Mapping[str, SecretArray] | SecretTable, *, test_size: float = 0.25, seed: int = 0
) -> tuple[dict[str, SecretArray], dict[str, SecretArray]]:
    """(columns for training, columns held out): a public split of the places of shared columns, padding included.

    The number of real rows in each part stays secret. Sends nothing. `table.split(0.75, seed=1)` gives tables.
    """
    columns = dict(zip(table, _listed(table), strict=True))
    lengths = {len(column) for column in columns.values()}
    if len(lengths) != 1 or min(lengths) < 2:
        raise ShapeError("train_test_split: expected columns of one length, with at least two rows")
    train, test = split_rows(min(lengths), test_size, seed)
    first = {name: column[train] for name, column in columns.items()}
    return first, {name: column[test] for name, column in columns.items()}
