"""From sums of genotypes with other columns to the score and the variance of each SNP beside covariates.

All is per person, times q = n v / 2^w, a secret fraction from 1/2 to 1 that keeps the digits of few people. Columns are
standardised. With the correlation matrix C = L D L^T of covariates and phenotype, and the covariances a of a SNP with
them, e = L^-1 a are its covariances with what earlier columns leave of each column:
    score     e_y = q^(1/2) cov(g, phenotype beside covariates) / sd(phenotype)
    variance  V = q var(g) - sum e_k^2 / d_k over the covariates, q times the variance of g beside covariates
"""

from __future__ import annotations

from dataclasses import dataclass

from mpc.values.secret import SecretArray, concatenate
from protocols.numeric.division import reciprocal
from protocols.numeric.normalize import F, leading_bit
from protocols.statistics.held import held
from protocols.statistics.moments.descriptive import Scaled
from protocols.statistics.moments.moments import FINE
from protocols.statistics.regression.ldl import ENTRY, Factors

#: Fraction bits of covariances before columns are standardised; of variances; of covariances beside covariates.
RAW, VARIANCE, INNER = 48, 32, 26
_HALF = 20


@dataclass
class Power:
    """The power of two v = 2^j that brings a number of people n into the top binade of w bits.

    power     v, an integer;  width  w
    exact     n v, an integer;  inverse  2^w / (n v), F fraction bits
    """

    power: SecretArray
    width: int
    exact: SecretArray
    inverse: SecretArray

    @classmethod
    def of(cls, n: SecretArray, most: int) -> Power:
        width = int(most).bit_length()
        leading = leading_bit(n.bounded(most), width)
        power = leading.table([1 << (width - 1 - j) for j in range(width)])
        exact = n.times(power, bound=1 << width)
        fraction = exact.rescaled(width).cut(F) + leading.is_zero() * 0.5
        return cls(power, width, exact, reciprocal(fraction.bounded(1 << F)))


@dataclass
class Genotyped:
    """Sums over people of h = g - 1 for each SNP, and of h^2."""

    power: Power
    sums: SecretArray
    squares: SecretArray

    def variance(self) -> SecretArray:
        """q var(g) for each SNP, in [0, 1]. Error  2^-31, and relative 2^-26"""
        w, snps = self.power.width, self.sums.shape
        power = self.power.power.broadcast_to(snps)
        sums, squares = (x.times(power, bound=1 << w) for x in (self.sums, self.squares))
        # (n v) (v sum h^2) - (v sum h)^2 is (2^w q)^2 var(g), and no more than 2^2w.
        exact = self.power.exact.broadcast_to(snps).times(squares, bound=1 << 2 * w) - sums.times(
            sums, bound=1 << 2 * w
        )
        exact = exact.bounded(1 << 2 * w).rescaled(2 * w).cut(VARIANCE, bound=(1 << VARIANCE) + (1 << 8))
        found = held(exact, 1 + 2.0**-20).product(self.power.inverse.broadcast_to(snps), VARIANCE, limit=2.1)
        return held(found, 1 + 2.0**-20).bounded((1 << VARIANCE) + (1 << 12))

    def covariances(self, products: SecretArray, fine: SecretArray) -> SecretArray:
        """q cov(u, g), (columns, snps) with RAW fraction bits, from sums of u h with 61 - w fraction bits, and means.

        Error  2^-37
        """
        w, shape = self.power.width, products.shape
        whole = products.times(self.power.power.broadcast_to(shape), bound=1 << 61).rescaled(61).cut(RAW)
        sums = self.sums.times(self.power.power.broadcast_to(self.sums.shape), bound=1 << w).rescaled(w).cut(F)
        sums = held(sums, 1 + 2.0**-20).bounded((1 << F) + (1 << 8))
        return centred(whole, sums, fine)


def centred(whole: SecretArray, sums: SecretArray, fine: SecretArray) -> SecretArray:
    """q cov(u, g), (columns, snps) with RAW fraction bits, from v / 2^w times sums of u h and (snps,) of h.

    fine  (columns,) means of u, 40 fraction bits
    Error  2^-37
    """
    # A mean has 40 fraction bits: too many for one product.
    sums = sums.reshape(1, -1)
    high = fine.cut(_HALF).reshape(-1, 1)
    low = (fine.reshape(-1, 1) - high).bounded(fine.run.engine.rounding << (FINE - _HALF))
    about = high.times(sums) + low.product(sums, RAW)
    return (whole - about).bounded(3 << RAW)


def standardised(covariances: SecretArray, roots: Scaled) -> SecretArray:
    """Covariances (columns, snps) with standardised columns, F fraction bits, at most 1."""
    shape, limit = covariances.shape, (1 << RAW) + (1 << (RAW - 12))
    # |cov|^2 is at most the product of the variances, that of g is at most 1, and 4^a brings that of a column below 2.
    lifted = covariances.times(roots.up.reshape(-1, 1).broadcast_to(shape), bound=2 * limit)
    lifted = held(lifted.rescaled(RAW).cut(F), 1.42).bounded(int(1.42 * 2**F))
    found = lifted.product(roots.inverse.reshape(-1, 1).broadcast_to(shape), F, limit=2.9)
    return held(found, 1 + 2.0**-12).bounded((1 << F) + (1 << 17))


def beside(a: SecretArray, variance: SecretArray, factors: Factors | None) -> tuple[SecretArray, SecretArray]:
    """Score (F fraction bits) and variance (VARIANCE fraction bits) of each SNP, from standardised covariances (k + 1,
    snps) with covariates and, last, the phenotype.

    Error   2^-24 (k + 1), times 2^7 / d in the variance for a covariate whose pivot is d
    Rounds  8
    """
    k = a.shape[0] - 1
    score = a[k]
    if factors is None:
        return score, variance
    inner = a[:k].cut(INNER)
    both = concatenate([factors.rows, factors.response.reshape(1, k)])
    rotated = both.dot(inner, F, bound=int(k * ENTRY * 1.01 * 2 ** (26 + INNER)))
    score = held(score + rotated[k], 1 + 2.0**-10).bounded((1 << F) + (1 << 18))
    return score, _left(variance, rotated[:k], factors)


def variance_beside(a: SecretArray, variance: SecretArray, factors: Factors) -> SecretArray:
    """As `beside`, of covariates alone: (k, snps) covariances."""
    rotated = factors.rows.dot(a.cut(INNER), F, bound=int(a.shape[0] * ENTRY * 1.01 * 2 ** (26 + INNER)))
    return _left(variance, rotated, factors)


def _left(variance: SecretArray, rotated: SecretArray, factors: Factors) -> SecretArray:
    """The variance without what covariates explain."""
    shape, k = rotated.shape, rotated.shape[0]
    e = held(rotated, 1 + 2.0**-10).bounded((1 << F) + (1 << 18))
    # e_k^2 is at most d_k, and power_k below 1 / d_k: their product is at most 1.
    squares = e.product(e, 40).times(factors.power.reshape(k, 1).broadcast_to(shape)).cut(VARIANCE)
    squares = held(squares, 1 + 2.0**-8).bounded(int((1 + 2.0**-8) * 2**VARIANCE))
    part = squares.product(factors.mantissa.reshape(k, 1).broadcast_to(shape).cut(26), VARIANCE, limit=2.1)
    return (variance - part.sum(0)).bounded(2 << VARIANCE)
