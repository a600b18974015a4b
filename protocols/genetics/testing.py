"""The release of an association: which of its numbers are defined, and what people they stand on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from mpc.errors import ConfigError, ShapeError
from mpc.releases.disclosure import Result
from mpc.untyped import Anything
from mpc.values.basis import Basis
from mpc.values.cohorts import Cohort
from mpc.values.secret import SecretArray, constant, where
from protocols.genetics.results import Scored
from protocols.genetics.scores import beside
from protocols.genetics.strongest import among_strongest
from protocols.numeric.normalize import F
from protocols.numeric.variance import TOO_LITTLE
from protocols.statistics.moments.correlations import Standardised
from protocols.statistics.regression.ldl import factor
from protocols.statistics.regression.least_squares import least_squares
from protocols.statistics.regression.ols import SPREAD_BITS

Test = Literal["linear", "trend"]
#: Most covariates.
MOST = 16
#: A SNP whose variance beside covariates is below 2^-10 varies too little for the digits of the computation; covariates
#: that leave less than 2^-10 of the phenotype are as good as collinear with it.
LEAST, _LEAST_LEFT = 2.0**-10, 2.0**-10
_SQUARE, _LEFT = 24, 36
_FEW = "not more people than coefficients"
_COLLINEAR = "covariates nearly collinear, or they explain nearly all of the phenotype"
RARE = "the SNP hardly varies beside the covariates"
HIDDEN = "not among the strongest"


@dataclass(frozen=True)
class Asked:
    """What a script asks of an association."""

    test: Test
    top: int | None
    names: Sequence[str] | None

    def check(self, phenotype: Anything, covariates: int, *, flag: bool) -> None:
        """Raises ConfigError for another test, and ShapeError for what cannot be tested."""
        if self.test not in get_args(Test):
            raise ConfigError(f"association: test={self.test!r}; expected one of {', '.join(get_args(Test))}")
        if covariates > MOST:
            raise ShapeError(f"association: expected at most {MOST} covariates, got {covariates}")
        if self.test == "trend" and not flag:
            raise ShapeError(f'association: {phenotype!r} is no flag of cases, as test="trend" expects')


@dataclass
class Sums:
    """What is known in secret of the people of an association with k covariates.

    n          their number;  correlated  of the covariates and, last, the phenotype
    a          (k + 1, snps) standardised covariances;  variance  (snps,), see `protocols.genetics.scores`
    varies     bit: covariates and phenotype vary
    shift      the phenotype's deviation is root 2^(exponent - shift)
    basis      of all people;  genotypes  the people with each genotype, for each SNP
    """

    n: SecretArray
    correlated: Standardised
    a: SecretArray
    variance: SecretArray
    varies: SecretArray
    shift: SecretArray
    exponent: int
    basis: Basis
    genotypes: Cohort


def tested(sums: Sums, asked: Asked) -> Result:
    """The release."""
    k, snps = sums.a.shape[0] - 1, sums.a.shape[1]
    roots, n = sums.correlated.roots, sums.n
    factors = factor(sums.correlated.matrix) if k else None
    score, variance = beside(sums.a, sums.variance, factors)
    defined = [(n >= k + 3, _FEW), (sums.varies & sums.correlated.varies(SPREAD_BITS).all(), f"a column {TOO_LITTLE}")]
    left = constant(n.run, 1.0, frac=_LEFT)
    if factors is not None:
        square = roots.inverse[k].product(roots.inverse[k], _SQUARE, limit=4.1)
        left = least_squares(sums.correlated, factors).unexplained.product(square, _LEFT, limit=1.01)
        defined.append((factors.regular & (left >= _LEAST_LEFT), _COLLINEAR))
    varies = variance.bare() >= LEAST
    shown = varies
    if asked.top is not None:
        score, variance = where(varies, score.bare(), 0.0), where(varies, variance.bare(), 1.0)
        shown = varies & among_strongest(score, variance, asked.top)

    def protected(x: SecretArray, masks: Sequence[tuple[SecretArray, str]] = (), *also: Cohort) -> SecretArray:
        x = x.bare()
        for bit, why in (*defined, *masks):
            x = x.masked(bit.bare(), why)
        return x.with_basis(sums.basis._replace(cohorts=(*sums.basis.cohorts, *also)))

    of_snps = [(varies, RARE), *([] if asked.top is None else [(shown, HIDDEN)])]
    parts = {
        "people": protected(n),
        "root": protected(roots.root[k].cut(F)),
        "shift": protected(sums.shift),
        "left": protected(left),
        "score": protected(score, of_snps, sums.genotypes),
        "variance": protected(variance, of_snps, sums.genotypes),
    }
    return Result("snps", parts, Scored(asked.test, k, sums.exponent, asked.names, snps, asked.top is not None))
