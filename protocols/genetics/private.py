"""Genotypes that stay with their owners: tallies of each owner, together in secret, and the people behind them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mpc.errors import ShapeError
from mpc.machine.outside import Part
from mpc.tables.expressions import both, same, unary
from mpc.tables.local import share_parts
from mpc.tables.private import PrivateArray, unit_exponent
from mpc.tables.source import Source
from mpc.values.cohorts import Cohort, Counts
from mpc.values.secret import SecretArray
from protocols.genetics.tally import Tallied, Tally, genotypes_of


@dataclass
class People:
    """What all owners know together of the people with genotypes and all columns.

    n         their number, ();  counts  (groups, 3, snps) with 0, 1 and 2 copies
    products  (columns, snps), sums of u h, with `frac` fraction bits
    columns   of the rows that count;  cohort  the people with each genotype, for each SNP;  most  of n
    """

    n: SecretArray
    counts: SecretArray
    products: SecretArray
    frac: int
    columns: list[PrivateArray]
    cohort: Cohort
    most: int


def people(
    what: str,
    genotypes: PrivateArray,
    columns: Sequence[PrivateArray] = (),
    group: PrivateArray | None = None,
    *,
    fill: bool,
) -> People:
    """Tallies of all owners. Raises ShapeError for columns of other tables or selections, and RangeError for a table of
    2^30 rows or more."""
    declared, source = genotypes_of(what, genotypes), genotypes.source
    everything = [*columns, *([] if group is None else [group])]
    for column in everything:
        if column.source is not source or not same(column.where, genotypes.where):
            raise ShapeError(
                f"{what}: {column.name} and {genotypes.name} are of different tables or selections of rows"
            )
    known = both(genotypes.where, unary("not", unary("isna", genotypes.expression)))
    columns = [PrivateArray(source, column.expression, column.name, known) for column in columns]
    units = [unit_exponent(column) for column in columns]
    most = source.at_most * max(len(source.owners), 2)
    frac = 61 - int(most).bit_length()
    if frac < 31:
        raise ShapeError(f"{what}: fewer than 2^30 people in all are possible; declare fewer with rows(at_most=…)")
    local = source.local.ask(
        Tally(
            genotypes.expression, declared.count, [column.expression for column in columns],
            np.asarray([c for c, _ in units], float), np.ldexp(1.0, np.asarray([e for _, e in units], int)),
            group=None if group is None else group.expression, where=known, fill=fill,
        )
    )  # fmt: skip
    groups, snps, most_own = 1 if group is None else 2, declared.count, source.at_most
    parts = [
        Part("n", (), 0, most_own, "int"),
        Part("counts", (groups, 3, snps), 0, most_own, "int"),
        *([Part("products", (len(columns), snps), frac, most_own << frac)] if columns else []),
    ]
    shared = share_parts(source, local, parts, Tallied(most_own, frac, len(columns)))
    own = shared["counts"]
    total = own.sum(0).bounded(most)
    products = shared["products"].sum(0).bounded(1 << 61) if columns else total[0]

    cohort = genotypes_behind(source, own, "" if group is None else f", with and without {group.name}")
    n = shared["n"].sum(0).bounded(most)
    return People(n, total, products, frac, columns, cohort, most)


def genotypes_behind(source: Source, own: SecretArray, sides: str) -> Cohort:
    """The people with each genotype, for each SNP: in each group of counts (owners, groups, 3, snps) none, or enough.
    sides: what the groups are, in words."""
    owners, depth, snps = own.shape[0], own.shape[1] * 3, own.shape[3]
    most = source.at_most * max(owners, 2)

    def make() -> Counts:
        return Counts(own.sum(0).bounded(most).reshape(depth, snps), own.reshape(owners, depth, snps))

    what = "people with each genotype of the SNP" + sides
    return Cohort(source.run, make, most=most, what=what, shape=(snps,), or_none=True)
