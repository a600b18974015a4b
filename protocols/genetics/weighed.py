"""Genotypes of people who count with a weight each, as in a step of a logistic model at public coefficients.

With the weight w = p (1 - p) of a person, the residual r = y - p, covariates u, and h = g - 1 for the copies g of a
SNP, owners add up r h, w h, w u h and w h^2. All is multiplied by the secret power of two v that brings the sum of
weights into the top binade of its bound.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mpc.machine.outside import Part
from mpc.machine.relations import Rule
from mpc.tables.expressions import Expression, Floats
from mpc.tables.local import share_parts
from mpc.tables.moments import shifted
from mpc.tables.private import PrivateArray, unit_exponent
from mpc.untyped import JsonObject
from mpc.values.cohorts import Cohort
from mpc.values.scaling import exact_multiple
from mpc.values.secret import SecretArray, where
from protocols.genetics.private import genotypes_behind
from protocols.genetics.scores import RAW, VARIANCE, centred
from protocols.genetics.tally import Tally, genotypes_of
from protocols.numeric.division import reciprocal
from protocols.numeric.normalize import F, leading_bit
from protocols.statistics.held import held
from protocols.statistics.moments.moments import LIGHT
from protocols.statistics.regression.families import Working

#: Residuals together are at most so many times the weights together, in units of their largest.
_RESIDUALS = 2
#: Fraction bits of scores.
SCORE = 40


class _Weighed(Tally):
    """A tally of weights, residuals and weighted covariates, in this order."""

    def finished(self, collected: JsonObject) -> JsonObject:
        found = super().finished(collected)
        (weight, size), (squares, _) = found["totals"], found["squares"]
        return {**found, "weight": weight, "size": size, "squares": squares}


@dataclass(frozen=True)
class _Limited(Rule):
    """0 <= n <= at_most, no count is negative, the counts of a SNP are n at most; 0 <= weight <= n and 0 <= size <= n;
    sums of weights are at most the weight, those of residuals at most the size. With a slack of 2^-39 n for rounding.

    products: (2 + covariates, snps), those of weights first, then of residuals
    """

    at_most: int
    frac: int
    covers = frozenset({"n", "counts", "weight", "size", "products", "squares"})

    def relations(self, parts: Mapping[str, SecretArray]) -> list[SecretArray]:
        n, counts, weight, size = (parts[name] for name in ("n", "counts", "weight", "size"))
        products, squares = parts["products"], parts["squares"]
        owners, snps = len(counts), counts.shape[3]
        total = counts.reshape(owners, -1, snps).sum(1).bounded(self.at_most * counts.shape[1] * 3)
        slack = exact_multiple(n, 1 << max(self.frac - 39, 0)) + 1
        whole = exact_multiple(n, 1 << self.frac) + slack
        claims = [n, self.at_most - n, counts, n.reshape(owners, 1) - total, weight, whole - weight, size, whole - size]
        heavy, large = (weight + slack).reshape(owners, 1, 1), (size + slack).reshape(owners, 1, 1)
        of_residuals, of_weights = products[:, 1:2], products[:, [0, *range(2, products.shape[1])]]
        claims += [heavy - of_weights, heavy + of_weights, large - of_residuals, large + of_residuals]
        return [*claims, squares, heavy.reshape(owners, 1) - squares]


@dataclass
class Weighed:
    """Of all owners' people together, for SNPs.

    n          their number, ();  weight  (), in units of 2^exponent
    fraction   q = weight v / 2^w in [1/2, 1)
    sums       (snps,) v / 2^w sum w h, F fraction bits; squares  the same of h^2, VARIANCE fraction bits
    products   (covariates, snps) v / 2^w sum w u h, RAW fraction bits
    score      (snps,) v / 2^w sum r h in units of 2^exponent, SCORE fraction bits
    fits       bit: residuals are within their limit, as those of a fit are; else scores are 0
    cohort     the people with each genotype among cases and among others, for each SNP
    """

    n: SecretArray
    weight: SecretArray
    exponent: int
    fraction: SecretArray
    inverse: SecretArray
    sums: SecretArray
    squares: SecretArray
    products: SecretArray
    score: SecretArray
    fits: SecretArray
    cohort: Cohort

    @classmethod
    def of(
        cls,
        what: str,
        genotypes: PrivateArray,
        columns: Sequence[PrivateArray],
        case: PrivateArray,
        working: Working,
        known: Expression | None,
    ) -> Weighed:
        """Of the people who are known. Raises ShapeError for a column without genotypes, and for a table of 2^30 rows
        or more."""
        declared, source = genotypes_of(what, genotypes), genotypes.source
        snps, k = declared.count, len(columns)
        weight_exponent = int(np.frexp(working.weight.high)[1])
        most = source.at_most * max(len(source.owners), 2)
        width = int(most).bit_length()
        frac = 60 - width
        units = np.ldexp(1.0, [weight_exponent, working.exponent, *[0] * k])
        local = _Weighed(
            genotypes.expression, snps,
            [working.weight, working.residual, *(_weighted(working.weight, c, weight_exponent) for c in columns)],
            np.zeros(k + 2), units, group=case.expression, where=known, fill=True, squared=2,
        )  # fmt: skip
        largest = source.at_most << frac
        parts = [
            Part("n", (), 0, source.at_most, "int"),
            Part("counts", (2, 3, snps), 0, source.at_most, "int"),
            Part("weight", (), frac, largest),
            Part("size", (), frac, largest),
            Part("products", (k + 2, snps), frac, largest),
            Part("squares", (snps,), frac, largest),
        ]
        shared = share_parts(source, source.local.ask(local), parts, _Limited(source.at_most, frac))
        weight = shared["weight"].sum(0).bounded(most << frac)
        leading = leading_bit(weight, width + frac, least=frac - LIGHT)
        power = leading.table([*[0] * (frac - LIGHT), *(1 << (width - 1 - j) for j in range(-LIGHT, width))])
        # weight v < 2^width, and sums are at most the weight and the slack, which is 2^-39 n: below a quarter of it.
        room = (1 << 60) + (1 << 58)

        def lifted(x: SecretArray, bits: int, power: SecretArray = power) -> SecretArray:
            return x.times(power.broadcast_to(x.shape), bound=room).rescaled(60).cut(bits)

        fraction = lifted(weight, F).bounded(1 << F) + leading.is_zero() * 0.5
        sizes = shared["size"].sum(0).bounded(most << frac)
        fits = sizes.rescaled(frac + 1) <= weight  # size / 2
        calm = where(fits, power, 0)
        products = shared["products"].sum(0).bounded(most << frac)
        score = products[1].cut(frac - 1).times(calm.broadcast_to((snps,)), bound=room).rescaled(60 - 1).cut(SCORE)
        sums = held(lifted(products[0], F), 1 + 2.0**-20).bounded((1 << F) + (1 << 8))
        squares = held(lifted(shared["squares"].sum(0).bounded(most << frac), VARIANCE), 1 + 2.0**-20)
        return cls(
            shared["n"].sum(0).bounded(most),
            weight,
            weight_exponent,
            fraction,
            reciprocal(fraction.bounded(1 << F)),
            sums,
            squares.bounded((1 << VARIANCE) + (1 << 12)),
            lifted(products[2:], RAW),
            score.rescaled(SCORE + weight_exponent - working.exponent),
            fits,
            genotypes_behind(source, shared["counts"], f", with and without {case.name}"),
        )

    def variance(self) -> SecretArray:
        """q times the weighted variance of each SNP, VARIANCE fraction bits, in [0, 1]. Error  2^-26"""
        shape = self.sums.shape
        square = self.sums.product(self.sums, VARIANCE, limit=1 + 2.0**-18)
        about = square.product(self.inverse.broadcast_to(shape), VARIANCE, limit=2.1)
        return held(self.squares - about, 1 + 2.0**-10).bounded((1 << VARIANCE) + (1 << 22))

    def covariances(self, fine: SecretArray) -> SecretArray:
        """q times the weighted covariances of covariates, whose means these are, with SNPs: see `scores.centred`."""
        return centred(self.products, self.sums, fine)


def _weighted(weight: Expression, column: PrivateArray, exponent: int) -> Expression:
    """w u, with w in units of 2^exponent and u in those of the column's declared range."""
    centre, unit = unit_exponent(column)

    def product(w: Floats, x: Floats) -> Floats:
        return np.ldexp(w, -exponent) * np.ldexp(shifted(x, centre), -unit)

    arguments = (weight, column.expression)
    return Expression(
        type="real", low=-1, high=1, function=product, arguments=arguments, text=f"weighted {column.name}"
    )
