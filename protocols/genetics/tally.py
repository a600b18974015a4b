"""What an owner computes of its own people's genotypes, and shares: counts of genotypes, and sums with other columns.

A SNP counts copies of one allele, g = 0, 1 or 2. Sums are of h = g - 1, so that |h| <= 1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mpc.errors import ShapeError
from mpc.machine.relations import Rule
from mpc.tables.aggregates import Aggregate, Evaluate
from mpc.tables.expressions import Expression, Floats
from mpc.tables.genotypes import NO_CALL, GenotypesColumn, calls
from mpc.tables.moments import shifted
from mpc.tables.private import PrivateArray
from mpc.tables.rows import absent
from mpc.untyped import Anything, JsonObject
from mpc.values.scaling import exact_multiple
from mpc.values.secret import SecretArray

#: Genotypes that an owner has in memory as float64 at a time.
_BLOCK = 1 << 23
#: Seconds for each genotype of each column, on an ordinary core.
_GENOTYPE_S = 2e-9


def genotypes_of(what: str, column: Anything) -> GenotypesColumn:
    """The declaration of a column of genotypes. Raises ShapeError for any other column."""
    if isinstance(column, PrivateArray) and column.expression.column:
        declared = column.source.schema[column.expression.column]
        if isinstance(declared, GenotypesColumn):
            return declared
    raise ShapeError(
        f"{what}: {column!r} is no column of genotypes; declare one, as in snps = Genotypes(count=1000), and write "
        "table.snps"
    )


class Tally(Aggregate):
    """Over the people whose genotypes and columns are all there, for each SNP.

    n (), counts (groups, 3, snps): people with 0, 1 and 2 copies, products (columns, snps): sums of u h, with
    u = (x - centre) / unit; squares (squared, snps): sums of u h^2, and totals (squared,): sums of |u|

    squared  of so many columns, the first ones
    group    a flag: counts are of the people without it and with it; None: one group
    fill     a missing genotype counts as the whole number nearest to the mean of this owner's people; else it is left
             out of its SNP
    """

    of_keys = True  # of texts that tell genotypes: counts and sums of many people are shared, to be used in secret

    def __init__(
        self,
        genotypes: Expression,
        count: int,
        columns: Sequence[Expression] = (),
        centre: Floats | None = None,
        unit: Floats | None = None,
        *,
        group: Expression | None = None,
        where: Expression | None = None,
        fill: bool,
        squared: int = 0,
    ) -> None:
        self.where = where
        self._genotypes, self._count = genotypes, count
        self._columns, self._group, self._fill = tuple(columns), group, fill
        self._centre = np.zeros(len(columns)) if centre is None else centre
        self._unit = np.ones(len(columns)) if unit is None else unit
        groups = 1 if group is None else 2
        self._n = 0
        self._counts = np.zeros((groups, 4, count), np.int64)
        self._products = np.zeros((len(columns), count))
        self._lacking = np.zeros((len(columns), count))
        self._squares = np.zeros((squared, count))
        self._totals = np.zeros(squared)

    @property
    def work(self) -> float:
        return _GENOTYPE_S * self._count * (3 + len(self._columns) + len(self._totals)) * 1000

    def expressions(self) -> Sequence[Expression]:
        return [self._genotypes, *self._columns, *([] if self._group is None else [self._group])]

    def settings(self) -> tuple[object, ...]:
        return self._count, self._centre, self._unit, self._group is not None, self._fill, len(self._totals)

    def update(self, evaluate: Evaluate, rows: int) -> None:
        texts = np.broadcast_to(evaluate(self._genotypes), (rows,))
        keep = self._selected(evaluate, rows) & ~absent(texts)
        block = np.empty((len(self._columns), rows))
        for k, column in enumerate(self._columns):
            block[k] = shifted(np.broadcast_to(evaluate(column), (rows,)), self._centre[k]) / self._unit[k]
        keep &= ~np.isnan(block).any(axis=0)
        group = np.zeros(rows)
        if self._group is not None:
            group = np.broadcast_to(evaluate(self._group), (rows,))
            keep &= ~np.isnan(group)
        places = np.flatnonzero(keep)
        self._n += len(places)
        step = max(_BLOCK // self._count, 1)
        for start in range(0, len(places), step):
            chosen = places[start : start + step]
            self._add(calls(texts[chosen], self._count), block[:, chosen], group[chosen] == 1.0)

    def _add(self, found: NDArray[np.uint8], u: Floats, group: NDArray[np.bool_]) -> None:
        for side in range(len(self._counts)):
            people = found if len(self._counts) == 1 else found[group == bool(side)]
            for value in range(4):
                self._counts[side, value] += np.count_nonzero(people == value, axis=0)
        if not len(u):
            return
        missing = found == NO_CALL
        h = found.astype(np.float64) - 1
        h[missing] = 0
        self._products += u @ h
        if squared := len(self._totals):
            self._squares += u[:squared] @ np.abs(h)
            self._totals += np.abs(u[:squared]).sum(axis=1)
        if missing.any():
            self._lacking += u @ missing.astype(np.float64)

    def collected(self) -> JsonObject:
        return {
            "n": np.asarray(self._n), "counts": self._counts, "products": self._products, "lacking": self._lacking,
            "squares": self._squares, "totals": self._totals,
        }  # fmt: skip

    def finished(self, collected: JsonObject) -> JsonObject:
        counts, products = collected["counts"][:, :3].copy(), collected["products"]
        squares, totals = collected["squares"], collected["totals"]
        if self._fill:
            called = counts.sum(0)
            mean = (called[1] + 2 * called[2]) / np.maximum(called.sum(0), 1)
            filled = np.floor(mean + 0.5).astype(np.int64)
            snps = np.arange(self._count)
            for side in range(len(counts)):
                counts[side, filled, snps] += collected["counts"][side, 3]
            products = products + (filled - 1) * collected["lacking"]
            squares = squares + np.abs(filled - 1) * collected["lacking"][: len(totals)]
        return {
            "n": collected["n"].astype(np.int64), "counts": counts, "products": products, "squares": squares,
            "totals": totals,
        }  # fmt: skip


@dataclass(frozen=True)
class Tallied(Rule):
    """0 <= n <= at_most, no count is negative, the counts of a SNP are n at most, and so is every |product|, in units
    of 2^-frac and with a slack of 2^-39 n for rounding."""

    at_most: int
    frac: int
    columns: int
    covers = frozenset({"n", "counts", "products"})

    def relations(self, parts: Mapping[str, SecretArray]) -> list[SecretArray]:
        n, counts = parts["n"], parts["counts"]
        owners, snps = len(counts), counts.shape[3]
        total = counts.reshape(owners, -1, snps).sum(1).bounded(self.at_most * counts.shape[1] * 3)
        claims = [n, self.at_most - n, counts, n.reshape(owners, 1) - total]
        if self.columns:
            slack = 1 << max(self.frac - 39, 0)
            most = (exact_multiple(n, (1 << self.frac) + slack) + 1).reshape(owners, 1, 1)
            claims += [most - parts["products"], most + parts["products"]]
        return claims
